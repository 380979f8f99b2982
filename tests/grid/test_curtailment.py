"""Curtailment: within the limits afterwards, by one part for all who add to it, and no further."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.grid.corridors import Limits, SlotUse, ways
from gtxnode.grid.curtailment import Sale, curtailed
from tests.grid import little_grid
from tests.grid.test_corridors import LIMITS, MW, NO_LIMIT, limits, within

ALL = little_grid.ZONES
WAYS = ways(little_grid.model())
THERE, BACK = WAYS[ALL[0], ALL[1]], WAYS[ALL[1], ALL[0]]

sales = st.lists(
    st.builds(
        Sale, st.sampled_from(list(WAYS.values())), st.integers(0, 25 * MW).map(lambda w: 4 * w)
    ),
    max_size=12,
)


def use_of(sold: list[Sale], left: list[int]) -> SlotUse:
    use = SlotUse.empty(3, 3)
    for sale, power in zip(sold, left, strict=True):
        use.take(sale.way, power)
    return use


@settings(max_examples=300)
@given(sales, limits)
def test_what_is_left_fits_and_nothing_grows(sold: list[Sale], held: Limits) -> None:
    left = curtailed(sold, held, unit_w=4)
    assert within(use_of(sold, left), held)
    assert all(0 <= power <= sale.power_w for power, sale in zip(left, sold, strict=True))
    assert all((sale.power_w - power) % 4 == 0 for power, sale in zip(left, sold, strict=True))


@given(sales, limits)
def test_what_fits_is_left_alone(sold: list[Sale], held: Limits) -> None:
    powers = [sale.power_w for sale in sold]
    if within(use_of(sold, powers), held):
        assert curtailed(sold, held) == powers


def test_equal_sales_are_cut_equally_and_relief_is_kept() -> None:
    fallen = Limits((10, 30, 30), LIMITS.backward, NO_LIMIT, NO_LIMIT)
    sold = [Sale(THERE, 30 * MW), Sale(THERE, 30 * MW), Sale(BACK, 15 * MW)]
    first, second, relief = curtailed(sold, fallen)
    assert first == second
    assert relief == 15 * MW
    # 15 MW net are left, of which two thirds take the corridor of 10 MW.
    assert abs(first + second - relief - 15 * MW) < 10


def test_a_zone_that_may_take_nothing_is_sold_nothing() -> None:
    closed = Limits(LIMITS.forward, LIMITS.backward, NO_LIMIT, (None, 0, None))
    assert curtailed([Sale(THERE, 5 * MW), Sale(BACK, 6 * MW)], closed) == [0, 6 * MW]


def test_a_cut_that_takes_relief_from_another_corridor_goes_on_until_all_fit() -> None:
    sold = [Sale(WAYS[ALL[0], ALL[2]], 60 * MW), Sale(WAYS[ALL[2], ALL[1]], 90 * MW)]
    held = Limits((5, 0, 20), (20, 20, 5), NO_LIMIT, NO_LIMIT)
    left = curtailed(sold, held)
    assert within(use_of(sold, left), held)
