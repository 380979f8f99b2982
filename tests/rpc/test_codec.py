"""The codec's limits, and its one sentence: garbage parses or raises that one error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.rpc.codec import (
    MAX_VALUES,
    Call,
    Invalid,
    Message,
    Notification,
    failure_of,
    parse,
    parse_json,
    result_of,
)
from gtxnode.rpc.errors import ErrorCode, RpcFailure

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | JSON_VALUES,
        "method": st.text() | JSON_VALUES,
        "params": st.lists(JSON_VALUES) | st.dictionaries(st.text(), JSON_VALUES) | JSON_VALUES,
        "id": st.integers() | st.text() | JSON_VALUES,
    },
)
NEARLY_JSON = st.text(alphabet='[]{}:,"\\u0dD8eEnul.-+1 \n\x00\ud800')


def outcome(text: str | bytes) -> Message | RpcFailure:
    try:
        return parse(text)
    except RpcFailure as failure:
        return failure


def garbage_parses_or_raises_that_one_error(text: str | bytes) -> None:
    match outcome(text):
        case RpcFailure() as failure:
            assert failure.code in (
                ErrorCode.PARSE_ERROR,
                ErrorCode.INVALID_REQUEST,
                ErrorCode.BATCH_TOO_LARGE,
            )
            json.loads(failure_of(None, failure))
        case Message() as message:
            for entry in message.entries:
                if isinstance(entry, Call | Invalid):
                    echoed = json.loads(result_of(entry.id, b"null"))["id"]
                    assert echoed == entry.id


@given(st.binary())
def test_bytes(data: bytes) -> None:
    garbage_parses_or_raises_that_one_error(data)


@given(st.text() | NEARLY_JSON)
def test_text(text: str) -> None:
    garbage_parses_or_raises_that_one_error(text)


@given(JSON_VALUES | REQUESTS | st.lists(REQUESTS))
def test_json(value: object) -> None:
    garbage_parses_or_raises_that_one_error(json.dumps(value))


@given(REQUESTS | st.lists(REQUESTS, min_size=1), st.data())
def test_json_cut_and_changed(value: object, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=False)
    at = data.draw(st.integers(0, len(text)))
    garbage_parses_or_raises_that_one_error(text[:at])
    garbage_parses_or_raises_that_one_error(text[:at] + data.draw(st.text()) + text[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":{"b":1,"b":1}}}',
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e999",
        "1" * 21,
        "1" * 5_000,
        "[" * 100_000,
        '{"a":' * 10_000,
        '"\\ud800"',
        '{"\\udfff":1}',
        "\ufeff{}",
        "",
        " ",
        "{} {}",
        "'a'",
        b"\xff\xfe{\x00}\x00",
        b'"\xc0\xaf"',
        "[" + "[]," * MAX_VALUES + "[]]",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_passes_a_limit_or_could_be_read_in_two_ways_is_a_parse_error(
    text: str | bytes,
) -> None:
    with pytest.raises(RpcFailure) as caught:
        parse(text)
    assert caught.value.code is ErrorCode.PARSE_ERROR
    assert len(caught.value.message) < 200


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    assert parse_json('"\\ud83d\\ude00"') == "\U0001f600"


def test_a_batch_over_the_limit_is_refused_as_a_whole() -> None:
    entry = '{"jsonrpc":"2.0","method":"x","id":1}'
    assert len(parse(f"[{','.join([entry] * 1_000)}]").entries) == 1_000
    with pytest.raises(RpcFailure) as caught:
        parse(f"[{','.join([entry] * 1_001)}]")
    assert caught.value.code is ErrorCode.BATCH_TOO_LARGE
    assert caught.value.data == {"limit": 1_000}


def test_an_id_makes_the_difference_between_a_call_and_a_notification() -> None:
    assert parse('{"jsonrpc":"2.0","method":"x","id":null}').entries == (Call(None, "x", {}),)
    assert parse('{"jsonrpc":"2.0","method":"x"}').entries == (Notification("x", {}),)
    assert parse('{"jsonrpc":"2.0","method":"x","params":[1],"id":1}').entries == (
        Call(1, "x", [1]),
    )


@pytest.mark.parametrize("params", ["1", '"x"', "null", "true"])
def test_params_are_an_array_or_an_object_or_missing(params: str) -> None:
    (entry,) = parse(f'{{"jsonrpc":"2.0","method":"x","id":1,"params":{params}}}').entries
    assert isinstance(entry, Invalid)
