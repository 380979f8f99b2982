"""Tariffs by transaction: who brings a table, from when it holds, and what stays as it was."""

from datetime import date

import pytest
from msgspec.structs import replace

from gtxnode.ledger.authority.tariff_series import MAX_SERIES, TariffSeries, all_tariffs
from gtxnode.ledger.bodies import ReplaceTariff
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role
from gtxnode.tariffs.calendar import midnight_s
from gtxnode.tariffs.tables import (
    FuelSurcharge,
    Holidays,
    ReferenceModel,
    Tariffs,
    TariffTable,
)
from gtxnode.tariffs.thailand import THAI_TABLES
from tests.ledger.little_chain import CHAIN, KWH, START_S, LittleChain, signed


def brought(
    chain: LittleChain, table: TariffTable, by: str = "ERC", later_ms: int = 0
) -> CheckedTransaction:
    return signed(ReplaceTariff(chain.now_s * 1_000 + later_ms, table), by)


def ft(from_s: int, rate: int) -> FuelSurcharge:
    return FuelSurcharge(from_s=from_s, source="ERC", ft_uthb_per_kwh=rate)


def tariffs(chain: LittleChain) -> Tariffs:
    return all_tariffs(CHAIN, chain.parameters.tariffs, chain.coin)


def test_a_table_holds_from_its_second_on() -> None:
    chain = LittleChain()
    chain.accepted(brought(chain, ft(START_S + 100, 7)))
    held = tariffs(chain)
    assert held.at(FuelSurcharge, START_S + 99).ft_uthb_per_kwh == 162_300
    assert held.at(FuelSurcharge, START_S + 100).ft_uthb_per_kwh == 7


@pytest.mark.parametrize("role", set(Role) - {Role.ERC})
def test_only_the_regulator_brings_one(role: Role) -> None:
    chain = LittleChain()
    table = ft(START_S + 100, 7)
    assert chain.refused(brought(chain, table, role.name)) is Reason.NOT_AUTHORISED


def test_the_past_stays_as_it_was() -> None:
    chain = LittleChain()
    chain.block()
    assert chain.refused(brought(chain, ft(chain.now_s - 1, 7))) is Reason.TARIFF_IN_PAST
    chain.accepted(brought(chain, ft(chain.now_s + 1, 7)))


def test_a_corrected_table_is_not_undone_by_who_sends_the_first_again() -> None:
    chain = LittleChain()
    wrong = brought(chain, ft(START_S + 100, 7))
    chain.accepted(wrong)
    chain.accepted(brought(chain, ft(START_S + 100, 8), later_ms=1))
    assert chain.refused(wrong) is Reason.STALE_ACT
    assert tariffs(chain).at(FuelSurcharge, START_S + 100).ft_uthb_per_kwh == 8


def test_a_calendar_changes_days_to_come_alone() -> None:
    chain = LittleChain()
    (known,) = (t for t in THAI_TABLES if isinstance(t, Holidays) and t.year == 2027)
    bridge = date(2027, 7, 20)

    def calendar(*days: date) -> Holidays:
        return Holidays(
            from_s=chain.now_s + 60, source="decree", year=2027, days=tuple(sorted(days))
        )

    assert midnight_s(date(2027, 1, 1)) < START_S
    without = [day for day in known.days if day != date(2027, 1, 1)]
    assert chain.refused(brought(chain, calendar(*without, bridge))) is Reason.TARIFF_IN_PAST
    chain.accepted(brought(chain, calendar(*known.days, bridge)))
    assert bridge in tariffs(chain).holidays
    # The next change is held against this one.
    chain.block(after_s=300 * 86_400)
    assert chain.refused(brought(chain, calendar(*known.days))) is Reason.TARIFF_IN_PAST
    chain.accepted(brought(chain, calendar(*known.days, bridge, date(2027, 12, 30))))


def test_a_full_series_lets_the_oldest_go() -> None:
    series = TariffSeries((ft(1, 1),))
    for number in range(2, MAX_SERIES + 3):
        series = series.with_table(ft(number, number))
    assert len(series.tables) == MAX_SERIES
    assert series.tables[0].from_s == 3


def test_genesis_without_a_table_of_each_kind_is_no_genesis() -> None:
    with pytest.raises(ValueError, match="there must be a table energy_charges"):
        ChainParameters(tariffs=())


def test_an_emergency_cap_bounds_the_prices_of_orders() -> None:
    chain = LittleChain("somchai")
    chain.export("somchai", KWH)
    model = Tariffs(THAI_TABLES).at(ReferenceModel, 0)
    capped = replace(model, from_s=chain.now_s + 60, cap_mgtx_per_kwh=3_000)
    chain.accepted(brought(chain, capped))
    dear = chain.sell("somchai", 100, 3_001)
    assert chain.execute(dear, orders=OpenOrders()).receipts[0].ok
    chain.block(after_s=60)
    assert chain.refused(dear) is Reason.PRICE_OUT_OF_BOUNDS
    chain.accepted(chain.sell("somchai", 100, 3_000))
