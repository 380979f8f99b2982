"""Authorities away and words lost where their keys change: certificates lead on all the same.

One seed says who is up when, how far each node's chain has come, and what is lost. While that
lasts, whatever a node keeps leads from the genesis to its newest; then all come to the newest.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from benchmarks.replay import CHAIN
from consensus.authorities import Authority as Seat
from consensus.checkpoints import SignedCheckpoint, contradict
from gtxnode.chain.store import ChainStore
from gtxnode.checkpoints import service
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.guard import CheckpointGuard
from gtxnode.checkpoints.service import Checkpoints
from gtxnode.checkpoints.trust import NoTrust, Trust, followed, gather
from gtxnode.ledger.authority.authorities import all_authorities
from gtxnode.ledger.authority.authority_keys import AuthorityKeys, Rotation
from gtxnode.primitives.zones import Role
from p2p.network import NetworkConfig
from p2p.simulated import SimulatedWorld, Weather
from p2p.simulated_node import SimulatedNetwork
from tests.checkpoints.statements import key, public
from tests.checkpoints.test_service import PARAMETERS, statements
from tests.checkpoints.test_turns import a_chain
from tests.node.harness import Recorder
from tests.node.little_chain import extend
from tests.waiting import until

if TYPE_CHECKING:
    from trio_typing import TaskStatus

FOUNDERS = all_authorities(PARAMETERS)
assert FOUNDERS is not None
TURNS = (20, 40, 50)
ROTATED = AuthorityKeys(
    tuple(Seat(role, (public(role),)) for role in (1, 2, 3, 4)),
    (
        Rotation(Role(1), 1, (public(11),), 1, 15),
        Rotation(Role(2), 1, (public(12),), 2, 38),
        Rotation(Role(3), 1, (public(13),), 2, 38),
        Rotation(Role(1), 2, (public(21),), 3, 50),
    ),
)
KEYS = {1: (1, 11, 21), 2: (2, 12), 3: (3, 13), 4: (4,), 5: ()}
"""The numbers of each node's keys; the fifth is no authority."""
STEPS = 60
LAST = 90


@dataclass
class Node:
    """One that is stopped and started over the same disk."""

    number: int
    folder: Path
    store: ChainStore = field(default_factory=lambda: a_chain(0, ROTATED))
    checkpoints: Checkpoints | None = None
    stop: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)
    seen: Recorder = field(default_factory=Recorder)

    def grow(self, tip: int) -> None:
        extend(self.store, max(0, tip - self.store.tip.height))
        if self.checkpoints is not None:
            self.checkpoints.advanced()

    def leads(self) -> None:
        """What is kept leads from the genesis to the newest that is kept."""
        kept, newest = gather_or_none(self.store), CertificateArchive(self.store.database).newest()
        assert (kept is None) == (newest is None)
        if kept is not None and newest is not None:
            assert FOUNDERS is not None
            assert followed(CHAIN, FOUNDERS, kept)[-1] == newest


def gather_or_none(store: ChainStore) -> Trust | None:
    try:
        return gather(store)
    except NoTrust:
        return None


class Run:
    """All nodes, and what was said."""

    def __init__(self, seed: int, folder: Path, nursery: trio.Nursery) -> None:
        self.dice = random.Random(seed)
        self.world = SimulatedWorld(seed, Weather((0.0002, 0.002), loss=0.3))
        self.nursery = nursery
        self.nodes = {number: Node(number, folder) for number in KEYS}
        self.said: list[SignedCheckpoint] = []
        self.lost = 0.5
        self.tip = 0

    def up(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.checkpoints is not None]

    async def start(self, node: Node) -> None:
        if node.checkpoints is None:
            await self.nursery.start(self._run, node)

    async def end(self, node: Node) -> None:
        if node.checkpoints is not None:
            node.stop.cancel()
            await node.ended.wait()

    async def _run(self, node: Node, task_status: "TaskStatus[None]") -> None:
        bootstrap = tuple(each.addresses()[0] for each in self.world.nodes.values())
        config = NetworkConfig(private_key=key(100 + node.number), bootstrap=bootstrap)
        node.stop, node.ended = trio.CancelScope(), trio.Event()
        with node.stop:
            async with self.world.open(config) as network:
                guards = [
                    CheckpointGuard.open(node.folder / str(each), key(each), CHAIN, create=True)
                    for each in KEYS[node.number]
                ]
                try:
                    made = self._checkpoints(node, network, guards)
                    made.hold()
                    async with trio.open_nursery() as nursery:
                        await nursery.start(made.run)
                        node.checkpoints = made
                        task_status.started()
                finally:
                    node.checkpoints = None
                    for guard in guards:
                        guard.close()
        node.ended.set()

    def _checkpoints(
        self, node: Node, network: SimulatedNetwork, guards: Sequence[CheckpointGuard]
    ) -> Checkpoints:
        async def say(word: SignedCheckpoint) -> None:
            self.said.append(word)
            for other in self.up():
                if other is not node and self.dice.random() >= self.lost:
                    assert other.checkpoints is not None
                    other.checkpoints.receive(network.peer_id, word)
            await trio.lowlevel.checkpoint()

        return Checkpoints(
            statements(node.store),
            CertificateArchive(node.store.database),
            guards,
            (),
            network,
            lambda: [each.id for each in network.peers()],
            say,
            lambda *_: True,
            lambda: node.store.tip.height < self.tip - 3,
            node.seen,
        )

    async def step(self) -> None:
        """Somebody comes, goes, or gets further; the chain grows, and where it comes to a turn
        two authorities are gone, more often than not."""
        before, self.tip = self.tip, min(LAST - 20, self.tip + self.dice.choice((0, 1, 3)))
        if any(before < turn <= self.tip for turn in TURNS) and self.dice.random() < 0.8:
            for number in self.dice.sample((1, 2, 3, 4), 2):
                await self.end(self.nodes[number])
        node = self.nodes[self.dice.choice(tuple(self.nodes))]
        if self.dice.random() < 0.3:
            await (self.end(node) if node.checkpoints is not None else self.start(node))
        for each in self.up():
            if self.dice.random() < 0.7:
                each.grow(self.tip)
        await trio.sleep(self.dice.uniform(0, 0.02))
        for each in self.nodes.values():
            each.leads()


def has_the_newest(checkpoints: Checkpoints) -> bool:
    return checkpoints.height == LAST and checkpoints.turn is None


def check_words(said: Sequence[SignedCheckpoint]) -> None:
    """No key contradicts itself, or goes back."""
    for public_key in {each.public_key for each in said}:
        words = [each.checkpoint for each in said if each.public_key == public_key]
        assert all(first.height <= second.height for first, second in pairwise(words))
        assert not any(contradict(first, second) for first in words for second in words)


@pytest.mark.parametrize("seed", range(6))
async def test_certificates_lead_on_whoever_is_away_and_whatever_is_lost(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "REPEAT_S", 0.01)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            run = Run(seed, tmp_path, nursery)
            for number in (1, 2, 3, 4):
                await run.start(run.nodes[number])
            for _ in range(STEPS):
                await run.step()

            run.lost, run.world.weather, run.tip = 0.1, Weather(), LAST
            for node in run.nodes.values():
                await run.start(node)
                node.grow(LAST)
            for node in run.nodes.values():
                made = node.checkpoints
                assert made is not None
                await until(partial(has_the_newest, made))
                node.leads()
                kept = gather(node.store)
                assert [each.certificate.checkpoint.height for each in kept.steps] == list(TURNS)
                assert not node.seen.conflicts
                assert not node.seen.wrong_words  # what somebody could not know is not charged
            nursery.cancel_scope.cancel()
    check_words(run.said)
