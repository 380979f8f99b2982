"""JSON-RPC 2.0, sans-IO: text to requests, answers to text.

Source: the JSON-RPC 2.0 specification (2013-01-04); section numbers below are its own. RFC 8259
section 9 lets a reader set limits, and ours are strict: what two readers could take to mean
different things (a key twice, a number out of range, a lone surrogate) is refused.

Invariant: `parse` returns a `Message` or raises `RpcFailure`, whatever the text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from gtxnode.rpc import wire
from gtxnode.rpc.errors import STANDARD_MESSAGES, ErrorCode, RpcFailure

MAX_BATCH = 1_000
"""Entries of a batch; a larger one is refused as a whole."""

MAX_NUMBER_CHARACTERS = 20
"""Digits and sign of an integer: enough for 64 bits, so that no conversion is ever slow."""

MAX_VALUES = 16_384
"""Commas and brackets of a message: a MiB of `[],[],` would hold the event loop for 60 ms."""

RequestId = str | int | float | None
"""Section 4: a string, a number, or null; a fractional number is discouraged, not forbidden."""

Params = list[object] | dict[str, object]


@dataclass(frozen=True, slots=True)
class Call:
    """A request object that wants an answer under its id."""

    id: RequestId
    method: str
    params: Params


@dataclass(frozen=True, slots=True)
class Notification:
    """A request object without an id: never answered, whatever becomes of it (section 4.1)."""

    method: str
    params: Params


@dataclass(frozen=True, slots=True)
class Invalid:
    """What stands where a request object should: answered under its id, if it has one."""

    id: RequestId
    why: str

    @property
    def failure(self) -> RpcFailure:
        return RpcFailure(ErrorCode.INVALID_REQUEST, self.why)


Entry = Call | Notification | Invalid


@dataclass(frozen=True, slots=True)
class Message:
    """One entry, or a batch of one and more (section 6)."""

    entries: tuple[Entry, ...]
    is_batch: bool


def parse(text: str | bytes, *, max_batch: int = MAX_BATCH) -> Message:
    """Read one message. `RpcFailure` is to be answered once, under the id null."""
    value = parse_json(text)
    if not isinstance(value, list):
        return Message((_entry(value),), is_batch=False)
    if not value:
        raise RpcFailure(ErrorCode.INVALID_REQUEST, "an empty batch")
    if len(value) > max_batch:
        message = f"a batch of {len(value)} entries; at most {max_batch} are taken"
        raise RpcFailure(ErrorCode.BATCH_TOO_LARGE, message, {"limit": max_batch})
    return Message(tuple(_entry(item) for item in value), is_batch=True)


def result_of(id: RequestId, result: bytes) -> bytes:
    """The response object for a result that is JSON already (section 5)."""
    return b'{"jsonrpc":"2.0","result":%b,"id":%b}' % (result, wire.encode(id))


def failure_of(id: RequestId, failure: RpcFailure) -> bytes:
    """The response object for a failure (section 5.1)."""
    data: dict[str, object] = {"name": failure.code.name}
    message = failure.message
    if failure.code in STANDARD_MESSAGES:
        message = STANDARD_MESSAGES[failure.code]
        data["detail"] = failure.message
    error = {"code": int(failure.code), "message": message, "data": data | dict(failure.data or {})}
    return b'{"jsonrpc":"2.0","error":%b,"id":%b}' % (wire.encode(error), wire.encode(id))


def notification_of(method: str, params: bytes) -> bytes:
    """The request object, without an id, that tells a client of something."""
    return b'{"jsonrpc":"2.0","method":%b,"params":%b}' % (wire.encode(method), params)


def answer_to(message: Message, responses: Sequence[bytes]) -> bytes | None:
    """The whole answer: nothing at all where there was nothing but notifications (section 6)."""
    if not responses:
        return None
    return b"[%b]" % b",".join(responses) if message.is_batch else responses[0]


def parse_json(text: str | bytes) -> object:
    """JSON text as plain values; `RpcFailure` with PARSE_ERROR for anything else."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES} commas and brackets")
        value = _DECODER.decode(text)
        if "\\u" in text:
            # Only an escape can bring in a lone surrogate, which no answer could repeat.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise RpcFailure(ErrorCode.PARSE_ERROR, "nested too deeply") from None
    except UnicodeError:
        raise RpcFailure(ErrorCode.PARSE_ERROR, "not UTF-8, or a lone surrogate") from None
    except ValueError as error:
        raise RpcFailure(ErrorCode.PARSE_ERROR, str(error)) from None
    return value


def _entry(value: object) -> Entry:
    if not isinstance(value, dict):
        return Invalid(None, "a request is an object")
    id = value.get("id")
    if isinstance(id, bool) or not isinstance(id, str | int | float | None):
        return Invalid(None, "an id is a string, a number or null")
    if value.get("jsonrpc") != "2.0":
        return Invalid(id, 'the member jsonrpc must be "2.0"')
    method = value.get("method")
    if not isinstance(method, str):
        return Invalid(id, "the member method must be a string")
    params = value.get("params", {})
    if not isinstance(params, list | dict):
        return Invalid(id, "the member params must be an array or an object")
    return Call(id, method, params) if "id" in value else Notification(method, params)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER_CHARACTERS:
        raise ValueError(f"an integer of more than {MAX_NUMBER_CHARACTERS} characters")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number out of range")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)
