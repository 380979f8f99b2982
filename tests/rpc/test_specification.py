"""Every example of section 7 of the JSON-RPC 2.0 specification, through the whole session.

The methods are the specification's own. Answers must be what it prints, but for `data`, which
section 5.1 leaves to the server.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import trio

from gtxnode.metrics import Metrics
from gtxnode.rpc import methods
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.methods.row import Handler, Session, row
from gtxnode.rpc.outbox import Outbox
from gtxnode.rpc.session import ClientSession, Surroundings
from tests.rpc.fake_node import FakeNode


class Subtraction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    minuend: int
    subtrahend: int


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    e: int = 0


async def subtract(session: Session, params: Subtraction) -> int:
    """Subtract."""
    return params.minuend - params.subtrahend


async def add(session: Session, params: Numbers) -> int:
    """Add."""
    return params.a + params.b + params.c + params.d + params.e


async def get_data(session: Session, params: Numbers) -> tuple[str, int]:
    """Some data."""
    return ("hello", 5)


SPECIFIED: dict[str, Handler] = {
    "subtract": subtract,
    "sum": add,
    "update": add,
    "notify_hello": add,
    "notify_sum": add,
    "get_data": get_data,
}

EXAMPLES: list[tuple[str, str, Any]] = [
    (
        "positional parameters",
        '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
        {"jsonrpc": "2.0", "result": 19, "id": 1},
    ),
    (
        "positional parameters, the other way round",
        '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
        {"jsonrpc": "2.0", "result": -19, "id": 2},
    ),
    (
        "named parameters",
        '{"jsonrpc": "2.0", "method": "subtract", '
        '"params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
        {"jsonrpc": "2.0", "result": 19, "id": 3},
    ),
    (
        "named parameters in another order",
        '{"jsonrpc": "2.0", "method": "subtract", '
        '"params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
        {"jsonrpc": "2.0", "result": 19, "id": 4},
    ),
    ("a notification", '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', None),
    ("a notification of nothing known", '{"jsonrpc": "2.0", "method": "foobar"}', None),
    (
        "a method that does not exist",
        '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
        {
            "jsonrpc": "2.0",
            "error": {"code": -32601, "message": "Method not found"},
            "id": "1",
        },
    ),
    (
        "invalid JSON",
        '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
        {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None},
    ),
    (
        "an invalid request object",
        '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
        {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None},
    ),
    (
        "a batch of invalid JSON",
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
        '{"jsonrpc": "2.0", "method"]',
        {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None},
    ),
    (
        "an empty array",
        "[]",
        {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None},
    ),
    (
        "an invalid batch that is not empty",
        "[1]",
        [{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None}],
    ),
    (
        "an invalid batch",
        "[1,2,3]",
        [{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None}]
        * 3,
    ),
    (
        "a batch",
        """[
            {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
            {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
        ]""",
        [
            {"jsonrpc": "2.0", "result": 7, "id": "1"},
            {"jsonrpc": "2.0", "result": 19, "id": "2"},
            {
                "jsonrpc": "2.0",
                "error": {"code": -32600, "message": "Invalid Request"},
                "id": None,
            },
            {
                "jsonrpc": "2.0",
                "error": {"code": -32601, "message": "Method not found"},
                "id": "5",
            },
            {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"},
        ],
    ),
    (
        "a batch of notifications only",
        """[
            {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
        ]""",
        None,
    ),
]


async def answer(text: str | bytes) -> Any:
    """What the session answers, without the errors' data; None for nothing at all."""
    outbox = Outbox(max_messages=10, max_bytes=2**20, patience_s=1)
    async with trio.open_nursery() as nursery:
        surroundings = Surroundings(FakeNode(), {}, RpcLimits(), Metrics().rpc)
        session = ClientSession(surroundings, outbox, nursery, lambda code: None)
        await session.answer(text)
    if not len(outbox):
        return None
    value = json.loads(await outbox.get())
    for response in value if isinstance(value, list) else [value]:
        if "error" in response:
            assert response["error"].pop("data")["name"]
    return value


@pytest.mark.parametrize(
    ("text", "expected"), [row[1:] for row in EXAMPLES], ids=[row[0] for row in EXAMPLES]
)
async def test_the_specifications_examples(
    text: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {name: row(name, handler) for name, handler in SPECIFIED.items()}
    monkeypatch.setattr(methods, "METHODS", table)
    assert await answer(text) == expected


@pytest.mark.parametrize("id", ["x", "", 0, -1, 2**63, 1.5, None, "ไฟฟ้า", "\x00\u2028"])
async def test_an_answer_repeats_whatever_id_the_specification_allows(id: object) -> None:
    text = json.dumps({"jsonrpc": "2.0", "method": "node.peers", "id": id})
    response = await answer(text)
    assert response["id"] == id
    assert type(response["id"]) is type(id)


@pytest.mark.parametrize("id", ["true", "[]", "{}"])
async def test_any_other_id_is_an_invalid_request_with_a_null_id(id: str) -> None:
    response = await answer(f'{{"jsonrpc":"2.0","method":"node.peers","id":{id}}}')
    assert response["error"]["code"] == -32600
    assert response["id"] is None


async def test_an_invalid_request_is_answered_under_its_id_if_that_is_whole() -> None:
    response = await answer('{"jsonrpc":"1.0","method":"node.peers","id":7}')
    assert (response["id"], response["error"]["code"]) == (7, -32600)


async def test_a_binary_message_is_read_as_utf_8() -> None:
    response = await answer(b'{"jsonrpc":"2.0","method":"node.peers","id":"\xe0\xb8\x81"}')
    assert response["id"] == "ก"
