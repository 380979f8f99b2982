"""The method table: parameters by name and by position, their faults, and what discovery says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.primitives.addresses import format_address
from gtxnode.rpc import wire
from gtxnode.rpc.codec import Params
from gtxnode.rpc.discover import openrpc_document
from gtxnode.rpc.errors import ErrorCode, RpcFailure
from gtxnode.rpc.methods import METHODS, bind, find
from gtxnode.rpc.methods.account import CoinsAfter
from gtxnode.rpc.methods.row import Subscribe, Topic
from gtxnode.rpc.wire import Address, Amount, Hex

ADDRESS = Address(bytes(range(20)))
TEXT = format_address(ADDRESS)


def test_params_go_by_name_and_by_position() -> None:
    method = find("account.coins")
    by_name = bind(method, {"shard": "s", "address": TEXT, "after": "00ff", "limit": 5})
    by_position = bind(method, ["s", TEXT, "00ff", 5])
    assert by_name == by_position == CoinsAfter("s", ADDRESS, Hex(b"\x00\xff"), 5)
    assert bind(method, ["s", TEXT]) == CoinsAfter("s", ADDRESS, None, 100)


def test_the_member_from_is_bound_although_python_reserves_the_word() -> None:
    assert bind(find("events.subscribe"), ["s", "blocks", None, 7]) == Subscribe(
        "s", Topic.BLOCKS, None, 7
    )


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("chain.block", {"shard": "s"}, None),
        ("chain.block", {"shard": "s", "height": "1"}, "height"),
        ("chain.block", {"shard": "s", "height": -1}, "height"),
        ("chain.block", {"shard": "s", "height": True}, "height"),
        ("chain.block", {"shard": "s", "height": 1.0}, "height"),
        ("chain.block", {"shard": "s", "height": 2**33}, "height"),
        ("chain.block", {"shard": "s" * 65, "height": 1}, "shard"),
        ("chain.block", ["s", 1, 2], None),
        ("chain.block", [], None),
        ("chain.block", {"shard": "s", "height": 1, "x" * 1_000: 1}, None),
        ("node.status", [None], None),
        ("tx.send", ["s", "ABCD"], "transaction"),
        ("tx.send", ["s", "abc"], "transaction"),
        ("tx.send", ["s", "zz"], "transaction"),
        ("tx.send", ["s", 7], "transaction"),
        ("meter.submit", ["s", []], "readings"),
        ("meter.submit", ["s", ["00"] * 1_001], "readings"),
        ("meter.submit", ["s", ["00", "0"]], "readings[1]"),
        ("account.balance", ["s", TEXT[:-1] + "q"], "address"),
        ("account.balance", ["s", "gtx1"], "address"),
        ("account.balance", ["s", ADDRESS.hex()], "address"),
        ("account.coins", ["s", TEXT, None, 0], "limit"),
        ("account.coins", ["s", TEXT, None, 1_001], "limit"),
        ("events.subscribe", ["s", "everything"], "topic"),
    ],
)
def test_a_faulty_parameter_is_named(method: str, params: Params, field: str | None) -> None:
    with pytest.raises(RpcFailure) as caught:
        bind(find(method), params)
    assert caught.value.code is ErrorCode.INVALID_PARAMS
    assert (caught.value.data or {}).get("field") == field
    assert len(caught.value.message) <= 200


def test_an_unknown_method() -> None:
    with pytest.raises(RpcFailure) as caught:
        find("node.stop")
    assert caught.value.code is ErrorCode.METHOD_NOT_FOUND


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(METHODS)),
    st.lists(JSON_VALUES, max_size=6)
    | st.dictionaries(
        st.sampled_from(["shard", "height", "transaction", "id", "address", "limit", "from"])
        | st.text(),
        JSON_VALUES,
        max_size=5,
    ),
)
def test_garbage_binds_or_raises_that_one_error(name: str, params: Params) -> None:
    failure: RpcFailure | None = None
    try:
        bind(find(name), params)
    except RpcFailure as caught:
        failure = caught
    assert failure is None or failure.code is ErrorCode.INVALID_PARAMS
    assert wire.encode(failure and failure.message)


@given(st.integers(-(2**63), 2**64))
def test_amounts_go_through_json_whole(number: int) -> None:
    text = wire.encode(Amount(number))
    assert json.loads(text) == str(number)
    assert wire.decode(text, Amount) == number


@pytest.mark.parametrize("text", ["01", "+1", "1.0", "", "-", "-0", "1e3", "٣", " 1", "1" * 21])
def test_other_spellings_of_an_amount_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal string"):
        wire.convert(text, Amount)


@given(st.binary())
def test_bytes_go_through_json_whole(data: bytes) -> None:
    assert wire.decode(wire.encode(Hex(data)), Hex) == data


@given(st.binary(min_size=20, max_size=20))
def test_addresses_go_through_json_whole(data: bytes) -> None:
    text = wire.encode(Address(data))
    assert wire.decode(text, Address) == data
    pattern = wire.schema_of(Address)["pattern"]
    assert isinstance(pattern, str)
    assert re.fullmatch(pattern, json.loads(text))


def references(value: Any) -> set[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        here = {value["$ref"]} if "$ref" in value else set()
        return here.union(*(references(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(references(item) for item in value))
    return set()


def test_the_openrpc_document_has_every_method_and_all_that_it_refers_to() -> None:
    document = json.loads(openrpc_document())
    assert document["openrpc"].startswith("1.")
    assert {"title", "version"} <= set(document["info"])
    assert [method["name"] for method in document["methods"]] == list(METHODS)
    for method in document["methods"]:
        assert method["summary"]
        assert {"name", "schema"} <= set(method["result"])
        optional = [not param["required"] for param in method["params"]]
        assert optional == sorted(optional), "positional parameters: the required come first"
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found
