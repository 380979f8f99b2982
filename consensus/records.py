"""The driver's journal records: every input that it accepted, in order.

Replaying the records of a height through the driver gives the state that it had, so what
was signed, locked and seen is known again after a crash. Checksums, torn tails and syncs
are the journal's business.
"""

import msgspec

from consensus.encoding import Codec, DecodeError, Hash32, Height, Round
from consensus.errors import InvalidRecord
from consensus.messages import MAX_MESSAGE_BYTES, CommitMessage, Polka, ProposalMessage
from consensus.round import TimeoutKind
from consensus.types import Vote

MAX_RECORD_BYTES = MAX_MESSAGE_BYTES + 64


class ProposalRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A proposal that was received, timely or not, or that we signed (`own`)."""

    message: ProposalMessage
    own: bool
    timely: bool = True


class VoteRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """A vote that was counted, or that we signed (`own`)."""

    vote: Vote
    own: bool


class PolkaRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """A polka that was taken."""

    polka: Polka


class CommitRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """A commit that was taken."""

    message: CommitMessage


class JudgementRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """A block's judgement."""

    height: Height
    block_id: Hash32
    valid: bool


class TimeoutRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """A timer that fired while it still mattered."""

    kind: TimeoutKind
    height: Height
    round: Round


Record = ProposalRecord | VoteRecord | PolkaRecord | CommitRecord | JudgementRecord | TimeoutRecord

_codec: Codec[Record] = Codec(Record, max_bytes=MAX_RECORD_BYTES)  # type: ignore[arg-type]


def encode_record(record: Record) -> bytes:
    """The record's bytes, as `Persist` carries them."""
    return _codec.encode(record)


def decode_record(data: bytes) -> Record:
    """The record; `InvalidRecord` for bytes that no driver of this format wrote."""
    try:
        return _codec.decode(data)
    except DecodeError as error:
        raise InvalidRecord(f"journal record of {len(data)} bytes: {error}") from error


def record_height(record: Record) -> int:
    """The height that a record belongs to."""
    match record:
        case ProposalRecord(message):
            return message.proposal.height
        case VoteRecord(vote):
            return vote.height
        case PolkaRecord(polka):
            return polka.height
        case CommitRecord(message):
            return message.commit.height
        case JudgementRecord() | TimeoutRecord():
            return record.height
