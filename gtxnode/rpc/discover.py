"""`rpc.discover`: the OpenRPC document of the interface, derived from the method table.

Source: the OpenRPC specification 1.3 (spec.open-rpc.org). Schemas come from the types that the
handlers are annotated with, so that the document cannot say anything else than the code does.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from gtxnode.rpc import wire
from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods import METHODS
from gtxnode.rpc.methods.row import Method
from gtxnode.rpc.views.events import Event

OPENRPC_VERSION = "1.3.2"
INTERFACE_VERSION = "1.0.0"
"""Of this interface, not of the node: the first number rises when a client could break."""

_REF = "#/components/schemas/{name}"


@cache
def openrpc_document() -> bytes:
    """The document as JSON text."""
    return wire.encode(describe())


def describe() -> dict[str, object]:
    """The document as plain values."""
    methods = list(METHODS.values())
    types: list[Any] = [method.params for method in methods]
    types += [_result_type(method) for method in methods]
    types += [Event]
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=wire.schema_of, ref_template=_REF
    )
    count = len(methods)
    results = schemas[count : 2 * count]
    rows = zip(methods, results, strict=True)
    return {
        "openrpc": OPENRPC_VERSION,
        "info": {
            "title": "GridTokenX node",
            "version": INTERFACE_VERSION,
            "description": "JSON-RPC 2.0 over WebSocket. Amounts are decimal strings, bytes "
            "lower-case hex, addresses bech32m. Events arrive as `events.event` notifications.",
        },
        "methods": [_describe_method(method, result, components) for method, result in rows],
        "components": {
            "schemas": components,
            "errors": {code.name: _describe_error(code) for code in ErrorCode},
        },
    }


def _describe_method(
    method: Method, result: dict[str, Any], components: dict[str, Any]
) -> dict[str, object]:
    """A method object: its parameters one by one, as OpenRPC wants them."""
    schema = components[method.params.__name__]
    required = schema.get("required", ())
    return {
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "either",
        "params": [
            {"name": name, "required": name in required, "schema": property}
            for name, property in schema["properties"].items()
        ],
        "result": {"name": "result", "schema": result},
        "errors": [{"$ref": f"#/components/errors/{code.name}"} for code in method.errors],
    }


def _describe_error(code: ErrorCode) -> dict[str, object]:
    return {"code": int(code), "message": code.meaning, "data": {"name": code.name}}


def _result_type(method: Method) -> Any:
    """A result's type; an OpenRPC document has a schema of its own, which is not ours to repeat."""
    return dict[str, Any] if method.result is msgspec.Raw else method.result
