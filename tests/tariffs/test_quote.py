"""Quotes: the sanity check of a buyer's ceiling and a seller's floor, and that parts add up."""

import pytest

from gtxnode.grid.model import WiresCharge
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Role, Zone
from gtxnode.tariffs.charges import UnknownClass
from gtxnode.tariffs.quote import ChainCharges, Quote, quote
from gtxnode.tariffs.reference import Bounds, Circumstances
from gtxnode.tariffs.tables import Tariffs, ValueAddedTax
from gtxnode.tariffs.thailand import RESIDENTIAL_LOW_VOLTAGE, THAI_TABLES
from tests.tariffs.test_time_of_use import at

TARIFFS = Tariffs(THAI_TABLES)
NOON, NIGHT = at(2026, 11, 23, 12, 0), at(2026, 11, 23, 23, 0)


def quoted(
    at_s: int, price: int | None = None, tariffs: Tariffs = TARIFFS, **more: object
) -> Quote:
    where = Circumstances(at_s, Source.SOLAR, Zone.BANGKOK, Zone.BANGKOK)
    fields: dict[str, object] = {"customer": RESIDENTIAL_LOW_VOLTAGE, "capacity_w": 5_000, **more}
    return quote(tariffs, where, Bounds(1_000, 10_000), price_mgtx_per_kwh=price, **fields)  # type: ignore[arg-type]


def test_ceiling_and_floor_are_as_the_facts_say() -> None:
    noon, night = quoted(NOON, 3_500), quoted(NIGHT, 3_500)
    assert noon.grid.total_uthb == 6_377_735  # (5.7982 + 0.1623) x 1.07
    assert night.grid.total_uthb == 2_995_144
    assert noon.feed_in_uthb + noon.wheeling_uthb == 3_270_000
    assert noon.buyer_total_uthb == 4_570_000
    assert noon.buyer_gains_uthb == 1_807_735
    assert noon.seller_gains_uthb == 1_300_000
    # Off-peak at full wheeling, no price that a seller can take is one that a buyer can pay.
    assert quoted(NIGHT, 2_200).buyer_gains_uthb < 0


def test_what_the_chain_takes_is_the_buyers() -> None:
    wires = (WiresCharge(Role.EGAT, 100), WiresCharge(Role.MEA, 0, 10_000))
    charged = quoted(NOON, 3_500, charges=ChainCharges(wires))
    assert charged.wires_uthb == ((Role.EGAT, 100_000), (Role.MEA, 35_000))
    assert charged.chain_charges_uthb == 135_000
    assert charged.buyer_total_uthb == 4_705_000


def test_the_trading_fee_is_the_sellers() -> None:
    plain, charged = quoted(NOON, 3_500), quoted(NOON, 3_500, charges=ChainCharges((), 0, 20_000))
    assert charged.trading_fee_uthb == 70_000
    assert charged.buyer_total_uthb == plain.buyer_total_uthb
    assert plain.seller_gains_uthb - charged.seller_gains_uthb == 70_000


def test_the_buyer_gains_on_what_arrives() -> None:
    plain, lossy = quoted(NOON, 3_500), quoted(NOON, 3_500, charges=ChainCharges((), 29_426))
    assert lossy.buyer_total_uthb == plain.buyer_total_uthb
    assert plain.buyer_gains_uthb - lossy.buyer_gains_uthb == 187_671  # 2.9426 % of 6.377735


def test_without_a_price_it_is_the_reference_price() -> None:
    found = quoted(NOON)
    assert found.price_mgtx_per_kwh == found.reference.price_mgtx_per_kwh


def test_wheeling_bears_vat_only_where_the_table_says_so() -> None:
    taxed = ValueAddedTax(source="test", vat_ppm=70_000, on_wheeling=True)
    found = quoted(NOON, 3_500, Tariffs((*THAI_TABLES, taxed)))
    assert found.wheeling_vat_uthb == 74_900
    assert quoted(NOON, 3_500).wheeling_vat_uthb == 0


def test_a_large_plant_is_paid_nothing_for_feeding_in() -> None:
    assert quoted(NOON, 3_500, capacity_w=10_001).feed_in_uthb == 0


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(UnknownClass, match="palace is none of residential_low_voltage"):
        quoted(NOON, 3_500, customer="palace")


def test_where_the_chains_grid_charges_for_the_way_no_stamp_is_added() -> None:
    wires = (WiresCharge(Role.EGAT, 1_070),)
    charged = quoted(NOON, 3_500, charges=ChainCharges(wires), stamp=False)
    assert (charged.wheeling_uthb, charged.buyer_total_uthb) == (0, 4_570_000)
