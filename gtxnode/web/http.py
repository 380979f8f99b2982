"""What the node answers over HTTP: `/metrics`, `/livez`, `/readyz`, and what is added later.

The routes are a Starlette application, run by `asgi`: REST, GraphQL and pages go onto the
same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gtxnode.metrics import CONTENT_TYPE, Metrics
from gtxnode.rpc import wire
from gtxnode.rpc.backend import Node
from gtxnode.rpc.listener import ListeningAddress
from gtxnode.web.asgi import HttpLimits, serve_app

if TYPE_CHECKING:
    from trio_typing import TaskStatus

JSON = "application/json"
NOT_READY = 503


def make_app(node: Node, metrics: Metrics) -> Starlette:
    """The application: its routes over the node."""

    async def exposition(request: Request) -> Response:
        return Response(metrics.exposition(), headers={"content-type": CONTENT_TYPE})

    async def livez(request: Request) -> Response:
        """The event loop turns, and that is all that it says."""
        return Response(wire.encode({"live": True}), media_type=JSON)

    async def readyz(request: Request) -> Response:
        """Whether to send clients here: not while catching up, and the reasons say why."""
        status = node.status()
        answer = {"ready": status.ready, "reasons": status.reasons, "chains": status.chains}
        return Response(wire.encode(answer), 200 if status.ready else NOT_READY, media_type=JSON)

    return Starlette(
        routes=[
            Route("/metrics", exposition),
            Route("/livez", livez),
            Route("/readyz", readyz),
        ]
    )


async def serve_http(
    node: Node,
    metrics: Metrics,
    *,
    host: str,
    port: int,
    limits: HttpLimits | None = None,
    task_status: TaskStatus[ListeningAddress] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Raises `OSError` where the address cannot be had."""
    await serve_app(
        make_app(node, metrics),
        host=host,
        port=port,
        limits=limits or HttpLimits(),
        task_status=task_status,
    )
