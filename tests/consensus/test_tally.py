"""The tally against a naive count of the same votes."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from consensus import tally as tallies
from consensus.tally import Tally
from consensus.types import UNSIGNED, Vote, VoteKind
from consensus.validators import Validator, ValidatorSet
from tests.consensus.keys import KEYS

VALUES = [None, b"a" * 32, b"b" * 32]
votes_of_anyone = st.lists(
    st.builds(
        Vote,
        kind=st.sampled_from(VoteKind),
        height=st.just(1),
        round=st.integers(0, 2),
        block_id=st.sampled_from(VALUES),
        valid_round=st.just(-1),
        validator=st.sampled_from(KEYS),
        signature=st.just(UNSIGNED),
    ),
    max_size=40,
)
stakes = st.lists(st.integers(1, 50), min_size=len(KEYS), max_size=len(KEYS))


@given(stakes, votes_of_anyone)
def test_thresholds_are_those_of_a_naive_count(shares: list[int], votes: list[Vote]) -> None:
    """The first vote of each (validator, round, kind) counts, and nothing else."""
    stake = dict(zip(KEYS, shares, strict=True))
    tally = Tally(ValidatorSet(Validator(key, share) for key, share in stake.items()))
    first: dict[tuple[bytes, int, VoteKind], Vote] = {}
    for vote in votes:
        first.setdefault((vote.validator, vote.round, vote.kind), vote)
        if tally.find(vote) is None:
            tally = tallies.add(tally, vote)
    total = sum(shares)
    weight: dict[tuple[VoteKind, int, bytes | None], int] = defaultdict(int)
    present = defaultdict(set)
    for vote in first.values():
        weight[vote.kind, vote.round, vote.block_id] += stake[vote.validator]
        present[vote.round].add(vote.validator)
    for kind in VoteKind:
        for round_ in range(3):
            for value in VALUES:
                holds = 3 * weight[kind, round_, value] > 2 * total
                assert tally.has_quorum(kind, round_, value) is holds
            everyone = sum(weight[kind, round_, value] for value in VALUES)
            assert tally.has_any_quorum(kind, round_) is (3 * everyone > 2 * total)
    ahead = [r for r in (1, 2) if 3 * sum(stake[key] for key in present[r]) > total]
    assert tally.highest_skip(0) == max(ahead, default=None)


@given(votes_of_anyone, st.sampled_from(KEYS), st.integers(0, 2))
def test_forgetting_a_validators_votes_is_as_if_they_never_came(
    votes: list[Vote], gone: bytes, round_: int
) -> None:
    """But for quorums, which stand once they are made."""
    empty = Tally(ValidatorSet(Validator(key, 1) for key in KEYS))
    with_all = without = empty
    for vote in votes:
        if with_all.find(vote) is None:
            with_all = tallies.add(with_all, vote)
        if (vote.validator, vote.round) != (gone, round_) and without.find(vote) is None:
            without = tallies.add(without, vote)
    forgotten = tallies.without_votes(with_all, gone, round_)
    for number in range(3):
        for kind in VoteKind:
            assert forgotten.votes(number, kind) == without.votes(number, kind)
        if number in without.rounds:
            assert forgotten.rounds[number] == without.rounds[number]
    assert without.quorums <= forgotten.quorums <= with_all.quorums


def test_exactly_two_thirds_are_not_enough() -> None:
    """3 * stake > 2 * total, strictly; and a third is not more than a third."""
    tally = Tally(ValidatorSet([Validator(KEYS[0], 2), Validator(KEYS[1], 1)]))
    vote = Vote(VoteKind.PREVOTE, 1, 3, None, -1, KEYS[0], UNSIGNED)
    assert not tallies.add(tally, vote).has_any_quorum(VoteKind.PREVOTE, 3)
    small = Vote(VoteKind.PREVOTE, 1, 3, None, -1, KEYS[1], UNSIGNED)
    assert tallies.add(tally, small).highest_skip(0) is None
    both = tallies.add(tallies.add(tally, vote), small)
    assert both.has_quorum(VoteKind.PREVOTE, 3, None)


def test_a_certificate_stands_whole() -> None:
    """Even where one of its signers was counted for something else."""
    keys = KEYS[:4]
    tally = Tally(ValidatorSet(Validator(key, 1) for key in keys))
    value = b"a" * 32
    tally = tallies.add(tally, Vote(VoteKind.PREVOTE, 1, 0, None, -1, keys[0], UNSIGNED))
    certified = [Vote(VoteKind.PREVOTE, 1, 0, value, -1, key, UNSIGNED) for key in keys[:3]]
    quorum = (VoteKind.PREVOTE, 0, value)
    tally = tallies.add_certificate(tally, certified, quorum)
    assert tally.has_quorum(*quorum)
    assert tally.votes(0, VoteKind.PREVOTE)[keys[0]].block_id is None
    assert not tallies.without_rounds(tally, [0]).has_quorum(*quorum)
