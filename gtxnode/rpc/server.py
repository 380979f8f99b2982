"""The WebSocket server: it carries `session.ClientSession` conversations over trio-websocket.

Each connection is four tasks: one reads, one writes, one pings, one waits for the node to stop.
Whatever ends a connection is a close code of the catalogue, and the way out is always the same:
nothing more is read, calls in progress end or are cancelled, what is queued goes out or is dropped,
and the close frame follows it, all within stated times.

Invariant: no client, whatever it sends or fails to, ends anything but its own connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from gtxnode.metrics import RpcMetrics
from gtxnode.rpc.backend import Node
from gtxnode.rpc.errors import CloseCode
from gtxnode.rpc.guarded_stream import GuardedStream
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.listener import ListeningAddress, serve_tcp
from gtxnode.rpc.outbox import Outbox, OutboxClosed
from gtxnode.rpc.session import ClientSession, Surroundings
from gtxnode.rpc.subscriptions import EventFeed

__all__ = ["ListeningAddress", "RpcLimits", "serve_rpc"]

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = structlog.get_logger(__name__)

RECEIVE_BYTES = 65_536
HANDSHAKES_PER_CONNECTION = 2
"""TCP connections held, in multiples of the limit: those above it are told so, then dropped."""

FRAGMENT_OVERHEAD = 4
"""Bytes on the wire that a message may take for each byte of its limit, frames included."""


async def serve_rpc(
    node: Node,
    *,
    host: str,
    port: int,
    observe: RpcMetrics,
    limits: RpcLimits | None = None,
    task_status: TaskStatus[ListeningAddress] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; then drain and close every connection with GOING_AWAY.

    Raises `OSError` where the address cannot be had.
    """
    feeds = {shard: EventFeed(node.chain(shard)) for shard in node.shards()}
    server = _Server(node, feeds, observe, limits or RpcLimits())
    await serve_tcp(
        server.handle,
        scheme="ws",
        host=host,
        port=port,
        stopping=server.stopping,
        drain_s=server.limits.drain_s,
        task_status=task_status,
    )


class _Server:
    """What all connections share: the node, the limits, and the word that it is time to stop."""

    def __init__(
        self, node: Node, feeds: Mapping[str, EventFeed], metrics: RpcMetrics, limits: RpcLimits
    ) -> None:
        self.surroundings = Surroundings(node, feeds, limits, metrics)
        self.metrics = metrics
        self.limits = limits
        self.stopping = trio.Event()
        self.messages = trio.Semaphore(limits.messages_in_all)
        self._open = 0

    async def handle(self, stream: trio.SocketStream) -> None:
        """Serve one TCP connection. It is supervised: its fault is logged, and ends it alone."""
        guarded = GuardedStream(
            stream,
            allowance=FRAGMENT_OVERHEAD * self.limits.message_bytes + RECEIVE_BYTES,
            bytes_in=self.metrics.bytes_in,
            bytes_out=self.metrics.bytes_out,
        )
        if self._open >= HANDSHAKES_PER_CONNECTION * self.limits.connections:
            return  # Not even worth a refusal: whoever comes now is many.
        self._open += 1
        self.metrics.connections.inc()
        try:
            await self._serve(guarded)
        except Exception:
            log.exception("connection_failed")
            self.metrics.closed.labels(CloseCode.INTERNAL.name).inc()
        finally:
            self._open -= 1
            self.metrics.connections.dec()

    async def _serve(self, stream: GuardedStream) -> None:
        socket: WebSocketConnection | None = None
        try:
            async with trio.open_nursery() as nursery:
                socket = await self._handshake(nursery, stream)
                if socket is not None:
                    await _Connection(self, stream, socket).run()
                nursery.cancel_scope.cancel()
        except* UnicodeError:
            # wsproto takes a handshake's headers for ASCII, and lets what that raises go through.
            if socket is not None:
                raise

    async def _handshake(
        self, nursery: trio.Nursery, stream: GuardedStream
    ) -> WebSocketConnection | None:
        """The accepted WebSocket; None where the client speaks something else, or is one too many.

        trio-websocket waits on for a request after it has answered a bad one and closed the
        stream, so the stream's end is waited for beside it.
        """
        accepted: WebSocketConnection | None = None

        async def accept() -> None:
            nonlocal accepted
            request = await wrap_server_stream(
                nursery,
                stream,
                max_message_size=self.limits.message_bytes,
                receive_buffer_size=RECEIVE_BYTES,
            )
            if self._open > self.limits.connections:
                self.metrics.refused_connections.inc()
                await request.reject(503, body=b"as many connections as are allowed")
            else:
                accepted = await request.accept()
            shaking.cancel_scope.cancel()

        async def give_up_when(event: trio.Event) -> None:
            await event.wait()
            shaking.cancel_scope.cancel()

        with trio.move_on_after(self.limits.handshake_s):
            async with trio.open_nursery() as shaking:
                shaking.start_soon(accept)
                shaking.start_soon(give_up_when, stream.closed)
                shaking.start_soon(give_up_when, self.stopping)
        return accepted


class _Connection:
    """One WebSocket connection, from its first message to its close."""

    def __init__(self, server: _Server, stream: GuardedStream, socket: WebSocketConnection) -> None:
        limits = server.limits
        self._server = server
        self._limits = limits
        self._stream = stream
        self._socket = socket
        self._outbox = Outbox(
            max_messages=limits.queue,
            max_bytes=limits.queue_bytes,
            patience_s=limits.slow_client_s,
        )
        self._work = trio.CancelScope()
        self._messages = trio.Semaphore(limits.messages_per_connection)
        self._reading = False
        self._in_hand = 0
        self._nothing_in_hand = trio.lowlevel.ParkingLot()
        self._flushed = False
        self._hung_up = False
        self._code: CloseCode | None = None

    async def run(self) -> None:
        """Converse until somebody ends it, then close."""
        async with trio.open_nursery() as writing:
            writing.start_soon(self._write, writing.cancel_scope)
            with self._work:
                await self._converse(writing)
            drains = self._code is CloseCode.GOING_AWAY
            self._outbox.close(discard=not drains)
            writing.cancel_scope.deadline = trio.current_time() + self._limits.close_s
        with trio.move_on_after(self._limits.close_s):
            await self._say_goodbye()

    def end(self, code: CloseCode) -> None:
        """End with a close code; the first cause counts."""
        if self._code is not None or self._hung_up:
            return
        self._code = code
        self._server.metrics.closed.labels(code.name).inc()
        self._work.cancel()

    async def _converse(self, writing: trio.Nursery) -> None:
        """Read, ping and answer, until the client leaves or the node stops."""
        async with trio.open_nursery() as nursery:
            session = ClientSession(self._server.surroundings, self._outbox, nursery, self.end)
            try:
                nursery.start_soon(self._read, session, nursery)
                nursery.start_soon(self._ping, writing)
                await self._server.stopping.wait()
                await self._drain(session)
                self.end(CloseCode.GOING_AWAY)
            finally:
                session.close()

    async def _drain(self, session: ClientSession) -> None:
        """Let the calls in hand end, while those that still come are told that the node stops.

        What is left of the time after that is for the last answers and the close frame.
        """
        now, drain_s = trio.current_time(), self._limits.drain_s
        session.drain(now + drain_s / 2)
        with trio.move_on_at(now + drain_s * 3 / 4):
            while self._in_hand:
                await self._nothing_in_hand.park()

    async def _read(self, session: ClientSession, nursery: trio.Nursery) -> None:
        """Take messages in, as many at once as the limits allow."""
        while True:
            self._reading = True
            try:
                text = await self._socket.get_message()
            except ConnectionClosed:
                self._hang_up()
                return
            self._reading = False
            self._in_hand += 1
            self._stream.whole_message()
            await self._messages.acquire()
            await self._server.messages.acquire()
            nursery.start_soon(self._answer, session, text)

    async def _answer(self, session: ClientSession, text: str | bytes) -> None:
        try:
            await session.answer(text)
        finally:
            self._server.messages.release()
            self._messages.release()
            self._in_hand -= 1
            if not self._in_hand:
                self._nothing_in_hand.unpark_all()

    async def _write(self, scope: trio.CancelScope) -> None:
        """Send what is queued. A frame once begun is never cut short but by the last deadline."""
        try:
            while True:
                message = await self._outbox.get()
                await self._socket.send_message(message.decode("utf-8"))
        except OutboxClosed:
            self._flushed = True
        except ConnectionClosed:
            self._hang_up()
        scope.cancel()

    async def _ping(self, writing: trio.Nursery) -> None:
        """See that the client is there. While its messages wait unread, so may its pong."""
        while True:
            await trio.sleep(self._limits.ping_s)
            answered = trio.Event()
            writing.start_soon(self._ping_once, answered)
            with trio.move_on_after(self._limits.ping_answer_s):
                await answered.wait()
            if not answered.is_set() and self._reading:
                self.end(CloseCode.PING_TIMEOUT)

    async def _ping_once(self, answered: trio.Event) -> None:
        try:
            await self._socket.ping()
        except ConnectionClosed:
            return  # The reader notices as well.
        answered.set()

    def _hang_up(self) -> None:
        """The WebSocket is closed already, by the client or by its library's limit."""
        if self._code is None and not self._hung_up:
            self._hung_up = True
            if self._is_too_big():
                self._server.metrics.closed.labels(CloseCode.TOO_BIG.name).inc()
        self._work.cancel()

    def _is_too_big(self) -> bool:
        reason = self._socket.closed
        return reason is not None and reason.code == CloseCode.TOO_BIG

    async def _say_goodbye(self) -> None:
        """Send the close frame, if the stream is at the end of a frame and still open."""
        if self._hung_up:
            if self._is_too_big():
                await self._stream.discard_all()
        elif self._flushed and self._code is not None:
            await self._socket.aclose(self._code, self._code.name)
