"""Channels: long-lived ordered streams to every connected peer that has the same one open.

Each side opens a stream of its own to the other and writes its messages there; what comes
back on it are acknowledgements. So a peer that opens the channel later is found by its stream
arriving. `links` has the tasks for one peer, `sequence` the promise that they keep.
"""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from p2p.changes import Changes
from p2p.connections import Connections
from p2p.counters import Counters, Drop
from p2p.errors import AlreadyOpen, MalformedFrame, MessageTooLarge, NetworkClosed, NotConnected
from p2p.identity import PeerId
from p2p.library import INetStream, TProtocol
from p2p.links import HELLO_S, PROTOCOL_PREFIX, Link, Wiring
from p2p.mended_host import MendedHost
from p2p.network import MAX_CHANNEL_BYTES, Limits, Offence
from p2p.records import OVERHEAD_BYTES
from p2p.streams import FramedStream, StreamBroken

logger = logging.getLogger(__name__)

MAX_RECORD_BYTES = MAX_CHANNEL_BYTES + OVERHEAD_BYTES


class Channels:
    """Opens channels on a host."""

    def __init__(
        self, host: MendedHost, connections: Connections, limits: Limits, counters: Counters
    ) -> None:
        self._host = host
        self._connections = connections
        self._limits = limits
        self._counters = counters
        self._open: dict[str, DirectChannel] = {}

    @asynccontextmanager
    async def channel(self, name: str) -> AsyncIterator["DirectChannel"]:
        """Open a channel while the context lasts. Raises AlreadyOpen."""
        if name in self._open:
            raise AlreadyOpen(f"channel {name}")
        send, receive = trio.open_memory_channel[tuple[PeerId, bytes]](
            self._limits.channel_inbox_messages
        )
        wiring = Wiring(
            name, self._host, self._connections, self._limits, self._counters, send, Changes()
        )
        protocol = TProtocol(PROTOCOL_PREFIX + name)
        channel = self._open[name] = DirectChannel(wiring, receive)
        self._connections.on_connected.append(channel.connected)
        self._host.set_stream_handler(protocol, channel.on_stream)
        try:
            for peer in self._connections.peers():
                channel.connected(peer)
            yield channel
        finally:
            self._host.remove_stream_handler(protocol)
            self._connections.on_connected.remove(channel.connected)
            del self._open[name]
            channel.close()

    def names_of(self, peer: PeerId) -> Iterable[str]:
        """The channels that are up with a peer."""
        return (name for name, channel in self._open.items() if peer in channel.peers())


class DirectChannel:
    """One open channel. Implements `network.Channel`."""

    def __init__(
        self,
        wiring: Wiring,
        received: trio.MemoryReceiveChannel[tuple[PeerId, bytes]],
    ) -> None:
        self.name = wiring.name
        self._wiring = wiring
        self._received = received
        self._links: dict[PeerId, Link] = {}

    def peers(self) -> tuple[PeerId, ...]:
        return tuple(sorted(peer for peer, link in self._links.items() if link.is_up))

    async def send(self, peer: PeerId, data: bytes) -> None:
        _check_size(data)
        link = self._links.get(peer)
        if link is None or not link.is_owed():
            raise NotConnected(peer)
        await link.wait_for_room(len(data))
        link.enqueue(data)
        await trio.lowlevel.checkpoint()

    def broadcast(self, data: bytes) -> None:
        _check_size(data)
        for link in self._links.values():
            if not link.is_owed():
                continue
            if link.has_room(len(data)):
                link.enqueue(data)
            else:
                self._wiring.counters.drops[Drop.CHANNEL_FULL] += 1

    async def receive(self) -> tuple[PeerId, bytes]:
        try:
            return await self._received.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            raise NetworkClosed(self.name) from error

    async def __aiter__(self) -> AsyncIterator[tuple[PeerId, bytes]]:
        async for received in self._received:
            yield received

    async def wait_for_peers(self, count: int) -> None:
        await self._wiring.changes.until(lambda: len(self.peers()) >= count)

    def close(self) -> None:
        """End reading. What is queued ends with the channel."""
        self._wiring.deliver.close()
        for link in self._links.values():
            link.close()

    # -- what happens around it --------------------------------------------------------

    def connected(self, peer: PeerId) -> None:
        """A peer is connected, or has opened a stream: see whether it has the channel."""
        link = self._links.get(peer)
        if link is None:
            link = self._links[peer] = Link(peer, self._wiring)
            self._wiring.connections.spawn(self._keep_up, link)
        link.peer_may_have_it()

    async def _keep_up(self, link: Link) -> None:
        await link.keep_up()
        del self._links[link.peer]

    async def on_stream(self, raw: INetStream) -> None:
        """A peer's stream has arrived; it replaces the one before."""
        stream = FramedStream(raw, MAX_RECORD_BYTES)
        connections = self._wiring.connections
        try:
            # The stream may be here before the connection's own notice is.
            with trio.fail_after(HELLO_S):
                await connections.changes.until(lambda: connections.is_connected(stream.peer))
            self.connected(stream.peer)
            await self._links[stream.peer].read_until_replaced(stream)
        except trio.TooSlowError:
            logger.debug("%s said nothing on channel %s", stream.peer, self.name)
        except MalformedFrame as error:
            logger.info("%s broke channel %s: %s", stream.peer, self.name, error)
            connections.charge(stream.peer, Offence.MALFORMED)
        except StreamBroken as error:
            logger.debug("channel %s from %s: %s", self.name, stream.peer, error)
        finally:
            await stream.reset()


def _check_size(data: bytes) -> None:
    if len(data) > MAX_CHANNEL_BYTES:
        raise MessageTooLarge(len(data), MAX_CHANNEL_BYTES)
