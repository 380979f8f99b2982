"""Any stream of verified inputs: refused by name or taken, within bounds, never an assert.

Messages are what faulty validators could really sign: any votes, proposals of rounds that
are theirs with any block and valid round, polkas and commits that hold. Our own key is
among the voters, as after a restored backup.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from consensus import state as states
from consensus.driver import DriverState, start_height, step
from consensus.errors import PeerError
from consensus.events import (
    BlockJudged,
    BuildValue,
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
    Sign,
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
from consensus.messages import (
    VoteMessage,
    commit_from_votes,
    decode_message,
    encode_message,
    polka_from_votes,
)
from consensus.recovery import rebuild
from consensus.round import TimeoutKind
from consensus.types import UNSIGNED, Proposal, Vote, VoteKind, block_id
from tests.consensus.keys import KEYS, Turns, block, start

ME = 1
BLOCKS = [block(bytes([place])) for place in range(3)]
IDS = [block_id(each.header) for each in BLOCKS]
rounds = st.integers(0, 4) | st.integers(0, 60)


@st.composite
def votes(draw: st.DrawFn, kind: VoteKind | None = None) -> Vote:
    round_ = draw(rounds)
    kind = draw(st.sampled_from(VoteKind)) if kind is None else kind
    value = draw(st.sampled_from([None, *IDS]))
    explained = kind is VoteKind.PREVOTE and value is not None
    reason = draw(st.integers(-1, round_ - 1)) if explained else -1
    voter = draw(st.sampled_from(KEYS[:4]))
    return Vote(kind, 1, round_, value, reason, voter, UNSIGNED)


@st.composite
def certificates(draw: st.DrawFn, kind: VoteKind) -> list[Vote]:
    round_, value = draw(rounds), draw(st.sampled_from(IDS))
    voters = draw(st.sampled_from([KEYS[:3], KEYS[1:4], KEYS[:4]]))
    return [Vote(kind, 1, round_, value, -1, key, UNSIGNED) for key in voters]


@st.composite
def proposals(draw: st.DrawFn) -> ProposalReceived:
    round_, place = draw(rounds), draw(st.integers(0, 2))
    valid_round = draw(st.integers(-1, round_ - 1))
    proposer = Turns().proposer(1, round_)
    signed = Proposal(1, round_, valid_round, IDS[place], proposer, UNSIGNED)
    polka = None
    if valid_round >= 0 and draw(st.booleans()):
        polka = polka_from_votes(
            Vote(VoteKind.PREVOTE, 1, valid_round, IDS[place], -1, key, UNSIGNED)
            for key in KEYS[:3]
        )
    return ProposalReceived(VerifiedProposal(signed, BLOCKS[place], polka))


def judgement(place: int) -> Input:
    """Once and for good: the last of the three is invalid."""
    return BlockJudged(IDS[place], place != 2)


timers = st.builds(
    lambda kind, round_: TimeoutFired(Timeout(kind, 1, round_)),
    st.sampled_from(TimeoutKind),
    rounds,
)
events: st.SearchStrategy[Input] = st.one_of(
    votes().map(lambda vote: VoteReceived(VerifiedVote(vote))),
    proposals(),
    certificates(VoteKind.PREVOTE).map(
        lambda each: PolkaReceived(VerifiedPolka(polka_from_votes(each)))
    ),
    certificates(VoteKind.PRECOMMIT).map(
        lambda each: CommitReceived(
            VerifiedCommit(commit_from_votes(each), BLOCKS[IDS.index(each[0].block_id or b"")])
        )
    ),
    st.integers(0, 2).map(judgement),
    timers,
)


class Shell:
    """Answers what the driver asks for when told to, and watches what it sends."""

    def __init__(self) -> None:
        self.state, effects = start_height(KEYS[ME], start())
        self.journal: list[bytes] = []
        self.asked: list[Input] = []
        self.cast: dict[tuple[VoteKind, int], Vote] = {}
        self.perform(effects)

    def feed(self, event: Input) -> None:
        try:
            self.state, effects = step(self.state, event)
        except PeerError:
            return
        self.perform(effects)
        check_bounds(self.state)

    def perform(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Persist(record):
                    self.journal.append(record)
                case Sign(Vote() as vote):
                    self.asked.append(VoteSigned(vote))
                case Sign(Proposal() as proposal):
                    self.asked.append(ProposalSigned(proposal))
                case BuildValue(height, round_):
                    self.asked.append(ValueBuilt(height, round_, BLOCKS[round_ % 2]))
                case JudgeBlock(judged, block_):
                    assert judged == block_id(block_.header)
                case Send(message):
                    assert decode_message(encode_message(message)) == message
                    if isinstance(message, VoteMessage):
                        self.check_vote(message.vote)
                case Evidence(first, second):
                    assert first != second

    def check_vote(self, vote: Vote) -> None:
        """One vote of each kind in each round, in rounds that never fall."""
        assert self.cast.setdefault((vote.kind, vote.round), vote) == vote

    def answer(self) -> None:
        while self.asked:
            self.feed(self.asked.pop(0))


def check_bounds(state: DriverState) -> None:
    """The named limits hold after every step."""
    pinned = 2
    ahead = [number for number in state.tally.rounds if number > state.round]
    voters = states.MAX_FUTURE_ROUNDS_PER_VALIDATOR * len(state.start.validators)
    assert len([each for each in ahead if state.tally.rounds[each].voters_stake]) <= voters
    assert len(state.tally.rounds) - len(ahead) <= states.MAX_PAST_ROUNDS + 1 + pinned + len(KEYS)
    future = [number for number in state.proposals if number > state.round]
    assert len(future) <= states.MAX_FUTURE_PROPOSALS
    assert all(len(held) <= states.MAX_PROPOSALS_PER_ROUND for held in state.proposals.values())
    assert len(state.own) <= 6
    assert len(state.to_sign) <= 6


@settings(max_examples=150)
@given(st.lists(st.tuples(events, st.booleans()), max_size=60))
def test_any_stream_is_taken_or_refused(stream: list[tuple[Input, bool]]) -> None:
    """And the journal gives the same state again."""
    shell = Shell()
    for event, answered in stream:
        shell.feed(event)
        if answered:
            shell.answer()
    shell.answer()
    again, _ = rebuild(KEYS[ME], start(), shell.journal)
    assert again.round_state == shell.state.round_state
    assert again.tally.quorums == shell.state.tally.quorums or shell.state.decided is not None
    assert again.decided == shell.state.decided
