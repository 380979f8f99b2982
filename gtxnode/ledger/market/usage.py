"""Limits of use: how much one trader may buy in a time of day, and what each has bought so far.

The rule: what a trader has bought for the window, what its open buy orders could still buy for it,
and the order that it places come to the limit at most. What exists already is bought for the time
of the trade, a forward for its delivery slot: it counts where it reaches into the window. An order
counts if it is open in the window for a second; so none that rests from before slips through.

Counters stand in coins, one for each window and leading byte of the traders' addresses, so that a
trade changes a small one. `Windows` names the coins there are. They go with the first block after
the window, or with the change of parameters that takes the limit away: nothing of yesterday stays.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, TypeAlias

import msgspec

from consensus.hashing import domain
from gtxnode.metering.meters import AddressBytes, Seconds
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.tariffs.calendar import DAY_S, MINUTE_S, OFFSET_S

MAX_LIMITS = 16
MAX_WINDOWS = 33 * MAX_LIMITS
"""Those of today and of as many days as forwards reach ahead at the very most."""
MINUTES_OF_DAY = 1_440
MAX_TRADERS_PER_COUNTER = 4_096
BITMAP_BYTES = 32

Energy = Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)]
Minute = Annotated[int, msgspec.Meta(ge=0, le=MINUTES_OF_DAY)]


Span: TypeAlias = tuple[int, int]
"""From a second on, up to another one."""


class UsageLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much energy one trader may buy between two times of each day, in Bangkok.

    >>> evening = UsageLimit("evening_peak", 18 * 60, 22 * 60, 100_000)
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    start_minute: Minute
    end_minute: Minute
    max_wh: Energy

    def __post_init__(self) -> None:
        if not self.start_minute < self.end_minute <= MINUTES_OF_DAY:
            raise ValueError(
                f"{self.name}: end_minute is {self.end_minute}, and must be after start_minute "
                f"{self.start_minute} on the same day"
            )

    def window_of(self, span: Span) -> Span | None:
        """The window that a stretch of time reaches into, if it does."""
        window = self.window_at(span[0])
        return window if span[1] > window[0] else None

    def window_at(self, time_s: int) -> Span:
        """(start, end) of the window that is open at a time, else of the next one, in seconds."""
        midnight_s = (time_s + OFFSET_S) // DAY_S * DAY_S - OFFSET_S
        end_s = midnight_s + self.end_minute * MINUTE_S
        if time_s >= end_s:
            midnight_s += DAY_S
        return (
            midnight_s + self.start_minute * MINUTE_S,
            midnight_s + self.end_minute * MINUTE_S,
        )


class Bought(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one trader has bought in a window."""

    trader: AddressBytes
    energy_wh: Energy


class Counter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=51):
    """What traders whose addresses begin alike have bought in a window, by address."""

    bought: Annotated[
        tuple[Bought, ...], msgspec.Meta(min_length=1, max_length=MAX_TRADERS_PER_COUNTER)
    ]

    def of(self, trader: bytes) -> int:
        """Of one of them, in Wh."""
        return next((each.energy_wh for each in self.bought if each.trader == trader), 0)

    @classmethod
    def of_all(cls, before: Iterable[Bought], more: Iterable[tuple[bytes, int]]) -> "Counter":
        """What was bought before, and what traders have bought on top.

        A full counter takes no further trader: whoever fills one with a million addresses has
        shared the limit out among them anyway.
        """
        totals = {each.trader: each.energy_wh for each in before}
        for trader, energy_wh in more:
            if trader in totals or len(totals) < MAX_TRADERS_PER_COUNTER:
                totals[trader] = totals.get(trader, 0) + energy_wh
        return cls(tuple(Bought(trader, totals[trader]) for trader in sorted(totals)))


class Window(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A window that somebody has bought in, and which counters it has: a bit for each first byte,
    the highest of the first byte for zero."""

    limit: str
    start_s: Seconds
    end_s: Seconds
    counters: Annotated[bytes, msgspec.Meta(min_length=BITMAP_BYTES, max_length=BITMAP_BYTES)]


class Windows(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=52):
    """The windows that counters are kept for. There is none while nobody has bought in one."""

    open: Annotated[tuple[Window, ...], msgspec.Meta(min_length=1, max_length=MAX_WINDOWS)]


@lru_cache(maxsize=64)
def windows_coin_id(chain_id: str) -> bytes:
    """The coin that names the windows."""
    return domain("coin/windows", chain_id).hash() + b"\x00\x00"


def counter_coin_id(chain_id: str, limit: str, start_s: int, leading: int) -> bytes:
    """The coin of the traders whose addresses begin with a byte."""
    place = start_s.to_bytes(8, "big") + bytes([leading])
    return domain("coin/counter", chain_id).hash(place, limit.encode()) + b"\x00\x00"
