"""Curtailment: within the limits afterwards, by one part for all who add to it, and no further."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.grid.corridors import Limits, SlotUse, ways
from gtxnode.grid.curtailment import Sale, curtailed
from tests.grid import little_grid
from tests.grid.test_corridors import LIMITS, MW, NO_LIMIT, limits

ALL = little_grid.ZONES
WAYS = ways(little_grid.model())
THERE, BACK = WAYS[ALL[0], ALL[1]], WAYS[ALL[1], ALL[0]]
NOTHING = SlotUse.empty(3, 3)

sales = st.lists(
    st.builds(
        lambda way, power, unit: Sale(way, power * unit, unit),
        st.sampled_from(list(WAYS.values())),
        st.integers(0, 25 * MW),
        st.sampled_from((1, 2, 4)),
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
    left = curtailed(sold, held, NOTHING)
    assert use_of(sold, left).fits(held)
    assert all(0 <= power <= sale.power_w for power, sale in zip(left, sold, strict=True))
    assert all(
        (sale.power_w - power) % sale.unit_w == 0 for power, sale in zip(left, sold, strict=True)
    )


@given(sales, limits)
def test_what_fits_is_left_alone(sold: list[Sale], held: Limits) -> None:
    powers = [sale.power_w for sale in sold]
    if use_of(sold, powers).fits(held):
        assert curtailed(sold, held, NOTHING) == powers


def test_equal_sales_are_cut_equally_and_relief_is_kept() -> None:
    fallen = Limits((10, 30, 30), LIMITS.backward, NO_LIMIT, NO_LIMIT)
    sold = [Sale(THERE, 30 * MW), Sale(THERE, 30 * MW), Sale(BACK, 15 * MW)]
    first, second, relief = curtailed(sold, fallen, NOTHING)
    assert first == second
    assert relief == 15 * MW
    # 15 MW net are left, of which two thirds take the corridor of 10 MW.
    assert abs(first + second - relief - 15 * MW) < 10


def test_a_zone_that_may_take_nothing_is_sold_nothing() -> None:
    closed = Limits(LIMITS.forward, LIMITS.backward, NO_LIMIT, (None, 0, None))
    assert curtailed([Sale(THERE, 5 * MW), Sale(BACK, 6 * MW)], closed, NOTHING) == [0, 6 * MW]


def test_a_cut_that_takes_relief_from_another_corridor_goes_on_until_all_fit() -> None:
    sold = [Sale(WAYS[ALL[0], ALL[2]], 60 * MW), Sale(WAYS[ALL[2], ALL[1]], 90 * MW)]
    held = Limits((5, 0, 20), (20, 20, 5), NO_LIMIT, NO_LIMIT)
    left = curtailed(sold, held, NOTHING)
    assert use_of(sold, left).fits(held)


@given(sales, limits, sales)
def test_what_cannot_be_cut_is_cut_around(sold: list[Sale], held: Limits, done: list[Sale]) -> None:
    left = curtailed(sold, held, use_of(done, [sale.power_w for sale in done]))
    used = use_of([*done, *sold], [*(sale.power_w for sale in done), *left])
    for sale, power in zip(sold, left, strict=True):
        for place, factor in sale.way.loads:
            flow = used.flows[place] if factor > 0 else -used.flows[place]
            limit = (held.forward if factor > 0 else held.backward)[place]
            # Where a limit stays passed, nothing is left that adds to it.
            assert flow <= limit * 10**12 or not power
