"""Bangkok's calendar against the standard library's, and the holidays against the package's."""

from datetime import UTC, date, datetime, timedelta, timezone

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.tariffs.calendar import (
    DAY_S,
    Month,
    days_of,
    local_day,
    local_minute,
    midnight_s,
    month_number,
    parse_month,
)
from gtxnode.tariffs.tables import Holidays
from gtxnode.tariffs.thailand import THAI_TABLES

BANGKOK = timezone(timedelta(hours=7))
times = st.integers(0, 4_000_000_000)


@given(times)
def test_local_time_is_bangkoks(at_s: int) -> None:
    local = datetime.fromtimestamp(at_s, UTC).astimezone(BANGKOK)
    assert local_day(at_s) == local.date()
    assert local_minute(at_s) == local.hour * 60 + local.minute
    assert month_number(at_s) == (local.year - 1970) * 12 + local.month - 1
    assert midnight_s(local_day(at_s)) <= at_s < midnight_s(local_day(at_s)) + DAY_S


@given(times, st.integers(0, 10 * DAY_S))
def test_the_days_of_an_interval_join_up(start_s: int, length_s: int) -> None:
    parts = list(days_of(start_s, start_s + length_s))
    assert sum(until - at for _, at, until in parts) == length_s
    assert [at for _, at, _ in parts[1:]] == [until for _, _, until in parts[:-1]]
    for day, at_s, until_s in parts:
        assert local_day(at_s) == local_day(until_s - 1) == day


def test_the_last_day_there_is_ends_no_arithmetic() -> None:
    assert local_day(2**40) == date.max


def test_months_follow_one_another() -> None:
    assert Month(2026, 12).next == Month(2027, 1)
    assert Month(2026, 11).end_s == Month(2026, 12).start_s
    assert parse_month("2026-11") == Month(2026, 11)
    assert str(Month(2026, 3)) == "2026-03"


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "2026", "26-11", "2026-11-01", "9999-01"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_month(text)


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_the_holidays_shipped_are_the_packages(year: int) -> None:
    (shipped,) = (t for t in THAI_TABLES if isinstance(t, Holidays) and t.year == year)
    package = holidays.country_holidays("TH", years=year, observed=False)
    # A bridge day is given by decree, often late: a newer release may know of more of them.
    bridges = {day for day, name in package.items() if "Bridge" in name}
    assert set(shipped.days) - bridges == set(package) - bridges
    if year == 2026:
        assert len(shipped.days) == 21
