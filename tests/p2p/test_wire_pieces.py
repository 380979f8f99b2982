"""Frames, records and sequences: the parsers' one sentence, and the channel's promise."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p.errors import MalformedFrame
from p2p.frames import FrameDecoder, encode_frame, encode_varint
from p2p.records import (
    MAX_NUMBER,
    SESSION_BYTES,
    Ack,
    Data,
    Hello,
    Record,
    Welcome,
    decode_record,
    encode_record,
)
from p2p.sequence import Inbox, Outbox

LIMIT = 1_000


def decode_all(chunks: Iterable[bytes], limit: int = LIMIT) -> list[bytes]:
    decoder = FrameDecoder(limit)
    frames = []
    for chunk in chunks:
        decoder.feed(chunk)
        while (frame := decoder.next_frame()) is not None:
            frames.append(frame)
    return frames


@given(st.lists(st.binary(max_size=LIMIT)), st.integers(1, 50))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    payloads: list[bytes], step: int
) -> None:
    stream = b"".join(map(encode_frame, payloads))
    chunks = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert decode_all(chunks) == payloads


@given(st.lists(st.binary(max_size=64)))
def test_garbage_frames_parse_or_raise_that_one_error(chunks: list[bytes]) -> None:
    try:
        frames = decode_all(chunks)
    except MalformedFrame:
        return
    assert all(len(frame) <= LIMIT for frame in frames)


@pytest.mark.parametrize(
    "garbage",
    [b"\x80\x00", b"\xff" * 9, b"\x80" * 9, encode_varint(LIMIT + 1), encode_varint(2**62)],
    ids=["not shortest", "endless", "endless zeros", "over the limit", "absurd"],
)
def test_lengths_that_are_refused_at_once(garbage: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode_all([garbage])


def test_a_varint_is_the_one_of_the_specification() -> None:
    assert [encode_varint(n).hex() for n in (0, 1, 127, 128, 300)] == [
        "00",
        "01",
        "7f",
        "8001",
        "ac02",
    ]


def test_an_unfinished_frame_is_told_from_a_clean_end() -> None:
    decoder = FrameDecoder(LIMIT)
    assert decoder.is_empty()
    decoder.feed(encode_frame(b"abc")[:2])
    assert decoder.next_frame() is None
    assert not decoder.is_empty()


numbers = st.integers(1, MAX_NUMBER)
records = st.one_of(
    st.builds(Hello, st.binary(min_size=SESSION_BYTES, max_size=SESSION_BYTES)),
    st.builds(Welcome, st.integers(0, MAX_NUMBER)),
    st.builds(Data, numbers, st.binary(max_size=200)),
    st.builds(Ack, numbers),
)


@given(records)
def test_records_come_out_as_they_went_in(record: Record) -> None:
    assert decode_record(encode_record(record)) == record


@given(st.binary(max_size=100))
def test_garbage_records_parse_or_raise_that_one_error(data: bytes) -> None:
    try:
        decode_record(data)
    except MalformedFrame:
        return


@given(records, st.data())
def test_records_with_a_byte_changed_parse_or_raise_that_one_error(
    record: Record, data: st.DataObject
) -> None:
    encoded = bytearray(encode_record(record))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] = data.draw(st.integers(0, 255))
    try:
        decode_record(bytes(encoded))
    except MalformedFrame:
        return


@pytest.mark.parametrize(
    "garbage",
    [
        "9300020 0",
        "9300" + "01" + "c403aabbcc",
        "92 01 ff",
        "92 01 c3",
        "93 02 00 c400",
        "93 02 01 a161",
        "92 03 cf8000000000000000",
        "92 01 01 01",
        "81 01 01",
        "91" * 2_000,
        "",
    ],
    ids=[
        "version without session", "short session", "negative", "a bool", "number 0",
        "text for bytes", "number too large", "more behind it", "a map", "nested", "nothing",
    ],
)  # fmt: skip
def test_records_that_are_refused(garbage: str) -> None:
    with pytest.raises(MalformedFrame):
        decode_record(bytes.fromhex(garbage.replace(" ", "")))


# -- sequences -------------------------------------------------------------------------


def outbox() -> Outbox:
    return Outbox(b"s" * SESSION_BYTES, max_messages=8, max_bytes=100)


def test_an_outbox_is_bounded_in_messages_and_bytes() -> None:
    box = outbox()
    assert box.has_room(1_000)  # one message always fits, however large
    box.add(b"x" * 90)
    assert not box.has_room(11)
    for _ in range(7):
        assert box.has_room(1)
        box.add(b"x")
    assert not box.has_room(1)
    box.take(1_000)
    box.acknowledge(1)
    assert box.has_room(90)


def test_one_write_takes_several_small_messages_or_one_large_one() -> None:
    box = outbox()
    for size in (10, 10, 50, 10):
        box.add(b"x" * size)
    assert [len(data.payload) for data in box.take(25)] == [10, 10]
    assert [len(data.payload) for data in box.take(25)] == [50]
    assert [len(data.payload) for data in box.take(25)] == [10]
    assert not box.has_unsent()
    assert box.take(25) == ()


def test_a_peer_cannot_acknowledge_what_was_not_sent() -> None:
    box = outbox()
    box.add(b"a")
    with pytest.raises(MalformedFrame):
        box.acknowledge(1)
    with pytest.raises(MalformedFrame):
        box.resume(2)
    box.take(10)
    box.acknowledge(1)
    assert len(box) == 0


def test_giving_up_begins_a_new_session() -> None:
    box, inbox = outbox(), Inbox()
    inbox.greet(box.session)
    for payload in (b"a", b"b"):
        box.add(payload)
    for data in box.take(10):
        assert inbox.is_new(data.number)
        inbox.delivered(data.number)
    assert box.abandon(b"n" * SESSION_BYTES) == 2
    box.add(b"c")
    box.resume(inbox.greet(box.session))
    (data,) = box.take(10)
    assert inbox.is_new(data.number)


def test_a_gap_is_the_senders_fault() -> None:
    inbox = Inbox()
    inbox.greet(b"s")
    assert inbox.is_new(5)  # of a session that began before this end did
    inbox.delivered(5)
    assert not inbox.is_new(5)
    with pytest.raises(MalformedFrame):
        inbox.is_new(7)


steps = st.lists(
    st.one_of(
        st.just("add"),
        st.just("send"),
        st.just("deliver"),
        st.just("acknowledge"),
        st.just("break"),
    ),
    max_size=200,
)


@given(steps)
def test_over_any_broken_streams_each_message_arrives_once_and_in_order(events: list[str]) -> None:
    box, inbox = outbox(), Inbox()
    wire: list[Data] = []
    added: list[bytes] = []
    arrived: list[bytes] = []

    def reconnect() -> None:
        wire.clear()
        box.resume(inbox.greet(box.session))

    def deliver() -> None:
        data = wire.pop(0)
        if inbox.is_new(data.number):
            arrived.append(data.payload)
            inbox.delivered(data.number)

    reconnect()
    for event in events:
        match event:
            case "add" if box.has_room(1):
                added.append(b"%d" % len(added))
                box.add(added[-1])
            case "send":
                wire.extend(box.take(3))
            case "deliver" if wire:
                deliver()
            case "acknowledge" if inbox.last:
                box.acknowledge(inbox.last)
            case "break":
                reconnect()
    assert arrived == added[: len(arrived)]
    reconnect()
    wire.extend(box.take(10_000))
    while wire:
        deliver()
    assert arrived == added
