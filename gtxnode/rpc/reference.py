"""`docs/rpc.md` and `docs/errors.md`, made from the method table, the views and the catalogues.

`python -m gtxnode.rpc.reference docs` writes both; a test holds them against it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gtxnode.config import MIB, BatchesConfig
from gtxnode.primitives.errors import Reason
from gtxnode.rpc.codec import MAX_VALUES
from gtxnode.rpc.discover import describe
from gtxnode.rpc.errors import CloseCode, ErrorCode
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.prose import ERRORS, RPC

_MADE = "<!-- Made by `python -m gtxnode.rpc.reference docs`. Change the source, not this file. -->"
_WIRE_FORMS = {"[0-9a-f]": "hex", "[1-9]": "amount", "gtx1": "address"}
"""What a pattern shows that a string is."""
SYNC_MS = 40
"""What sealing and syncing a batch add on a slow disk or a busy machine."""


def documents() -> dict[str, str]:
    """The files by name."""
    return {"rpc.md": _rpc(), "errors.md": _errors()}


def _rpc() -> str:
    document = describe()
    schemas: Any = document["components"]
    methods: Any = document["methods"]
    prose = RPC.format(limits="\n".join(_limits()), **_pace())
    parts = [_MADE, prose, "## Methods\n", *_methods(methods), "## Answers\n"]
    parts += _answers(schemas["schemas"])
    return "\n".join(parts).rstrip() + "\n"


def _errors() -> str:
    rpc = [f"| {int(code)} | `{code.name}` | {code.meaning} |" for code in ErrorCode]
    closes = [f"| {int(code)} | `{code.name}` | {code.meaning} |" for code in CloseCode]
    reasons = [f"| `{reason.value}` | {reason.description} |" for reason in Reason]
    text = ERRORS.format(rpc="\n".join(rpc), closes="\n".join(closes), reasons="\n".join(reasons))
    return f"{_MADE}\n{text}"


def _pace() -> dict[str, int]:
    """What one connection can submit, a transaction a message; to tens a second."""
    limits, gather_ms = RpcLimits(), BatchesConfig().gather_ms
    fastest = limits.messages_per_connection * 1_000 // gather_ms
    return {
        "gather_ms": gather_ms,
        "messages": limits.messages_per_connection,
        "calls": limits.calls_per_message,
        "fastest": fastest,
        "slowest": fastest * gather_ms // (gather_ms + SYNC_MS) // 10 * 10,
    }


def _limits() -> Iterator[str]:
    limits = RpcLimits()
    rows = {
        "message": (_bytes(limits.message_bytes), "the connection ends with `TOO_BIG`"),
        "commas and brackets of a message": (f"{MAX_VALUES:,}", "`PARSE_ERROR`"),
        "entries of a batch": (f"{limits.batch:,}", "one `BATCH_TOO_LARGE`, none is done"),
        "connections of a node": (f"{limits.connections:,}", "HTTP 503 in the handshake"),
        "messages of a connection answered at once": (
            f"{limits.messages_per_connection}, {limits.messages_in_all} in all",
            "further ones wait unread",
        ),
        "time of a call": (f"{limits.call_s:g} s", "`TIMED_OUT`"),
        "answer": (_bytes(limits.answer_bytes), "`RESPONSE_TOO_LARGE`"),
        "subscriptions of a connection": (
            str(limits.subscriptions),
            "`TOO_MANY_SUBSCRIPTIONS`",
        ),
        "messages queued for a client": (
            f"{limits.queue:,}, {_bytes(limits.queue_bytes)}",
            f"no room for {limits.slow_client_s:g} s: it ends with `SLOW_CLIENT`",
        ),
        "answer to a ping, sent every " + f"{limits.ping_s:g} s": (
            f"{limits.ping_answer_s:g} s",
            "the connection ends with `PING_TIMEOUT`",
        ),
        "handshake": (f"{limits.handshake_s:g} s", "the connection is dropped"),
        "the node's stopping": (
            f"{limits.drain_s:g} s",
            "calls in hand are answered in half of it, or `TIMED_OUT`; new ones with `STOPPING`",
        ),
    }
    for what, (limit, consequence) in rows.items():
        yield f"| {what} | {limit} | {consequence} |"


def _bytes(count: int) -> str:
    return f"{count // MIB} MiB"


def _methods(methods: list[dict[str, Any]]) -> Iterator[str]:
    for method in methods:
        yield f"### `{method['name']}`\n"
        yield f"{method['summary']}\n"
        for param in method["params"]:
            schema = param["schema"]
            yield f"- `{param['name']}`: {_type(schema)}{_default(param, schema)}{_note(schema)}"
        if method["params"]:
            yield ""
        yield f"Result: {_type(method['result']['schema'])}."
        if method["errors"]:
            names = (str(error["$ref"]).rpartition("/")[2] for error in method["errors"])
            yield f"Errors: {', '.join(f'`{name}`' for name in names)}."
        yield ""


def _answers(schemas: Mapping[str, Any]) -> Iterator[str]:
    """Every type that an answer or an event may hold."""
    for name, schema in sorted(schemas.items()):
        if schema.get("additionalProperties") is False:
            continue  # A method's params, shown with the method.
        yield f"### {name}\n"
        yield f"{_sentence(schema)}\n"
        for field, property in schema.get("properties", {}).items():
            yield f"- `{field}`: {_type(property)}{_note(property)}"
        if "enum" in schema:
            yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}."
        yield ""


def _sentence(schema: Mapping[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split())


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any JSON"))
    if kind == "array":
        counts = (
            f" ({schema['minItems']} to {schema['maxItems']:,})" if "maxItems" in schema else ""
        )
        return f"array{counts} of {_type(schema.get('items', {}))}"
    if kind == "string":
        pattern = str(schema.get("pattern", ""))
        return next((form for mark, form in _WIRE_FORMS.items() if mark in pattern), "string")
    if kind == "integer" and schema.get("maximum", 2**31) < 2**31:
        return f"integer ({schema['minimum']} to {schema['maximum']:,})"
    return kind


def _default(param: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if param["required"]:
        return ""
    default = schema.get("default")
    return ", optional" if default is None else f", default {default}"


def _note(schema: Mapping[str, Any]) -> str:
    return f": {schema['description']}" if "description" in schema else ""


def main(folder: str) -> None:
    """Write both into the folder."""
    for name, text in documents().items():
        Path(folder, name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
