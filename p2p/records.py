"""What travels on a channel's stream: four records, MessagePack arrays, one per frame.

A stream carries data one way, from who opened it. Its opener says Hello with the session
that its numbers belong to; the other side answers Welcome with the last number it has of that
session (0: none), and acknowledges as it goes. After a reconnect the opener goes on behind
the Welcome's number, so nothing is lost and nothing arrives twice.

    opener -> other   [0, version, session]      once, first
    other -> opener   [1, last]                  once, the answer
    opener -> other   [2, number, payload]       numbers rise by one
    other -> opener   [3, number]                everything up to it has arrived

A pure piece: garbage parses or raises MalformedFrame.
"""

from dataclasses import dataclass

import msgpack

from p2p.errors import MalformedFrame

VERSION = 1
SESSION_BYTES = 16
MAX_NUMBER = 2**63 - 1
# A data record's bytes beyond its payload: array, kind, number, binary header.
OVERHEAD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Hello:
    """The opener's first record."""

    session: bytes


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to Hello: `last` is the highest number received in that session."""

    last: int


@dataclass(frozen=True, slots=True)
class Data:
    """One message."""

    number: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """Every message up to `number` has arrived."""

    number: int


Record = Hello | Welcome | Data | Ack


def encode_record(record: Record) -> bytes:
    """A record as MessagePack."""
    match record:
        case Hello(session):
            fields: tuple[object, ...] = (0, VERSION, session)
        case Welcome(last):
            fields = (1, last)
        case Data(number, payload):
            fields = (2, number, payload)
        case Ack(number):
            fields = (3, number)
    packed = msgpack.packb(fields, use_bin_type=True)
    assert isinstance(packed, bytes)
    return packed


def decode_record(data: bytes) -> Record:
    """The record in a frame. Raises MalformedFrame."""
    match _unpack(data):
        case [0, int(version), bytes(session)]:
            if version != VERSION:
                raise MalformedFrame(f"version {version}, this is {VERSION}")
            if len(session) != SESSION_BYTES:
                raise MalformedFrame("session of the wrong length")
            return Hello(session)
        case [1, int(last)]:
            return Welcome(_number(last, 0))
        case [2, int(number), bytes(payload)]:
            return Data(_number(number, 1), payload)
        case [3, int(number)]:
            return Ack(_number(number, 1))
        case _:
            raise MalformedFrame("not a record of this protocol")


def _unpack(data: bytes) -> object:
    try:
        return msgpack.unpackb(
            data, max_array_len=3, max_map_len=0, max_ext_len=0, max_str_len=0, strict_map_key=True
        )
    # msgpack raises ValueError and subclasses, and its StackError and ExtraData are of them.
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedFrame("not MessagePack within the limits") from error


def _number(number: int, least: int) -> int:
    # A bool is an int to Python, and MessagePack has it apart.
    if isinstance(number, bool) or not least <= number <= MAX_NUMBER:
        raise MalformedFrame("number out of range")
    return number
