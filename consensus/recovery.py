"""After a crash: the driver's state again, from the journal's records.

The records of the height are replayed through the driver itself, from a state on that stands among
them where the journal was cut (compaction.py); what it asks for on the way was asked for before.
What is still outstanding at the end is asked for again, and what the records prove against a
validator is said again. Answers are deterministic or guarded: a signer that has signed something
else refuses, and the round goes on without that vote.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from consensus.compaction import evidence_of, resumed
from consensus.driver import start_height, step
from consensus.errors import ConsensusError, InvalidRecord, PeerError
from consensus.events import (
    BlockJudged,
    BuildValue,
    CommitReceived,
    Effect,
    Evidence,
    JudgeBlock,
    Overruled,
    PolkaReceived,
    ProposalReceived,
    ProposalSigned,
    Send,
    SetTimeout,
    Sign,
    StartHeight,
    Timeout,
    TimeoutFired,
    ValueBuilt,
    VerifiedCommit,
    VerifiedPolka,
    VerifiedProposal,
    VerifiedVote,
    VoteReceived,
    VoteSigned,
)
from consensus.progress import Result
from consensus.records import (
    CommitRecord,
    EvidenceRecord,
    JudgementRecord,
    PolkaRecord,
    ProposalRecord,
    Record,
    ResumeRecord,
    TimeoutRecord,
    VoteRecord,
    decode_record,
    record_height,
)
from consensus.round import TimeoutKind
from consensus.state import DriverState
from consensus.types import Block, Proposal, Vote


def rebuild(me: bytes | None, start: StartHeight, records: Iterable[bytes]) -> Result:
    """The state after these records, and the effects that resume it.

    Records of other heights are skipped: the journal may not have been emptied yet when a
    height ended. `InvalidRecord` for a record that this height's driver cannot have written.
    """
    state, _ = start_height(me, start)
    found: list[Effect] = []
    rest = map(decode_record, records)
    for record in rest:
        if record_height(record) == start.height:
            try:
                state, effects = _replay(state, record, rest)
            except (PeerError, ConsensusError) as error:
                raise InvalidRecord(f"{type(record).__name__} does not follow: {error}") from error
            found.extend(each for each in effects if isinstance(each, Evidence | Overruled))
    return state, (*found, *_resume(state))


def own_messages(records: Iterable[bytes]) -> Iterator[Vote | Proposal]:
    """All that we signed, of whatever height, in order. Raises `InvalidRecord`."""
    for data in records:
        match decode_record(data):
            case VoteRecord(vote, True):
                yield vote
            case ProposalRecord(message, True):
                yield message.proposal


def _replay(state: DriverState, record: Record, rest: Iterator[Record]) -> Result:
    match record:
        case ResumeRecord(parts=count):
            parts = tuple(islice(rest, count))
            if len(parts) < count:
                raise InvalidRecord(f"a state of {count} parts has {len(parts)}")
            return resumed(state.me, state.start, record, parts), ()
        case EvidenceRecord():
            return state, (evidence_of(record),)
        case VoteRecord(vote, own):
            return step(state, VoteSigned(vote) if own else VoteReceived(VerifiedVote(vote)))
        case ProposalRecord():
            return _replay_proposal(state, record)
        case PolkaRecord(polka):
            return step(state, PolkaReceived(VerifiedPolka(polka)))
        case CommitRecord(message):
            return step(state, CommitReceived(VerifiedCommit(message.commit, message.block)))
        case JudgementRecord(_, block_id, valid):
            return step(state, BlockJudged(block_id, valid))
        case TimeoutRecord(kind, height, round_):
            return step(state, TimeoutFired(Timeout(kind, height, round_)))


def _replay_proposal(state: DriverState, record: ProposalRecord) -> Result:
    message = record.message
    if not record.own:
        verified = VerifiedProposal(message.proposal, message.block, message.polka)
        return step(state, ProposalReceived(verified, record.timely))
    # A built block is journaled with the proposal that it was signed in.
    state, _ = step(state, ValueBuilt(state.height, state.round, message.block))
    return step(state, ProposalSigned(message.proposal))


def _resume(state: DriverState) -> tuple[Effect, ...]:
    if state.decided is not None:
        return (state.decided,)
    timers = sorted({*state.timers, TimeoutKind.REBROADCAST})
    effects: list[Effect] = [
        SetTimeout(Timeout(kind, state.height, state.round)) for kind in timers
    ]
    effects.extend(JudgeBlock(*each) for each in _unjudged(state).items())
    effects.extend(Send(each) for each in state.own)
    effects.extend(Sign(each) for each in state.to_sign)
    if state.building:
        effects.append(BuildValue(state.height, state.round))
    return tuple(effects)


def _unjudged(state: DriverState) -> dict[bytes, Block]:
    blocks = {
        each.proposal.block_id: each.block for held in state.proposals.values() for each in held
    }
    if state.commit is not None:
        blocks[state.commit.commit.block_id] = state.commit.block
    return {block_id: block for block_id, block in blocks.items() if block_id not in state.judged}
