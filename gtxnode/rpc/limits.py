"""The interface's limits, and what happens at each; `docs/rpc.md` repeats them for clients.

What an operator may set has its default in `gtxnode.config`, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from gtxnode.config import MIB, NodeConfig, RpcConfig
from gtxnode.rpc.codec import MAX_BATCH

_NODE = NodeConfig()
_RPC = RpcConfig()


@dataclass(frozen=True, slots=True)
class RpcLimits:
    """Limits of one server. The defaults are what the reference states."""

    message_bytes: int = _RPC.max_message_bytes
    """A larger message ends the connection with TOO_BIG."""

    batch: int = MAX_BATCH
    """A larger batch is answered with one BATCH_TOO_LARGE."""

    connections: int = _RPC.max_connections
    """A further one is refused with HTTP 503 in the handshake."""

    messages_per_connection: int = 16
    """Messages answered at once; further ones wait unread."""

    messages_in_all: int = 256
    """The same over all connections."""

    calls_per_message: int = 16
    """Entries of a batch that run at once."""

    call_s: float = 30.0
    """A call that takes longer is answered with TIMED_OUT."""

    answer_bytes: int = 8 * MIB
    """An answer that would be larger, a batch's as a whole, is RESPONSE_TOO_LARGE instead."""

    subscriptions: int = _RPC.max_subscriptions
    """A further one on the same connection is TOO_MANY_SUBSCRIPTIONS."""

    queue: int = _RPC.queue_events
    """Messages that wait to be sent to one client,"""
    queue_bytes: int = 4 * MIB
    """and their bytes, past which answers and events wait for room,"""
    slow_client_s: float = 10.0
    """and if there is none for this long, the connection ends with SLOW_CLIENT."""

    ping_s: float = _RPC.ping_s
    """The server pings; a client that does not answer within"""
    ping_answer_s: float = 20.0
    """loses its connection with PING_TIMEOUT."""

    handshake_s: float = 10.0
    """A connection that is not a WebSocket by then is dropped."""

    drain_s: float = _NODE.drain_s
    """When the node stops, all connections end within this time. Calls in hand have half of it,
    and are TIMED_OUT then; calls that still come are answered with STOPPING."""

    close_s: float = 1.5
    """A connection has this long to send what is queued, and again to shake hands on its close."""
