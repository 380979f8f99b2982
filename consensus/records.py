"""The driver's journal records: every input that it accepted, in order, or a state in their place.

Replaying the records of a height through the driver gives the state that it had, so what
was signed, locked and seen is known again after a crash. Checksums, torn tails and syncs
are the journal's business.
"""

from typing import Annotated, Final

import msgspec

from consensus.encoding import Codec, DecodeError, Hash32, Height, PublicKey, Round, ValidRound
from consensus.errors import InvalidRecord
from consensus.messages import MAX_MESSAGE_BYTES, CommitMessage, Polka, ProposalMessage
from consensus.round import Step, TimeoutKind
from consensus.types import Proposal, Vote, VoteKind

MAX_RECORD_BYTES = MAX_MESSAGE_BYTES + 64
MAX_MARKS: Final = 8_192
"""Of those who voted twice, a state in the journal names so many: the latest rounds'."""


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


Mark = tuple[PublicKey, Round, VoteKind]
Quorum = tuple[VoteKind, Round, Hash32 | None]


class ResumeRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=7):
    """The driver's state in the place of all records before, with the `parts` records after it
    (compaction.py)."""

    height: Height
    round: Round
    step: Step
    locked_value: Hash32 | None
    locked_round: ValidRound
    valid_value: Hash32 | None
    valid_round: ValidRound
    timers: tuple[TimeoutKind, ...]
    untimely: tuple[Round, ...]
    judged: tuple[tuple[Hash32, bool], ...]
    quorums: tuple[Quorum, ...]
    equivocators: Annotated[tuple[Mark, ...], msgspec.Meta(max_length=MAX_MARKS)]
    to_sign: tuple[Vote, ...]
    parts: Annotated[int, msgspec.Meta(ge=0)]


class EvidenceRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=8):
    """What the records before had proved: two votes of one validator, or two proposals."""

    height: Height
    votes: Annotated[tuple[Vote, ...], msgspec.Meta(max_length=2)]
    proposals: Annotated[tuple[Proposal, ...], msgspec.Meta(max_length=2)]


Record = (
    ProposalRecord
    | VoteRecord
    | PolkaRecord
    | CommitRecord
    | JudgementRecord
    | TimeoutRecord
    | ResumeRecord
    | EvidenceRecord
)

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
        case JudgementRecord() | TimeoutRecord() | ResumeRecord() | EvidenceRecord():
            return record.height
