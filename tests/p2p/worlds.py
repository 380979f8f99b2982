"""Both networks behind one small interface, so that each contract test runs on both."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import trio

from p2p.identity import PeerId
from p2p.libp2p_host import Libp2pNetwork, open_network
from p2p.network import Limits, Network, NetworkConfig
from p2p.simulated import SimulatedWorld, Weather
from tests.waiting import until

QUICK = Limits(
    redial_min_s=0.05,
    redial_max_s=0.2,
    health_interval_s=0.5,
    health_timeout_s=2.0,
    ban_s=0.5,
    channel_stall_s=1.0,
    serve_timeout_s=5.0,
)


def key(number: int) -> bytes:
    """The private key of a test's node."""
    return bytes([number]) * 32


class World(Protocol):
    """Where a contract test's nodes live."""

    def open(self, config: NetworkConfig) -> AbstractAsyncContextManager[Network]:
        """A node while the context lasts."""
        ...

    async def cut(self, first: Network, second: Network) -> None:
        """Break the connection between two nodes, as a fault of the wire does."""
        ...

    def unreachable(self, peer: PeerId) -> str:
        """An address of the right form where nobody is."""
        ...


class Simulated:
    def __init__(self) -> None:
        self._world = SimulatedWorld(seed=1, weather=Weather(delay_s=(0.0005, 0.002)))

    @asynccontextmanager
    async def open(self, config: NetworkConfig) -> AsyncIterator[Network]:
        async with self._world.open(config) as network:
            yield network

    async def cut(self, first: Network, second: Network) -> None:
        self._world.cut(first.peer_id, second.peer_id)
        await trio.lowlevel.checkpoint()

    def unreachable(self, peer: PeerId) -> str:
        return f"/memory/0/p2p/{peer}"


class Real:
    @asynccontextmanager
    async def open(self, config: NetworkConfig) -> AsyncIterator[Network]:
        async with open_network(config) as network:
            yield network

    async def cut(self, first: Network, second: Network) -> None:
        assert isinstance(first, Libp2pNetwork)
        await first.connections.cut(second.peer_id)

    def unreachable(self, peer: PeerId) -> str:
        return f"/ip4/127.0.0.1/tcp/9/p2p/{peer}"


def config(number: int, *bootstrap: Network, limits: Limits = QUICK) -> NetworkConfig:
    """The configuration of a test's node that begins at the given others."""
    addresses = tuple(address for each in bootstrap for address in each.addresses())
    return NetworkConfig(key(number), bootstrap=addresses, limits=limits)


async def sees_topic(network: Network, peer: Network, topic: str) -> None:
    """Wait until a node knows that another is subscribed."""
    await until(
        lambda: any(topic in each.topics for each in network.peers() if each.id == peer.peer_id)
    )
