"""The driver's memory of one height, its limits, and what may be asked of it.

A state is never changed in place. Everything in it is bounded, whatever peers send:
votes by validators and rounds kept, blocks by proposals kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from consensus import tally as tallies
from consensus.errors import PeerError, Refusal
from consensus.events import Decided, Overruled, StartHeight
from consensus.messages import (
    CommitMessage,
    Message,
    Polka,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    commit_from_votes,
    polka_from_votes,
    votes_of_commit,
)
from consensus.round import RoundState, Step, TimeoutKind
from consensus.tally import Tally
from consensus.types import Block, Commit, Proposal, Vote, VoteKind, block_id

MAX_PAST_ROUNDS = 32
"""Votes of rounds further back are refused and forgotten (but for the locked, the valid and
the committed round's). A proposal or a commit from back then comes with its certificate."""
MAX_PAST_PROPOSAL_ROUNDS = 4
"""Proposals, which carry blocks, are kept for fewer rounds."""
MAX_FUTURE_ROUNDS_PER_VALIDATOR = 2
"""Of one validator, the votes of this many rounds ahead are kept: the latest."""
MAX_FUTURE_PROPOSALS = 4
"""Of proposals for rounds ahead, this many are kept: the nearest."""
SIGNING_ROUNDS = 1
"""A signature may come this many rounds late; then the request is forgotten."""
MAX_PROPOSALS_PER_ROUND = 2
"""The proposal, and one more if its proposer signed two."""


@dataclass(frozen=True, slots=True)
class DriverState:
    """One height, seen by one node. `me` None follows without voting."""

    me: bytes | None
    start: StartHeight
    round_state: RoundState
    tally: Tally
    proposals: Mapping[int, tuple[ProposalMessage, ...]] = field(default_factory=dict)
    untimely: frozenset[int] = frozenset()
    """The rounds whose proposal did not come at its block's time. It counts if it is fresh."""
    judged: Mapping[bytes, bool] = field(default_factory=dict)
    polkas: Mapping[int, Polka] = field(default_factory=dict)
    """Polkas taken from peers, by round: their quorum may rest on votes we had not counted."""
    commit: CommitMessage | None = None
    """A commit taken from a peer, decided as soon as its block is judged."""
    timers: frozenset[TimeoutKind] = frozenset()
    """The timers started in this round, so that each is started once."""
    building: bool = False
    """`BuildValue` of this round is unanswered."""
    built: Block | None = None
    """The block that was built for this round."""
    to_sign: tuple[Vote | Proposal, ...] = ()
    """What `Sign` asked for and has not come back."""
    own: tuple[VoteMessage | ProposalMessage, ...] = ()
    """Our messages of this and the last round we spoke in, for rebroadcast."""
    decided: Decided | None = None
    overruled: Overruled | None = None
    """Said once: a block that we judged invalid has its commit."""

    @property
    def height(self) -> int:
        """The height at hand."""
        return self.start.height

    @property
    def round(self) -> int:
        """The current round."""
        return self.round_state.round

    @property
    def step(self) -> Step:
        """The current step."""
        return self.round_state.step


def knows(state: DriverState, message: Message) -> bool:
    """Whether `step` would call it a duplicate, so that its signatures need no check."""
    match message:
        case VoteMessage(vote):
            counted = state.tally.find(vote)
            return counted is not None and same_vote(counted, vote)
        case ProposalMessage(proposal):
            held = state.proposals.get(proposal.round, ())
            return any(same_proposal(each.proposal, proposal) for each in held)
        case PolkaMessage(polka):
            return state.tally.has_quorum(VoteKind.PREVOTE, polka.round, polka.block_id)
        case CommitMessage():
            return state.commit is not None or state.decided is not None


def catch_up(state: DriverState) -> tuple[Message, ...]:
    """What helps a peer that is behind in this height, most useful first."""
    if state.decided is not None:
        return (CommitMessage(state.decided.commit, state.decided.block),)
    machine = state.round_state
    polka = None
    if machine.valid_value is not None:
        polka = find_polka(state, machine.valid_round, machine.valid_value)
    current = state.proposals.get(state.round, ())
    return (
        *(() if polka is None else (PolkaMessage(polka),)),
        *current[:1],
        *(each for each in state.own if isinstance(each, VoteMessage)),
    )


def fuller_commit(state: DriverState, commit: Commit) -> Commit:
    """A commit of this height with every other precommit that would fit into it."""
    votes = {vote.validator: vote for vote in votes_of_commit(commit)}
    for vote in _votes_for(state, VoteKind.PRECOMMIT, commit.round, commit.block_id):
        votes.setdefault(vote.validator, vote)
    return commit_from_votes(votes.values())


def precommits_for(state: DriverState, wanted: bytes) -> tuple[Vote, ...]:
    """Every precommit counted for a block, in whatever round: a validator's first."""
    counted: dict[bytes, Vote] = {}
    for number in sorted(state.tally.rounds):
        for vote in _votes_for(state, VoteKind.PRECOMMIT, number, wanted):
            counted.setdefault(vote.validator, vote)
    return tuple(counted.values())


def find_commit(state: DriverState, round_: int, wanted: bytes) -> Commit:
    """The commit for a block that has its quorum: from the votes, else as it was received."""
    precommits = _votes_for(state, VoteKind.PRECOMMIT, round_, wanted)
    if state.start.validators.has_quorum(_stake(state, precommits)):
        return commit_from_votes(precommits)
    assert state.commit is not None, "a quorum comes from votes or from a commit"
    return state.commit.commit


def find_polka(state: DriverState, round_: int, wanted: bytes) -> Polka | None:
    """The polka for a block in a round: from the votes, else as it was received."""
    prevotes = _votes_for(state, VoteKind.PREVOTE, round_, wanted)
    if state.start.validators.has_quorum(_stake(state, prevotes)):
        return polka_from_votes(prevotes)
    taken = state.polkas.get(round_)
    return taken if taken is not None and taken.block_id == wanted else None


def check_round(state: DriverState, round_: int, *, kept: int) -> None:
    """Refuse a round that lies further back than is kept. `PeerError`."""
    if round_ < state.round - kept and round_ not in _pinned(state):
        raise PeerError(Refusal.STALE_ROUND, f"round {round_}, now in {state.round}")


def with_vote(state: DriverState, vote: Vote) -> DriverState:
    """Count a vote. Of the rounds ahead, its validator's latest few are kept: an earlier one
    makes room, or, if it is this one, is refused. `PeerError` TOO_MANY.

    What is forgotten is never part of a quorum: a quorum ahead is no longer ahead.
    """
    ahead = sorted(
        number
        for number in state.tally.rounds
        if number > state.round
        and number != vote.round
        and any(vote.validator in state.tally.votes(number, kind) for kind in VoteKind)
    )
    tally = state.tally
    if vote.round > state.round and len(ahead) >= MAX_FUTURE_ROUNDS_PER_VALIDATOR:
        if vote.round < ahead[0]:
            raise PeerError(Refusal.TOO_MANY, f"round {vote.round}, after votes in {ahead}")
        tally = tallies.without_votes(tally, vote.validator, ahead[0])
    return replace(state, tally=tallies.add(tally, vote))


def with_proposal(state: DriverState, message: ProposalMessage) -> DriverState:
    """Keep a proposal; the furthest-ahead one makes room. `PeerError` FUTURE_ROUND."""
    round_ = message.proposal.round
    proposals = {
        **state.proposals,
        round_: (*state.proposals.get(round_, ()), message),
    }
    ahead = sorted(number for number in proposals if number > state.round)
    if len(ahead) > MAX_FUTURE_PROPOSALS:
        if ahead[-1] == round_:
            raise PeerError(Refusal.FUTURE_ROUND, f"round {round_}, now in {state.round}")
        del proposals[ahead[-1]]
    return replace(state, proposals=proposals)


def entering(state: DriverState) -> DriverState:
    """Forget what the new round, already in `round_state`, does not need."""
    machine = state.round_state
    pinned = _pinned(state)
    old = [
        number
        for number in state.tally.rounds
        if number < machine.round - MAX_PAST_ROUNDS and number not in pinned
    ]
    proposals = {
        number: held
        for number, held in state.proposals.items()
        if number >= machine.round - MAX_PAST_PROPOSAL_ROUNDS or number in pinned
    }
    spoken = sorted({_round_of(each) for each in state.own})[-1:]
    return replace(
        state,
        tally=tallies.without_rounds(state.tally, old) if old else state.tally,
        proposals=proposals,
        untimely=state.untimely & proposals.keys(),
        polkas={number: polka for number, polka in state.polkas.items() if number not in old},
        judged=_judgements_of(state, proposals),
        timers=frozenset(),
        building=False,
        built=None,
        to_sign=tuple(
            each for each in state.to_sign if each.round >= machine.round - SIGNING_ROUNDS
        ),
        own=tuple(each for each in state.own if _round_of(each) in spoken),
    )


def find_block(state: DriverState, wanted: bytes, *, built: bool = True) -> Block | None:
    """The block with this id, if it is kept: from a proposal, a commit, or just built."""
    for held in state.proposals.values():
        for each in held:
            if each.proposal.block_id == wanted:
                return each.block
    if state.commit is not None and state.commit.commit.block_id == wanted:
        return state.commit.block
    if built and state.built is not None and block_id(state.built.header) == wanted:
        return state.built
    return None


def same_vote(first: Vote, second: Vote) -> bool:
    """Whether two votes under one key say the same, whatever their signatures."""
    return first.block_id == second.block_id and first.valid_round == second.valid_round


def same_proposal(first: Proposal, second: Proposal) -> bool:
    """Whether two proposals of one round say the same, whatever their signatures."""
    return first.block_id == second.block_id and first.valid_round == second.valid_round


def _pinned(state: DriverState) -> set[int]:
    """Rounds whose votes are still needed, however long ago they were."""
    pinned = {state.round_state.locked_round, state.round_state.valid_round}
    if state.commit is not None:
        pinned.add(state.commit.commit.round)
    return pinned


def _judgements_of(
    state: DriverState, proposals: Mapping[int, tuple[ProposalMessage, ...]]
) -> dict[bytes, bool]:
    named = {each.proposal.block_id for held in proposals.values() for each in held}
    if state.commit is not None:
        named.add(state.commit.commit.block_id)
    return {judged: valid for judged, valid in state.judged.items() if judged in named}


def _votes_for(state: DriverState, kind: VoteKind, round_: int, wanted: bytes) -> list[Vote]:
    votes = state.tally.votes(round_, kind).values()
    return [vote for vote in votes if vote.block_id == wanted]


def _stake(state: DriverState, votes: Iterable[Vote]) -> int:
    return sum(state.start.validators.stake_of(vote.validator) for vote in votes)


def _round_of(message: VoteMessage | ProposalMessage) -> int:
    match message:
        case VoteMessage(vote):
            return vote.round
        case ProposalMessage(proposal):
            return proposal.round
