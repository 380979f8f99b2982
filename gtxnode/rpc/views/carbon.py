"""Carbon reports."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.wire import Amount, Height


class SourceEnergyView(msgspec.Struct, frozen=True, gc=False):
    """Energy of one source."""

    source: str
    energy_wh: Amount


class CarbonReportView(msgspec.Struct, frozen=True, gc=False):
    """A zone's day in Bangkok.

    `made` is what meters exported, by source, and `imported_wh` what they took in, by the beginning
    of their intervals; `retired` is the zone's energy that was retired on the day, whenever it was
    made. The intensity is that of what was made, over the life of its source; it and the share are
    null on a day on which nothing was.
    """

    shard: str
    height: Height
    zone: str
    day: str
    imported_wh: Amount
    made: tuple[SourceEnergyView, ...]
    made_wh: Amount
    renewable_share_ppm: int | None
    intensity_mgco2e_per_kwh: int | None
    grid_gco2e_per_kwh: int
    retired: tuple[SourceEnergyView, ...]
    retired_wh: Amount
    credited_mgco2e: Amount
    """CO2e avoided by what was retired, by the chain's rule: the credits that it earned."""
