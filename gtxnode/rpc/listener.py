"""Listening on TCP, with an end in order: for the WebSocket server and the HTTP server alike.

Invariant: a cancelled server takes no new connection, and gives those that it has the stated time
to end by themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from trio_typing import TaskStatus


@dataclass(frozen=True, slots=True)
class ListeningAddress:
    """Where a server listens, and the scheme that it speaks."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class CannotListen(OSError):
    """The address cannot be had: in use, or not this machine's."""

    def __init__(self, address: ListeningAddress, error: OSError) -> None:
        super().__init__(error.errno, f"{address.url}: {error.strerror or error}")

    def __str__(self) -> str:
        return str(self.strerror)


async def serve_tcp(
    handle: Callable[[trio.SocketStream], Awaitable[object]],
    *,
    scheme: str,
    host: str,
    port: int,
    stopping: trio.Event,
    drain_s: float,
    task_status: TaskStatus[ListeningAddress] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve connections until cancelled; then set `stopping` and wait `drain_s` for them to end.

    `handle` must not raise. Raises `CannotListen`.
    """
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise CannotListen(ListeningAddress(scheme, host, port), error) from error
    bound = listeners[0].socket.getsockname()
    async with trio.open_nursery() as nursery:
        connections: trio.Nursery = await nursery.start(_hold, stopping, drain_s)
        try:
            task_status.started(ListeningAddress(scheme, bound[0], bound[1]))
            await trio.serve_listeners(handle, listeners, handler_nursery=connections)
        finally:
            stopping.set()


async def _hold(
    stopping: trio.Event,
    drain_s: float,
    task_status: TaskStatus[trio.Nursery] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Hold the connections' nursery, shielded, so that those cancelled can still say goodbye."""
    with trio.CancelScope(shield=True) as scope:
        async with trio.open_nursery() as nursery:
            task_status.started(nursery)
            await stopping.wait()
            scope.deadline = trio.current_time() + drain_s
