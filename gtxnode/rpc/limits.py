"""The interface's limits, and what happens at each; `docs/rpc.md` repeats them for clients."""

from __future__ import annotations

from dataclasses import dataclass

from gtxnode.rpc.codec import MAX_BATCH

MIB = 2**20


@dataclass(frozen=True, slots=True)
class RpcLimits:
    """Limits of one server. The defaults are what the reference states."""

    message_bytes: int = MIB
    """A larger message ends the connection with TOO_BIG."""

    batch: int = MAX_BATCH
    """A larger batch is answered with one BATCH_TOO_LARGE."""

    connections: int = 500
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

    subscriptions: int = 64
    """A further one on the same connection is TOO_MANY_SUBSCRIPTIONS."""

    queue: int = 256
    """Messages that wait to be sent to one client,"""
    queue_bytes: int = 4 * MIB
    """and their bytes, past which answers and events wait for room,"""
    slow_client_s: float = 10.0
    """and if there is none for this long, the connection ends with SLOW_CLIENT."""

    ping_s: float = 20.0
    """The server pings; a client that does not answer within"""
    ping_answer_s: float = 20.0
    """loses its connection with PING_TIMEOUT."""

    handshake_s: float = 10.0
    """A connection that is not a WebSocket by then is dropped."""

    drain_s: float = 1.5
    """When the node stops, calls in progress have this long to end."""

    close_s: float = 1.5
    """A connection has this long to send what is queued, and again to shake hands on its close."""
