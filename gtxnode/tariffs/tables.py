"""The dated tables of tariffs: what they say, and which of them is in force when.

Each table carries where it is from and the second from which it holds; the one in force is the
last that has begun. A calendar of holidays holds for its year. Genesis names the first table of
each kind, the regulator's transactions the later ones (ledger/authority/tariffs.py).

Rates are integers in µTHB per kWh, so 5.7982 THB/kWh is 5_798_200. Factors are parts per million.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from typing import Annotated, TypeAlias, TypeVar, cast

import msgspec

from gtxnode.metering.meters import Seconds
from gtxnode.primitives.sources import FACTOR_GCO2E_PER_KWH, Source
from gtxnode.primitives.zones import Zone

PPM = 1_000_000
MAX_SOURCE = 200
MAX_CLASSES = 32
MAX_HOLIDAYS = 60

Provenance = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SOURCE)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,31}$")]
Rate = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
SignedRate = Annotated[int, msgspec.Meta(ge=-(10**9), le=10**9)]
Factor = Annotated[int, msgspec.Meta(ge=0, le=10 * PPM)]
Minute = Annotated[int, msgspec.Meta(ge=0, le=1_440)]
Price = Annotated[int, msgspec.Meta(ge=0, le=10**6)]
Grams = Annotated[int, msgspec.Meta(ge=0, le=5_000)]
Year = Annotated[int, msgspec.Meta(ge=1970, le=9998)]
MonthOfYear = Annotated[int, msgspec.Meta(ge=1, le=12)]
Weekday = Annotated[int, msgspec.Meta(ge=0, le=6)]


class Dated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every table says of itself."""

    from_s: Seconds = 0
    """The first second at which it holds; 0 for what genesis names."""
    source: Provenance
    """Who published it, or whose policy it is."""


class CustomerClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one class of customers pays the utility, before surcharge and tax."""

    name: Name
    on_peak_uthb_per_kwh: Rate
    off_peak_uthb_per_kwh: Rate
    service_uthb_per_month: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0


class EnergyCharges(Dated, frozen=True, kw_only=True, tag_field="table", tag="energy_charges"):
    """Time of use: when it is peak, and what each class pays then and otherwise."""

    peak_from_minute: Minute = 540
    peak_to_minute: Minute = 1_320
    peak_weekdays: Annotated[tuple[Weekday, ...], msgspec.Meta(max_length=7)] = (0, 1, 2, 3, 4)
    """Monday is 0. A holiday is never peak."""
    classes: Annotated[
        tuple[CustomerClass, ...], msgspec.Meta(min_length=1, max_length=MAX_CLASSES)
    ]

    def __post_init__(self) -> None:
        if self.peak_from_minute >= self.peak_to_minute:
            raise ValueError("peak_from_minute must be before peak_to_minute")
        if len({each.name for each in self.classes}) != len(self.classes):
            raise ValueError("classes names a class twice")

    def rates_of(self, name: str) -> CustomerClass | None:
        """The class of that name."""
        return next((each for each in self.classes if each.name == name), None)


class FuelSurcharge(Dated, frozen=True, kw_only=True, tag_field="table", tag="fuel_surcharge"):
    """Ft, on every kWh from the utility. It has been below zero."""

    ft_uthb_per_kwh: SignedRate


class ValueAddedTax(Dated, frozen=True, kw_only=True, tag_field="table", tag="value_added_tax"):
    """VAT on energy charge and Ft, and on wheeling where the schedule says so."""

    vat_ppm: Factor
    on_wheeling: bool = False


class FeedIn(Dated, frozen=True, kw_only=True, tag_field="table", tag="feed_in"):
    """Net billing: what the utility pays for the surplus of a small roof."""

    feed_in_uthb_per_kwh: Rate
    max_capacity_w: Annotated[int, msgspec.Meta(ge=0, le=10**9)]
    """Larger plants are paid nothing."""


class Wheeling(Dated, frozen=True, kw_only=True, tag_field="table", tag="wheeling"):
    """What carrying a kWh from one customer to another over the utilities' wires costs."""

    wheeling_uthb_per_kwh: Rate


class Exchange(Dated, frozen=True, kw_only=True, tag_field="table", tag="exchange"):
    """What a GTX is worth where money of the ledger stands beside baht."""

    uthb_per_gtx: Annotated[int, msgspec.Meta(gt=0, le=10**12)]


class Holidays(Dated, frozen=True, kw_only=True, tag_field="table", tag="holidays"):
    """The public holidays of a year that are off-peak: no substitution days, no Ploughing Day.

    It holds for its year; a later table of the same year takes the earlier one's place.
    """

    year: Year
    days: Annotated[tuple[date, ...], msgspec.Meta(max_length=MAX_HOLIDAYS)]

    def __post_init__(self) -> None:
        if any(day.year != self.year for day in self.days):
            raise ValueError(f"days holds one that is not in {self.year}")
        if any(first >= second for first, second in zip(self.days, self.days[1:], strict=False)):
            raise ValueError("days must ascend, each once")


class Season(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Months, and the factor of the reference price in them."""

    name: Name
    months: Annotated[tuple[MonthOfYear, ...], msgspec.Meta(min_length=1, max_length=12)]
    factor_ppm: Factor


class ZoneFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The factor of the reference price for energy that is used in a zone."""

    zone: Zone
    factor_ppm: Factor


class Border(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two zones whose grids touch."""

    first: Zone
    second: Zone


class ReferenceModel(Dated, frozen=True, kw_only=True, tag_field="table", tag="reference_model"):
    """The market's own idea of a price (reference.py)."""

    base_mgtx_per_kwh: Price
    evening_from_minute: Minute = 1_080
    evening_to_minute: Minute = 1_320
    evening_ppm: Factor = PPM
    renewable_ppm: Factor = PPM
    seasons: Annotated[tuple[Season, ...], msgspec.Meta(max_length=12)] = ()
    zones: Annotated[tuple[ZoneFactor, ...], msgspec.Meta(max_length=len(Zone))] = ()
    borders: Annotated[tuple[Border, ...], msgspec.Meta(max_length=64)] = ()
    same_zone_ppm: Factor = PPM
    next_zone_ppm: Factor = PPM
    far_zone_ppm: Factor = PPM
    scarcity_low_ppm: Factor = PPM
    scarcity_high_ppm: Factor = PPM
    carbon_mgtx_per_kwh: Price = 0
    """Added for energy that earns carbon credits."""
    cap_mgtx_per_kwh: Price = 0
    """The regulator's ceiling in an emergency; 0 for none."""

    def __post_init__(self) -> None:
        if self.evening_from_minute > self.evening_to_minute:
            raise ValueError("evening_from_minute must not be after evening_to_minute")
        if self.scarcity_low_ppm > self.scarcity_high_ppm:
            raise ValueError("scarcity_low_ppm must not be over scarcity_high_ppm")
        months = [month for season in self.seasons for month in season.months]
        if len(set(months)) != len(months):
            raise ValueError("seasons names a month twice")
        if len({each.zone for each in self.zones}) != len(self.zones):
            raise ValueError("zones names a zone twice")


class SourceFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a source emits over its life, in grams of CO2 equivalent per kWh."""

    energy_source: Source
    gco2e_per_kwh: Grams


_SOURCE_FACTORS = tuple(
    SourceFactor(source, FACTOR_GCO2E_PER_KWH[source]) for source in sorted(FACTOR_GCO2E_PER_KWH)
)


class EmissionFactors(Dated, frozen=True, kw_only=True, tag_field="table", tag="emission_factors"):
    """What a kWh from the grid emits, and what one of each source does."""

    grid_gco2e_per_kwh: Grams
    sources: Annotated[tuple[SourceFactor, ...], msgspec.Meta(max_length=len(Source))] = (
        _SOURCE_FACTORS
    )

    def __post_init__(self) -> None:
        if {each.energy_source for each in self.sources} != set(Source):
            raise ValueError("sources must name every source")
        if len(self.sources) != len(Source):
            raise ValueError("sources names a source twice")

    def factor_of(self, source: Source) -> int:
        """What a source emits, in gCO2e/kWh."""
        return next(each.gco2e_per_kwh for each in self.sources if each.energy_source is source)


TariffTable: TypeAlias = (
    EnergyCharges
    | FuelSurcharge
    | ValueAddedTax
    | FeedIn
    | Wheeling
    | Exchange
    | Holidays
    | ReferenceModel
    | EmissionFactors
)
ONE_OF_EACH: tuple[type[TariffTable], ...] = (
    EnergyCharges,
    FuelSurcharge,
    ValueAddedTax,
    FeedIn,
    Wheeling,
    Exchange,
    ReferenceModel,
    EmissionFactors,
)
"""The kinds of which one is in force at any time; holidays hold for their years."""

T = TypeVar("T", bound=Dated)


def kind_of(table: TariffTable) -> str:
    """The name of a table's kind, as `table` in JSON."""
    return kind_name(type(table))


def kind_name(kind: type[TariffTable]) -> str:
    """The name of a kind of table."""
    return cast("str", kind.__struct_config__.tag)


def check_complete(tables: Sequence[TariffTable]) -> None:
    """Genesis names a table of each kind that has begun at once; `ValueError` where it does not."""
    for kind in ONE_OF_EACH:
        if not any(type(table) is kind and table.from_s == 0 for table in tables):
            raise ValueError(f"there must be a table {kind_name(kind)} that holds from_s 0 on")


class Tariffs:
    """All tables of a chain, to be asked which is in force.

    Of two tables of a kind that begin together, or of one year, the later in the order wins.
    """

    def __init__(self, tables: Iterable[TariffTable]) -> None:
        self.tables = tuple(tables)

    def at(self, kind: type[T], at_s: int) -> T:
        """The table of a kind in force at a time. Genesis sees to it that there is one.

        What holds from 1970 (UTC) on has held before: in Bangkok that year began sooner.
        """
        best: Dated | None = None
        for table in self.tables:
            if type(table) is kind and table.from_s <= max(0, at_s):
                best = table if best is None or table.from_s >= best.from_s else best
        assert best is not None, "genesis names one of each kind"
        return cast("T", best)

    def in_force(self, table: TariffTable, at_s: int) -> bool:
        """Whether this is the table of its kind that holds at a time."""
        if isinstance(table, Holidays):
            return [each for each in self.tables if _same_year(each, table)][-1] is table
        return self.at(type(table), at_s) is table

    @cached_property
    def holidays(self) -> frozenset[date]:
        """The holidays of all years that have a calendar."""
        years = {table.year: table for table in self.tables if isinstance(table, Holidays)}
        return frozenset(day for table in years.values() for day in table.days)

    @cached_property
    def known_years(self) -> frozenset[int]:
        """The years that have a calendar. In others, weekends alone are off-peak."""
        return frozenset(table.year for table in self.tables if isinstance(table, Holidays))


def _same_year(table: TariffTable, other: Holidays) -> bool:
    return isinstance(table, Holidays) and table.year == other.year
