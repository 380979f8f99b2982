"""The dated tables: which is in force, what they refuse, and how they are written."""

from datetime import date

import msgspec
import pytest

from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from gtxnode.tariffs.tables import (
    ONE_OF_EACH,
    CustomerClass,
    EmissionFactors,
    EnergyCharges,
    FuelSurcharge,
    Holidays,
    ReferenceModel,
    Season,
    Tariffs,
    TariffTable,
    ZoneFactor,
    check_complete,
    kind_name,
    kind_of,
)
from gtxnode.tariffs.thailand import THAI_TABLES


def ft(from_s: int, rate: int) -> FuelSurcharge:
    return FuelSurcharge(from_s=from_s, source="test", ft_uthb_per_kwh=rate)


def test_the_table_in_force_is_the_last_that_has_begun() -> None:
    tariffs = Tariffs((*THAI_TABLES, ft(2_000, -5), ft(1_000, 7), ft(1_000, 8)))
    assert [tariffs.at(FuelSurcharge, at_s).ft_uthb_per_kwh for at_s in (999, 1_000, 1_999)] == [
        162_300,
        8,
        8,
    ]
    assert tariffs.at(FuelSurcharge, 2_000).ft_uthb_per_kwh == -5


def test_genesis_names_one_of_each() -> None:
    check_complete(THAI_TABLES)
    for kind in ONE_OF_EACH:
        fewer = [table for table in THAI_TABLES if type(table) is not kind]
        with pytest.raises(ValueError, match=kind_name(kind)):
            check_complete(fewer)
    with pytest.raises(ValueError, match="fuel_surcharge"):
        check_complete([t for t in THAI_TABLES if not isinstance(t, FuelSurcharge)] + [ft(1, 1)])


@pytest.mark.parametrize("table", THAI_TABLES, ids=kind_of)
def test_a_table_is_read_as_it_was_written(table: TariffTable) -> None:
    for codec in (msgspec.json, msgspec.msgpack):
        assert codec.decode(codec.encode(table), type=TariffTable) == table


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Holidays, {"year": 2026, "days": (date(2027, 1, 1),)}),
        (Holidays, {"year": 2026, "days": (date(2026, 2, 1), date(2026, 1, 1))}),
        (Holidays, {"year": 2026, "days": (date(2026, 2, 1), date(2026, 2, 1))}),
        (EnergyCharges, {"classes": (CustomerClass("a", 1, 1), CustomerClass("a", 2, 2))}),
        (
            EnergyCharges,
            {
                "classes": (CustomerClass("a", 1, 1),),
                "peak_from_minute": 600,
                "peak_to_minute": 600,
            },
        ),
        (EmissionFactors, {"grid_gco2e_per_kwh": 475, "sources": ()}),
        (ReferenceModel, {"base_mgtx_per_kwh": 1, "seasons": (Season("a", (1, 1), 1),)}),
        (ReferenceModel, {"base_mgtx_per_kwh": 1, "zones": (ZoneFactor(Zone.EASTERN, 1),) * 2}),
        (ReferenceModel, {"base_mgtx_per_kwh": 1, "scarcity_low_ppm": 2, "scarcity_high_ppm": 1}),
        (
            ReferenceModel,
            {"base_mgtx_per_kwh": 1, "evening_from_minute": 2, "evening_to_minute": 1},
        ),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(
    kind: type[TariffTable], fields: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        kind(source="test", **fields)  # type: ignore[arg-type]


def test_every_source_has_its_factor() -> None:
    factors = Tariffs(THAI_TABLES).at(EmissionFactors, 0)
    assert factors.factor_of(Source.SOLAR) == 41
    assert factors.factor_of(Source.COAL) == 820
