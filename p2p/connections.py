"""The shell around the roster: dials who is due, closes what must go, watches for the frozen."""

import logging
import socket
from collections.abc import Awaitable, Callable

import trio

from p2p.changes import Changes
from p2p.counters import Counters
from p2p.errors import DialFailed, InvalidAddress
from p2p.identity import PeerId
from p2p.library import (
    ID,
    INetConn,
    INetStream,
    INetwork,
    INotifee,
    LibraryDirection,
    Multiaddr,
    MultiaddrError,
    PeerStoreError,
    SwarmConn,
    Yamux,
)
from p2p.mended_host import HANDSHAKE_S, MendedHost, break_connection
from p2p.mended_muxer import ping
from p2p.network import Direction, Limits, Offence
from p2p.peers import Roster
from p2p.streams import LIBRARY_ERRORS

logger = logging.getLogger(__name__)

# How often the roster is asked who is due.
TICK_S = 0.1
_ADDRESS_TTL_S = 3_600
_FAMILIES = {"dns": socket.AF_UNSPEC, "dns4": socket.AF_INET, "dns6": socket.AF_INET6}
_KINDS = {socket.AF_INET: "ip4", socket.AF_INET6: "ip6"}

Watcher = Callable[[PeerId], None]


class Connections(INotifee):
    """At most one connection per peer, redialled, watched, and closed for bans."""

    def __init__(
        self, host: MendedHost, roster: Roster, limits: Limits, counters: Counters
    ) -> None:
        self._host = host
        self._roster = roster
        self._limits = limits
        self._counters = counters
        self._nursery: trio.Nursery
        self._kept: dict[PeerId, SwarmConn] = {}
        self.changes = Changes()
        self.on_connected: list[Watcher] = []
        self.on_disconnected: list[Watcher] = []

    def register(self, nursery: trio.Nursery) -> None:
        """Be told of connections from now on; their tasks run in the nursery."""
        self._nursery = nursery
        self._host.get_network().register_notifee(self)

    def spawn(self, task: Callable[..., Awaitable[None]], *arguments: object) -> None:
        """Run a task that lives at most as long as the network; it must not raise."""
        self._nursery.start_soon(task, *arguments)

    async def run(self) -> None:
        """Dial whoever is due, for ever."""
        async with trio.open_nursery() as nursery:
            while True:
                for peer, addresses in self._roster.due(trio.current_time()):
                    nursery.start_soon(self._dial_or_fail, peer, addresses)
                await trio.sleep(TICK_S)

    # -- what others ask ---------------------------------------------------------------

    def peers(self) -> tuple[PeerId, ...]:
        """The connected peers, sorted."""
        return tuple(sorted(self._kept))

    def is_connected(self, peer: PeerId) -> bool:
        """Whether there is a connection now."""
        return peer in self._kept

    def direction(self, peer: PeerId) -> Direction:
        """Who dialled a connected peer's connection."""
        return _direction(self._kept[peer])

    def addresses(self, peer: PeerId) -> tuple[str, ...]:
        """Where the peer can be dialled, as far as is known."""
        known = self._roster.addresses(peer)
        return known or self._announced(peer)

    def charge(self, peer: PeerId, offence: Offence) -> None:
        """Count an offence; at the limit the peer is cut off and banned."""
        self._counters.offences[offence] += 1
        if self._roster.charge(peer, offence, trio.current_time()):
            self._counters.bans += 1
            logger.warning("banned %s, last for %s", peer, offence)
            connection = self._kept.get(peer)
            if connection is not None:
                self._break(connection)

    async def cut(self, peer: PeerId) -> None:
        """Break a peer's connection; whoever wants it redials."""
        connection = self._kept.get(peer)
        if connection is not None:
            await break_connection(_muxer(connection))

    async def dial(self, peer: PeerId, address: str) -> None:
        """Connect now and from now on. Raises DialFailed."""
        if peer == self._roster.own:
            raise DialFailed("that is this node itself")
        self._roster.want(peer, address, trio.current_time())
        if peer not in self._kept:
            await self._dial(peer, (address,))

    # -- dialling ----------------------------------------------------------------------

    async def _dial_or_fail(self, peer: PeerId, addresses: tuple[str, ...]) -> None:
        try:
            await self._dial(peer, addresses)
        except DialFailed as error:
            logger.debug("%s", error)

    async def _dial(self, peer: PeerId, addresses: tuple[str, ...]) -> None:
        """Try one address after the other; the library would try only one of them."""
        self._counters.dials += 1
        for address in addresses:
            for resolved in await _resolve(address):
                if await self._dial_address(peer, resolved) or peer in self._kept:
                    return
        self._counters.dial_failures += 1
        self._roster.dial_failed(peer, trio.current_time())
        raise DialFailed(f"{peer} at {', '.join(addresses)}")

    async def _dial_address(self, peer: PeerId, address: Multiaddr) -> bool:
        network, peer_id = self._host.swarm, ID.from_base58(peer)
        # A failed dial blocks the peer in the library for a minute.
        network.unblock_peer(peer_id)
        self._forget_addresses(peer_id)
        network.peerstore.add_addrs(peer_id, [address], _ADDRESS_TTL_S)
        try:
            with trio.fail_after(2 * HANDSHAKE_S):
                return bool(await network.dial_peer(peer_id))
        except trio.TooSlowError:
            return False
        except LIBRARY_ERRORS as error:
            logger.debug("dialling %s: %s", address, error)
            return False

    def _forget_addresses(self, peer_id: ID) -> None:
        try:
            self._host.get_network().peerstore.clear_addrs(peer_id)
        except PeerStoreError:
            return

    def _announced(self, peer: PeerId) -> tuple[str, ...]:
        """Where the peer itself said that it listens."""
        try:
            addresses = self._host.get_network().peerstore.addrs(ID.from_base58(peer))
        except PeerStoreError:
            return ()
        return tuple(full_address(address, peer) for address in addresses)

    # -- connections that come and go --------------------------------------------------

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        """Keep one connection per peer, the same one on both ends."""
        assert isinstance(conn, SwarmConn)
        peer = PeerId(conn.muxed_conn.peer_id.to_base58())
        if not self._roster.admits(peer, trio.current_time()):
            self._break(conn)
            return
        other = self._kept.get(peer)
        if other is not None and not self._replaces(peer, conn, other):
            self._break(conn)
            return
        self._kept[peer] = conn
        self._roster.connected(peer, _direction(conn))
        self._nursery.start_soon(self._watch, peer, conn)
        if other is not None:
            self._break(other)
            return
        for notify in self.on_connected:
            notify(peer)
        self.changes.notify()

    def _replaces(self, peer: PeerId, new: SwarmConn, old: SwarmConn) -> bool:
        if old.is_closed or _direction(new) is _direction(old):
            return True  # the peer came back before we noticed that it was gone
        return self._roster.keeps(peer, _direction(new))

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        """Forget a connection; its peer is gone unless another one replaced it."""
        peer = PeerId(conn.muxed_conn.peer_id.to_base58())
        if self._kept.get(peer) is conn:
            del self._kept[peer]
            now = trio.current_time()
            self._roster.learn(peer, self._announced(peer), now)
            self._roster.disconnected(peer, now)
        for notify in self.on_disconnected:
            notify(peer)
        self.changes.notify()

    async def _watch(self, peer: PeerId, conn: SwarmConn) -> None:
        """Break the connection of a process that does not answer."""
        muxer = _muxer(conn)
        while not conn.is_closed:
            with trio.move_on_after(self._limits.health_interval_s):
                await conn.event_closed.wait()
            try:
                with trio.fail_after(self._limits.health_timeout_s):
                    await ping(muxer)
            except trio.TooSlowError:
                if not conn.is_closed:
                    logger.info("%s does not answer", peer)
                await break_connection(muxer)
                return
            except LIBRARY_ERRORS:
                return

    def _break(self, conn: SwarmConn) -> None:
        self._nursery.start_soon(break_connection, _muxer(conn))

    # -- what a notifee must have ------------------------------------------------------

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        """Not of interest here."""

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        """Not of interest here."""

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Not of interest here."""

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Not of interest here."""


def parse_address(address: str) -> PeerId:
    """The peer id that a full TCP address ends in. Raises InvalidAddress."""
    try:
        parsed = Multiaddr(address)
        protocols = [protocol.name for protocol in parsed.protocols()]
        peer = parsed.value_for_protocol("p2p") if "p2p" in protocols else None
    except (MultiaddrError, ValueError) as error:
        raise InvalidAddress(address) from error
    places = ("ip4", "ip6", *_FAMILIES)
    if peer is None or protocols[0] not in places or protocols[1:] != ["tcp", "p2p"]:
        raise InvalidAddress(f"{address}: need /ip4|ip6|dns/.../tcp/.../p2p/...")
    return PeerId(peer)


async def _resolve(address: str) -> tuple[Multiaddr, ...]:
    """The address with numbers for a name, looked up anew each time: names move.

    The library's own look-up asks name servers only, so it does not know /etc/hosts.
    """
    kind, host, *rest = address.strip("/").split("/")
    if kind not in _FAMILIES:
        return (Multiaddr(address),)
    try:
        found = await trio.socket.getaddrinfo(host, None, _FAMILIES[kind], socket.SOCK_STREAM)
    except OSError as error:
        logger.debug("looking up %s: %s", host, error)
        return ()
    numbers = {(family, place[0]) for family, _, _, _, place in found}
    return tuple(
        Multiaddr("/".join(("", _KINDS[family], str(number), *rest)))
        for family, number in sorted(numbers)
        if family in _KINDS
    )


def full_address(address: Multiaddr, peer: PeerId) -> str:
    """An address with the peer's id at its end."""
    text = str(address)
    return text if "/p2p/" in text else f"{text}/p2p/{peer}"


def _direction(conn: SwarmConn) -> Direction:
    is_inbound = conn.direction is LibraryDirection.INBOUND
    return Direction.INBOUND if is_inbound else Direction.OUTBOUND


def _muxer(conn: SwarmConn) -> Yamux:
    assert isinstance(conn.muxed_conn, Yamux)
    return conn.muxed_conn
