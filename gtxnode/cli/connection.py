"""Asking a node: where it is, how long to wait, and what its errors mean to a script."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gtxnode.cli.exits import CommandFailed, Exit, innermost
from gtxnode.cli.session import session
from gtxnode.primitives.zones import REGISTRY

if TYPE_CHECKING:
    from gtxnode.rpc.client import Client

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

DEFAULT_TIMEOUT_S = 10.0
MAX_TIMEOUT_S = 3_600.0
# Where a node listens on every address, it is asked on this machine's own.
_WILDCARDS: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}

_ENDS: Mapping[str, Exit] = {
    "NOT_FOUND": Exit.NOT_FOUND,
    "PRUNED": Exit.NOT_FOUND,
    "NOT_HOSTED": Exit.NOT_FOUND,
    "INVALID_PARAMS": Exit.USAGE,
    "INTERNAL_ERROR": Exit.FAILED,
}
"""Errors of the interface by name; those that are not here are refusals."""


class WebSocketUrl(click.ParamType[str]):
    """Where a node listens: `ws://` or `wss://`, a host, a port."""

    name = "WS-URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Fails on what could not be connected to anyway."""
        from urllib.parse import urlsplit

        text = str(value)
        try:
            parts = urlsplit(text)
            whole = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
        except ValueError:
            whole = False  # a port out of range, a bracket left open
        if not whole:
            self.fail(f"{text!r} is no WebSocket address, as ws://127.0.0.1:4601", param, ctx)
        return text


def node_options(command: F) -> F:
    """`--url` and `--timeout`."""
    url = click.option(
        "--url",
        envvar="GTX_URL",
        type=WebSocketUrl(),
        help="The node's WebSocket.  [default: rpc.host and rpc.port of the home; GTX_URL]",
    )
    timeout = click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(0, MAX_TIMEOUT_S, min_open=True),
        envvar="GTX_TIMEOUT",
        default=DEFAULT_TIMEOUT_S,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for the node.  [GTX_TIMEOUT]",
    )
    return url(timeout(command))


def shard_option(command: F) -> F:
    """`--shard`."""
    return click.option(
        "--shard",
        envvar="GTX_SHARD",
        metavar="SHARD",
        help="Which chain.  [default: the only one that the node hosts, but for the registry;"
        " GTX_SHARD]",
    )(command)


def ask(
    url: str | None,
    timeout_s: float,
    conversation: Callable[["Client"], Awaitable[T]],
    *,
    waits_s: float = 0,
) -> T:
    """Connect to the node, hold the conversation, and return what it returns.

    A conversation that waits for a block may take `waits_s` longer than answers do.
    `CommandFailed` when the node cannot be reached, does not answer in time, or says no.
    """
    import trio

    from gtxnode.rpc.client import Disconnected, RpcError, connect

    where = url or own_url()

    async def converse() -> T:
        with trio.fail_after(timeout_s + waits_s):
            async with connect(where, timeout_s=timeout_s) as client:
                return await conversation(client)

    try:
        return trio.run(converse)
    except (Disconnected, OSError, trio.TooSlowError, RpcError, ExceptionGroup) as error:
        match innermost(error):
            case Disconnected() | OSError() as gone:
                raise _unreachable(where, str(gone)) from error
            case trio.TooSlowError():
                raise _unreachable(where, f"no answer within {timeout_s:g} s") from error
            case RpcError(name=name, message=message):
                end = _ENDS.get(name, Exit.REFUSED)
                raise CommandFailed(f"rpc.{name.lower()}", message, end) from error
            case _:
                raise


def own_url() -> str:
    """The WebSocket of the home's own node, by its settings."""
    rpc = session().settings().config.rpc
    if rpc.port == 0:
        raise CommandFailed(
            "rpc.unknown_port", "rpc.port is 0, so the port is not known; give --url", Exit.USAGE
        )
    host = _WILDCARDS.get(rpc.host, f"[{rpc.host}]" if ":" in rpc.host else rpc.host)
    return f"ws://{host}:{rpc.port}"


async def shard_of(client: "Client", shard: str | None) -> str:
    """The shard that is meant: the given one, or the only one that the node hosts.

    The registry does not count beside another: every node hosts it with whatever it is there for.
    """
    if shard is not None:
        return shard
    status = await client.call("node.status")
    hosted = [chain["shard"] for chain in status["chains"]]
    if len(hosted) == 2 and REGISTRY in hosted:
        hosted.remove(REGISTRY)
    if len(hosted) != 1:
        message = f"the node hosts {', '.join(hosted) or 'no shard'}; say which with --shard"
        raise CommandFailed("usage", message, Exit.USAGE)
    return str(hosted[0])


def _unreachable(where: str, reason: str) -> CommandFailed:
    message = reason if where in reason else f"{where}: {reason}"
    return CommandFailed("rpc.unreachable", message, Exit.UNREACHABLE)
