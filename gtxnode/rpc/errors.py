"""The catalogue of the interface's errors, from which `docs/errors.md` is generated.

A code never changes its meaning and is never used again for another. JSON-RPC 2.0 (section 5.1)
gives the first five and leaves -32000 to -32099 to servers. Why the ledger refuses a transaction is
another catalogue, `gtxnode.primitives.errors.Reason`: a refusal is an answer, not a failed call.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, unique


@unique
class ErrorCode(IntEnum):
    """What went wrong with a call: the integer on the wire, its name, and what it means."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> ErrorCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    PARSE_ERROR = (
        -32700,
        "The message is not JSON text in UTF-8, or passes a limit: a key twice in one object, "
        "NaN or an infinity, a number out of range, a lone surrogate, nesting too deep.",
    )
    INVALID_REQUEST = (-32600, "The JSON is no request object of JSON-RPC 2.0.")
    METHOD_NOT_FOUND = (-32601, "There is no method of that name.")
    INVALID_PARAMS = (-32602, "A parameter is missing, unknown, or of the wrong form.")
    INTERNAL_ERROR = (-32603, "The node failed to answer. Its log says why.")
    NOT_HOSTED = (-32001, "This node does not host that shard; `data` lists those that it does.")
    NOT_FOUND = (-32002, "Nothing of that id or height is known.")
    PRUNED = (-32003, "It was stored once and is no longer; `data` has the first height kept.")
    STOPPING = (-32005, "The node is stopping. Nothing was done; try another.")
    BATCH_TOO_LARGE = (-32006, "The batch has more entries than `data` allows. None was done.")
    RESPONSE_TOO_LARGE = (
        -32007,
        "The call was done, but its answer passes the limit; ask for less at a time.",
    )
    TOO_MANY_SUBSCRIPTIONS = (-32008, "The connection has as many subscriptions as are allowed.")
    UNKNOWN_SUBSCRIPTION = (-32009, "The connection has no subscription of that number.")
    TIMED_OUT = (
        -32010,
        "The node did not finish the call in time; whether it was done is not known. Ask for the "
        "state, or send it again: submitting twice is harmless.",
    )


STANDARD_MESSAGES: Mapping[ErrorCode, str] = {
    ErrorCode.PARSE_ERROR: "Parse error",
    ErrorCode.INVALID_REQUEST: "Invalid Request",
    ErrorCode.METHOD_NOT_FOUND: "Method not found",
    ErrorCode.INVALID_PARAMS: "Invalid params",
    ErrorCode.INTERNAL_ERROR: "Internal error",
}
"""The messages that JSON-RPC 2.0 itself gives; what is particular goes into the error's data."""


@unique
class CloseCode(IntEnum):
    """Why the server closed a connection (RFC 6455 section 7.4; 4000 and up are ours)."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> CloseCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    GOING_AWAY = (
        1001,
        "The node is stopping. Calls that it had taken were answered; try another node.",
    )
    TOO_BIG = (1009, "A message was larger than the limit.")
    INTERNAL = (1011, "The connection failed inside the node. Its log says why.")
    SLOW_CLIENT = (
        4008,
        "The client did not read: its queue stayed full for the stated time. Connect again and "
        "resume each subscription from the number after the last one that arrived.",
    )
    PING_TIMEOUT = (4009, "The client did not answer the server's ping.")
    EVENTS_PRUNED = (
        4010,
        "A subscription was so far behind that the events it needed are no longer stored.",
    )


class RpcFailure(Exception):
    """A call that cannot be answered: its code, words for people, and data for programs."""

    def __init__(
        self, code: ErrorCode, message: str = "", data: Mapping[str, object] | None = None
    ) -> None:
        self.code = code
        self.message = message or code.meaning
        self.data = data
        super().__init__(f"{code.name}: {self.message}")


class NotHosted(RpcFailure):
    """This node does not host that shard."""

    def __init__(self, shard: str, hosted: tuple[str, ...]) -> None:
        message = f"no shard {shard[:64]!r} is hosted here"
        super().__init__(ErrorCode.NOT_HOSTED, message, {"shards": list(hosted)})


class NotFound(RpcFailure):
    """Nothing of that id or height: `what` names the kind, such as `block 12`."""

    def __init__(self, what: str) -> None:
        super().__init__(ErrorCode.NOT_FOUND, f"{what} is not known")


class BadValue(RpcFailure):
    """A parameter of the right form that names nothing of ours."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(ErrorCode.INVALID_PARAMS, reason, {"field": field})


class Pruned(RpcFailure):
    """It was stored once; `first_height` is the lowest height that still is."""

    def __init__(self, what: str, first_height: int) -> None:
        message = f"{what} is no longer stored; the first height kept is {first_height}"
        super().__init__(ErrorCode.PRUNED, message, {"first_height": first_height})


class Stopping(RpcFailure):
    """The node is stopping and takes nothing more."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.STOPPING)
