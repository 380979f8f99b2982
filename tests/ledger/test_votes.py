"""How votes are counted: against a naive count, and what no count may do."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.ledger.registry.votes import PPM, Choice, GovernanceRules, Tally, tally, with_choice

STAKES = st.lists(st.integers(min_value=1, max_value=2**53), min_size=1, max_size=12)
VOTES = st.lists(st.tuples(st.integers(0, 11), st.sampled_from(Choice)), max_size=40)
SHARES = st.integers(min_value=1, max_value=PPM)


@given(STAKES, VOTES)
def test_each_stake_counts_once_for_what_it_voted_last(
    stakes: list[int], votes: list[tuple[int, Choice]]
) -> None:
    choices = b""
    last: dict[int, Choice] = {}
    for place, choice in votes:
        if place < len(stakes):
            choices = with_choice(choices, place, choice)
            last[place] = choice
    naive = {
        choice: sum(stakes[place] for place, voted in last.items() if voted is choice)
        for choice in Choice
    }
    assert tally(stakes, choices) == Tally(
        naive[Choice.YES], naive[Choice.NO], naive[Choice.ABSTAIN], sum(stakes)
    )


@given(STAKES, st.binary(max_size=12), SHARES, SHARES)
def test_quorum_and_approval_are_exact_shares(
    stakes: list[int], raw: bytes, quorum_ppm: int, approval_ppm: int
) -> None:
    found = tally(stakes, bytes(each % 4 for each in raw[: len(stakes)]))
    voted = found.yes_ugtx + found.no_ugtx + found.abstain_ugtx
    assert found.is_quorate(quorum_ppm) == (
        Fraction(voted, found.total_ugtx) >= Fraction(quorum_ppm, PPM)
    )
    decided = found.yes_ugtx + found.no_ugtx
    assert found.is_approved(approval_ppm) == (
        bool(decided) and Fraction(found.yes_ugtx, decided) >= Fraction(approval_ppm, PPM)
    )


@st.composite
def rules(draw: st.DrawFn) -> GovernanceRules:
    """Any that are allowed, the weakest among them."""
    quorum_ppm = draw(st.integers(PPM // 3 + 1, PPM))
    least = PPM**2 // (3 * quorum_ppm) + 1
    approval_ppm = draw(st.integers(least, PPM) | st.just(least))
    return GovernanceRules(quorum_ppm=quorum_ppm, approval_ppm=approval_ppm)


@given(rules(), st.integers(1, 10**9), st.integers(0, 10**9), st.data())
def test_a_third_of_the_stake_decides_nothing_alone(
    rules: GovernanceRules, yes: int, more: int, data: st.DataObject
) -> None:
    """Whether the others vote no or stay away."""
    against = data.draw(st.integers(0, 2 * yes + more))
    found = Tally(yes, against, 0, 3 * yes + more)
    assert not (found.is_quorate(rules.quorum_ppm) and found.is_approved(rules.approval_ppm))


def test_rules_that_let_a_third_decide_are_no_rules() -> None:
    with pytest.raises(ValueError, match="over a third"):
        GovernanceRules(quorum_ppm=500_000, approval_ppm=666_666)
    GovernanceRules(quorum_ppm=500_000, approval_ppm=666_667)


def test_nobody_is_no_quorum() -> None:
    assert not tally((), b"").is_quorate(1)
    assert not Tally(0, 0, 5, 5).is_approved(1)
