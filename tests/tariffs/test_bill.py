"""A home's month: worked by hand, and what must hold of any."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gtxnode.tariffs.bill import Bill, Cover, Flow, Posted, Total, bill
from gtxnode.tariffs.calendar import Month
from gtxnode.tariffs.money import rounded
from gtxnode.tariffs.tables import (
    EnergyCharges,
    FeedIn,
    FuelSurcharge,
    Tariffs,
    TariffTable,
    ValueAddedTax,
    Wheeling,
)
from gtxnode.tariffs.thailand import RESIDENTIAL_LOW_VOLTAGE, THAI_TABLES
from tests.tariffs.test_time_of_use import at

TARIFFS = Tariffs(THAI_TABLES)
NOVEMBER = Month(2026, 11)
NOON, NIGHT = at(2026, 11, 23, 12, 0), at(2026, 11, 23, 23, 0)
KWH = 1_000


def flow(start_s: int, imported_kwh: int, exported_kwh: int = 0, capacity_w: int = 5_000) -> Flow:
    return Flow(start_s, start_s + 900, imported_kwh * KWH, exported_kwh * KWH, capacity_w)


def billed(
    flows: list[Flow],
    postings: list[Posted] | None = None,
    covers: list[Cover] | None = None,
    tariffs: Tariffs = TARIFFS,
) -> Bill:
    return bill(tariffs, RESIDENTIAL_LOW_VOLTAGE, NOVEMBER, flows, postings or [], covers or [])


def amounts(found: Bill) -> dict[str, int]:
    return {line.name: line.amount_satang for line in found.here}


def test_a_home_that_does_not_trade_pays_the_grids_bill_and_loses_its_feed_in() -> None:
    found = billed([flow(NOON, 100), flow(NIGHT, 50, 20)])
    # 579.82 + 131.85 (131.845) + 24.35 (24.345) + 24.62 = 760.64, and 7 % of it 53.24
    assert amounts(found) == {
        "on_peak": 57_982,
        "off_peak": 13_185,
        "ft": 2_435,
        "service": 2_462,
        "vat": 5_324,
        "wheeling": 0,
        "bought": 0,
        "sold": 0,
        "premium": 0,
        "shortfall": 0,
        "curtailment": 0,
        "trading_fees": 0,
        "fees": 0,
    }
    assert found.grid_only_satang == 81_388 - 4_400
    assert found.saved_satang == -4_400
    assert found.unsold_wh == 20 * KWH


def test_peak_energy_from_a_neighbour_saves() -> None:
    deal = Posted(NOON, "bought", -350_000_000, 100 * KWH)
    found = billed([flow(NOON, 100)], [deal], [Cover(NOON, NOON + 900, 100 * KWH)])
    assert amounts(found)["wheeling"] == 10_700
    assert amounts(found)["bought"] == 35_000
    assert (found.covered_on_wh, found.covered_off_wh) == (100 * KWH, 0)
    # From the grid 579.82 + 16.23 + 24.62, with VAT 664.12; of it 26.34 is for the service alone.
    assert found.saved_satang == 66_412 - 2_634 - 35_000 - 10_700


def test_off_peak_energy_at_full_wheeling_loses_and_the_bill_says_so() -> None:
    deal = Posted(NIGHT, "bought", -220_000_000, 100 * KWH)
    found = billed([flow(NIGHT, 100)], [deal], [Cover(NIGHT, NIGHT + 900, 100 * KWH)])
    # 263.69 + 16.23 + 24.62 with VAT are 325.86; 220.00 + 107.00 were spent to be without it.
    assert found.saved_satang == 32_586 - 2_634 - 22_000 - 10_700 == -2_748


def test_what_was_bought_and_not_retired_covers_nothing() -> None:
    deal = Posted(NOON, "bought", -350_000_000, 100 * KWH)
    assert billed([flow(NOON, 100)], [deal]).saved_satang == -35_000


def test_a_seller_earns_the_price_and_forgoes_the_feed_in() -> None:
    postings = [Posted(NOON, "sold", 210_000_000, -60 * KWH), Posted(NOON, "fees", -1_000_000, 0)]
    found = billed([flow(NOON, 0, 100)], postings)
    assert amounts(found)["sold"] == -21_000
    assert amounts(found)["fees"] == 100
    assert found.saved_satang == 21_000 - 100 - 22_000
    assert found.unsold_wh == 40 * KWH


def test_a_large_plant_forgoes_nothing() -> None:
    found = billed([flow(NOON, 0, 100, 50_000)])
    assert found.saved_satang == 0


def test_sun_of_the_week_covers_peak_first_and_the_night_with_the_rest() -> None:
    found = billed([flow(NOON, 30), flow(NIGHT, 50)], [], [Cover(NOON, NOON + 900, 60 * KWH)])
    assert (found.covered_on_wh, found.covered_off_wh) == (30 * KWH, 30 * KWH)


def test_a_surcharge_that_changes_within_the_month_holds_from_its_day() -> None:
    change = FuelSurcharge(from_s=NIGHT, source="test", ft_uthb_per_kwh=-100_000)
    found = billed([flow(NOON, 10), flow(NIGHT, 10)], tariffs=Tariffs((*THAI_TABLES, change)))
    assert amounts(found)["ft"] == 62  # 1.623 - 1.0 THB


def replaced(table: TariffTable) -> Tariffs:
    return Tariffs((*THAI_TABLES, table))


def test_rates_and_tax_that_change_within_the_month_hold_from_their_second() -> None:
    thai = TARIFFS.at(EnergyCharges, NOON)
    cheaper = tuple(
        replace(each, off_peak_uthb_per_kwh=1_000_000, service_uthb_per_month=0)
        for each in thai.classes
    )
    charges = replace(thai, from_s=NIGHT, source="test", classes=cheaper)
    found = billed([flow(NIGHT - 86_400, 10), flow(NIGHT, 10)], tariffs=replaced(charges))
    # 26.369 and 10.00; the service is charged as the month began
    assert amounts(found)["off_peak"] == 3_637
    assert amounts(found)["service"] == 2_462
    tax = replace(TARIFFS.at(ValueAddedTax, NOON), from_s=NIGHT, source="test", vat_ppm=100_000)
    found = billed([flow(NOON, 100), flow(NIGHT, 100)], tariffs=replaced(tax))
    # 7 % of 579.82 + 16.23 + 24.62, and 10 % of 263.69 + 16.23
    assert amounts(found)["vat"] == 4_345 + 2_799
    stamp = replace(TARIFFS.at(Wheeling, NOON), from_s=NIGHT, source="test",
                    wheeling_uthb_per_kwh=2_000_000)  # fmt: skip
    covers = [Cover(NOON, NOON + 900, 100 * KWH), Cover(NIGHT, NIGHT + 900, 100 * KWH)]
    found = billed([flow(NOON, 100), flow(NIGHT, 100)], [], covers, replaced(stamp))
    assert amounts(found)["wheeling"] == 10_700 + 20_000
    less = replace(TARIFFS.at(FeedIn, NOON), from_s=NIGHT, source="test",
                   feed_in_uthb_per_kwh=1_000_000)  # fmt: skip
    found = billed([flow(NOON, 0, 10), flow(NIGHT, 0, 10)], tariffs=replaced(less))
    assert found.grid_only_satang == -2_200 - 1_000


def test_each_meter_that_takes_energy_in_pays_its_service() -> None:
    roof = flow(NOON, 0, 50)._replace(meter=b"roof")
    house, shop = (flow(NOON, 1)._replace(meter=each) for each in (b"house", b"shop"))
    found = billed([roof, house, house, shop])
    assert (found.meters, amounts(found)["service"]) == (2, 2 * 2_462)


def test_who_has_no_meter_is_billed_for_trade_alone() -> None:
    found = billed([], [Posted(NOON, "bought", -3_500_000, KWH), Posted(NOON, "fees", -10_000, 0)])
    assert (found.meters, found.grid_only_satang, found.here_satang) == (0, 0, 351)


def test_what_is_held_or_void_is_shown_and_not_counted() -> None:
    held = flow(NOON, 0)._replace(held_wh=7_000)
    void = flow(NIGHT, 0)._replace(voided_wh=5_000)
    found = billed([flow(NOON - 900, 0, 1), held, void])
    assert (found.exported_wh, found.held_wh, found.voided_wh) == (KWH, 7_000, 5_000)
    assert found.grid_only_satang == -220


def test_the_account_has_all_of_it_and_the_bill_no_gifts() -> None:
    postings = [
        Posted(NOON, "received", 5_000_000, 0),
        Posted(NOON, "shortfall", 1_440_000, 0),
        Posted(NIGHT, "shortfall", -440_000, 0),
        Posted(NIGHT, "sealing", 100, 0),
    ]
    found = billed([], postings)
    assert found.account == (
        Total("shortfall", 1_000_000, 0, billed=True),
        Total("received", 5_000_000, 0, billed=False),
        Total("sealing", 100, 0, billed=False),
    )
    assert found.here_satang == amounts(found)["shortfall"] == -100


energies = st.integers(0, 50_000)
starts = st.integers(NOVEMBER.start_s, NOVEMBER.end_s - 901)
flows = st.lists(st.builds(Flow, starts, starts.map(lambda s: s + 900), energies, energies,
                           st.just(5_000)), max_size=20)  # fmt: skip
covers = st.lists(st.builds(lambda s, e: Cover(s, s + 900, e), starts, energies), max_size=5)


def ordered(given_flows: list[Flow]) -> list[Flow]:
    return [each._replace(end_s=each.start_s + 900) for each in given_flows]


@given(flows, covers)
def test_energy_adds_up_and_cover_never_exceeds_import(
    given_flows: list[Flow], given_covers: list[Cover]
) -> None:
    found = billed(ordered(given_flows), [], given_covers)
    imported = sum(each.imported_wh for each in given_flows)
    assert found.imported_on_wh + found.imported_off_wh == imported
    covered = found.covered_on_wh + found.covered_off_wh
    assert covered == min(imported, sum(each.energy_wh for each in given_covers))
    assert 0 <= found.covered_on_wh <= found.imported_on_wh
    here = {line.name: line for line in found.here}
    charged = here["on_peak"].energy_wh + here["off_peak"].energy_wh
    assert charged + here["wheeling"].energy_wh == imported
    assert found.saved_satang == found.grid_only_satang - found.here_satang


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_rounding_is_to_the_nearest_halves_up(numerator: int, denominator: int) -> None:
    found = rounded(numerator, denominator)
    assert -denominator < 2 * (numerator - found * denominator) + 1 <= denominator + 1
