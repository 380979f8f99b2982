"""The target of admitted work: the formula, its bounds, and what a flood and a quiet night do."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.asert import WorkRule, ahead_after, asert_target, target_ahead
from consensus.work import MAX_TARGET

targets = st.integers(1, MAX_TARGET)
times = st.integers(-(2**53), 2**53)
heights = st.integers(-(2**40), 2**40)
spacings = st.integers(1, 2**32)
halflives = st.integers(1, 2**40)


def exact(anchor: int, late: int, halflife: int) -> Decimal:
    """The formula without its clamps, to 90 digits."""
    with localcontext() as context:
        context.prec = 90
        return Decimal(anchor) * Decimal(2) ** (Decimal(late) / Decimal(halflife))


@given(st.integers(2**64, 2**128), st.integers(-(10**7), 10**7), st.integers(0, 5000), st.data())
def test_it_follows_the_formula(anchor: int, time: int, height: int, data: st.DataObject) -> None:
    """Against exact powers of two: 0.013 % of the cubic, and a 65,536th of an exponent."""
    spacing = data.draw(st.integers(1, 1000))
    late = time - spacing * (height + 1)
    halflife = data.draw(st.integers(max(1, abs(late) // 60), 10**9))
    wanted = exact(anchor, late, halflife)
    found = asert_target(anchor, time, height, spacing, halflife)
    # The exponent is cut by less than one 65,536th: ln 2 / 65,536 < 0.0011 %.
    assert abs(found - wanted) <= wanted * Decimal("0.000141") + 1


@given(targets, times, st.integers(0, 2**53), heights, spacings, halflives)
def test_it_never_falls_as_time_goes_on(
    anchor: int, time: int, more: int, height: int, spacing: int, halflife: int
) -> None:
    """And, which is the same, never rises as more is admitted."""
    first = asert_target(anchor, time, height, spacing, halflife)
    assert asert_target(anchor, time + more, height, spacing, halflife) >= first
    assert asert_target(anchor, time, height + more, spacing, halflife) <= first


def test_it_never_falls_between_any_two_neighbouring_exponents() -> None:
    """All 65,536 fractions of one doubling and the first of the next: a half-life of 65,536
    makes each unit of time one step of the exponent."""
    found = [asert_target(2**100, time, -1, 1, 65_536) for time in range(65_537)]
    assert found == sorted(found)
    assert found[0] == 2**100
    assert found[-1] == 2**101


def test_the_cubic_is_rounded_to_the_nearest() -> None:
    """Each of its 65,536 values, from the published coefficients."""
    for fraction in range(65_536):
        cubic = Fraction(
            195_766_423_245_049 * fraction + 971_821_376 * fraction**2 + 5_127 * fraction**3, 2**48
        )
        wanted = 65_536 + floor(cubic + Fraction(1, 2))
        assert asert_target(65_536, fraction, -1, 1, 65_536) == wanted


@given(targets, times, heights, spacings, halflives, targets)
def test_it_is_bounded(
    one: int, time: int, height: int, spacing: int, halflife: int, other: int
) -> None:
    """Between 1 and the maximum, whatever the differences."""
    anchor, most = min(one, other), max(one, other)
    assert 1 <= asert_target(anchor, time, height, spacing, halflife, most) <= most


@given(st.integers(2**32, 2**200), st.integers(0, 10**9), spacings, st.integers(10**6, 10**9))
def test_a_half_life_late_doubles(anchor: int, late: int, spacing: int, halflife: int) -> None:
    """Exactly, but for the last bit that rounding down loses."""
    late %= 40 * halflife
    before = asert_target(anchor, spacing + late, 0, spacing, halflife)
    after = asert_target(anchor, spacing + late + halflife, 0, spacing, halflife)
    assert min(MAX_TARGET, 2 * before) <= after <= min(MAX_TARGET, 2 * before + 1)


@given(targets, st.integers(0, 10**9), spacings, halflives)
def test_on_schedule_nothing_moves(anchor: int, height: int, spacing: int, halflife: int) -> None:
    """Each step in its time: the anchor's own target, to the bit."""
    assert asert_target(anchor, spacing * (height + 1), height, spacing, halflife) == anchor


def test_the_division_truncates_toward_zero() -> None:
    """Less than a 65,536th of a half-life early or late is on schedule; rounded down, early
    would already cost."""
    for late in (-2, -1, 0, 1, 2):
        assert asert_target(2**100, late, -1, 1, 3 * 65_536) == 2**100
    assert asert_target(2**100, -3, -1, 1, 3 * 65_536) < 2**100


def test_what_is_no_question() -> None:
    """Targets and parameters out of range are mistakes of the caller."""
    for anchor, most in ((0, 10), (11, 10), (1, 0), (1, MAX_TARGET + 1)):
        with pytest.raises(ValueError, match="target"):
            asert_target(anchor, 0, 0, 1, 1, most)
    for spacing, halflife in ((0, 1), (1, 0), (-1, 1), (1, -1)):
        with pytest.raises(ValueError, match="positive"):
            asert_target(1, 0, 0, spacing, halflife)
        with pytest.raises(ValueError, match="positive"):
            WorkRule(spacing, halflife)
    for most in (0, MAX_TARGET + 1):
        with pytest.raises(ValueError, match="maximum"):
            WorkRule(1, 1, most)


# A chain that is built for ten batches a second, and takes a minute to double its price.
RULE = WorkRule(ideal_spacing_ms=100, halflife_ms=60_000, max_target=2**246)
SECOND = 1_000


class Chain:
    """Blocks of a second each, with some batches in each."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def run(self, seconds: int, batches: int) -> "Chain":
        for _ in range(seconds):
            self.ahead_ms = ahead_after(RULE, self.ahead_ms, SECOND, batches)
        return self

    @property
    def price(self) -> float:
        """The work for a batch, as a multiple of what it costs in quiet times."""
        return RULE.max_target / target_ahead(RULE, self.ahead_ms)


def test_what_is_normal_costs_nothing_more() -> None:
    """Up to the ideal rate, for as long as one likes."""
    assert Chain().run(3600, 0).price == 1
    assert Chain().run(3600, 10).price == 1


def test_a_flood_pays_more_with_every_second() -> None:
    """Ten times the rate is nine seconds too early a second: a doubling each 6.7 seconds."""
    chain = Chain().run(100, 5)
    prices = [chain.run(1, 100).price for _ in range(20)]
    assert prices == sorted(prices)
    assert prices[-1] == pytest.approx(2 ** (20 * 9 / 60), rel=1e-3)


def test_a_quiet_night_is_not_saved_up() -> None:
    """The flood of the morning costs what a flood after a busy day costs."""
    assert Chain().run(12 * 3600, 0).run(20, 100).price == Chain().run(20, 100).price


def test_the_price_comes_down_again() -> None:
    """As it went up: what was too early is waited for, and not a second longer."""
    chain = Chain().run(20, 100)
    assert chain.run(179, 0).price > 1
    assert chain.run(1, 0).price == 1
    assert chain.run(60, 10).price == 1


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 200)), max_size=30))
def test_the_price_is_that_of_the_schedule_since_it_was_last_kept(
    spans: list[tuple[int, int]],
) -> None:
    """The target is ASERT's own, over the blocks since admission was last not ahead."""
    chain, time_ms, admitted = Chain(), 0, 0
    for seconds, batches in spans:
        for _ in range(seconds):
            chain.run(1, batches)
            time_ms, admitted = time_ms + SECOND, admitted + batches
            if not chain.ahead_ms:
                time_ms = admitted = 0
        direct = asert_target(
            RULE.max_target,
            time_ms,
            admitted - 1,
            RULE.ideal_spacing_ms,
            RULE.halflife_ms,
            RULE.max_target,
        )
        assert target_ahead(RULE, chain.ahead_ms) == direct
