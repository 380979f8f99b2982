"""Peak and off-peak, against counting the minutes one by one."""

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.tariffs.calendar import DAY_S, Month
from gtxnode.tariffs.tables import EnergyCharges, Holidays, Tariffs
from gtxnode.tariffs.thailand import THAI_TABLES
from gtxnode.tariffs.time_of_use import MAX_SPAN_S, ByPeak, by_peak, is_peak

BANGKOK = timezone(timedelta(hours=7))
TARIFFS = Tariffs(THAI_TABLES)
CHARGES = TARIFFS.at(EnergyCharges, 0)
YEAR_S = Month(2026, 1).start_s


def at(*when: int) -> int:
    return int(datetime(*when, tzinfo=BANGKOK).timestamp())  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("when", "peak"),
    [
        ((2026, 11, 23, 8, 59), False),  # a Monday
        ((2026, 11, 23, 9, 0), True),
        ((2026, 11, 23, 21, 59), True),
        ((2026, 11, 23, 22, 0), False),
        ((2026, 11, 21, 12, 0), False),  # a Saturday
        ((2026, 5, 1, 12, 0), False),  # Labour Day, a Friday
        ((2026, 5, 13, 12, 0), True),  # Ploughing Day: a holiday of the government alone
        ((2026, 6, 1, 12, 0), True),  # substitution day of Visakha Bucha, a Sunday
        ((2026, 12, 7, 12, 0), True),  # substitution day of 5 December, a Saturday
    ],
)
def test_peak_is_when_the_schedule_says(when: tuple[int, ...], peak: bool) -> None:
    assert is_peak(CHARGES, TARIFFS.holidays, at(*when)) is peak


@settings(max_examples=60)
@given(st.integers(0, 365 * 1_440), st.integers(1, 5 * 1_440), st.integers(0, 10**7))
def test_an_interval_is_split_like_its_minutes(first: int, minutes: int, energy_wh: int) -> None:
    start_s = YEAR_S + first * 60
    peak = sum(
        is_peak(CHARGES, TARIFFS.holidays, start_s + minute * 60) for minute in range(minutes)
    )
    split = by_peak(TARIFFS, start_s, start_s + minutes * 60, energy_wh)
    assert split == ByPeak(energy_wh * peak // minutes, energy_wh - energy_wh * peak // minutes)


def test_of_a_silence_of_years_the_last_counts() -> None:
    end_s = at(2026, 11, 23, 22, 0)
    assert by_peak(TARIFFS, 0, end_s, 10**6) == by_peak(TARIFFS, end_s - MAX_SPAN_S, end_s, 10**6)


def test_a_later_calendar_of_a_year_takes_the_place_of_the_earlier() -> None:
    monday = date(2026, 11, 23)
    changed = Tariffs((*THAI_TABLES, Holidays(source="decree", year=2026, days=(monday,))))
    noon_s = at(2026, 11, 23, 12, 0)
    assert by_peak(changed, noon_s, noon_s + 60, 5) == ByPeak(0, 5)
    songkran_s = at(2026, 4, 14, 12, 0)
    assert by_peak(changed, songkran_s, songkran_s + 60, 5) == ByPeak(5, 0)


def test_a_whole_week_has_sixty_five_peak_hours() -> None:
    start_s = at(2026, 11, 2, 0, 0)
    assert by_peak(TARIFFS, start_s, start_s + 7 * DAY_S, 168) == ByPeak(65, 103)
