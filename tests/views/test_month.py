"""A month in town: what is quoted, billed, certified and reported is what happened."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from gtxnode.grid.charges import toll_of
from gtxnode.ledger.bodies import ReplaceTariff
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import BadValue, NotFound
from gtxnode.rpc.views.tariffs import QuoteView
from gtxnode.rpc.wire import encode, plain_fields
from gtxnode.tariffs.tables import FuelSurcharge
from gtxnode.tariffs.thailand import RESIDENTIAL_LOW_VOLTAGE
from gtxnode.views.carbon import CarbonView
from gtxnode.views.certificates import CertificatesView
from gtxnode.views.tariffs import TariffsView
from tests.ledger.grid_chain import PARAMETERS as GRID
from tests.ledger.little_chain import KWH, address, meter_of, signed
from tests.views.town import Town

BANGKOK = timezone(timedelta(hours=7))
LONG = 2**40


def at(*when: int) -> int:
    return int(datetime(*when, tzinfo=BANGKOK).timestamp())  # type: ignore[misc, arg-type]


SUNDAY_NOON = at(2027, 2, 28, 12, 0)
MONDAY_NOON = at(2027, 3, 1, 12, 0)


@pytest.fixture
def town() -> Town:
    """Somchai sells 1 kWh of Monday's noon to malee at 3.5, who covers with it what she took in."""
    town = Town(SUNDAY_NOON, "somchai", "malee")
    town.accepted(town.reading("malee", SUNDAY_NOON, 400, 0), at_s=SUNDAY_NOON + 1_000)
    town.accepted(
        town.reading("somchai", MONDAY_NOON, 0, 1_500),
        town.reading("malee", MONDAY_NOON, 1_200, 0),
        at_s=MONDAY_NOON + 1_000,
    )
    town.accepted(town.sell("somchai", 1_500, 3_500))
    town.accepted(town.buy("malee", KWH, 4_000))
    return town


async def test_a_bill_is_of_its_month_and_its_home(town: Town) -> None:
    view = TariffsView("geo_bangkok", town.store)
    retired = town.cover("malee", KWH)
    town.accepted(retired)
    march = await view.bill(address("malee"), "2027-03", RESIDENTIAL_LOW_VOLTAGE)
    assert (march.imported_on_peak_wh, march.imported_off_peak_wh) == (1_200, 0)
    assert (march.covered_on_peak_wh, march.covered_off_peak_wh) == (KWH, 0)
    assert (march.bought_wh, march.sold_wh, march.complete) == (KWH, 0, False)
    amounts = {line.name: line.amount_satang for line in march.here}
    # 0.2 kWh of the grid's, 24.62 for the service and 7 % on both; a kWh at 3.50 and 1.07 for wires
    assert amounts == {
        "on_peak": 116,
        "off_peak": 0,
        "ft": 3,
        "service": 2_462,
        "vat": 181,
        "wheeling": 107,
        "bought": 350,
        "sold": 0,
        "premium": 0,
        "shortfall": 0,
        "curtailment": 0,
        "trading_fees": 0,
        "fees": 0,
    }
    assert march.here_satang == sum(amounts.values())
    assert march.saved_satang == march.grid_only_satang - march.here_satang
    february = await view.bill(address("malee"), "2027-02", RESIDENTIAL_LOW_VOLTAGE)
    assert (february.imported_off_peak_wh, february.bought_wh, february.complete) == (400, 0, True)
    seller = await view.bill(address("somchai"), "2027-03", RESIDENTIAL_LOW_VOLTAGE)
    assert (seller.exported_wh, seller.sold_wh, seller.unsold_wh) == (1_500, KWH, 500)
    # 3.50 earned for a kWh, and 1.5 kWh x 2.20 forgone
    assert seller.saved_satang == 350 - 330
    nobody = await view.bill(bytes(20), "2027-03", RESIDENTIAL_LOW_VOLTAGE)
    assert nobody.here_satang == nobody.grid_only_satang


async def test_what_names_no_month_and_no_class_is_said_so(town: Town) -> None:
    view = TariffsView("geo_bangkok", town.store)
    with pytest.raises(BadValue, match="not a month"):
        await view.bill(address("malee"), "2027-3", RESIDENTIAL_LOW_VOLTAGE)
    with pytest.raises(BadValue, match="palace"):
        await view.bill(address("malee"), "2027-03", "palace")


async def quoted(view: TariffsView, at_s: int | None = None) -> QuoteView:
    return await view.quote(
        source=Source.SOLAR,
        from_zone=Zone.BANGKOK,
        to_zone=Zone.BANGKOK,
        at_s=at_s,
        price_mgtx_per_kwh=3_500,
        customer=RESIDENTIAL_LOW_VOLTAGE,
        capacity_w=5_000,
    )


async def test_a_quote_goes_by_the_tables_in_force(town: Town) -> None:
    view = TariffsView("geo_bangkok", town.store)
    now_s = town.now_s
    before = await quoted(view, now_s)
    assert before.buyer_total_uthb_per_kwh == 4_570_000
    assert before.grid.total_uthb_per_kwh == 6_377_735
    assert before.calendar_known
    later = FuelSurcharge(from_s=town.now_s + 3_600, source="ERC", ft_uthb_per_kwh=0)
    town.accepted(signed(ReplaceTariff(town.now_s * 1_000, later), "ERC"))
    assert await quoted(view, now_s) == before
    assert (await quoted(view, town.now_s + 3_600)).grid.ft_uthb_per_kwh == 0
    tables = await view.tables(town.now_s + 3_600)
    in_force = [each.table for each in tables.tables if each.in_force]
    assert later in in_force
    assert sum(isinstance(table, FuelSurcharge) for table in in_force) == 1
    assert not (await quoted(view, at(2040, 1, 4, 12, 0))).calendar_known


async def test_a_quote_over_a_grid_names_whose_wires_and_what_is_lost() -> None:
    grid = GRID.grid
    assert grid is not None
    way = next(each for each in grid.routes if each.charges and each.loss_ppm)
    fee = replace(GRID.orders, trading_fee_ppm=10_000)
    town = Town(MONDAY_NOON, parameters=replace(GRID, orders=fee))
    town.block()
    found = await TariffsView("geo_bangkok", town.store).quote(
        source=Source.SOLAR,
        from_zone=way.seller,
        to_zone=way.buyer,
        at_s=None,
        price_mgtx_per_kwh=3_500,
        customer=RESIDENTIAL_LOW_VOLTAGE,
        capacity_w=5_000,
    )
    wires = toll_of(way.charges, premium_ppm=0, price_mgtx_per_kwh=3_500).wires
    assert found.wires_uthb_per_kwh == {role.name.lower(): each * 1_000 for role, each in wires}
    assert found.chain_charges_uthb_per_kwh == sum(found.wires_uthb_per_kwh.values())
    assert (found.lost_ppm, found.wheeling_uthb_per_kwh) == (way.loss_ppm, 0)
    assert found.trading_fee_uthb_per_kwh == 35_000
    assert found.seller_gains_uthb_per_kwh == 3_500_000 - 35_000 - 2_200_000


async def test_scarcity_is_the_books(town: Town) -> None:
    view = TariffsView("geo_bangkok", town.store)
    # Half a kWh is offered and nothing wanted: the lowest factor there is.
    scarcity = {p.name: p.factor_ppm for p in (await quoted(view)).reference}["scarcity"]
    assert scarcity == 800_000
    town.accepted(town.buy("malee", 500, 3_400))
    scarcity = {p.name: p.factor_ppm for p in (await quoted(view)).reference}["scarcity"]
    assert scarcity == 1_000_000


async def test_a_certificate_names_meter_interval_and_consumer(town: Town) -> None:
    view = CertificatesView("geo_bangkok", town.store)
    retired = town.cover("malee", 700)
    record = town.accepted(retired)
    found = await view.get(retired.id)
    assert bytes(found.consumer) == address("malee")
    assert (found.purpose, found.meter) == ("import", meter_of("malee"))
    assert (found.height, found.energy_wh, found.credited_mgco2e) == (record.height, 700, 350_000)
    (part,) = found.energy
    assert part.origin.meter == meter_of("somchai")
    assert (part.origin.start_s, part.origin.end_s) == (MONDAY_NOON, MONDAY_NOON + 900)
    for page in (
        await view.of_consumer(address("malee"), 0, LONG, 10),
        await view.of_meter(meter_of("somchai"), MONDAY_NOON, MONDAY_NOON + 1, 10),
    ):
        assert page.certificates == (found,)
        assert not page.more
    assert not (await view.of_meter(meter_of("somchai"), 0, MONDAY_NOON, 10)).certificates
    assert not (await view.of_consumer(address("somchai"), 0, LONG, 10)).certificates
    town.accepted(town.cover("malee", 100))
    page = await view.of_consumer(address("malee"), 0, LONG, 1)
    assert (page.certificates, page.more) == ((found,), True)
    with pytest.raises(NotFound):
        await view.get(bytes(32))


async def test_a_zones_day_is_its_meters_and_its_retirements(town: Town) -> None:
    view = CarbonView("geo_bangkok", town.store)
    town.accepted(town.cover("malee", KWH))
    today = await view.report(Zone.BANGKOK, date(2027, 3, 1))
    assert (today.imported_wh, today.made_wh, today.retired_wh) == (1_200, 1_500, KWH)
    assert (today.renewable_share_ppm, today.intensity_mgco2e_per_kwh) == (1_000_000, 41_000)
    assert today.credited_mgco2e == 500_000
    yesterday = await view.report(Zone.BANGKOK, date(2027, 2, 28))
    assert (yesterday.imported_wh, yesterday.made_wh) == (400, 0)
    assert yesterday.renewable_share_ppm is None
    elsewhere = await view.report(Zone.SOUTHERN, date(2027, 3, 1))
    assert (elsewhere.imported_wh, elsewhere.made_wh) == (0, 0)


async def test_the_days_of_a_zone_add_up_to_the_chains_totals(town: Town) -> None:
    view = CarbonView("geo_bangkok", town.store)
    town.accepted(town.cover("malee", 300))
    town.accepted(town.cover("malee", 500))
    days = [date(2027, 2, 28), date(2027, 3, 1)]
    reports = [await view.report(Zone.BANGKOK, day) for day in days]
    supply = town.store.supply()
    assert sum(each.made_wh for each in reports) == supply.minted_wh
    assert sum(each.retired_wh for each in reports) == supply.retired_wh
    assert sum(each.credited_mgco2e for each in reports) == supply.credits_issued_mgco2e
    assert datetime.fromtimestamp(town.now_s, UTC).date() == date(2027, 3, 1)


def test_parameters_name_the_kinds_of_their_tables(town: Town) -> None:
    shown = plain_fields(town.store.parameters)
    assert {"energy_charges", "holidays", "emission_factors"} <= {
        table["table"] for table in shown["tariffs"]
    }
    assert b'"2027-04-13"' in encode(shown)
