"""Codecs: what is encoded decodes to itself, and garbage decodes or raises DecodeError."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import Codec, DecodeError
from consensus.errors import InvalidRecord
from consensus.messages import (
    CommitMessage,
    Message,
    Polka,
    PolkaMessage,
    PolkaSignature,
    ProposalMessage,
    VoteMessage,
    decode_message,
    encode_message,
    votes_of_polka,
)
from consensus.records import (
    CommitRecord,
    JudgementRecord,
    PolkaRecord,
    ProposalRecord,
    Record,
    TimeoutRecord,
    VoteRecord,
    decode_record,
    encode_record,
    record_height,
)
from consensus.round import TimeoutKind
from consensus.types import (
    Anchor,
    Block,
    Commit,
    CommitSignature,
    Header,
    Proposal,
    Vote,
    VoteKind,
    block_codec,
    header_codec,
)
from tests.consensus.keys import block, prevote

hashes = st.binary(min_size=32, max_size=32)
keys = st.binary(min_size=33, max_size=33)
signatures = st.binary(min_size=64, max_size=64)
heights = st.integers(0, 2**53 - 1)
rounds = st.integers(0, 2**31 - 1)
valid_rounds = st.integers(-1, 2**31 - 1)
headers = st.builds(
    Header,
    version=st.integers(0, 2**16 - 1),
    chain_id=st.text(min_size=1, max_size=16),
    height=heights,
    time_ms=heights,
    parent_id=hashes,
    last_commit_root=hashes,
    payload_root=hashes,
    app_root=hashes,
    validators_root=hashes,
    next_validators_root=hashes,
    proposer=keys,
    anchor=st.builds(Anchor, height=heights, id=hashes),
    checkpoint=hashes,
)
commits = st.builds(
    Commit,
    height=heights,
    round=rounds,
    block_id=hashes,
    signatures=st.lists(
        st.builds(CommitSignature, validator=keys, signature=signatures), max_size=3
    ).map(tuple),
)
blocks = st.builds(
    Block,
    header=headers,
    payload=st.lists(st.binary(max_size=64), max_size=3).map(tuple),
    last_commit=st.none() | commits,
)
votes = st.builds(
    Vote,
    kind=st.sampled_from(VoteKind),
    height=heights,
    round=rounds,
    block_id=st.none() | hashes,
    valid_round=valid_rounds,
    validator=keys,
    signature=signatures,
)
proposals = st.builds(
    Proposal,
    height=heights,
    round=rounds,
    valid_round=valid_rounds,
    block_id=hashes,
    proposer=keys,
    signature=signatures,
)
polkas = st.builds(
    Polka,
    height=heights,
    round=rounds,
    block_id=hashes,
    signatures=st.lists(
        st.builds(PolkaSignature, validator=keys, valid_round=valid_rounds, signature=signatures),
        max_size=3,
    ).map(tuple),
)
proposal_messages = st.builds(
    ProposalMessage, proposal=proposals, block=blocks, polka=st.none() | polkas
)
commit_messages = st.builds(CommitMessage, commit=commits, block=blocks)
messages = st.one_of(
    st.builds(VoteMessage, vote=votes),
    proposal_messages,
    st.builds(PolkaMessage, polka=polkas),
    commit_messages,
)
records = st.one_of(
    st.builds(VoteRecord, vote=votes, own=st.booleans()),
    st.builds(ProposalRecord, message=proposal_messages, own=st.booleans()),
    st.builds(PolkaRecord, polka=polkas),
    st.builds(CommitRecord, message=commit_messages),
    st.builds(JudgementRecord, height=heights, block_id=hashes, valid=st.booleans()),
    st.builds(TimeoutRecord, kind=st.sampled_from(TimeoutKind), height=heights, round=rounds),
)


@given(messages)
def test_a_message_decodes_to_itself(message: Message) -> None:
    """Every kind."""
    assert decode_message(encode_message(message)) == message


@given(records)
def test_a_record_decodes_to_itself(record: Record) -> None:
    """Every kind; and it knows its height."""
    assert decode_record(encode_record(record)) == record
    assert record_height(record) >= 0


@given(st.binary(max_size=200))
def test_garbage_parses_or_raises_that_one_error(data: bytes) -> None:
    """The sentence that all our decoders keep."""
    try:
        message = decode_message(data)
    except DecodeError:
        return
    assert encode_message(message) == data


@given(messages, st.data())
def test_a_damaged_message_parses_or_raises_that_one_error(
    message: Message, data: st.DataObject
) -> None:
    """Bytes changed, dropped, doubled: closer to the real thing than noise."""
    encoded = encode_message(message)
    place = data.draw(st.integers(0, len(encoded) - 1))
    cut = data.draw(st.integers(place, min(len(encoded), place + 8)))
    damaged = encoded[:place] + data.draw(st.binary(max_size=8)) + encoded[cut:]
    try:
        decoded = decode_message(damaged)
    except DecodeError:
        return
    assert encode_message(decoded) == damaged


@given(st.binary(max_size=100))
def test_garbage_in_the_journal_is_named(data: bytes) -> None:
    """Likewise for records."""
    try:
        record = decode_record(data)
    except InvalidRecord:
        return
    assert encode_record(record) == data


def test_one_value_has_one_encoding() -> None:
    """Other forms of the same value are refused: longer integers, maps, extra fields."""
    vote = encode_message(VoteMessage(prevote(0, None)))
    assert decode_message(vote)
    assert vote[:2] == b"\x92\x02"
    long_tag = b"\x92\xcc\x02" + vote[2:]
    extra = b"\x93" + vote[1:] + b"\xc0"
    for other in (long_tag, extra, vote + b"\x00", b"\xdc\x00\x02" + vote[1:]):
        with pytest.raises(DecodeError):
            decode_message(other)


@pytest.mark.parametrize(
    "data", [b"\x91" * 5_000, b"\x92\x02" + b"\x81\x01" * 5_000, b"\xc1", b"\xd9\x02\xff\xfe", b""]
)
def test_hostile_shapes_raise_that_one_error(data: bytes) -> None:
    """Deep nesting, reserved bytes, text that is none, nothing."""
    with pytest.raises(DecodeError):
        decode_message(data)
    with pytest.raises(DecodeError):
        decode_message(b"\x94\x01" + data)


def test_limits_hold_both_ways() -> None:
    """What could not be decoded is not encoded either."""
    codec: Codec[bytes] = Codec(bytes, max_bytes=10)
    assert codec.decode(codec.encode(b"12345678")) == b"12345678"
    with pytest.raises(ValueError, match="at most 10"):
        codec.encode(b"123456789")
    with pytest.raises(DecodeError, match="at most 10"):
        codec.decode(msgspec.msgpack.encode(b"123456789"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("height", -1),
        ("height", 2**53),
        ("chain_id", ""),
        ("chain_id", "x" * 65),
        ("parent_id", bytes(31)),
        ("proposer", bytes(32)),
        ("version", 2**16),
        ("time_ms", 1.5),
    ],
)
def test_fields_out_of_bounds_are_refused(field: str, value: Any) -> None:
    """A limit per field, kept by the decoder."""
    header = msgspec.structs.replace(block().header, **{field: value})
    with pytest.raises(DecodeError):
        header_codec.decode(msgspec.msgpack.encode(header))


def test_a_block_is_bounded() -> None:
    """Items of a payload, and their number."""
    good = block()
    for payload in ((bytes(65),), (b"",) * 4_097):
        wide = msgspec.structs.replace(good, payload=payload)
        with pytest.raises(DecodeError):
            block_codec.decode(msgspec.msgpack.encode(wide))


@given(polkas)
def test_a_polka_keeps_its_votes(polka: Polka) -> None:
    """With the reasons and signatures that they came with."""
    for vote, each in zip(votes_of_polka(polka), polka.signatures, strict=True):
        assert (vote.validator, vote.valid_round, vote.signature) == (
            each.validator,
            each.valid_round,
            each.signature,
        )
