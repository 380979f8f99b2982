"""An ASGI server: HTTP/1.1 by h11 on trio, one task for each connection.

Source: RFC 9112 through h11, and the ASGI HTTP specification 2.3. It serves no WebSocket, no
HTTP/2 and no lifespan. It exists because a server that runs inside a validator must outlive every
request; `docs/decisions/http.md` has the measurement.

Invariant: no client ends anything but its own connection; every wait for a client has a limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import h11
import structlog
import trio

from gtxnode.rpc.listener import ListeningAddress, serve_tcp

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = structlog.get_logger(__name__)

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Event, Receive, Send], Awaitable[None]]

RECEIVE_BYTES = 16_384
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of one server, and what happens at each."""

    connections: int = 128
    """A further one is closed at once."""

    head_bytes: int = 16_384
    """A request line with its headers, not yet whole after so many, is answered with 431."""

    body_bytes: int = 2**20
    """A larger request body is answered with 413."""

    read_s: float = 10.0
    """A request's head must be whole within this time; so long may a connection be idle."""

    body_s: float = 30.0
    """A request's body must be whole within this time."""

    write_s: float = 10.0
    """A client that takes nothing of an answer for this long is disconnected."""

    drain_s: float = 1.5
    """When the node stops, answers in progress have this long."""


async def serve_app(
    app: App,
    *,
    host: str,
    port: int,
    limits: HttpLimits,
    task_status: TaskStatus[ListeningAddress] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, then drain. Raises `OSError` where the address cannot be had."""
    stopping = trio.Event()
    open_connections = 0

    async def handle(stream: trio.SocketStream) -> None:
        nonlocal open_connections
        if open_connections >= limits.connections:
            return
        open_connections += 1
        try:
            await _Connection(app, stream, limits, stopping).run()
        except Exception:
            # A connection is a supervised task: its fault is logged and ends it alone.
            log.exception("http_connection_failed")
        finally:
            open_connections -= 1

    await serve_tcp(
        handle,
        scheme="http",
        host=host,
        port=port,
        stopping=stopping,
        drain_s=limits.drain_s,
        task_status=task_status,
    )


class _BodyTooLarge(Exception):
    """The request's body passes the limit."""


class _Connection:
    """One connection: requests one after another, until either side has had enough."""

    def __init__(
        self, app: App, stream: trio.SocketStream, limits: HttpLimits, stopping: trio.Event
    ) -> None:
        self._app = app
        self._stream = stream
        self._limits = limits
        self._stopping = stopping
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._idle = trio.CancelScope()

    async def run(self) -> None:
        """Serve until the connection ends, or the node stops and the answer in hand is given."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_for_the_stop)
            await self._serve()
            nursery.cancel_scope.cancel()

    async def _serve(self) -> None:
        try:
            while await self._serve_one():
                self._h11.start_next_cycle()
            await self._linger()
        except h11.RemoteProtocolError as error:
            await self._refuse(error.error_status_hint)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError):
            return  # The client is gone or as good as gone.

    async def _watch_for_the_stop(self) -> None:
        await self._stopping.wait()
        self._idle.cancel()

    async def _serve_one(self) -> bool:
        """Serve one request; whether another may follow."""
        request = await self._next_request()
        if request is None:
            return False
        await _Exchange(self._app, self, request, self._limits).run()
        self._skip_what_came_unread()
        done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        return done and not self._stopping.is_set()

    async def _next_request(self) -> h11.Request | None:
        """The next request; None when the client has closed or the node stops."""
        self._idle = trio.CancelScope(deadline=trio.current_time() + self._limits.read_s)
        if self._stopping.is_set():
            return None
        request: h11.Request | None = None
        with self._idle:
            event = await self.next_event()
            if isinstance(event, h11.Request):
                request = event
        return request

    def _skip_what_came_unread(self) -> None:
        """Pass over the rest of a request that the application did not read, if it is here."""
        while self._h11.their_state is h11.SEND_BODY:
            if self._h11.next_event() in (h11.NEED_DATA, h11.PAUSED):
                return

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        """What the client says next."""
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                assert not isinstance(event, type) or event is h11.PAUSED, "h11 has two sentinels"
                return event
            if self._h11.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            data = await self._stream.receive_some(RECEIVE_BYTES)
            self._h11.receive_data(data)

    async def send(self, event: h11.Event) -> None:
        """Send a part of the answer."""
        data = self._h11.send(event)
        if data:
            with trio.fail_after(self._limits.write_s):
                await self._stream.send_all(data)

    async def wait_for_close(self) -> None:
        """Return when the client has closed; a request that it pipelines is kept for later."""
        data = await self._stream.receive_some(RECEIVE_BYTES)
        self._h11.receive_data(data)
        if data:
            await trio.sleep_forever()

    def endpoint(self, *, own: bool) -> tuple[str, int]:
        """Address and port of one side."""
        socket = self._stream.socket
        name = socket.getsockname() if own else socket.getpeername()
        return name[0], name[1]

    async def _refuse(self, status: int) -> None:
        """Answer what is no HTTP, if an answer can still be given."""
        if self._h11.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        headers = [(b"content-length", b"0"), (b"connection", b"close"), _date()]
        try:
            reason = _PHRASES.get(status, "")
            await self.send(h11.Response(status_code=status, headers=headers, reason=reason))
            await self.send(h11.EndOfMessage())
            await self._linger()
        except (OSError, trio.BrokenResourceError, trio.TooSlowError):
            return  # It did not want to know.

    async def _linger(self) -> None:
        """Read on for a moment: closing over unread bytes resets, and the answer would be lost."""
        await self._stream.send_eof()
        with trio.move_on_after(self._limits.drain_s):
            while await self._stream.receive_some(RECEIVE_BYTES):
                pass


class _Exchange:
    """One request and its answer, between the application and the connection."""

    def __init__(
        self, app: App, connection: _Connection, request: h11.Request, limits: HttpLimits
    ) -> None:
        self._app = app
        self._connection = connection
        self._request = request
        self._limits = limits
        self._body_bytes = 0
        self._body_deadline = trio.current_time() + limits.body_s
        self._body_ended = False
        self._head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._started = False
        self._finished = False

    async def run(self) -> None:
        """Run the application: either the answer is whole, or the connection ends."""
        try:
            await self._app(self._scope(), self._receive, self._send)
        except _BodyTooLarge:
            await self._answer_plainly(413)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError, h11.RemoteProtocolError):
            raise
        except Exception:
            # A request is a supervised task: the application's fault is logged.
            log.exception("http_request_failed", path=self._request.target[:64])
            await self._answer_plainly(500)
        else:
            await self._answer_plainly(500)

    def _scope(self) -> Event:
        path, _, query = self._request.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self._request.http_version.decode("ascii"),
            "method": self._request.method.decode("ascii").upper(),
            "scheme": "http",
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": list(self._request.headers),
            "client": self._connection.endpoint(own=False),
            "server": self._connection.endpoint(own=True),
        }

    async def _receive(self) -> Event:
        """ASGI's receive: the body in parts, then nothing until the client closes."""
        if self._body_ended:
            if not self._finished:
                await self._connection.wait_for_close()
            return {"type": "http.disconnect"}
        with trio.fail_at(self._body_deadline):
            event = await self._connection.next_event()
        if isinstance(event, h11.Data):
            self._body_bytes += len(event.data)
            if self._body_bytes > self._limits.body_bytes:
                raise _BodyTooLarge
            return {"type": "http.request", "body": bytes(event.data), "more_body": True}
        self._body_ended = True
        if isinstance(event, h11.ConnectionClosed):
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, event: Event) -> None:
        """ASGI's send: the head is kept until the first part of the body."""
        if event["type"] == "http.response.start":
            self._head = (event["status"], [*event.get("headers", ()), _date()])
            return
        assert event["type"] == "http.response.body", "no other message has been offered"
        await self._start()
        body = event.get("body", b"")
        if body and self._request.method != b"HEAD":
            await self._connection.send(h11.Data(data=body))
        if not event.get("more_body", False):
            await self._connection.send(h11.EndOfMessage())
            self._finished = True

    async def _start(self) -> None:
        if not self._started:
            assert self._head is not None, "a body comes after its head"
            status, headers = self._head
            reason = _PHRASES.get(status, "")
            await self._connection.send(
                h11.Response(status_code=status, headers=headers, reason=reason)
            )
            self._started = True

    async def _answer_plainly(self, status: int) -> None:
        """Answer for an application that did not. Half an answer cannot be mended."""
        if self._started:
            return
        self._head = (status, [(b"content-length", b"0"), (b"connection", b"close"), _date()])
        await self._send({"type": "http.response.body"})


def _date() -> tuple[bytes, bytes]:
    return b"date", formatdate(usegmt=True).encode("ascii")
