"""One peer's end of a channel: what is owed to it, and the tasks that carry it.

A link lives over reconnects. Its sending side opens a stream, says Hello, goes on where the
peer's Welcome says, and has one writer and one reader of acknowledgements. Its receiving side
reads the stream that the peer opened, and acknowledges.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from p2p.changes import Changes
from p2p.connections import Connections
from p2p.counters import Counters, Drop, Traffic
from p2p.errors import Failure, MalformedFrame, NotConnected, RequestFailed
from p2p.identity import PeerId
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
# One write takes up to this much, so that it fits one muxer frame.
WRITE_BYTES = 60_000
# Acknowledgements are cumulative: one for all that came in this time.
ACK_EVERY_S = 0.02
RETRY_S = 0.3
# A peer without the channel is asked again only after this long; if it opens the channel, its
# stream tells us at once.
ASK_AGAIN_S = 30.0
HELLO_S = 5.0


@dataclass(frozen=True, slots=True)
class Wiring:
    """What all links of one channel share. `changes` is notified when one goes up or down."""

    name: str
    host: MendedHost
    connections: Connections
    limits: Limits
    counters: Counters
    deliver: trio.MemorySendChannel[tuple[PeerId, bytes]]
    changes: Changes


class Link:
    """The state and the tasks for one peer of one channel."""

    def __init__(self, peer: PeerId, wiring: Wiring) -> None:
        self.peer = peer
        self.is_up = False  # our stream is open and welcomed
        self._wiring = wiring
        limits = wiring.limits
        self._outbox = Outbox(_new_session(), limits.channel_messages, limits.channel_bytes)
        self._inbox = Inbox()
        self._is_absent = False  # the peer has said that it does not have the channel
        self._lost_at = float("-inf")  # when it was last up
        self._progress_at = 0.0  # when an acknowledgement last came, or nothing was owed
        self._acknowledged = 0  # the number in the last acknowledgement we sent
        self._sender = trio.CancelScope()
        self._reader: trio.CancelScope | None = None
        self._changes = Changes()  # of the outbox, and of what is known of the peer
        self._arrivals = Changes()

    # -- what the channel asks ---------------------------------------------------------

    def is_owed(self) -> bool:
        """Whether the peer gets what is sent now: it is up, or may be back in a moment."""
        since = trio.current_time() - self._lost_at
        return self.is_up or since < self._wiring.limits.channel_stall_s

    def has_room(self, size: int) -> bool:
        """Whether a message of this size may be queued."""
        return self._outbox.has_room(size)

    async def wait_for_room(self, size: int) -> None:
        """Return once the message may be queued. Raises NotConnected if the peer is cut."""
        while not self.has_room(size):
            with trio.move_on_after(self._wiring.limits.channel_stall_s):
                await self._changes.until(lambda: self.has_room(size))
            if not self.is_owed():
                raise NotConnected(self.peer)

    def enqueue(self, data: bytes) -> None:
        """Queue a message; the caller has seen that there is room."""
        if not len(self._outbox):
            self._progress_at = trio.current_time()
        self._outbox.add(data)
        self._changes.notify()

    def peer_may_have_it(self) -> None:
        """The peer has connected or opened a stream: it is worth asking it."""
        self._is_absent = False
        self._changes.notify()

    def close(self) -> None:
        """End its tasks: the channel is closed."""
        self._sender.cancel()
        self._stop_reading()

    # -- sending -----------------------------------------------------------------------

    async def keep_up(self) -> None:
        """Open our stream to the peer again and again, until the peer is gone for good."""
        with self._sender:
            while await self._wait_until_useful():
                await self._run_stream_or_log()
                self._goes_down()
                await trio.sleep(RETRY_S)

    async def _run_stream_or_log(self) -> None:
        try:
            await self._run_stream()
        except RequestFailed as failure:
            self._is_absent = failure.failure is Failure.UNSUPPORTED
        except MalformedFrame as error:
            logger.info("%s broke channel %s: %s", self.peer, self._wiring.name, error)
            self._wiring.connections.charge(self.peer, Offence.MALFORMED)
        except StreamBroken as error:
            logger.debug("channel %s to %s: %s", self._wiring.name, self.peer, error)
        except Exception:  # supervised here: a link is opened again whatever ended it
            self._wiring.counters.handler_errors += 1
            logger.exception("channel %s to %s", self._wiring.name, self.peer)

    async def _wait_until_useful(self) -> bool:
        """True when a stream may be opened; False when the peer has been gone for long."""
        connections = self._wiring.connections
        with trio.move_on_after(self._wiring.limits.channel_stall_s) as waited:
            await connections.changes.until(lambda: connections.is_connected(self.peer))
        if waited.cancelled_caught:
            return False
        with trio.move_on_after(ASK_AGAIN_S):
            await self._changes.until(lambda: not self._is_absent)
        return True

    async def _run_stream(self) -> None:
        protocol = PROTOCOL_PREFIX + self._wiring.name
        stream = await open_stream(self._wiring.host, self.peer, protocol, OVERHEAD_BYTES)
        try:
            with trio.fail_after(HELLO_S):
                await stream.send(encode_record(Hello(self._outbox.session)))
                welcome = decode_record(await _frame(stream))
            if not isinstance(welcome, Welcome):
                raise MalformedFrame("the answer to Hello is Welcome")
            self._outbox.resume(welcome.last)
            self.is_up, self._progress_at = True, trio.current_time()
            self._wiring.changes.notify()
            async with stream_tasks() as nursery:
                nursery.start_soon(self._write, stream)
                nursery.start_soon(self._read_acks, stream)
                nursery.start_soon(self._watch_progress)
        except trio.TooSlowError as error:
            raise StreamBroken("no Welcome in time") from error
        finally:
            await stream.reset()

    async def _write(self, stream: FramedStream) -> None:
        """The one writer: everything that is unsent, several messages to a write."""
        while True:
            await self._changes.until(self._outbox.has_unsent)
            messages = self._outbox.take(WRITE_BYTES)
            await stream.send(*map(encode_record, messages))
            for message in messages:
                self._wiring.counters.sent(Traffic.CHANNEL, len(message.payload))

    async def _read_acks(self, stream: FramedStream) -> None:
        while True:
            record = decode_record(await _frame(stream))
            if not isinstance(record, Ack):
                raise MalformedFrame("only acknowledgements come back")
            self._outbox.acknowledge(record.number)
            self._progress_at = trio.current_time()
            self._changes.notify()

    async def _watch_progress(self) -> None:
        """Cut a peer that takes nothing: it would hold a full queue for ever."""
        limit = self._wiring.limits.channel_stall_s
        while True:
            await trio.sleep(limit / 4)
            if not len(self._outbox):
                self._progress_at = trio.current_time()
            elif trio.current_time() - self._progress_at > limit:
                lost = self._outbox.abandon(_new_session())
                self._wiring.counters.drops[Drop.STALLED] += lost
                self._wiring.connections.charge(self.peer, Offence.STALLED)
                raise StreamBroken(f"nothing acknowledged for {limit} s, {lost} messages lost")

    def _goes_down(self) -> None:
        if self.is_up:
            self.is_up, self._lost_at = False, trio.current_time()
            self._wiring.changes.notify()

    # -- receiving ---------------------------------------------------------------------

    async def read_until_replaced(self, stream: FramedStream) -> None:
        """Read a stream of the peer's; a newer one ends this.

        Raises MalformedFrame, StreamBroken, or trio.TooSlowError when no Hello comes.
        """
        self._stop_reading()
        with trio.CancelScope() as scope:
            self._reader = scope
            with trio.fail_after(HELLO_S):
                hello = decode_record(await _frame(stream))
                if not isinstance(hello, Hello):
                    raise MalformedFrame("a stream begins with Hello")
                await stream.send(encode_record(Welcome(self._inbox.greet(hello.session))))
            async with stream_tasks() as nursery:
                nursery.start_soon(self._read_messages, stream)
                nursery.start_soon(self._acknowledge, stream)

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.cancel()

    async def _read_messages(self, stream: FramedStream) -> None:
        while True:
            record = decode_record(await _frame(stream))
            if not isinstance(record, Data) or len(record.payload) > MAX_CHANNEL_BYTES:
                raise MalformedFrame("not a message of a channel")
            if not self._inbox.is_new(record.number):
                self._wiring.counters.drops[Drop.DUPLICATE] += 1
                continue
            try:
                await self._wiring.deliver.send((self.peer, record.payload))
            except (trio.ClosedResourceError, trio.BrokenResourceError) as error:
                raise StreamBroken("the channel is closed") from error
            self._inbox.delivered(record.number)
            self._arrivals.notify()
            self._wiring.counters.received(Traffic.CHANNEL, len(record.payload))

    async def _acknowledge(self, stream: FramedStream) -> None:
        self._acknowledged = self._inbox.last
        while True:
            await self._arrivals.until(lambda: self._inbox.last != self._acknowledged)
            await trio.sleep(ACK_EVERY_S)
            self._acknowledged = self._inbox.last
            await stream.send(encode_record(Ack(self._acknowledged)))


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
