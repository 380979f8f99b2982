"""The driver: one height, from inputs to effects. No clock, no trio, no disk.

    state, effects = start_height(me, StartHeight(height, validators, proposers))
    state, effects = step(state, input)

| input            | from              | refused with `PeerError`, or taken as                  |
|------------------|-------------------|--------------------------------------------------------|
| ProposalReceived | peer, verified    | proposal, block to judge, polka of its valid round     |
| VoteReceived     | peer, verified    | vote in the tally, or evidence                         |
| PolkaReceived    | peer, verified    | quorum of prevotes, whole                              |
| CommitReceived   | peer, verified    | quorum of precommits, whole, and a block to judge      |
| VoteSigned       | answer to Sign    | our vote: journal, send, count                         |
| ProposalSigned   | answer to Sign    | our proposal: journal, send, judge                     |
| ValueBuilt       | answer to Build.. | proposal to sign; ignored once the round has passed    |
| BlockJudged      | answer to Judge.. | valid or invalid, once and for good                    |
| TimeoutFired     | timer             | ignored once its round or step has passed              |

| effect           | the shell                                                              |
|------------------|------------------------------------------------------------------------|
| Persist(record)  | appends to the journal; nothing more yet                               |
| Sign(unsigned)   | lets the guarded signer sign, feeds back VoteSigned or ProposalSigned  |
| Send(message)    | syncs the journal if anything was appended since, then sends to all    |
| BuildValue       | builds a block, feeds back ValueBuilt                                  |
| JudgeBlock       | feeds back BlockJudged, when it knows                                  |
| SetTimeout       | feeds back TimeoutFired after `Timeouts.duration_ms`                   |
| Decided          | stores block and commit, synced; rotates the journal; next height      |
| Overruled        | tells its operator, and stops if the block breaks a rule               |
| Evidence         | keeps the two messages for a slashing transaction                      |

Effects are performed in order. Every input that is taken is persisted before anything
that follows from it is sent, so after a crash `recovery.rebuild` comes to a state in
which everything that ever left this node is known.
"""

from dataclasses import replace

from consensus import state as states
from consensus import tally as tallies
from consensus.errors import Contradiction, NotAsked, PeerError, Refusal
from consensus.events import (
    BlockJudged,
    CommitReceived,
    Effect,
    Evidence,
    Input,
    JudgeBlock,
    Persist,
    PolkaReceived,
    ProposalReceived,
    ProposalSigned,
    Send,
    SetTimeout,
    StartHeight,
    Timeout,
    TimeoutFired,
    ValueBuilt,
    VoteReceived,
    VoteSigned,
)
from consensus.evidence import accusations
from consensus.messages import (
    CommitMessage,
    Polka,
    ProposalMessage,
    VoteMessage,
    votes_of_commit,
    votes_of_polka,
)
from consensus.progress import Result, advance, enter_height
from consensus.records import (
    CommitRecord,
    JudgementRecord,
    PolkaRecord,
    ProposalRecord,
    TimeoutRecord,
    VoteRecord,
    encode_record,
)
from consensus.round import ProposeValue, TimedOut, TimeoutKind, apply
from consensus.state import DriverState, catch_up, fuller_commit, knows
from consensus.types import Block, Proposal, Vote, VoteKind, block_id, without_signature

__all__ = ["DriverState", "catch_up", "fuller_commit", "knows", "start_height", "step"]


def start_height(me: bytes | None, start: StartHeight) -> Result:
    """Enter round 0 of a height. `me` is our public key, None to follow without voting."""
    return enter_height(me, start)


def step(state: DriverState, event: Input) -> Result:
    """Take one input. `PeerError`: refused, and the state stays what it was."""
    match event:
        case VoteReceived(verified):
            return _take_vote(state, verified.vote)
        case ProposalReceived(verified, timely):
            message = ProposalMessage(verified.proposal, verified.block, verified.polka)
            return _take_proposal(state, message, timely)
        case PolkaReceived(verified):
            return _take_polka(state, verified.polka)
        case CommitReceived(verified):
            return _take_commit(state, CommitMessage(verified.commit, verified.block))
        case VoteSigned(vote):
            return _send_vote(state, vote)
        case ProposalSigned(proposal):
            return _send_proposal(state, proposal)
        case ValueBuilt(height, round_, block):
            return _propose(state, height, round_, block)
        case BlockJudged(judged_id, valid):
            return _judge(state, judged_id, valid)
        case TimeoutFired(timeout):
            return _time_out(state, timeout)


# What peers send.


def _take_vote(state: DriverState, vote: Vote) -> Result:
    _check_height(state, vote.height)
    states.check_round(state, vote.round, kept=states.MAX_PAST_ROUNDS)
    counted = state.tally.find(vote)
    if counted is not None:
        return _take_second_vote(state, counted, vote)
    evidence = accusations(state.tally, (vote,))
    if state.decided is not None:
        _check_late(state, vote)
        return states.with_vote(state, vote), evidence
    persist = Persist(encode_record(VoteRecord(vote, own=False)))
    return advance(states.with_vote(state, vote), (persist, *evidence))


def _take_second_vote(state: DriverState, counted: Vote, vote: Vote) -> Result:
    if states.same_vote(counted, vote):
        raise PeerError(Refusal.DUPLICATE, "vote")
    if (vote.validator, vote.round, vote.kind) in state.tally.equivocators:
        raise PeerError(Refusal.EQUIVOCATION, "evidence was given")
    marked = replace(state, tally=tallies.mark_equivocator(state.tally, vote))
    persist = Persist(encode_record(VoteRecord(vote, own=False)))
    return marked, (persist, Evidence(counted, vote))


def _take_proposal(state: DriverState, message: ProposalMessage, timely: bool) -> Result:
    proposal = message.proposal
    _check_height(state, proposal.height)
    _check_undecided(state)
    states.check_round(state, proposal.round, kept=states.MAX_PAST_PROPOSAL_ROUNDS)
    held = state.proposals.get(proposal.round, ())
    if any(states.same_proposal(each.proposal, proposal) for each in held):
        raise PeerError(Refusal.DUPLICATE, "proposal")
    if len(held) >= states.MAX_PROPOSALS_PER_ROUND:
        raise PeerError(Refusal.EQUIVOCATION, "evidence was given")
    persist = Persist(encode_record(ProposalRecord(message, own=False, timely=timely)))
    evidence = (Evidence(held[0].proposal, proposal),) if held else ()
    if not timely and not held:
        state = replace(state, untimely=state.untimely | {proposal.round})
    return _hold(state, message, (persist, *evidence))


def _take_polka(state: DriverState, polka: Polka) -> Result:
    _check_height(state, polka.height)
    _check_undecided(state)
    if state.tally.has_quorum(VoteKind.PREVOTE, polka.round, polka.block_id):
        raise PeerError(Refusal.DUPLICATE, "polka")
    persist = Persist(encode_record(PolkaRecord(polka)))
    evidence = accusations(state.tally, votes_of_polka(polka))
    return advance(_with_polka(state, polka), (persist, *evidence))


def _take_commit(state: DriverState, message: CommitMessage) -> Result:
    commit = message.commit
    _check_height(state, commit.height)
    if state.commit is not None or state.decided is not None:
        raise PeerError(Refusal.DUPLICATE, "commit")
    quorum = (VoteKind.PRECOMMIT, commit.round, commit.block_id)
    evidence = accusations(state.tally, votes_of_commit(commit))
    tally = tallies.add_certificate(state.tally, votes_of_commit(commit), quorum)
    judge = _judge_effects(state, commit.block_id, message.block)
    persist = Persist(encode_record(CommitRecord(message)))
    return advance(replace(state, tally=tally, commit=message), (persist, *evidence, *judge))


# What the shell answers.


def _send_vote(state: DriverState, vote: Vote) -> Result:
    if _has_passed(state, vote):
        return state, ()
    state = _without_request(state, vote)
    message = VoteMessage(vote)
    # After a restore our own vote may have come back from a peer already.
    counted = state if state.tally.find(vote) else states.with_vote(state, vote)
    persist = Persist(encode_record(VoteRecord(vote, own=True)))
    return advance(replace(counted, own=(*counted.own, message)), (persist, Send(message)))


def _send_proposal(state: DriverState, proposal: Proposal) -> Result:
    if _has_passed(state, proposal):
        return state, ()
    state = _without_request(state, proposal)
    block = states.find_block(state, proposal.block_id)
    if block is None:
        return state, ()  # It was built for a round that is over.
    polka = None
    if proposal.valid_round >= 0:
        polka = states.find_polka(state, proposal.valid_round, proposal.block_id)
    message = ProposalMessage(proposal, block, polka)
    state = replace(state, own=(*state.own, message))
    effects = (Persist(encode_record(ProposalRecord(message, own=True))), Send(message))
    if state.proposals.get(proposal.round):
        return advance(state, effects)  # It had come back from a peer already.
    return _hold(state, message, effects)


def _propose(state: DriverState, height: int, round_: int, block: Block) -> Result:
    if (height, round_) != (state.height, state.round) or not state.building:
        return state, ()
    built = replace(state, building=False, built=block)
    return advance(built, (), ProposeValue(block_id(block.header)))


def _judge(state: DriverState, judged_id: bytes, valid: bool) -> Result:
    known = state.judged.get(judged_id)
    if known is not None and known is not valid:
        raise Contradiction(f"block {judged_id.hex()} was judged valid={known} before")
    if known is not None or state.decided is not None:
        return state, ()
    if states.find_block(state, judged_id) is None:
        return state, ()  # Forgotten with its round.
    persist = Persist(encode_record(JudgementRecord(state.height, judged_id, valid)))
    return advance(replace(state, judged={**state.judged, judged_id: valid}), (persist,))


def _time_out(state: DriverState, timeout: Timeout) -> Result:
    if (timeout.height, timeout.round) != (state.height, state.round):
        return state, ()
    if state.decided is not None:
        return state, ()
    if timeout.kind is TimeoutKind.REBROADCAST:
        return state, (*(Send(each) for each in state.own), SetTimeout(timeout))
    event = TimedOut(timeout.kind, timeout.round)
    _, outputs = apply(state.round_state, event)
    if not outputs:
        return state, ()
    record = TimeoutRecord(timeout.kind, timeout.height, timeout.round)
    return advance(state, (Persist(encode_record(record)),), event)


# Parts of the above.


def _hold(state: DriverState, message: ProposalMessage, effects: tuple[Effect, ...]) -> Result:
    judge = _judge_effects(state, message.proposal.block_id, message.block)
    state = states.with_proposal(state, message)
    polka = message.polka
    evidence: tuple[Evidence, ...] = ()
    if polka is not None and not state.tally.has_quorum(
        VoteKind.PREVOTE, polka.round, polka.block_id
    ):
        evidence = accusations(state.tally, votes_of_polka(polka))
        state = _with_polka(state, polka)
    return advance(state, (*effects, *evidence, *judge))


def _with_polka(state: DriverState, polka: Polka) -> DriverState:
    quorum = (VoteKind.PREVOTE, polka.round, polka.block_id)
    tally = tallies.add_certificate(state.tally, votes_of_polka(polka), quorum)
    return replace(state, tally=tally, polkas={**state.polkas, polka.round: polka})


def _judge_effects(state: DriverState, judged_id: bytes, block: Block) -> tuple[Effect, ...]:
    """A block that is held already has been asked about."""
    asked = states.find_block(state, judged_id, built=False) is not None
    return () if asked else (JudgeBlock(judged_id, block),)


def _has_passed(state: DriverState, signed: Vote | Proposal) -> bool:
    """Whether the signer's answer comes too late to be of use."""
    return signed.height != state.height or signed.round < state.round - states.SIGNING_ROUNDS


def _without_request(state: DriverState, signed: Vote | Proposal) -> DriverState:
    unsigned = without_signature(signed)
    if unsigned not in state.to_sign:
        raise NotAsked(f"nobody asked for a signature on {unsigned}")
    return replace(state, to_sign=tuple(each for each in state.to_sign if each != unsigned))


def _check_height(state: DriverState, height: int) -> None:
    if height != state.height:
        raise PeerError(Refusal.WRONG_HEIGHT, f"{height}, now at {state.height}")


def _check_undecided(state: DriverState) -> None:
    if state.decided is not None:
        raise PeerError(Refusal.STALE_ROUND, "the height is decided")


def _check_late(state: DriverState, vote: Vote) -> None:
    """After the decision only precommits are of use: the decided round's, and any for its block,
    whose validator was there all the same (consensus/presence.py)."""
    decided = state.decided
    assert decided is not None, "asked after the decision"
    commit = decided.commit
    is_useful = vote.round == commit.round or vote.block_id == commit.block_id
    if vote.kind is not VoteKind.PRECOMMIT or not is_useful:
        raise PeerError(Refusal.STALE_ROUND, "the height is decided")
