"""The network in memory: same Protocol, with delay, loss, duplication and partitions.

Everything random comes from one seed, time is trio's, so a test under `autojump_clock` runs
at once. It passes the contract tests of the real network (tests/p2p/contract). What differs:
there is no encryption, and gossip floods along connections instead of along a mesh.

    world = SimulatedWorld(seed=7, weather=Weather(delay_s=(0.01, 0.05), loss=0.1))
    async with world.open(NetworkConfig(private_key=key)) as network: ...

Loss and duplication hit gossip, loss hits requests. A channel repeats what is lost, so there
it shows as delay; a partition holds a channel's messages until it heals.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from p2p.changes import Changes
from p2p.counters import Traffic
from p2p.errors import AlreadyOpen
from p2p.identity import PeerId
from p2p.network import NetworkConfig
from p2p.simulated_node import SimulatedNetwork


@dataclass(frozen=True, slots=True)
class Weather:
    """What the simulated wires do. Probabilities are per message and hop."""

    delay_s: tuple[float, float] = (0.001, 0.005)
    loss: float = 0.0
    duplication: float = 0.0


class SimulatedWorld:
    """All simulated nodes and the wires between them."""

    def __init__(self, seed: int, weather: Weather | None = None) -> None:
        self._seed = seed
        self._dice: dict[tuple[PeerId, PeerId, Traffic], random.Random] = {}
        self.weather = weather or Weather()
        self.nodes: dict[PeerId, SimulatedNetwork] = {}
        self.changes = Changes()
        self._side: dict[PeerId, int] = {}

    @asynccontextmanager
    async def open(self, config: NetworkConfig) -> AsyncIterator["SimulatedNetwork"]:
        """A node in this world while the context lasts. Raises InvalidIdentity."""
        node = SimulatedNetwork(self, config)
        if node.peer_id in self.nodes:
            raise AlreadyOpen(f"{node.peer_id} is running already")
        failed: Exception | None = None
        async with trio.open_nursery() as nursery:
            node.nursery = nursery
            self.nodes[node.peer_id] = node
            nursery.start_soon(node.keep_connected)
            try:
                yield node
            except Exception as error:  # handed on below, bare instead of in a group
                failed = error
            finally:
                node.close()
                del self.nodes[node.peer_id]
                nursery.cancel_scope.cancel()
        if failed is not None:
            raise failed

    def partition(self, *groups: tuple[PeerId, ...]) -> None:
        """Let nothing pass between the groups; nodes in none of them form one more."""
        self._side = {peer: side for side, group in enumerate(groups, 1) for peer in group}

    def heal(self) -> None:
        """Undo every partition."""
        self._side = {}
        self.changes.notify()

    def cut(self, first: PeerId, second: PeerId) -> None:
        """Break the connection between two nodes; they redial as they do."""
        for here, there in ((first, second), (second, first)):
            if here in self.nodes:
                self.nodes[here].lost(there)
        self.changes.notify()

    def reaches(self, source: PeerId, target: PeerId) -> bool:
        """Whether the wires between two nodes carry anything now."""
        return self._side.get(source, 0) == self._side.get(target, 0)

    def linked(self, source: PeerId, target: PeerId) -> "SimulatedNetwork | None":
        """The target node if it is connected to the source and the wire carries."""
        node = self.nodes.get(target)
        if node is None or source not in node.links or not self.reaches(source, target):
            return None
        return node

    def dice(self, source: PeerId, target: PeerId, kind: Traffic) -> random.Random:
        """The wire's own chance: what happens on one wire does not change another's.

        So a run does not hang on the order in which trio wakes tasks at the same time.
        """
        key = (source, target, kind)
        if key not in self._dice:
            self._dice[key] = random.Random("/".join((str(self._seed), *key)))
        return self._dice[key]

    async def travel(self, dice: random.Random) -> bool:
        """Let a message take its time; False when it is lost."""
        delay_s, fate = dice.uniform(*self.weather.delay_s), dice.random()
        await trio.sleep(delay_s)
        return fate >= self.weather.loss
