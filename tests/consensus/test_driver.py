"""The driver: lists of (input, effects), refusals by name, and limits.

`ME` is validator 1; validator r proposes in round r.
"""

from collections.abc import Sequence

import msgspec
import pytest

from consensus import state as states
from consensus.driver import DriverState, catch_up, fuller_commit, knows, start_height, step
from consensus.errors import Contradiction, NotAsked, PeerError, Refusal
from consensus.events import (
    BlockJudged,
    BuildValue,
    CommitReceived,
    Decided,
    Effect,
    Evidence,
    Input,
    JudgeBlock,
    Overruled,
    Persist,
    PolkaReceived,
    ProposalReceived,
    ProposalSigned,
    Send,
    SetTimeout,
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
    CommitMessage,
    Polka,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    commit_from_votes,
    polka_from_votes,
)
from consensus.round import Step, TimeoutKind
from consensus.types import UNSIGNED, Block, Proposal, Vote, VoteKind, block_id
from tests.consensus.keys import (
    KEYS,
    block,
    precommit,
    prevote,
    proposal,
    signed_proposal,
    signed_vote,
    start,
    vote,
)

ME = 1
A, B = block(b"a"), block(b"b")
A_ID, B_ID = block_id(A.header), block_id(B.header)


def proposed(value: Block, round_: int = 0, valid_round: int = -1) -> ProposalReceived:
    return ProposalReceived(VerifiedProposal(proposal(value, round_, valid_round), value, None))


def received(given: Vote) -> VoteReceived:
    return VoteReceived(VerifiedVote(given))


def timeout(kind: TimeoutKind, round_: int = 0) -> Timeout:
    return Timeout(kind, 1, round_)


def unsigned(given: Vote) -> Vote:
    return msgspec.structs.replace(given, signature=UNSIGNED)


def run(state: DriverState, inputs: Sequence[Input]) -> tuple[DriverState, list[Effect]]:
    """All effects of the inputs but what is persisted."""
    done: list[Effect] = []
    for each in inputs:
        state, effects = step(state, each)
        done.extend(effect for effect in effects if not isinstance(effect, Persist))
    return state, done


def fresh(*stakes: int) -> DriverState:
    return start_height(KEYS[ME], start(1, *stakes))[0]


def refusal(state: DriverState, event: Input) -> Refusal:
    with pytest.raises(PeerError) as caught:
        step(state, event)
    return caught.value.reason


def test_a_height_begins_with_its_timers() -> None:
    """The proposer also builds; a stranger follows and asks nobody to sign."""
    timers = (
        SetTimeout(timeout(TimeoutKind.REBROADCAST)),
        SetTimeout(timeout(TimeoutKind.PROPOSE)),
    )
    assert start_height(KEYS[1], start())[1] == timers
    assert start_height(KEYS[0], start())[1] == (*timers, BuildValue(1, 0))
    follower, effects = start_height(KEYS[6], start())
    assert effects == timers
    assert follower.me is None
    assert run(follower, [proposed(A), BlockJudged(A_ID, True)])[1] == [JudgeBlock(A_ID, A)]


def test_a_height_without_faults() -> None:
    """Propose, judge, prevote, precommit, decide: what is asked for, in order."""
    state, effects = run(fresh(), [proposed(A)])
    assert effects == [JudgeBlock(A_ID, A)]
    state, effects = run(state, [BlockJudged(A_ID, True)])
    own = prevote(ME, A)
    assert effects == [Sign(unsigned(own))]
    state, effects = run(state, [VoteSigned(own)])
    assert effects == [Send(VoteMessage(own))]
    state, effects = run(state, [received(prevote(0, A))])
    assert effects == []
    state, effects = run(state, [received(prevote(2, A))])
    mine = precommit(ME, A)
    assert effects == [SetTimeout(timeout(TimeoutKind.PREVOTE)), Sign(unsigned(mine))]
    votes = [mine, precommit(0, A), precommit(3, A)]
    state, effects = run(state, [VoteSigned(mine), *map(received, votes[1:])])
    assert effects == [Send(VoteMessage(mine)), Decided(A, commit_from_votes(votes))]
    assert state.step is Step.COMMIT


def test_what_is_sent_was_persisted_before() -> None:
    """Our own vote is in the journal's queue before it is in the network's."""
    state, _ = run(fresh(), [proposed(A), BlockJudged(A_ID, True)])
    _, effects = step(state, VoteSigned(prevote(ME, A)))
    kinds = [type(effect) for effect in effects]
    assert kinds == [Persist, Send]


def test_the_proposer_builds_signs_sends_and_judges() -> None:
    """In its round, once."""
    state, _ = start_height(KEYS[0], start())
    state, effects = run(state, [ValueBuilt(1, 0, A)])
    signed = proposal(A)
    assert effects == [Sign(msgspec.structs.replace(signed, signature=UNSIGNED))]
    message = ProposalMessage(signed, A, None)
    state, effects = run(state, [ProposalSigned(signed)])
    assert effects == [Send(message), JudgeBlock(A_ID, A)]
    assert run(state, [ValueBuilt(1, 0, B), ValueBuilt(2, 0, B)])[1] == []
    _, effects = run(state, [TimeoutFired(timeout(TimeoutKind.REBROADCAST))])
    assert effects == [Send(message), SetTimeout(timeout(TimeoutKind.REBROADCAST))]


def test_no_answer_yet_is_not_no() -> None:
    """An unjudged block gets no prevote; the timer gives it nil; the judgement may still
    come in time for the precommit."""
    state, effects = run(fresh(), [proposed(A), TimeoutFired(timeout(TimeoutKind.PROPOSE))])
    assert effects[1:] == [Sign(unsigned(prevote(ME, None)))]
    state, effects = run(state, [received(prevote(each, A)) for each in (0, 2, 3)])
    assert effects == [SetTimeout(timeout(TimeoutKind.PREVOTE))]
    state, effects = run(state, [BlockJudged(A_ID, True)])
    assert effects == [Sign(unsigned(precommit(ME, A)))]


def untimely(value: Block, round_: int = 0, valid_round: int = -1) -> ProposalReceived:
    return ProposalReceived(proposed(value, round_, valid_round).proposal, timely=False)


def test_a_proposal_that_is_not_timely_gets_nil_at_once() -> None:
    """Before its block is judged, and whatever is said of that; its block is not invalid."""
    state, effects = run(fresh(), [untimely(A)])
    assert effects == [JudgeBlock(A_ID, A), Sign(unsigned(prevote(ME, None)))]
    votes = [received(precommit(each, A)) for each in (0, 2, 3)]
    _, effects = run(state, [BlockJudged(A_ID, True), *votes])
    assert isinstance(effects[-1], Decided)


def test_two_thirds_vouch_for_a_time_that_we_cannot() -> None:
    """A polka locks us; and what is proposed again with one may be as late as it likes."""
    state, _ = run(fresh(), [untimely(A), VoteSigned(prevote(ME, None)), BlockJudged(A_ID, True)])
    prevotes = [received(prevote(each, A)) for each in (0, 2, 3)]
    _, effects = run(state, prevotes)
    assert Sign(unsigned(precommit(ME, A))) in effects
    polka = polka_from_votes([prevote(each, A) for each in (0, 2, 3)])
    given = VerifiedProposal(proposal(A, 1, 0), A, polka)
    skip = [received(prevote(each, None, 1)) for each in (0, 2)]
    state, _ = run(fresh(), skip)
    again = ProposalReceived(given, timely=False)
    _, effects = run(state, [again, BlockJudged(A_ID, True)])
    assert Sign(unsigned(vote(ME, VoteKind.PREVOTE, A, round_=1, valid_round=0))) in effects


def test_of_two_proposals_the_first_is_timely_or_not() -> None:
    """So an equivocator does not take a round from the one that we go by."""
    _, effects = run(fresh(), [proposed(A), untimely(B), BlockJudged(A_ID, True)])
    assert Sign(unsigned(prevote(ME, A))) in effects
    _, effects = run(fresh(), [untimely(A), proposed(B), BlockJudged(B_ID, True)])
    assert Sign(unsigned(prevote(ME, B))) not in effects


def test_an_invalid_block_gets_nil_and_never_a_decision() -> None:
    """Whatever the others vote; that two thirds overruled us is said, once."""
    state, effects = run(fresh(), [proposed(A), BlockJudged(A_ID, False)])
    assert effects[1:] == [Sign(unsigned(prevote(ME, None)))]
    votes = [precommit(each, A) for each in (0, 2, 3)]
    state, effects = run(state, [*map(received, votes), received(prevote(0, None))])
    notice = Overruled(A_ID, commit_from_votes(votes))
    assert effects == [SetTimeout(timeout(TimeoutKind.PRECOMMIT)), notice]
    with pytest.raises(Contradiction):
        step(state, BlockJudged(A_ID, True))


def test_a_commit_of_any_round_decides() -> None:
    """Votes first, then the proposal, of a round that we have left."""
    skip = [received(prevote(each, None, 2)) for each in (0, 2)]
    state, _ = run(fresh(), [*skip, *(received(precommit(each, A)) for each in (0, 2, 3))])
    assert state.round == 2
    _, effects = run(state, [proposed(A), BlockJudged(A_ID, True)])
    commit = commit_from_votes([precommit(each, A) for each in (0, 2, 3)])
    assert effects == [JudgeBlock(A_ID, A), Decided(A, commit)]


def test_more_than_a_third_ahead_pull_us_on() -> None:
    """To the highest such round, with its timers."""
    state, effects = run(fresh(), [received(prevote(0, None, 7))])
    assert effects == []
    state, effects = run(state, [received(precommit(2, A, 7))])
    assert effects == [
        SetTimeout(timeout(TimeoutKind.REBROADCAST, 7)),
        SetTimeout(timeout(TimeoutKind.PROPOSE, 7)),
    ]


def test_a_lock_is_proposed_again_with_its_polka() -> None:
    """Locked in round 0, proposer of round 1."""
    votes = [prevote(0, A), prevote(2, A), prevote(3, A)]
    state, _ = run(fresh(), [proposed(A), BlockJudged(A_ID, True), *map(received, votes)])
    state, _ = run(state, [received(precommit(each, None)) for each in (0, 2, 3)])
    state, effects = run(state, [TimeoutFired(timeout(TimeoutKind.PRECOMMIT))])
    wanted = proposal(A, 1, 0)
    asked = Sign(msgspec.structs.replace(wanted, signature=UNSIGNED))
    assert asked in effects
    state, effects = run(state, [ProposalSigned(wanted)])
    own = unsigned(prevote(ME, A, 1))
    assert effects == [
        Send(ProposalMessage(wanted, A, polka_from_votes(votes))),
        Sign(msgspec.structs.replace(own, valid_round=0)),
    ]


def test_a_polka_is_taken_whole() -> None:
    """With a re-proposal, or alone; it unlocks a prevote for the proposal."""
    polka = polka_from_votes([prevote(each, A, 1) for each in (0, 2, 3)])
    skip = [received(prevote(each, None, 2)) for each in (0, 2)]
    state, _ = run(fresh(), [*skip, proposed(A, 2, 1), BlockJudged(A_ID, True)])
    assert state.step is Step.PROPOSE
    asked = Sign(msgspec.structs.replace(unsigned(prevote(ME, A, 2)), valid_round=1))
    _, effects = run(state, [PolkaReceived(VerifiedPolka(polka))])
    assert effects == [asked]
    with_it = ProposalReceived(VerifiedProposal(proposal(A, 2, 1), A, polka))
    _, effects = run(fresh(), [*skip, with_it, BlockJudged(A_ID, True)])
    assert effects[-1] == asked


def test_a_commit_is_taken_whole() -> None:
    """By one who has seen nothing of the height."""
    commit = commit_from_votes([precommit(each, A, 3) for each in (0, 2, 3)])
    event = CommitReceived(VerifiedCommit(commit, A))
    state, effects = run(fresh(), [event, BlockJudged(A_ID, True)])
    assert effects[0] == JudgeBlock(A_ID, A)
    assert effects[-1] == Decided(A, commit)
    assert catch_up(state) == (CommitMessage(commit, A),)
    assert refusal(state, event) is Refusal.DUPLICATE
    assert knows(state, CommitMessage(commit, A))


def test_a_commit_waits_for_its_block_however_long() -> None:
    """Many rounds may pass before its block can be judged."""
    commit = commit_from_votes([precommit(each, A) for each in (0, 2, 3)])
    far = states.MAX_PAST_ROUNDS + 9
    skip = [received(prevote(each, None, far)) for each in (0, 2)]
    state, _ = run(fresh(), [CommitReceived(VerifiedCommit(commit, A)), *skip])
    assert state.round == far
    _, effects = run(state, [BlockJudged(A_ID, True)])
    assert effects == [Decided(A, commit)]


def test_late_precommits_still_count() -> None:
    """So that nobody's vote is missing from the commit by a proposer's choice."""
    commit = commit_from_votes([precommit(each, A) for each in (0, 2, 3)])
    event = CommitReceived(VerifiedCommit(commit, A))
    state, _ = run(fresh(), [event, BlockJudged(A_ID, True)])
    state, effects = step(state, received(precommit(ME, A)))
    assert effects == ()
    assert fuller_commit(fresh(), commit) == commit
    full = fuller_commit(state, commit)
    assert full == commit_from_votes([precommit(each, A) for each in range(4)])
    assert refusal(state, received(prevote(0, A))) is Refusal.STALE_ROUND
    assert refusal(state, proposed(A)) is Refusal.STALE_ROUND


def test_precommits_of_other_rounds_for_the_decided_block_show_who_was_there() -> None:
    """Before the decision and after it. They have no place in the commit; others are of no use."""
    commit = commit_from_votes([precommit(each, A, 1) for each in (0, 2, 3)])
    event = CommitReceived(VerifiedCommit(commit, A))
    ours, judged = received(precommit(ME, A)), BlockJudged(A_ID, True)
    orders: tuple[tuple[Input, ...], ...] = ((ours, event, judged), (event, judged, ours))
    for inputs in orders:
        state, _ = run(fresh(), inputs)
        assert {each.validator for each in states.precommits_for(state, A_ID)} == set(KEYS[:4])
        assert fuller_commit(state, commit) == commit
        assert refusal(state, received(precommit(ME, B, 2))) is Refusal.STALE_ROUND
        assert refusal(state, received(prevote(ME, A))) is Refusal.STALE_ROUND


def test_equivocation_is_evidence_once() -> None:
    """The first vote counts; the second convicts; the third is refused."""
    first, second, third = prevote(0, A), prevote(0, B), prevote(0, None)
    state, _ = run(fresh(), [received(first)])
    state, effects = run(state, [received(second)])
    assert effects == [Evidence(first, second)]
    assert refusal(state, received(third)) is Refusal.EQUIVOCATION
    state, _ = run(state, [proposed(A)])
    state, effects = run(state, [proposed(B)])
    assert effects == [Evidence(proposal(A), proposal(B)), JudgeBlock(B_ID, B)]
    assert refusal(state, proposed(block(b"c"))) is Refusal.EQUIVOCATION


def test_a_judgement_after_the_commit_is_overruled_as_well() -> None:
    """The commit came as a certificate, the judgement last."""
    commit = commit_from_votes([precommit(each, A) for each in (0, 2, 3)])
    state, effects = run(fresh(), [CommitReceived(VerifiedCommit(commit, A))])
    state, effects = run(state, [BlockJudged(A_ID, False)])
    assert effects[-1] == Overruled(A_ID, commit)
    assert state.decided is None


def test_a_certificate_convicts_who_voted_otherwise() -> None:
    """A polka, a polka beside a proposal, a commit: the vote inside against the one counted."""
    first, second = prevote(0, B), prevote(0, A)
    polka = polka_from_votes([prevote(each, A) for each in (0, 2, 3)])
    state, _ = run(fresh(), [received(first)])
    state, effects = run(state, [PolkaReceived(VerifiedPolka(polka))])
    assert Evidence(first, second) in effects
    assert refusal(state, received(second)) is Refusal.EQUIVOCATION
    state, _ = run(fresh(), [received(first)])
    again = ProposalReceived(VerifiedProposal(proposal(A, 1, 0), A, polka))
    assert Evidence(first, second) in run(state, [again])[1]
    commit = commit_from_votes([precommit(each, A) for each in (0, 2, 3)])
    state, _ = run(fresh(), [received(precommit(0, None))])
    state, effects = run(state, [CommitReceived(VerifiedCommit(commit, A))])
    assert effects[0] == Evidence(precommit(0, None), precommit(0, A))


def test_a_forgotten_lock_is_evidence() -> None:
    """Whichever of the two votes comes first, and with the decided round's late precommits."""
    locked, forgot = precommit(0, A), prevote(0, B, 2)
    for pair in ((locked, forgot), (forgot, locked)):
        _, effects = run(fresh(), [received(each) for each in pair])
        assert effects == [Evidence(*pair)]
    unlocked = vote(0, VoteKind.PREVOTE, B, round_=2, valid_round=0)
    assert run(fresh(), [received(locked), received(unlocked)])[1] == []
    commit = commit_from_votes([precommit(each, A) for each in (1, 2, 3)])
    event = CommitReceived(VerifiedCommit(commit, A))
    state, _ = run(fresh(), [received(forgot), event, BlockJudged(A_ID, True)])
    assert run(state, [received(locked)])[1] == [Evidence(forgot, locked)]


def test_duplicates_are_known_and_refused() -> None:
    """By content: another signature under the same words changes nothing."""
    given = prevote(0, A)
    state, _ = run(fresh(), [received(given), proposed(A)])
    other = msgspec.structs.replace(given, signature=bytes(64))
    for each in (given, other):
        assert refusal(state, received(each)) is Refusal.DUPLICATE
        assert knows(state, VoteMessage(each))
    assert refusal(state, proposed(A)) is Refusal.DUPLICATE
    assert knows(state, ProposalMessage(proposal(A), A, None))
    assert not knows(state, VoteMessage(prevote(2, A)))
    polka = Polka(1, 0, A_ID, ())
    assert not knows(state, PolkaMessage(polka))


def test_another_height_is_refused() -> None:
    """Whatever it is."""
    other = block(b"a", height=2)
    late = vote(0, VoteKind.PREVOTE, other, height=2)
    assert refusal(fresh(), received(late)) is Refusal.WRONG_HEIGHT
    assert refusal(fresh(), proposed(other)) is Refusal.WRONG_HEIGHT
    polka = Polka(2, 0, A_ID, ())
    assert refusal(fresh(), PolkaReceived(VerifiedPolka(polka))) is Refusal.WRONG_HEIGHT


def test_stale_rounds_are_refused_and_forgotten() -> None:
    """Votes further back than `MAX_PAST_ROUNDS`, proposals than `MAX_PAST_PROPOSAL_ROUNDS`."""
    far = states.MAX_PAST_ROUNDS + 1
    skip = [received(prevote(each, None, far)) for each in (0, 2)]
    state, _ = run(fresh(), [received(prevote(3, A)), proposed(A), *skip])
    assert state.round == far
    assert list(state.tally.rounds) == [far]
    assert state.proposals == {}
    assert refusal(state, received(prevote(2, A))) is Refusal.STALE_ROUND
    assert refusal(state, proposed(A)) is Refusal.STALE_ROUND


def test_two_rounds_ahead_are_kept_of_each_validator() -> None:
    """The latest two, so that a flood of rounds costs nothing and hides nothing."""
    state = fresh()
    for round_ in range(1, 50):
        state, _ = run(state, [received(prevote(0, None, round_))])
    held = [number for number in state.tally.rounds if state.tally.votes(number, VoteKind.PREVOTE)]
    assert held == [48, 49]


def test_a_vote_that_comes_after_two_later_ones_makes_no_quorum() -> None:
    """It is refused, so no quorum ever rests on a vote that is not kept."""
    state = fresh(30, 20, 25, 25)
    state, _ = run(state, [received(precommit(2, A, 5))])
    state, _ = run(state, [received(prevote(0, None, each)) for each in (6, 7)])
    assert refusal(state, received(precommit(0, A, 5))) is Refusal.TOO_MANY
    state, _ = run(state, [received(prevote(2, None, 7))])
    assert state.round == 7
    state, _ = run(state, [received(precommit(each, A, 5)) for each in (0, 3)])
    _, effects = run(state, [proposed(A, 5), BlockJudged(A_ID, True)])
    commit = commit_from_votes([precommit(each, A, 5) for each in (0, 2, 3)])
    assert effects[-1] == Decided(A, commit)


def test_few_proposals_ahead_are_kept() -> None:
    """The nearest; the one furthest ahead is refused or makes room."""
    state = fresh()
    rounds = range(2, 2 + states.MAX_FUTURE_PROPOSALS)
    state, _ = run(state, [proposed(block(b"%d" % each), each) for each in rounds])
    assert refusal(state, proposed(A, 40)) is Refusal.FUTURE_ROUND
    state, _ = run(state, [proposed(A, 1)])
    assert sorted(state.proposals) == [1, *rounds][:-1]


def test_timers_that_no_longer_matter_do_nothing() -> None:
    """Another height, another round, another step."""
    state, _ = run(fresh(), [TimeoutFired(timeout(TimeoutKind.PROPOSE))])
    for stale in (
        Timeout(TimeoutKind.PROPOSE, 1, 0),
        Timeout(TimeoutKind.PREVOTE, 2, 0),
        Timeout(TimeoutKind.PRECOMMIT, 1, 1),
        Timeout(TimeoutKind.REBROADCAST, 1, 3),
    ):
        assert step(state, TimeoutFired(stale)) == (state, ())


def test_signatures_that_nobody_asked_for() -> None:
    """Are an error of ours; those that come too late are dropped."""
    state = fresh()
    with pytest.raises(NotAsked):
        step(state, VoteSigned(prevote(ME, A)))
    with pytest.raises(NotAsked):
        step(state, ProposalSigned(proposal(A)))
    old = signed_vote(Vote(VoteKind.PREVOTE, 9, 0, None, -1, KEYS[ME], UNSIGNED))
    assert step(state, VoteSigned(old)) == (state, ())
    late = signed_proposal(Proposal(9, 1, -1, A_ID, KEYS[ME], UNSIGNED))
    assert step(state, ProposalSigned(late)) == (state, ())


def test_catch_up_carries_what_a_slow_peer_needs() -> None:
    """The polka of our valid value, the proposal, our votes."""
    own = [prevote(ME, A), precommit(ME, A)]
    state, _ = run(
        fresh(),
        [
            proposed(A),
            BlockJudged(A_ID, True),
            VoteSigned(own[0]),
            received(prevote(0, A)),
            received(prevote(2, A)),
            VoteSigned(own[1]),
        ],
    )
    polka = polka_from_votes([prevote(each, A) for each in (0, 1, 2)])
    assert catch_up(state) == (
        PolkaMessage(polka),
        ProposalMessage(proposal(A), A, None),
        *map(VoteMessage, own),
    )


def test_stake_decides_and_not_heads() -> None:
    """One validator with over two thirds of the stake."""
    state = fresh(70, 10, 10, 10)
    state, effects = run(state, [proposed(A), BlockJudged(A_ID, True), received(precommit(0, A))])
    assert effects[-1] == Decided(A, commit_from_votes([precommit(0, A)]))
