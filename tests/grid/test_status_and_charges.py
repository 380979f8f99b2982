"""The grid's condition, and what a trade pays: worked examples, edges, and money that adds up."""

import doctest
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.grid import charges, corridors, curtailment, status
from gtxnode.grid.charges import lost_wh, toll_of
from gtxnode.grid.model import WiresCharge
from gtxnode.grid.status import BEARABLE, STABLE, GridStatus, Standing, StatusRules, faults
from gtxnode.primitives.zones import Role

RULES = StatusRules()
CALM = (50_000, 100, 1_000_000, 0, 200_000, 475)


@pytest.mark.parametrize("module", [charges, corridors, curtailment, status])
def test_worked_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize(
    ("place", "value", "standing"),
    [
        (0, 49_800, Standing.NORMAL),
        (0, 50_200, Standing.NORMAL),
        (0, 49_799, Standing.CONDITIONAL),
        (0, 50_201, Standing.CONDITIONAL),
        (0, 49_500, Standing.CONDITIONAL),
        (0, 49_499, Standing.REFUSED),
        (0, 50_501, Standing.REFUSED),
        (1, 90, Standing.NORMAL),
        (1, 89, Standing.CONDITIONAL),
        (1, 79, Standing.REFUSED),
        (2, 800_000, Standing.NORMAL),
        (2, 799_999, Standing.CONDITIONAL),
        (2, 599_999, Standing.REFUSED),
        (3, 250_000, Standing.NORMAL),
        (3, 250_001, Standing.CONDITIONAL),
        (3, 500_001, Standing.REFUSED),
        (4, 0, Standing.NORMAL),
        (5, 10_000, Standing.NORMAL),
    ],
)
def test_each_limit_is_part_of_the_band(place: int, value: int, standing: Standing) -> None:
    posted = GridStatus(*[value if n == place else each for n, each in enumerate(CALM)])
    assert status.standing_of(RULES, posted) is standing
    assert bool(faults(STABLE, posted)) == (standing is not Standing.NORMAL)
    assert bool(faults(BEARABLE, posted)) == (standing is Standing.REFUSED)


@given(
    st.lists(
        st.builds(WiresCharge, st.sampled_from(Role), st.integers(0, 2_000), st.integers(0, 10**6))
    ),
    st.integers(0, 10**6),
    st.integers(1_000, 10_000),
)
def test_a_toll_is_its_parts(wires: list[WiresCharge], premium_ppm: int, price: int) -> None:
    toll = toll_of(wires, premium_ppm=premium_ppm, price_mgtx_per_kwh=price)
    assert toll.total == sum(part for _, part in toll.wires) + toll.premium
    assert all(part > 0 for _, part in toll.wires)
    assert toll.premium * 10**6 <= price * premium_ppm < (toll.premium + 1) * 10**6


@given(st.integers(0, 999_999), st.integers(1, 10**9))
def test_something_always_arrives(loss_ppm: int, quantity_wh: int) -> None:
    lost = lost_wh(loss_ppm, quantity_wh)
    assert 0 <= lost < quantity_wh
    assert lost * 10**6 <= quantity_wh * loss_ppm
