"""Channels: long-lived ordered streams to every connected peer that has the same one open.

Each side opens a stream of its own to the other and writes its messages there; what comes
back on it are acknowledgements. So a peer that opens the channel later is found by its stream
arriving. `sequence` holds the promise; here are the tasks around it: per peer one link task,
with one writer and one reader of acknowledgements, and per arriving stream one reader.
"""

import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from p2p.changes import Changes
from p2p.connections import Connections
from p2p.counters import Counters, Drop, Traffic
from p2p.errors import (
    AlreadyOpen,
    Failure,
    MalformedFrame,
    MessageTooLarge,
    NetworkClosed,
    NotConnected,
    RequestFailed,
)
from p2p.identity import PeerId
from p2p.library import INetStream, TProtocol
from p2p.mended_host import MendedHost
from p2p.network import MAX_CHANNEL_BYTES, Limits, Offence
from p2p.records import (
    OVERHEAD_BYTES,
    SESSION_BYTES,
    Ack,
    Data,
    Hello,
    Welcome,
    decode_record,
    encode_record,
)
from p2p.requests import open_stream
from p2p.sequence import Inbox, Outbox
from p2p.streams import FramedStream, StreamBroken

logger = logging.getLogger(__name__)

PROTOCOL_PREFIX = "/gtx/channel/1/"
MAX_RECORD_BYTES = MAX_CHANNEL_BYTES + OVERHEAD_BYTES
# One write takes up to this much, so that it fits one muxer frame.
WRITE_BYTES = 60_000
# Acknowledgements are cumulative: one for all that came in this time.
ACK_EVERY_S = 0.02
RETRY_S = 0.3
# A peer without the channel is asked again only after this long; if it opens the channel, its
# stream tells us at once.
ASK_AGAIN_S = 30.0
HELLO_S = 5.0


@dataclass(slots=True)
class _Link:
    """What is kept per peer, over reconnects."""

    peer: PeerId
    outbox: Outbox
    inbox: Inbox = field(default_factory=Inbox)
    is_up: bool = False  # our stream is open and welcomed
    is_running: bool = False  # its task runs
    is_absent: bool = False  # the peer has said that it does not have the channel
    lost_at: float = 0.0  # when it was last up
    progress_at: float = 0.0  # when an acknowledgement last came, or nothing was owed
    acknowledged: int = 0  # the number of the last acknowledgement we sent
    reader: trio.CancelScope | None = None
    changes: Changes = field(default_factory=Changes)
    arrivals: Changes = field(default_factory=Changes)


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
        async with trio.open_nursery() as nursery:
            channel = DirectChannel(
                name, self._host, self._connections, self._limits, self._counters, nursery
            )
            self._open[name] = channel
            self._connections.on_connected.append(channel.connected)
            protocol = TProtocol(PROTOCOL_PREFIX + name)
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
                nursery.cancel_scope.cancel()

    def names_of(self, peer: PeerId) -> Iterable[str]:
        """The channels that are up with a peer."""
        return (name for name, channel in self._open.items() if peer in channel.peers())


class DirectChannel:
    """One open channel. Implements `network.Channel`."""

    def __init__(
        self,
        name: str,
        host: MendedHost,
        connections: Connections,
        limits: Limits,
        counters: Counters,
        nursery: trio.Nursery,
    ) -> None:
        self.name = name
        self._host = host
        self._connections = connections
        self._limits = limits
        self._counters = counters
        self._nursery = nursery
        self._links: dict[PeerId, _Link] = {}
        self._changes = Changes()
        self._send_received, self._received = trio.open_memory_channel[tuple[PeerId, bytes]](
            limits.channel_inbox_messages
        )

    # -- what callers use --------------------------------------------------------------

    def peers(self) -> tuple[PeerId, ...]:
        return tuple(sorted(peer for peer, link in self._links.items() if link.is_up))

    async def send(self, peer: PeerId, data: bytes) -> None:
        _check_size(data)
        link = self._links.get(peer)
        if link is None or not self._is_owed(link):
            raise NotConnected(peer)
        while not link.outbox.has_room(len(data)):
            with trio.move_on_after(self._limits.channel_stall_s):
                await link.changes.until(lambda: link.outbox.has_room(len(data)))
            if not self._is_owed(link):
                raise NotConnected(peer)
        self._enqueue(link, data)
        await trio.lowlevel.checkpoint()

    def broadcast(self, data: bytes) -> None:
        _check_size(data)
        for link in self._links.values():
            if not self._is_owed(link):
                continue
            if link.outbox.has_room(len(data)):
                self._enqueue(link, data)
            else:
                self._counters.drops[Drop.CHANNEL_FULL] += 1

    async def receive(self) -> tuple[PeerId, bytes]:
        try:
            return await self._received.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            raise NetworkClosed(self.name) from error

    async def __aiter__(self) -> AsyncIterator[tuple[PeerId, bytes]]:
        async for received in self._received:
            yield received

    async def wait_for_peers(self, count: int) -> None:
        await self._changes.until(lambda: len(self.peers()) >= count)

    def close(self) -> None:
        """End reading. What is queued ends with the channel."""
        self._send_received.close()
        for link in self._links.values():
            if link.reader is not None:
                link.reader.cancel()

    def _is_owed(self, link: _Link) -> bool:
        """Whether the peer gets what is sent now: it is up, or may be back in a moment."""
        since = trio.current_time() - link.lost_at
        return link.is_up or (link.lost_at > 0 and since < self._limits.channel_stall_s)

    def _enqueue(self, link: _Link, data: bytes) -> None:
        if not len(link.outbox):
            link.progress_at = trio.current_time()
        link.outbox.add(data)
        link.changes.notify()

    # -- sending -----------------------------------------------------------------------

    def connected(self, peer: PeerId) -> None:
        """A peer is connected: see whether it has the channel."""
        link = self._link(peer)
        link.is_absent = False
        if not link.is_running:
            link.is_running = True
            self._nursery.start_soon(self._keep_up, link)
        link.changes.notify()

    def _link(self, peer: PeerId) -> _Link:
        link = self._links.get(peer)
        if link is None:
            outbox = Outbox(
                _new_session(), self._limits.channel_messages, self._limits.channel_bytes
            )
            link = self._links[peer] = _Link(peer, outbox)
        return link

    async def _keep_up(self, link: _Link) -> None:
        """Open our stream to the peer again and again, until the peer is gone for good."""
        while await self._wait_until_useful(link):
            try:
                await self._run_stream(link)
            except RequestFailed as failure:
                link.is_absent = failure.failure is Failure.UNSUPPORTED
            except MalformedFrame as error:
                logger.info("%s broke channel %s: %s", link.peer, self.name, error)
                self._connections.charge(link.peer, Offence.MALFORMED)
            except StreamBroken as error:
                logger.debug("channel %s to %s: %s", self.name, link.peer, error)
            except Exception:  # supervised here: a link is opened again whatever ended it
                self._counters.handler_errors += 1
                logger.exception("channel %s to %s", self.name, link.peer)
            self._is_down(link)
            await trio.sleep(RETRY_S)
        link.is_running = False
        del self._links[link.peer]

    async def _wait_until_useful(self, link: _Link) -> bool:
        """True when a stream may be opened; False when the peer has been gone for long."""
        while not self._connections.is_connected(link.peer):
            with trio.move_on_after(self._limits.channel_stall_s) as waited:
                await self._connections.changes.until(
                    lambda: self._connections.is_connected(link.peer)
                )
            if waited.cancelled_caught:
                return False
        with trio.move_on_after(ASK_AGAIN_S):
            await link.changes.until(lambda: not link.is_absent)
        return True

    async def _run_stream(self, link: _Link) -> None:
        stream = await open_stream(
            self._host, link.peer, PROTOCOL_PREFIX + self.name, OVERHEAD_BYTES
        )
        try:
            with trio.fail_after(HELLO_S):
                await stream.send(encode_record(Hello(link.outbox.session)))
                welcome = decode_record(await _frame(stream))
            if not isinstance(welcome, Welcome):
                raise MalformedFrame("the answer to Hello is Welcome")
            link.outbox.resume(welcome.last)
            link.is_up, link.progress_at = True, trio.current_time()
            self._changes.notify()
            async with stream_tasks() as nursery:
                nursery.start_soon(self._write, link, stream)
                nursery.start_soon(self._read_acks, link, stream)
                nursery.start_soon(self._watch_progress, link)
        except trio.TooSlowError as error:
            raise StreamBroken("no Welcome in time") from error
        finally:
            await stream.reset()

    async def _write(self, link: _Link, stream: FramedStream) -> None:
        """The one writer: everything that is unsent, several messages to a write."""
        while True:
            await link.changes.until(link.outbox.has_unsent)
            messages = link.outbox.take(WRITE_BYTES)
            await stream.send(*map(encode_record, messages))
            for message in messages:
                self._counters.sent(Traffic.CHANNEL, len(message.payload))

    async def _read_acks(self, link: _Link, stream: FramedStream) -> None:
        while True:
            record = decode_record(await _frame(stream))
            if not isinstance(record, Ack):
                raise MalformedFrame("only acknowledgements come back")
            link.outbox.acknowledge(record.number)
            link.progress_at = trio.current_time()
            link.changes.notify()

    async def _watch_progress(self, link: _Link) -> None:
        """Cut a peer that takes nothing: it would hold a full queue for ever."""
        limit = self._limits.channel_stall_s
        while True:
            await trio.sleep(limit / 4)
            if not len(link.outbox):
                link.progress_at = trio.current_time()
            elif trio.current_time() - link.progress_at > limit:
                lost = link.outbox.abandon(_new_session())
                self._counters.drops[Drop.STALLED] += lost
                self._connections.charge(link.peer, Offence.STALLED)
                raise StreamBroken(f"nothing acknowledged for {limit} s, {lost} messages lost")

    def _is_down(self, link: _Link) -> None:
        if link.is_up:
            link.is_up, link.lost_at = False, trio.current_time()
            self._changes.notify()

    # -- receiving ---------------------------------------------------------------------

    async def on_stream(self, raw: INetStream) -> None:
        """A peer's stream has arrived; it replaces the one before."""
        stream = FramedStream(raw, MAX_RECORD_BYTES)
        try:
            # The stream may be here before the connection's own notice is.
            with trio.fail_after(HELLO_S):
                await self._connections.changes.until(
                    lambda: self._connections.is_connected(stream.peer)
                )
            self.connected(stream.peer)
            await self._read_until_replaced(self._links[stream.peer], stream)
        except trio.TooSlowError:
            logger.debug("%s said nothing on channel %s", stream.peer, self.name)
        except MalformedFrame as error:
            logger.info("%s broke channel %s: %s", stream.peer, self.name, error)
            self._connections.charge(stream.peer, Offence.MALFORMED)
        except StreamBroken as error:
            logger.debug("channel %s from %s: %s", self.name, stream.peer, error)
        finally:
            await stream.reset()

    async def _read_until_replaced(self, link: _Link, stream: FramedStream) -> None:
        if link.reader is not None:
            link.reader.cancel()
        with trio.CancelScope() as scope:
            link.reader = scope
            await self._read(link, stream)

    async def _read(self, link: _Link, stream: FramedStream) -> None:
        with trio.fail_after(HELLO_S):
            hello = decode_record(await _frame(stream))
            if not isinstance(hello, Hello):
                raise MalformedFrame("a stream begins with Hello")
            await stream.send(encode_record(Welcome(link.inbox.greet(hello.session))))
        async with stream_tasks() as nursery:
            nursery.start_soon(self._read_messages, link, stream)
            nursery.start_soon(self._acknowledge, link, stream)

    async def _read_messages(self, link: _Link, stream: FramedStream) -> None:
        while True:
            record = decode_record(await _frame(stream))
            if not isinstance(record, Data) or len(record.payload) > MAX_CHANNEL_BYTES:
                raise MalformedFrame("not a message of a channel")
            if not link.inbox.is_new(record.number):
                self._counters.drops[Drop.DUPLICATE] += 1
                continue
            try:
                await self._send_received.send((link.peer, record.payload))
            except (trio.ClosedResourceError, trio.BrokenResourceError) as error:
                raise StreamBroken("the channel is closed") from error
            link.inbox.delivered(record.number)
            link.arrivals.notify()
            self._counters.received(Traffic.CHANNEL, len(record.payload))

    async def _acknowledge(self, link: _Link, stream: FramedStream) -> None:
        link.acknowledged = link.inbox.last
        while True:
            await link.arrivals.until(lambda: link.inbox.last != link.acknowledged)
            await trio.sleep(ACK_EVERY_S)
            link.acknowledged = link.inbox.last
            await stream.send(encode_record(Ack(link.acknowledged)))


@asynccontextmanager
async def stream_tasks() -> AsyncIterator[trio.Nursery]:
    """A nursery for one stream's tasks: what breaks the stream comes out of it bare."""
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        broken, others = group.split((StreamBroken, MalformedFrame))
        if others is not None:
            raise others from None
        assert broken is not None
        raise _first(broken) from None


async def _frame(stream: FramedStream) -> bytes:
    frame = await stream.receive()
    if frame is None:
        raise StreamBroken("closed by the peer")
    return frame


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _new_session() -> bytes:
    return os.urandom(SESSION_BYTES)


def _check_size(data: bytes) -> None:
    if len(data) > MAX_CHANNEL_BYTES:
        raise MessageTooLarge(len(data), MAX_CHANNEL_BYTES)
