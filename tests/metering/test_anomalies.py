"""What is suspect, on both sides of each limit, and what is counted as daylight."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.metering.anomalies import DAY_S, HOUR_S, AnomalyRules, Suspicion, daylight_s
from gtxnode.metering.meters import Direction, Meter, Quality, Reading
from gtxnode.metering.readings import Metered, ReadingLimits, accept
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source

BANGKOK = timezone(timedelta(hours=7))
NOON = int(datetime(2027, 1, 15, 12, tzinfo=BANGKOK).timestamp())
RULES = AnomalyRules()
LIMITS = ReadingLimits()
METER = Meter(
    bytes(16), b"\x02" * 33, bytes(20), Province.BANGKOK, Source.SOLAR, 5_000, Direction.BOTH,
    7, NOON, 10_000, 20_000, moved_s=NOON,
)  # fmt: skip


def taken(
    exported_wh: int = 1_000,
    imported_wh: int = 0,
    *,
    start_s: int = NOON,
    seconds: int = HOUR_S,
    now_s: int | None = None,
    meter: Meter = METER,
    quality: int = 0,
    **changes: Any,
) -> Metered:
    end_s = start_s + seconds
    meter = msgspec.structs.replace(meter, **{"end_s": start_s, "moved_s": start_s, **changes})
    reading = Reading(
        meter.meter, meter.counter + 1, meter.counter, start_s, end_s,
        meter.import_wh + imported_wh, meter.export_wh + exported_wh, quality=quality,
    )  # fmt: skip
    now_ms = (end_s if now_s is None else now_s) * 1_000
    return accept(meter, reading, block_time_ms=now_ms, limits=LIMITS)


def test_an_ordinary_reading_is_not_suspect() -> None:
    assert taken().suspicions == ()
    assert taken(0, 800).suspicions == ()


@pytest.mark.parametrize("way", [(1, 0), (0, 1)])
def test_over_capacity_is_suspect_and_far_over_it_refused(way: tuple[int, int]) -> None:
    def flow(wh: int) -> Metered:
        return taken(wh * way[0], wh * way[1])

    assert flow(5_250).suspicions == ()  # 5 kW for an hour, and 5 %
    assert flow(5_251).suspicions == (Suspicion.OVER_CAPACITY,)
    assert flow(7_500).suspicions == (Suspicion.OVER_CAPACITY,)
    with pytest.raises(Refused) as caught:
        flow(7_501)
    assert caught.value.reason is Reason.OVER_CAPACITY


def test_the_sun_does_not_shine_at_night() -> None:
    night = NOON + 8 * HOUR_S
    assert taken(10, start_s=night).suspicions == ()
    assert taken(11, start_s=night).suspicions == (Suspicion.NIGHT_SOLAR,)
    assert taken(0, 4_000, start_s=night).suspicions == ()
    assert taken(3_000, start_s=night, source=Source.WIND).suspicions == ()


def test_at_dusk_only_what_fits_the_daylight() -> None:
    dusk = NOON + 6 * HOUR_S + HOUR_S // 2  # 18:30: half an hour of light is left
    assert taken(2_635, start_s=dusk).suspicions == ()  # 2,500 and 5 %, and 10
    assert taken(2_636, start_s=dusk).suspicions == (Suspicion.NIGHT_SOLAR,)


def test_registers_that_stand_still_for_a_day() -> None:
    for hours, suspect in ((23, False), (24, True), (25, False)):
        # 25: it was told already, with the reading of hour 24
        start_s = NOON + (hours - 1) * HOUR_S
        found = taken(0, start_s=start_s, moved_s=NOON).suspicions
        assert found == ((Suspicion.FROZEN_REGISTER,) if suspect else ())
    assert taken(0, 5, start_s=NOON + DAY_S, moved_s=NOON).suspicions == (
        Suspicion.FROZEN_REGISTER,
    )
    assert taken(0, 5, start_s=NOON + DAY_S - 1, moved_s=NOON).suspicions == ()


def test_when_registers_last_moved_is_carried_on() -> None:
    assert taken(1).meter.moved_s == NOON + HOUR_S
    assert taken(0, 1).meter.moved_s == NOON + HOUR_S
    assert taken(0, 0, moved_s=NOON - 5).meter.moved_s == NOON - 5


def test_a_clock_that_is_ahead() -> None:
    end = NOON + HOUR_S
    assert taken(now_s=end - 15).suspicions == ()
    assert taken(now_s=end - 16).suspicions == (Suspicion.CLOCK_DRIFT,)
    assert taken(now_s=end + DAY_S).suspicions == ()


@pytest.mark.parametrize("flag", Quality)
def test_what_a_meter_says_of_itself(flag: Quality) -> None:
    harmless = flag is Quality.POWER_LOST
    assert taken(quality=flag).suspicions == (() if harmless else (Suspicion.REPORTED,))


def test_several_at_once_are_sorted() -> None:
    night = NOON + 8 * HOUR_S
    found = taken(
        6_000, start_s=night, now_s=night + HOUR_S - 30, quality=Quality.TAMPERED
    ).suspicions
    assert found == (
        Suspicion.OVER_CAPACITY,
        Suspicion.NIGHT_SOLAR,
        Suspicion.CLOCK_DRIFT,
        Suspicion.REPORTED,
    )


@given(st.integers(0, 5 * DAY_S), st.integers(0, 3 * DAY_S))
def test_daylight_is_what_one_would_count(offset_s: int, minutes: int) -> None:
    """Minute by minute, by the calendar."""
    start = NOON + offset_s // 60 * 60
    minutes = minutes % (2 * 24 * 60)
    counted = 0
    for minute in range(minutes):
        local = datetime.fromtimestamp(start + minute * 60, UTC).astimezone(BANGKOK)
        counted += 60 * (5 <= local.hour < 19)
    assert daylight_s(start, start + minutes * 60, RULES) == counted


def test_rules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="daylight"):
        AnomalyRules(daylight_from_s=10, daylight_to_s=10)
    with pytest.raises(ValueError, match="capacity_refusal_ppm"):
        ReadingLimits(capacity_tolerance_ppm=50, capacity_refusal_ppm=49)
