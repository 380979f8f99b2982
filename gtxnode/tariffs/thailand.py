"""The tables that a Thai network begins with: facts with their sources, and the market's policy.

Gathered in November 2026. "Verified" was read at its publisher; "secondary" was not, and is to be
replaced by the regulator (ledger/authority/tariffs.py) where it is wrong. The holidays are those of
the package `holidays` 0.109 (Thailand, no substitution days, category `public`), as
`gtxnode tariff calendar` prints them.
"""

from datetime import date

from gtxnode.primitives.zones import Zone
from gtxnode.tariffs.tables import (
    Border,
    CustomerClass,
    EmissionFactors,
    EnergyCharges,
    Exchange,
    FeedIn,
    FuelSurcharge,
    Holidays,
    ReferenceModel,
    Season,
    TariffTable,
    ValueAddedTax,
    Wheeling,
    ZoneFactor,
)

_POLICY = "market policy"
_HOLIDAYS = "package holidays 0.109, Thailand, public, no substitution days"

# Month and day of what moves with the moon, and of days between two that were given once.
_MOVING = {
    2026: ((1, 2), (3, 3), (5, 31), (7, 29), (7, 30)),
    2027: ((2, 21), (5, 20), (7, 18), (7, 19)),
    2028: ((2, 10), (5, 8), (7, 6), (7, 7)),
}
_FIXED = (
    (1, 1), (4, 6), (4, 13), (4, 14), (4, 15), (5, 1), (5, 4), (6, 3), (7, 28), (8, 12),
    (10, 13), (10, 23), (12, 5), (12, 10), (12, 31),
)  # fmt: skip
# The second Saturday of January.
_CHILDRENS_DAY = {2026: (1, 10), 2027: (1, 9), 2028: (1, 8)}


def _holidays(year: int) -> Holidays:
    named = (*_FIXED, *_MOVING[year], _CHILDRENS_DAY[year])
    days = tuple(sorted(date(year, month, day) for month, day in named))
    return Holidays(source=_HOLIDAYS, year=year, days=days)


RESIDENTIAL_LOW_VOLTAGE = "residential_low_voltage"
RESIDENTIAL_MEDIUM_VOLTAGE = "residential_medium_voltage"

THAI_TABLES: tuple[TariffTable, ...] = (
    EnergyCharges(
        source="MEA and PEA residential time of use; hours verified (MEA 5.2), rates secondary",
        classes=(
            CustomerClass(RESIDENTIAL_LOW_VOLTAGE, 5_798_200, 2_636_900, 24_620_000),
            CustomerClass(RESIDENTIAL_MEDIUM_VOLTAGE, 5_113_500, 2_603_700, 312_240_000),
        ),
    ),
    FuelSurcharge(source="ERC, May to August 2026; secondary", ft_uthb_per_kwh=162_300),
    ValueAddedTax(source="7 % on base and Ft; verified", vat_ppm=70_000),
    FeedIn(
        source="net billing of rooftop surplus; verified",
        feed_in_uthb_per_kwh=2_200_000,
        max_capacity_w=10_000,
    ),
    Wheeling(
        source="draft postage stamp of the direct-PPA pilot; secondary",
        wheeling_uthb_per_kwh=1_070_000,
    ),
    Exchange(source=_POLICY, uthb_per_gtx=1_000_000),
    *map(_holidays, sorted(_MOVING)),
    ReferenceModel(
        source=_POLICY,
        base_mgtx_per_kwh=3_200,
        evening_ppm=1_500_000,
        renewable_ppm=1_100_000,
        seasons=(
            Season("hot", (3, 4, 5), 1_050_000),
            Season("rainy", (6, 7, 8, 9, 10), 1_000_000),
            Season("cool", (11, 12, 1, 2), 950_000),
        ),
        zones=(
            ZoneFactor(Zone.BANGKOK, 1_200_000),
            ZoneFactor(Zone.CENTRAL, 1_000_000),
            ZoneFactor(Zone.NORTHERN, 900_000),
            ZoneFactor(Zone.NORTHEASTERN, 800_000),
            ZoneFactor(Zone.EASTERN, 1_000_000),
            ZoneFactor(Zone.WESTERN, 1_000_000),
            ZoneFactor(Zone.SOUTHERN, 1_100_000),
        ),
        borders=tuple(Border(Zone.CENTRAL, zone) for zone in Zone if zone is not Zone.CENTRAL),
        same_zone_ppm=950_000,
        next_zone_ppm=1_000_000,
        far_zone_ppm=1_050_000,
        scarcity_low_ppm=800_000,
        scarcity_high_ppm=1_500_000,
        carbon_mgtx_per_kwh=300,
    ),
    EmissionFactors(
        source="grid: TGO from 2026-01-01, verified; sources: market policy",
        grid_gco2e_per_kwh=475,
    ),
)
