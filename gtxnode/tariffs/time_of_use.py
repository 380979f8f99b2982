"""Which of the energy in an interval is peak energy.

Source: MEA's schedule 5.2 (verified): on-peak Monday to Friday 09:00 to 22:00 in Bangkok; off-peak
otherwise, on weekends, on Labour Day and on normal public holidays, but not on substitution days
and the Royal Ploughing Day. Which days those are, the tables say.
"""

from datetime import date
from typing import NamedTuple

from gtxnode.tariffs.calendar import DAY_S, MINUTE_S, days_of, local_day, midnight_s
from gtxnode.tariffs.tables import EnergyCharges, Tariffs

MAX_SPAN_S = 366 * DAY_S
"""Of a longer interval (a meter that was silent for years) the last part stands for all of it."""


class ByPeak(NamedTuple):
    """Energy by time of use, in Wh."""

    on_wh: int
    off_wh: int


def is_peak(charges: EnergyCharges, holidays: frozenset[date], at_s: int) -> bool:
    """Whether a moment is on-peak."""
    day = local_day(at_s)
    from_s, to_s = peak_of(charges, holidays, day)
    return from_s <= at_s < to_s


def peak_of(charges: EnergyCharges, holidays: frozenset[date], day: date) -> tuple[int, int]:
    """When a day's peak begins and ends; the same time twice on a day that has none."""
    midnight = midnight_s(day)
    if day.weekday() not in charges.peak_weekdays or day in holidays:
        return midnight, midnight
    return (
        midnight + charges.peak_from_minute * MINUTE_S,
        midnight + charges.peak_to_minute * MINUTE_S,
    )


def by_peak(tariffs: Tariffs, start_s: int, end_s: int, energy_wh: int) -> ByPeak:
    """Energy of an interval by time of use, in proportion to the time.

    The on-peak part is rounded down to the Wh and the rest is off-peak, so that nothing is lost.
    The hours are those of the table in force when the interval begins.
    """
    charges = tariffs.at(EnergyCharges, start_s)
    first_s = max(start_s, end_s - MAX_SPAN_S)
    peak_s = 0
    for day, at_s, until_s in days_of(first_s, end_s):
        from_s, to_s = peak_of(charges, tariffs.holidays, day)
        peak_s += max(0, min(until_s, to_s) - max(at_s, from_s))
    on_wh = energy_wh * peak_s // max(1, end_s - first_s)
    return ByPeak(on_wh, energy_wh - on_wh)
