"""What makes a reading suspect: it is taken, and what it exported is held until somebody looks.

A reading that breaks a rule is refused (readings.py). One that keeps them all may still be
implausible, and then the meter's utility decides, for it can look at the meter and the chain
cannot. Refusing instead would stop the meter for good: its registers would stay where they are.

- *over capacity*: more flowed, in either direction, than the meter's capacity and a tolerance
  allow. Past `capacity_refusal_ppm` it is no measurement any more, and refused.
- *night-time solar*: a solar meter exported more than fits the daylight in its interval.
- *frozen register*: no register moved for `frozen_after_s`. The reading with which that time is
  reached is suspect, and so is the one with which they move again: what it shows flowed at no known
  time.
- *clock drift*: the interval ends further after the block's time than blocks lag. A meter that was
  cut off delivers late, so that being behind proves nothing.
- *reported*: the meter itself says so, by the flags of `SUSPECT_QUALITY`.
"""

from enum import IntEnum
from typing import Annotated

import msgspec

from gtxnode.metering.meters import Meter, Quality, Reading
from gtxnode.primitives.sources import Source

DAY_S = 86_400
HOUR_S = 3_600
_PPM = 1_000_000
_WATT_SECONDS_PER_WH = 3_600

TimeOfDay = Annotated[int, msgspec.Meta(ge=0, le=DAY_S)]
Duration = Annotated[int, msgspec.Meta(ge=0, le=10**9)]

SUSPECT_QUALITY = Quality.CLOCK_NOT_SET | Quality.ESTIMATED | Quality.TAMPERED | Quality.FAULTY


class Suspicion(IntEnum):
    """Why a reading is suspect. The numbers are on the wire."""

    OVER_CAPACITY = 1
    NIGHT_SOLAR = 2
    FROZEN_REGISTER = 3
    CLOCK_DRIFT = 4
    REPORTED = 5


class AnomalyRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is implausible; part of the chain's parameters."""

    daylight_from_s: TimeOfDay = 5 * HOUR_S
    """Seconds of the local day. In Thailand the sun rises between 05:35 and 06:50..."""
    daylight_to_s: TimeOfDay = 19 * HOUR_S
    """... and sets between 17:40 and 18:55."""
    utc_offset_s: Annotated[int, msgspec.Meta(ge=-DAY_S, le=DAY_S)] = 7 * HOUR_S
    night_solar_wh: Duration = 10
    """What a register may still gain after dark: it ticks over in steps."""
    frozen_after_s: Duration = DAY_S
    max_drift_s: Duration = 15
    """How far after the block's time an interval may end."""

    def __post_init__(self) -> None:
        if self.daylight_from_s >= self.daylight_to_s:
            raise ValueError("daylight_from_s must be before daylight_to_s")


def capacity_wh(capacity_w: int, seconds: int, tolerance_ppm: int) -> int:
    """The most that a capacity and a tolerance over it let flow, rounded down."""
    return capacity_w * seconds * (_PPM + tolerance_ppm) // (_WATT_SECONDS_PER_WH * _PPM)


def daylight_s(start_s: int, end_s: int, rules: AnomalyRules) -> int:
    """How many seconds of an interval are in daylight."""
    return _daylight_until(end_s, rules) - _daylight_until(start_s, rules)


def suspicions_of(
    meter: Meter,
    reading: Reading,
    imported_wh: int,
    exported_wh: int,
    *,
    ahead_ms: int,
    tolerance_ppm: int,
    rules: AnomalyRules,
) -> tuple[Suspicion, ...]:
    """Why a reading that keeps the rules is suspect, sorted; empty where it is not.

    `meter` is as it was before; `ahead_ms` is how long after the block's time the interval ends.
    """
    found: list[Suspicion] = []
    seconds = reading.end_s - reading.start_s
    if max(imported_wh, exported_wh) > capacity_wh(meter.capacity_w, seconds, tolerance_ppm):
        found.append(Suspicion.OVER_CAPACITY)
    if meter.source is Source.SOLAR and exported_wh > rules.night_solar_wh:
        light_s = daylight_s(reading.start_s, reading.end_s, rules)
        limit_wh = capacity_wh(meter.capacity_w, light_s, tolerance_ppm) + rules.night_solar_wh
        if exported_wh > limit_wh and light_s < seconds:
            found.append(Suspicion.NIGHT_SOLAR)
    if _frozen(meter, reading, rules, moved=bool(imported_wh or exported_wh)):
        found.append(Suspicion.FROZEN_REGISTER)
    if ahead_ms > rules.max_drift_s * 1_000:
        found.append(Suspicion.CLOCK_DRIFT)
    if reading.quality & SUSPECT_QUALITY:
        found.append(Suspicion.REPORTED)
    return tuple(found)


def _frozen(meter: Meter, reading: Reading, rules: AnomalyRules, *, moved: bool) -> bool:
    """Whether the registers have just stood still for too long, or move again after that."""
    stood_s = meter.end_s - meter.moved_s
    if moved:
        return stood_s >= rules.frozen_after_s
    return stood_s < rules.frozen_after_s <= reading.end_s - meter.moved_s


def _daylight_until(time_s: int, rules: AnomalyRules) -> int:
    """Seconds of daylight since the local midnight that began 1970."""
    days, of_day = divmod(time_s + rules.utc_offset_s, DAY_S)
    length_s = rules.daylight_to_s - rules.daylight_from_s
    return days * length_s + min(max(of_day - rules.daylight_from_s, 0), length_s)
