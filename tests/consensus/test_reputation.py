"""Reputation: its bounds, that better conduct never costs, and what each kind of conduct earns."""

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consensus.reputation import SCALE, Conduct, ReputationRule, judge

RULE = ReputationRule()

reputations = st.integers(0, SCALE)
counts = st.integers(0, 1_000)
conducts = st.builds(Conduct, counts, counts, counts, counts, st.just(0)).map(
    lambda each: msgspec.structs.replace(each, signed=min(each.signed, each.heights))
)


@st.composite
def rules(draw: st.DrawFn) -> ReputationRule:
    floor, start, cap = sorted(draw(st.tuples(reputations, reputations, reputations)))
    votes, turns = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(any))
    return ReputationRule(
        floor, start, cap, votes, turns, draw(st.integers(1, 50)), draw(st.integers(1, SCALE))
    )


@given(reputations, conducts, rules())
def test_bounds(reputation: int, conduct: Conduct, rule: ReputationRule) -> None:
    """Floor, cap, and the bound on one epoch's change."""
    reputation = min(max(reputation, rule.floor), rule.cap)
    found = judge(reputation, conduct, rule).reputation
    assert rule.floor <= found <= rule.cap
    assert abs(found - reputation) <= rule.max_change


@given(reputations, conducts, rules(), st.sampled_from(["signed", "made", "missed", "offences"]))
def test_better_conduct_never_costs(
    reputation: int, conduct: Conduct, rule: ReputationRule, fact: str
) -> None:
    """One more vote signed or turn made is no worse; one more miss or offence no better."""
    more = msgspec.structs.replace(conduct, **{fact: getattr(conduct, fact) + 1})
    assume(more.signed <= more.heights)
    before = judge(reputation, conduct, rule)
    after = judge(reputation, more, rule)
    if fact in ("signed", "made"):
        assert after.reputation >= before.reputation
        assert after.was_down <= before.was_down
    else:
        assert after.reputation <= before.reputation


@given(reputations, st.integers(0, 1000), conducts, rules())
def test_a_better_past_never_costs(
    reputation: int, more: int, conduct: Conduct, rule: ReputationRule
) -> None:
    """Of two validators with the same conduct the better one stays no worse."""
    lower = judge(reputation, conduct, rule).reputation
    assert judge(reputation + more, conduct, rule).reputation >= lower


@given(reputations, conducts, rules(), st.integers(1, 10))
def test_an_offence_costs_all(
    reputation: int, conduct: Conduct, rule: ReputationRule, offences: int
) -> None:
    """At once, whatever else the epoch showed."""
    guilty = msgspec.structs.replace(conduct, offences=offences)
    assert judge(reputation, guilty, rule).reputation == rule.floor


def after_epochs(reputation: int, epochs: int, conduct: Conduct) -> int:
    """The reputation after some epochs of the same conduct."""
    for _ in range(epochs):
        reputation = judge(reputation, conduct, RULE).reputation
    return reputation


def test_known_epochs() -> None:
    """By hand: the way to the score, an eighth of it, at most 50,000, cut toward zero."""
    good = Conduct(heights=1_200, signed=1_200, made=12)
    assert judge(500_000, good, RULE).reputation == 550_000
    assert judge(900_000, good, RULE).reputation == 912_500
    assert judge(SCALE - 7, good, RULE).reputation == SCALE - 7
    half = Conduct(heights=1_000, signed=800, made=3, missed=2)  # (0.8 + 0.6) / 2
    assert judge(500_000, half, RULE).reputation == 525_000
    assert judge(900_000, half, RULE).reputation == 875_000
    not_drawn = Conduct(heights=1_000, signed=800)
    assert judge(500_000, not_drawn, RULE).reputation == 537_500
    assert judge(123_456, Conduct(), RULE).reputation == 123_456


def test_it_takes_time_either_way() -> None:
    """Nine tenths of the way up or down in some thirty epochs, and the floor is never passed."""
    good, bad = Conduct(1_000, 1_000, 10), Conduct(1_000, 0, 0, 10)
    assert 900_000 < after_epochs(50_000, 30, good) < SCALE
    assert 50_000 < after_epochs(SCALE, 20, bad) < 200_000
    assert after_epochs(SCALE, 100, bad) == 50_000
    assert after_epochs(50_000, 200, good) == SCALE - 7


@pytest.mark.parametrize(
    ("heights", "signed", "down"),
    [(1_000, 499, True), (1_000, 500, False), (20, 0, True), (19, 0, False), (0, 0, False)],
)
def test_who_was_down(heights: int, signed: int, down: bool) -> None:
    """Below half of the heights, where there were heights enough to say so."""
    assert judge(500_000, Conduct(heights, signed), RULE).was_down is down


def test_rules_that_contradict_themselves() -> None:
    """Are a mistake in the parameters."""
    for floor, start, cap in ((2, 1, 3), (1, 4, 3), (3, 3, 2)):
        with pytest.raises(ValueError, match="start"):
            ReputationRule(floor, start, cap)
    with pytest.raises(ValueError, match="weigh"):
        ReputationRule(votes_weight=0, turns_weight=0)
