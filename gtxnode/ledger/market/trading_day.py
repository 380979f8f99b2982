"""The day's trading in two numbers, and the bounds that it sets to the next day's prices.

A day is Bangkok's. The chain keeps one small coin: volume and turnover of the last day that traded,
and of the day before that one, of energy that exists and of delivery slots together. Prices of new
orders must lie within a share of the average that the day before the block's had; a day that traded
too little, or nothing, sets no bounds. So a few Wh at an absurd price bind nobody, and a market
that strayed is free again after one quiet day.

Worked example. Yesterday 200 kWh changed hands for 700 GTX, 3.5 GTX/kWh on average. With half of
that to either side, today's orders may name 1.75 to 5.25 GTX/kWh:

>>> TradingDay(20_000, 200_000, 700_000_000).bounds(20_001, 500_000, 100_000)
(1750, 5250)
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

import msgspec

from consensus.hashing import Domain
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.tariffs.calendar import DAY_S, OFFSET_S

_PPM = 1_000_000
_Total = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]


class TradingDay(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=21):
    """What has traded on the last day on which anything did. There is none before the first."""

    day: _Total
    """Bangkok's days since 1970."""
    volume_wh: _Total = 0
    turnover_ugtx: _Total = 0
    before_volume_wh: _Total = 0
    """Of the day before `day`, zero where nothing traded on it."""
    before_turnover_ugtx: _Total = 0

    def with_trades(self, day: int, trades: Iterable[tuple[int, int]]) -> "TradingDay":
        """With trades of a day, this one or a later: pairs of energy and its cost.

        What would pass the largest amount is not counted any more: the average stays a true one.
        """
        before, on = self.totals(day - 1), self.totals(day)
        volume_wh, turnover_ugtx = on
        for traded_wh, cost in trades:
            if volume_wh + traded_wh > MAX_AMOUNT or turnover_ugtx + cost > MAX_AMOUNT:
                break
            volume_wh += traded_wh
            turnover_ugtx += cost
        return TradingDay(day, volume_wh, turnover_ugtx, *before)

    def totals(self, day: int) -> tuple[int, int]:
        """Volume and turnover of a day, which is this one, the one before, or a later one."""
        if day == self.day:
            return self.volume_wh, self.turnover_ugtx
        if day == self.day - 1:
            return self.before_volume_wh, self.before_turnover_ugtx
        return 0, 0

    def bounds(self, day: int, band_ppm: int, least_wh: int) -> tuple[int, int] | None:
        """The lowest and the highest price in mGTX/kWh that the day before allows on a day.

        None where it traded less than `least_wh`.
        """
        volume_wh, turnover_ugtx = self.totals(day - 1)
        if not volume_wh or volume_wh < least_wh:
            return None
        scale = volume_wh * _PPM
        low = -(-turnover_ugtx * (_PPM - band_ppm) // scale)
        return low, turnover_ugtx * (_PPM + band_ppm) // scale


def day_of(time_ms: int) -> int:
    """Bangkok's day at a time since 1970 (UTC)."""
    return (time_ms // 1_000 + OFFSET_S) // DAY_S


@lru_cache(maxsize=64)
def trading_day_coin_id(chain_id: str) -> bytes:
    """The coin of the day's trading."""
    return Domain("coin/trading_day", chain_id).hash() + b"\x00\x00"
