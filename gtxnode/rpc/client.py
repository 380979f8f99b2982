"""A client of the interface, on trio: calls that run side by side, and subscriptions.

It neither reconnects nor repeats anything: who uses it knows whether a call may be sent twice, and
a subscription goes on anywhere from the number after its last event.

Invariant: the reader never waits for whoever uses the client. An answer wakes its caller, an
event goes into its subscription's buffer, and a buffer that is full ends its subscription.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import h11
import msgspec
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    wrap_client_stream,
)
from wsproto.utilities import LocalProtocolError

from gtxnode.rpc import wire
from gtxnode.rpc.methods.row import Subscribed
from gtxnode.rpc.subscriptions import NOTIFICATION, EventNotice
from gtxnode.rpc.views.events import Event, EventBody
from gtxnode.rpc.wire import Address, Amount, Hex

T = TypeVar("T")

_Stream = trio.SocketStream | trio.SSLStream

MAX_MESSAGE_BYTES = 16 * 2**20
"""Twice the largest answer that a server gives by default."""

MAX_BUFFERED_EVENTS = 10_000
"""Events kept for a consumer that is busy; then its subscription ends with `EventsLost`."""

MAX_UNSENT = 256
"""Requests that wait for the socket; further callers wait for room."""

CLOSE_S = 2.0
RECEIVE_BYTES = 65_536


class RpcError(Exception):
    """The node's answer to a call was an error of its catalogue."""

    def __init__(self, code: int, name: str, message: str, data: object = None) -> None:
        super().__init__(f"{name} ({code}): {message}")
        self.code = code
        self.name = name
        self.message = message
        self.data = data


class Disconnected(Exception):
    """There is no connection, or none any more: the close code, if one came, and why."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(reason if code is None else f"{code}: {reason}")
        self.code = code
        self.reason = reason


class EventsLost(Exception):
    """The consumer fell too far behind; subscribe again from `resume_from`, and nothing is lost."""

    def __init__(self, resume_from: int) -> None:
        super().__init__(f"too far behind; resume from {resume_from}")
        self.resume_from = resume_from


class _Error(msgspec.Struct, frozen=True):
    code: int
    message: str
    data: Any = None


class _Incoming(msgspec.Struct, frozen=True):
    """A response to one of our requests, or a notification."""

    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"null")


class _Outgoing(msgspec.Struct, frozen=True):
    """A request of ours; a notification has no id at all."""

    method: str
    params: dict[str, Any]
    id: int | msgspec.UnsetType = msgspec.UNSET
    jsonrpc: str = "2.0"


class _Pending:
    """A call that waits for its answer; `on_result` runs before any later message is read."""

    __slots__ = ("answer", "answered", "on_result")

    def __init__(self, on_result: Callable[[msgspec.Raw], None] | None) -> None:
        self.answered = trio.Event()
        self.answer: msgspec.Raw | RpcError | Disconnected | None = None
        self.on_result = on_result

    def settle(self, answer: msgspec.Raw | RpcError | Disconnected) -> None:
        self.answer = answer
        if self.on_result is not None and isinstance(answer, msgspec.Raw):
            self.on_result(answer)
        self.answered.set()


class EventStream:
    """The events of one subscription, in order: ``async for event in stream``.

    Iterating raises `Disconnected` or `EventsLost` once what had arrived before was taken.
    """

    def __init__(self) -> None:
        self.subscription: int | None = None
        self.next = 0
        """The lowest number that it could bring when it was made."""
        self.abandoned = False
        self._put, self._take = trio.open_memory_channel[EventNotice](MAX_BUFFERED_EVENTS)
        self._ending: Exception | None = None

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        try:
            notice = await self._take.receive()
        except trio.EndOfChannel:
            assert self._ending is not None, "a stream ends for a reason"
            raise self._ending from None
        body: EventBody = wire.decode(notice.event, EventBody)  # type: ignore[arg-type]
        return Event(notice.number, notice.height, body)

    def take_in(self, notice: EventNotice) -> None:
        """Buffer an event; one that finds no room ends the stream."""
        try:
            self._put.send_nowait(notice)
        except trio.WouldBlock:
            self.end(EventsLost(notice.number))
        except trio.ClosedResourceError:
            pass  # It ended, and this was on its way.

    def end(self, reason: Exception) -> None:
        """Let the consumer take what is there, and then raise the reason."""
        if self._ending is None:
            self._ending = reason
            self._put.close()

    @property
    def ended(self) -> bool:
        return self._ending is not None


class Client:
    """One connection to a node. Made by `connect`."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self._socket = socket
        self._calls: dict[int, _Pending] = {}
        self._streams: dict[int, EventStream] = {}
        self._last_id = 0
        self._gone: Disconnected | None = None
        self._unsent, self._to_send = trio.open_memory_channel[str](MAX_UNSENT)

    async def call(self, method: str, /, **params: object) -> Any:
        """The result of a call as plain JSON values; raises `RpcError` or `Disconnected`.

        Bytes among the params are sent as hex, `wire.Address` as its text.
        """
        return wire.decode(await self._request(method, params), Any)

    async def ask(self, type_: type[T], method: str, /, **params: object) -> T:
        """The result of a call as one of `views`; raises `RpcError` or `Disconnected`."""
        return wire.decode(await self._request(method, params), type_)

    @asynccontextmanager
    async def subscribe(
        self,
        shard: str,
        topic: str,
        *,
        address: str | Address | None = None,
        from_: int | None = None,
    ) -> AsyncIterator[EventStream]:
        """A topic's events: `blocks`, `market`, or `address` with one.

        `from_` is the lowest number wanted; without it, what comes after the last final block.
        """
        stream = EventStream()
        wanted = {"shard": shard, "topic": topic, "address": address, "from": from_}
        params = {name: value for name, value in wanted.items() if value is not None}

        def register(result: msgspec.Raw) -> None:
            made = wire.decode(result, Subscribed)
            if stream.abandoned:
                self._unsubscribe(made.subscription)
                return
            stream.subscription, stream.next = made.subscription, made.next
            self._streams[made.subscription] = stream

        try:
            await self._request("events.subscribe", params, register)
            yield stream
        finally:
            stream.abandoned = True
            if stream.subscription is not None:
                self._unsubscribe(stream.subscription)

    def _unsubscribe(self, subscription: int) -> None:
        """End a subscription without waiting; if the request finds no room the node tells on."""
        self._streams.pop(subscription, None)
        if self._gone is None:
            request = _Outgoing("events.unsubscribe", {"subscription": subscription})
            try:
                self._unsent.send_nowait(wire.encode(request).decode("utf-8"))
            except trio.WouldBlock:
                return

    async def _request(
        self,
        method: str,
        params: dict[str, Any],
        on_result: Callable[[msgspec.Raw], None] | None = None,
    ) -> msgspec.Raw:
        if self._gone is not None:
            raise Disconnected(self._gone.code, self._gone.reason)
        self._last_id += 1
        id = self._last_id
        plain = {name: _wire_value(value) for name, value in params.items()}
        text = wire.encode(_Outgoing(method, plain, id=id)).decode("utf-8")
        pending = self._calls[id] = _Pending(on_result)
        try:
            # A task of its own sends, so that a caller's timeout cannot cut a frame in two.
            await self._unsent.send(text)
            await pending.answered.wait()
        except trio.BrokenResourceError:
            assert self._gone is not None, "only a closed connection takes no requests"
            raise Disconnected(self._gone.code, self._gone.reason) from None
        finally:
            if on_result is None or pending.answered.is_set():
                # One that makes a subscription stays, to unmake it when the answer comes.
                self._calls.pop(id, None)
        if isinstance(pending.answer, Exception):
            raise pending.answer
        assert pending.answer is not None, "an answered call has its answer"
        return pending.answer

    async def run(self) -> None:
        """Send and receive until the connection ends."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send)
            try:
                while True:
                    self._receive(await self._socket.get_message())
            except ConnectionClosed as closed:
                reason = closed.reason
                code = None if reason is None else reason.code
                self._end(code, (reason and (reason.reason or reason.name)) or "closed")
            except msgspec.MsgspecError as error:
                self._end(None, f"the node speaks something else: {error}")
            nursery.cancel_scope.cancel()
        self._to_send.close()

    async def _send(self) -> None:
        async for text in self._to_send:
            try:
                await self._socket.send_message(text)
            except ConnectionClosed:
                return  # The receiving side says why.

    def _receive(self, text: str | bytes) -> None:
        message = msgspec.json.decode(text, type=_Incoming)
        if message.method == NOTIFICATION:
            notice = wire.decode(message.params, EventNotice)
            stream = self._streams.get(notice.subscription)
            if stream is not None:
                stream.take_in(notice)
                if stream.ended:
                    self._unsubscribe(notice.subscription)
        elif message.id is not None:
            pending = self._calls.pop(message.id, None)
            if pending is not None:
                pending.settle(_error(message.error) if message.error else message.result)

    def _end(self, code: int | None, reason: str) -> None:
        self._gone = Disconnected(code, reason)
        for pending in self._calls.values():
            pending.settle(Disconnected(code, reason))
        for stream in self._streams.values():
            stream.end(Disconnected(code, reason))
        self._calls.clear()
        self._streams.clear()


@asynccontextmanager
async def connect(url: str, *, timeout_s: float = 10.0) -> AsyncIterator[Client]:
    """A connection to a node at ``ws://host:port``, or ``wss://`` where a proxy stands before it.

    Raises `Disconnected` if there is none.
    """
    stream = await _open_stream(url, timeout_s)
    left = False
    try:
        async with trio.open_nursery() as nursery:
            socket = await _shake_hands(nursery, stream, url, timeout_s)
            client = Client(socket)
            nursery.start_soon(client.run)
            try:
                yield client
                left = True
            finally:
                with trio.move_on_after(CLOSE_S):
                    await socket.aclose()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # A ping that comes while we close can no longer be answered, and the library says so.
        _, rest = group.split(LocalProtocolError)
        if rest is None and left:
            return
        if rest is None:
            raise Disconnected(None, f"{url} closed the connection") from group
        if len(rest.exceptions) != 1:
            raise
        # The client's own tasks raise nothing else, so any other error is its user's.
        error = rest.exceptions[0]
        if isinstance(error, ConnectionRejected):
            raise Disconnected(None, f"{url} answers HTTP {error.status_code}") from error
        if isinstance(error, h11.ProtocolError):
            raise Disconnected(None, f"{url} speaks no WebSocket") from error
        raise error from error.__cause__
    finally:
        # trio-websocket leaves the stream of a refused handshake open.
        await trio.aclose_forcefully(stream)


async def _open_stream(url: str, timeout_s: float) -> _Stream:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise Disconnected(None, f"{url} is not of the form ws://host:port")
    try:
        with trio.fail_after(timeout_s):
            if parts.scheme == "ws":
                return await trio.open_tcp_stream(parts.hostname, parts.port or 80)
            return await trio.open_ssl_over_tcp_stream(
                parts.hostname, parts.port or 443, https_compatible=True
            )
    except (OSError, ValueError) as error:
        raise Disconnected(None, f"{url} cannot be reached: {error}") from error
    except trio.TooSlowError:
        raise Disconnected(None, f"{url} did not answer within {timeout_s:g} s") from None


async def _shake_hands(
    nursery: trio.Nursery, stream: _Stream, url: str, timeout_s: float
) -> WebSocketConnection:
    parts = urlsplit(url)
    try:
        with trio.fail_after(timeout_s):
            return await wrap_client_stream(
                nursery,
                stream,
                parts.netloc,
                parts.path or "/",
                max_message_size=MAX_MESSAGE_BYTES,
                receive_buffer_size=RECEIVE_BYTES,
            )
    except trio.TooSlowError:
        raise Disconnected(None, f"{url} speaks no WebSocket") from None


def _error(error: _Error) -> RpcError:
    data = error.data if isinstance(error.data, dict) else {}
    message = f"{error.message}: {data['detail']}" if "detail" in data else error.message
    return RpcError(error.code, str(data.get("name", "UNNAMED")), message, error.data)


def _wire_value(value: object) -> object:
    """Plain bytes as hex, also in lists; everything else as it is."""
    match value:
        case Address() | Hex() | Amount():
            return value
        case bytes():
            return Hex(value)
        case list() | tuple():
            return [_wire_value(item) for item in value]
        case _:
            return value
