"""An HTTP server on a free port of loopback, and requests to it by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11
import trio

from gtxnode.rpc.listener import ListeningAddress
from gtxnode.web.asgi import App, HttpLimits, serve_app

if TYPE_CHECKING:
    from trio_typing import TaskStatus

DEADLINE_S = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Web:
    """A running server."""

    address: ListeningAddress
    stop: Callable[[], None]

    async def open(self) -> trio.SocketStream:
        return await trio.open_tcp_stream(self.address.host, self.address.port)

    async def get(self, path: str, *, method: str = "GET") -> Answer:
        async with Caller(await self.open()) as caller:
            return await caller.request(method, path)


class Caller:
    """One connection of a client that keeps it open."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *error: object) -> None:
        await trio.aclose_forcefully(self.stream)

    async def request(self, method: str, path: str, body: bytes = b"") -> Answer:
        headers = [("host", "node"), ("content-length", str(len(body)))]
        await self.send(h11.Request(method=method, target=path, headers=headers))
        if body:
            await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())
        return await self.answer()

    async def send(self, event: h11.Event) -> None:
        await self.stream.send_all(self._h11.send(event) or b"")

    async def answer(self) -> Answer:
        response: h11.Response | None = None
        body = bytearray()
        while True:
            match self._h11.next_event():
                case h11.NEED_DATA:
                    self._h11.receive_data(await self.stream.receive_some(65_536))
                case h11.Response() as head:
                    response = head
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage():
                    assert response is not None
                    if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
                        self._h11.start_next_cycle()
                    headers = {name.decode(): value.decode() for name, value in response.headers}
                    return Answer(response.status_code, headers, bytes(body))


@asynccontextmanager
async def web(app: App, limits: HttpLimits | None = None) -> AsyncIterator[Web]:
    """A server until the block ends or `stop` is called; both must be over in time."""
    server = trio.CancelScope()

    async def serve(task_status: TaskStatus[ListeningAddress]) -> None:
        with server:
            await serve_app(
                app,
                host="127.0.0.1",
                port=0,
                limits=limits or HttpLimits(),
                task_status=task_status,
            )

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            address = await nursery.start(serve)
            yield Web(address, server.cancel)
            server.cancel()
