"""A height's journal cut to what recovery needs, so that a height that takes long fills no disk.

The records of a height replay every step of it, and a height without a quorum may take any number
of rounds. The driver's state forgets old rounds (`state.py` names the limits), and it alone
decides what is said next. So in the place of all records before may stand the state itself: a
`ResumeRecord`, and behind it as many records as it counts, which are put into the state as they
are and not replayed.

Invariant: what `resumed` makes of `compacted` is the state, but for marks of those who voted twice
past `MAX_MARKS`, who are accused once more.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from consensus import tally as tallies
from consensus.errors import InvalidRecord
from consensus.events import Evidence, StartHeight
from consensus.messages import ProposalMessage, VoteMessage
from consensus.records import (
    MAX_MARKS,
    CommitRecord,
    EvidenceRecord,
    PolkaRecord,
    ProposalRecord,
    Record,
    ResumeRecord,
    VoteRecord,
    encode_record,
)
from consensus.round import RoundState
from consensus.state import DriverState
from consensus.types import Proposal, Vote, VoteKind

GROWTH: Final = 2
"""A journal is cut again once it is this many times as long as it was cut to."""


def can_be_cut(state: DriverState) -> bool:
    """Not while our own proposal is under way, which is recovered by making another, nor when the
    height is over; the next round will do."""
    proposing = state.building or state.built is not None
    over = state.decided is not None or state.overruled is not None
    return not (proposing or over or any(isinstance(each, Proposal) for each in state.to_sign))


def compacted(state: DriverState, proofs: Iterable[Evidence]) -> Iterator[bytes]:
    """The records of a state that can be cut, and what it was proved of others, said again."""
    assert can_be_cut(state), "asked of a state between two turns"
    parts = tuple(_parts(state))
    yield encode_record(_resume(state, len(parts)))
    yield from map(encode_record, parts)
    for each in proofs:
        yield encode_record(EvidenceRecord(state.height, *_pair(each)))


def resumed(
    me: bytes | None, start: StartHeight, record: ResumeRecord, parts: Sequence[Record]
) -> DriverState:
    """The state that was cut to these records."""
    machine = RoundState(
        record.round,
        record.step,
        record.locked_value,
        record.locked_round,
        record.valid_value,
        record.valid_round,
    )
    state = DriverState(
        me if me is not None and me in start.validators else None,
        start,
        machine,
        tallies.Tally(start.validators),
        untimely=frozenset(record.untimely),
        judged=dict(record.judged),
        timers=frozenset(record.timers),
        to_sign=record.to_sign,
    )
    for part in parts:
        state = _with(state, part)
    tally = replace(
        state.tally,
        quorums=state.tally.quorums | frozenset(record.quorums),
        equivocators=frozenset(record.equivocators),
    )
    return replace(state, tally=tally)


def evidence_of(record: EvidenceRecord) -> Evidence:
    """What was proved; `InvalidRecord` where it is not two of a kind."""
    match record.votes, record.proposals:
        case ((first, second), ()):
            return Evidence(first, second)
        case ((), (one, other)):
            return Evidence(one, other)
    raise InvalidRecord("evidence is two votes or two proposals")


def _resume(state: DriverState, parts: int) -> ResumeRecord:
    machine, tally = state.round_state, state.tally
    marks = sorted(tally.equivocators, key=lambda mark: (-mark[1], mark))
    quorums = (each for each in tally.quorums if not _is_counted(state, *each))
    return ResumeRecord(
        state.height,
        machine.round,
        machine.step,
        machine.locked_value,
        machine.locked_round,
        machine.valid_value,
        machine.valid_round,
        tuple(sorted(state.timers)),
        tuple(sorted(state.untimely)),
        tuple(sorted(state.judged.items())),
        tuple(sorted(quorums, key=lambda each: (each[1], each[0], each[2] or b""))),
        tuple(marks[:MAX_MARKS]),
        tuple(each for each in state.to_sign if isinstance(each, Vote)),
        parts,
    )


def _is_counted(state: DriverState, kind: VoteKind, round_: int, value: bytes | None) -> bool:
    """Whether the votes that are held make a quorum, without a certificate."""
    votes = state.tally.votes(round_, kind).values()
    voters = (each.validator for each in votes if each.block_id == value)
    validators = state.start.validators
    return validators.has_quorum(sum(map(validators.stake_of, voters)))


def _parts(state: DriverState) -> Iterator[Record]:
    for number in sorted(state.tally.rounds):
        for kind in VoteKind:
            for vote in state.tally.votes(number, kind).values():
                yield VoteRecord(vote, own=False)
    for held in state.proposals.values():  # In the order in which they came.
        for message in held:
            yield ProposalRecord(message, own=False)
    for _, polka in sorted(state.polkas.items()):
        yield PolkaRecord(polka)
    if state.commit is not None:
        yield CommitRecord(state.commit)
    for said in state.own:
        if isinstance(said, ProposalMessage):
            yield ProposalRecord(said, own=True)
        else:
            yield VoteRecord(said.vote, own=True)


def _with(state: DriverState, part: Record) -> DriverState:
    match part:
        case VoteRecord(vote, own=False):
            return replace(state, tally=tallies.add(state.tally, vote))
        case ProposalRecord(message, own=False):
            round_ = message.proposal.round
            held = (*state.proposals.get(round_, ()), message)
            return replace(state, proposals={**state.proposals, round_: held})
        case PolkaRecord(polka):
            return replace(state, polkas={**state.polkas, polka.round: polka})
        case CommitRecord(message):
            return replace(state, commit=message)
        case VoteRecord(vote):
            return replace(state, own=(*state.own, VoteMessage(vote)))
        case ProposalRecord(message):
            return replace(state, own=(*state.own, message))
        case _:
            raise InvalidRecord(f"{type(part).__name__} is no part of a state")


def _pair(evidence: Evidence) -> tuple[tuple[Vote, ...], tuple[Proposal, ...]]:
    both = (evidence.first, evidence.second)
    votes = tuple(each for each in both if isinstance(each, Vote))
    return votes, tuple(each for each in both if isinstance(each, Proposal))
