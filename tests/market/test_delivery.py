"""Deliveries against their naive reference, second by second; slots; the imbalance price."""

import doctest
from itertools import pairwise
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.market import delivery as delivery_module
from gtxnode.market import imbalance, shares
from gtxnode.market.auction import Mechanism
from gtxnode.market.delivery import Claim, Export, deliver
from gtxnode.market.imbalance import ImbalanceRule
from gtxnode.market.slots import QUARTER_HOUR_S, Product, Slot


def naive_deliver(export: Export, claims: list[Claim]) -> tuple[list[int], int]:
    """Each second's energy to the oldest claim on that second that wants it."""
    wanted = [claim.open_wh for claim in claims]
    left = 0
    for second in range(export.start_s, export.end_s):
        energy = export.by(second + 1) - export.by(second)
        for place, claim in enumerate(claims):
            if claim.slot.start_s <= second < claim.slot.end_s:
                taken = min(energy, wanted[place])
                wanted[place] -= taken
                energy -= taken
        left += energy
    return [c.open_wh - open_wh for c, open_wh in zip(claims, wanted, strict=True)], left


# A second of these stands for a quarter of an hour over 5, so that the naive one has few to walk.
slots = st.builds(lambda length, at: Slot(at * length, length), st.sampled_from([5, 10, 20]),
                  st.integers(0, 6))  # fmt: skip
claims_lists = st.lists(st.builds(Claim, slots, st.integers(0, 400)), max_size=8)
exports = st.builds(lambda s, length, wh: Export(s, s + length, wh),
                    st.integers(0, 60), st.integers(1, 60), st.integers(0, 1_000))  # fmt: skip


@given(exports, claims_lists)
@settings(max_examples=300)
def test_same_as_the_naive_delivery(export: Export, claims: list[Claim]) -> None:
    delivery = deliver(export, claims)
    expected, left = naive_deliver(export, claims)
    assert (list(delivery.delivered_wh), delivery.left_wh) == (expected, left)
    assert sum(delivery.delivered_wh) + delivery.left_wh == export.energy_wh


@given(exports, st.lists(st.integers(0, 130), max_size=6))
def test_parts_add_up_however_an_export_is_divided(export: Export, cuts: list[int]) -> None:
    edges = sorted({0, 200, *cuts})
    parts = [export.within(Slot(a, b - a)) for a, b in pairwise(edges)]
    assert sum(parts) == export.energy_wh
    assert all(part >= 0 for part in parts)


def test_a_reading_of_part_of_a_slot_delivers_that_part() -> None:
    assert deliver(Export(1_800, 2_700, 300), [Claim(Slot(0, 3_600), 500)]).delivered_wh == (300,)


def test_an_hour_over_four_quarters() -> None:
    claims = [Claim(Slot(start, 900), 300) for start in (0, 900, 1_800, 2_700)]
    delivery = deliver(Export(0, 3_600, 1_001), claims)
    assert delivery.delivered_wh == (250, 250, 250, 251)
    assert delivery.left_wh == 0


def test_energy_outside_the_slot_is_the_sellers_own() -> None:
    delivery = deliver(Export(0, 7_200, 1_000), [Claim(Slot(3_600, 3_600), 800)])
    assert delivery == ((500,), 500)


def test_which_slots_there_are() -> None:
    assert Slot(1_800_000_900, 900).is_aligned
    assert not Slot(1_800_000_900, 1_800).is_aligned
    assert Slot(1_800_000_900, 15).is_aligned
    assert Slot(0, 900).capacity_wh(5_000) == 1_250
    for length_s in (0, -900, 700, 7_200):
        with pytest.raises(ValueError, match=f"length_s is {length_s}"):
            Product(length_s, Mechanism.UNIFORM)
    with pytest.raises(ValueError, match="gate_closure_s is -1"):
        Product(QUARTER_HOUR_S, Mechanism.UNIFORM, gate_closure_s=-1)


@given(
    st.builds(ImbalanceRule, st.integers(0, 12_000), st.integers(0, 10**6)),
    st.integers(1, 10_000),
    st.integers(1, 10_000),
    st.integers(0, 10_000),
)
def test_the_collateral_covers_a_contract_at_any_price(
    rule: ImbalanceRule, one: int, other: int, at: int
) -> None:
    least, most = min(one, other), max(one, other)
    price = least + at % (most - least + 1)
    assert 0 <= rule.price(price) - price <= rule.collateral(least, most)


@pytest.mark.parametrize("module", [delivery_module, imbalance, shares])
def test_examples_in_docstrings(module: ModuleType) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted
    assert not outcome.failed
