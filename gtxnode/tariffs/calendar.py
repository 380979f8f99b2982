"""Bangkok's calendar in integers: days, minutes, months.

Thailand is seven hours ahead of UTC and keeps no summer time, so local time is an addition. The
chain asks no library for dates that people decide (holidays): those are tables (tables.py).

Times are seconds since 1970 (UTC); a `date` is a day in Bangkok.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

DAY_S = 86_400
MINUTE_S = 60
OFFSET_S = 7 * 3_600
_EPOCH = date(1970, 1, 1).toordinal()
_MONTH = re.compile(r"(?P<year>19[7-9][0-9]|2[0-9]{3})-(?P<month>0[1-9]|1[0-2])", re.ASCII)
_LAST_DAY = date.max.toordinal() - _EPOCH


class Month(NamedTuple):
    """A calendar month in Bangkok."""

    year: int
    month: int

    @property
    def start_s(self) -> int:
        """Its first second."""
        return midnight_s(date(self.year, self.month, 1))

    @property
    def end_s(self) -> int:
        """The first second of the month after it."""
        return self.next.start_s

    @property
    def next(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def local_day(at_s: int) -> date:
    """The day in Bangkok. Times beyond the calendar's end are its last day."""
    return date.fromordinal(_EPOCH + min((at_s + OFFSET_S) // DAY_S, _LAST_DAY))


def local_minute(at_s: int) -> int:
    """Minutes since midnight in Bangkok."""
    return (at_s + OFFSET_S) % DAY_S // MINUTE_S


def midnight_s(day: date) -> int:
    """When a day begins in Bangkok."""
    return (day.toordinal() - _EPOCH) * DAY_S - OFFSET_S


def month_number(at_s: int) -> int:
    """Months since January 1970 in Bangkok: what a coin keeps of a month."""
    day = local_day(at_s)
    return (day.year - 1970) * 12 + day.month - 1


def parse_month(text: str) -> Month:
    """The month of `2026-11`; `ValueError` for anything else."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ValueError(f"not a month such as 2026-11: {text[:20]!r}")
    return Month(int(found["year"]), int(found["month"]))


def days_of(start_s: int, end_s: int) -> Iterator[tuple[date, int, int]]:
    """The parts of an interval by day in Bangkok: the day, and where its part begins and ends."""
    at_s = start_s
    while at_s < end_s:
        day = local_day(at_s)
        until_s = min(end_s, at_s + DAY_S - (at_s + OFFSET_S) % DAY_S)
        yield day, at_s, until_s
        at_s = until_s
