"""A server on a free port of loopback, over a fake node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

from gtxnode.metrics import Metrics
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.server import ListeningAddress, serve_rpc
from tests.rpc.fake_node import FakeChain, FakeNode

if TYPE_CHECKING:
    from trio_typing import TaskStatus

DEADLINE_S = 30.0
CLOSE_S = 5.0
MAX_ANSWER_BYTES = 2**24


@dataclass(frozen=True)
class Served:
    """A running server and what is behind it."""

    node: FakeNode
    chain: FakeChain
    metrics: Metrics
    address: ListeningAddress
    stop: Callable[[], None]

    @property
    def url(self) -> str:
        return self.address.url


@asynccontextmanager
async def serving(limits: RpcLimits | None = None) -> AsyncIterator[Served]:
    """A server until the block ends or `stop` is called; both must be over in time."""
    chain = FakeChain()
    node = FakeNode(chain)
    metrics = Metrics()
    server = trio.CancelScope()

    async def serve(task_status: TaskStatus[ListeningAddress]) -> None:
        with server:
            await serve_rpc(
                node,
                host="127.0.0.1",
                port=0,
                observe=metrics.rpc,
                limits=limits,
                task_status=task_status,
            )

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            address = await nursery.start(serve)
            yield Served(node, chain, metrics, address, server.cancel)
            server.cancel()


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[WebSocketConnection]:
    """A WebSocket without our client on it."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    stream = await trio.open_tcp_stream(parts.hostname, parts.port)
    async with stream, trio.open_nursery() as nursery:
        socket = await wrap_client_stream(
            nursery, stream, parts.netloc, "/", max_message_size=MAX_ANSWER_BYTES
        )
        yield socket
        with trio.move_on_after(CLOSE_S):
            await socket.aclose()
        nursery.cancel_scope.cancel()
