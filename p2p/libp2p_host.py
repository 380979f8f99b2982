"""The network over libp2p: opens a host, and puts topics, requests and channels on it.

    async with open_network(NetworkConfig(private_key=key)) as network: ...

Order matters: the gossip service and every watcher run before the host listens, because a
peer may open a stream at once.
"""

import errno
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import trio

from p2p import mended_muxer
from p2p.channels import Channels, DirectChannel
from p2p.connections import Connections, full_address, parse_address
from p2p.counters import Counters
from p2p.errors import AddressInUse, Failure, InvalidAddress, ListenFailed, RequestFailed
from p2p.gossip import Topics
from p2p.identity import PeerId, peer_id_of, public_key_of
from p2p.library import ID, Multiaddr, MultiaddrError, background_trio_service
from p2p.mended_gossip import topics_of
from p2p.mended_host import MendedHost, build_host
from p2p.network import (
    MAX_NAME_BYTES,
    Accept,
    Gossip,
    Handler,
    NetworkConfig,
    Offence,
    Peer,
)
from p2p.peers import Roster
from p2p.requests import Requests

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_network(config: NetworkConfig) -> AsyncIterator["Libp2pNetwork"]:
    """A running host with this identity, listening and dialling.

    Raises InvalidIdentity, InvalidAddress (listen, bootstrap) or ListenFailed.
    """
    failed: Exception | None = None
    async with _running(config) as network:
        try:
            yield network
        except Exception as error:  # handed on below, bare instead of in a group per nursery
            failed = error
    if failed is not None:
        raise failed


@asynccontextmanager
async def _running(config: NetworkConfig) -> AsyncIterator["Libp2pNetwork"]:
    mended_muxer.mend()
    listen = [_listen_address(address) for address in config.listen]
    network = Libp2pNetwork(config)
    topics, host = network.topics, network.host
    for address in listen:
        _check_free(address)
    async with trio.open_nursery() as nursery:
        network.connections.register(nursery)
        async with (
            background_trio_service(topics.pubsub),
            background_trio_service(topics.router),
        ):
            await topics.pubsub.wait_until_ready()
            async with host.run(()):
                if listen and not await host.get_network().listen(*listen):
                    raise ListenFailed(", ".join(config.listen))
                try:
                    # Dials end before the host does: one that succeeded later would stay open.
                    async with trio.open_nursery() as dialler:
                        dialler.start_soon(network.connections.run)
                        yield network
                        dialler.cancel_scope.cancel()
                finally:
                    with trio.CancelScope() as scope:
                        scope.shield = True
                        await topics.pubsub.abandon_streams()
                        await host.close()
        nursery.cancel_scope.cancel()


class Libp2pNetwork:
    """Implements `network.Network`."""

    def __init__(self, config: NetworkConfig) -> None:
        self.peer_id = peer_id_of(public_key_of(config.private_key))
        self.counters = Counters()
        limits = config.limits
        self.host: MendedHost = build_host(config.private_key, limits.connections, self.counters)
        self._roster = Roster(self.peer_id, limits)
        self.connections = Connections(self.host, self._roster, limits, self.counters)
        charge = self.connections.charge
        self.topics = Topics(self.host, limits, self.counters, charge)
        self._requests = Requests(self.host, limits, self.counters, charge)
        self._channels = Channels(self.host, self.connections, limits, self.counters)
        self.connections.on_disconnected.append(self._on_disconnected)
        self._remember(config)

    def _remember(self, config: NetworkConfig) -> None:
        now = trio.current_time()
        for address in config.bootstrap:
            self._roster.want(parse_address(address), address, now)
        for address in config.known:
            self._roster.learn(parse_address(address), (address,), now)

    def _on_disconnected(self, peer: PeerId) -> None:
        self.topics.pubsub.forget_stream(ID.from_base58(peer))
        if not self.connections.is_connected(peer):
            self.topics.forget(peer)

    # -- peers -------------------------------------------------------------------------

    def addresses(self) -> tuple[str, ...]:
        return tuple(full_address(each, self.peer_id) for each in self.host.get_addrs())

    def peers(self) -> tuple[Peer, ...]:
        return tuple(self._describe(peer) for peer in self.connections.peers())

    def _describe(self, peer: PeerId) -> Peer:
        return Peer(
            id=peer,
            addresses=self.connections.addresses(peer),
            direction=self.connections.direction(peer),
            score=self._roster.score(peer, trio.current_time()),
            topics=tuple(sorted(topics_of(self.topics.pubsub.peer_topics, ID.from_base58(peer)))),
            channels=tuple(sorted(self._channels.names_of(peer))),
        )

    async def wait_for_peers(self, count: int) -> None:
        await self.connections.changes.until(lambda: len(self.connections.peers()) >= count)

    async def dial(self, address: str) -> None:
        await self.connections.dial(parse_address(address), address)

    def learn(self, peer: PeerId, addresses: tuple[str, ...]) -> None:
        usable = [address for address in addresses if _leads_to(address, peer)]
        self._roster.learn(peer, usable, trio.current_time())

    def known(self) -> tuple[str, ...]:
        return tuple(address for _, address in self._roster.known())

    def report(self, peer: PeerId, offence: Offence) -> None:
        self.connections.charge(peer, offence)

    def banned(self) -> tuple[PeerId, ...]:
        return self._roster.banned(trio.current_time())

    # -- the three ways to carry bytes -------------------------------------------------

    async def publish(self, topic: str, data: bytes) -> None:
        await self.topics.publish(topic, data)

    def subscribe(
        self, topic: str, *, accept: Accept | None = None
    ) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Gossip]]:
        return self.topics.subscribe(_name(topic), accept)

    async def request(
        self, peer: PeerId, protocol: str, payload: bytes, *, timeout_s: float
    ) -> bytes:
        if not self.connections.is_connected(peer):
            raise RequestFailed(Failure.NOT_CONNECTED, peer)
        return await self._requests.request(peer, _name(protocol), payload, timeout_s)

    def serve(self, protocol: str, handler: Handler) -> None:
        self._requests.serve(_name(protocol), handler)

    def channel(self, name: str) -> AbstractAsyncContextManager[DirectChannel]:
        return self._channels.channel(_name(name))


def _name(name: str) -> str:
    """Topics, protocols and channels are named by the program, never by a peer."""
    assert name.isascii(), name
    assert name.isprintable(), name
    assert len(name) <= MAX_NAME_BYTES, name
    return name


def _listen_address(address: str) -> Multiaddr:
    try:
        parsed = Multiaddr(address)
        protocols = [protocol.name for protocol in parsed.protocols()]
    except (MultiaddrError, ValueError) as error:
        raise InvalidAddress(address) from error
    if protocols not in (["ip4", "tcp"], ["ip6", "tcp"]):
        raise InvalidAddress(f"{address}: need /ip4|ip6/.../tcp/...")
    return parsed


def _check_free(address: Multiaddr) -> None:
    """Raise ListenFailed for an address that cannot be had: AddressInUse if a process has it.

    The library shares a listened port with whoever else does, and each would get some of the
    connections.
    """
    parts = {
        protocol.name: address.value_for_protocol(protocol.name) for protocol in address.protocols()
    }
    host, port = parts.get("ip4") or parts.get("ip6"), parts["tcp"]
    family = socket.AF_INET6 if "ip6" in parts else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of before that linger do not matter; a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            fault = AddressInUse if error.errno == errno.EADDRINUSE else ListenFailed
            raise fault(f"{address}: {error.strerror}") from error


def _leads_to(address: str, peer: PeerId) -> bool:
    try:
        return parse_address(address) == peer
    except InvalidAddress:
        return False
