"""The grid's condition: what authorities post of a zone, and what trades it lets through.

Inside the stable band trades go on as usual; outside it, while the grid still bears them, they go
on against a premium; beyond that they are refused. A trade is judged by the worse of its two ends.

The stable band's defaults are the market's stability limits (frequency 49.8 to 50.2 Hz, voltage
index 90, balance 80 %, congestion 25 %). The bearable frequency is the Thai grid's normal band of
50 ± 0.5 Hz; its other limits are the market's own policy.

    >>> from gtxnode.grid.status import GridStatus, Standing, StatusRules, standing_of
    >>> rules = StatusRules()
    >>> calm = GridStatus(50_010, 97, 950_000, 100_000, 300_000, 475)
    >>> standing_of(rules, calm) is Standing.NORMAL
    True
    >>> low = GridStatus(49_750, 97, 950_000, 100_000, 300_000, 475)
    >>> standing_of(rules, low) is Standing.CONDITIONAL
    True
    >>> falling = GridStatus(49_300, 97, 950_000, 100_000, 300_000, 475)
    >>> standing_of(rules, falling) is Standing.REFUSED
    True
"""

from enum import IntEnum
from typing import Annotated

import msgspec

PPM = 1_000_000

Millihertz = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Index = Annotated[int, msgspec.Meta(ge=0, le=200)]
Ratio = Annotated[int, msgspec.Meta(ge=0, le=10 * PPM)]
Part = Annotated[int, msgspec.Meta(ge=0, le=PPM)]
Grams = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class Standing(IntEnum):
    """What a trade is, by the grid's condition; the worse of two is the higher."""

    NORMAL = 0
    CONDITIONAL = 1
    REFUSED = 2


class GridStatus(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an authority says of a zone's grid."""

    frequency_mhz: Millihertz
    """In millihertz."""
    voltage_index: Index
    """100 where all voltages are nominal."""
    balance_ppm: Ratio
    """Supply over demand."""
    congestion_ppm: Part
    """Of the lines, how much is congested."""
    renewable_ppm: Part
    """Of the generation, how much is renewable. Shown; no rule goes by it."""
    carbon_g_per_kwh: Grams
    """CO2 equivalent of a kWh. Shown; no rule goes by it."""


class StatusBand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits inside which, each included, a condition still counts."""

    low_mhz: Millihertz
    high_mhz: Millihertz
    min_voltage_index: Index
    min_balance_ppm: Ratio
    max_congestion_ppm: Part

    def holds(self, status: GridStatus) -> bool:
        """Whether every figure lies inside."""
        return (
            self.low_mhz <= status.frequency_mhz <= self.high_mhz
            and status.voltage_index >= self.min_voltage_index
            and status.balance_ppm >= self.min_balance_ppm
            and status.congestion_ppm <= self.max_congestion_ppm
        )

    def within(self, other: "StatusBand") -> bool:
        """Whether whatever this one holds, the other holds."""
        return (
            other.low_mhz <= self.low_mhz <= self.high_mhz <= other.high_mhz
            and self.min_voltage_index >= other.min_voltage_index
            and self.min_balance_ppm >= other.min_balance_ppm
            and self.max_congestion_ppm <= other.max_congestion_ppm
        )


STABLE = StatusBand(49_800, 50_200, 90, 800_000, 250_000)
BEARABLE = StatusBand(49_500, 50_500, 80, 600_000, 500_000)


class StatusRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What follows from a condition."""

    stable: StatusBand = STABLE
    bearable: StatusBand = BEARABLE
    premium_ppm: Part = 100_000
    """Of the price, on conditional trades. It goes to the grid's fund."""
    max_age_s: Annotated[int, msgspec.Meta(gt=0, le=86_400)] = 1_800
    """After that a condition is not known any more."""
    unknown: Standing = Standing.NORMAL
    """What trades are while no condition is known."""

    def __post_init__(self) -> None:
        if not self.stable.within(self.bearable):
            raise ValueError("stable: must lie within bearable")


def standing_of(rules: StatusRules, status: GridStatus) -> Standing:
    """What trades at a place in that condition are."""
    if rules.stable.holds(status):
        return Standing.NORMAL
    return Standing.CONDITIONAL if rules.bearable.holds(status) else Standing.REFUSED


def faults(band: StatusBand, status: GridStatus) -> tuple[str, ...]:
    """The figures outside a band, in words with their limits."""
    found: list[str] = []
    if not band.low_mhz <= status.frequency_mhz <= band.high_mhz:
        found.append(
            f"frequency {status.frequency_mhz} mHz, between {band.low_mhz} and {band.high_mhz}"
        )
    if status.voltage_index < band.min_voltage_index:
        found.append(f"voltage index {status.voltage_index}, at least {band.min_voltage_index}")
    if status.balance_ppm < band.min_balance_ppm:
        found.append(f"balance {status.balance_ppm} ppm, at least {band.min_balance_ppm}")
    if status.congestion_ppm > band.max_congestion_ppm:
        found.append(f"congestion {status.congestion_ppm} ppm, at most {band.max_congestion_ppm}")
    return tuple(found)
