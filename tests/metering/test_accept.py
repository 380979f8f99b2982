"""Each rule about a meter's reading, on both sides of its limit."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.metering.meters import Direction, Meter, Reading, meter_id_of
from gtxnode.metering.readings import Metered, ReadingLimits, accept
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source

HOUR = 3_600
START = 1_800_000_000
LIMITS = ReadingLimits(anomalies=None)
METER = Meter(
    bytes(16), b"\x02" * 33, bytes(20), Province.BANGKOK, Source.SOLAR, 5_000, Direction.BOTH,
    7, START, 10_000, 20_000,
)  # fmt: skip
READING = Reading(bytes(16), 8, 7, START, START + HOUR, 11_000, 23_000)


def judge(
    *, meter: Meter | None = METER, now_s: int = START + HOUR, ms: int = 0, **changes: Any
) -> Metered:
    reading = msgspec.structs.replace(READING, **changes)
    return accept(meter, reading, block_time_ms=now_s * 1_000 + ms, limits=LIMITS)


def refusal(**arguments: Any) -> Reason:
    with pytest.raises(Refused) as caught:
        judge(**arguments)
    return caught.value.reason


def test_an_accepted_reading_moves_the_meter_on() -> None:
    metered = judge()
    assert (metered.imported_wh, metered.exported_wh) == (1_000, 3_000)
    after = metered.meter
    assert (after.counter, after.end_s) == (8, START + HOUR)
    assert (after.import_wh, after.export_wh) == (11_000, 23_000)
    assert after.public_key == METER.public_key


def test_a_meter_that_is_not_registered() -> None:
    assert refusal(meter=None) is Reason.UNREGISTERED_METER


@pytest.mark.parametrize(
    ("counter", "previous", "reason"),
    [
        (7, 6, Reason.REPLAYED_READING),
        (7, 7, Reason.REPLAYED_READING),
        (6, 5, Reason.OUT_OF_ORDER_READING),
        (9, 8, Reason.UNDECLARED_GAP),
        (8, 6, Reason.UNDECLARED_GAP),
        (8, 9, Reason.UNDECLARED_GAP),
    ],
)
def test_counters_that_do_not_follow(counter: int, previous: int, reason: Reason) -> None:
    assert refusal(counter=counter, previous_counter=previous) is reason


def test_a_declared_gap_may_skip_counters_and_time() -> None:
    late = START + 5 * HOUR
    flat: dict[str, Any] = {"import_wh": 10_000, "export_wh": 20_000}
    metered = judge(
        **flat, counter=12, previous_counter=7, start_s=late, end_s=late + 60, now_s=late
    )
    assert metered.meter.counter == 12


def test_time_is_not_left_out_without_a_declared_gap() -> None:
    assert refusal(start_s=START + 1) is Reason.UNDECLARED_GAP


def test_the_first_reading_may_begin_after_the_installation() -> None:
    new = msgspec.structs.replace(METER, counter=0)
    assert judge(meter=new, counter=1, previous_counter=0, start_s=START + 60)
    assert refusal(meter=new, counter=1, previous_counter=0, start_s=START - 1)


def test_the_energy_of_a_gap_has_to_fit_the_readings_own_interval() -> None:
    gap: dict[str, Any] = {"counter": 9, "previous_counter": 7, "export_wh": 20_000 + 20_000}
    day: dict[str, Any] = {"end_s": START + 5 * HOUR, "now_s": START + 5 * HOUR}
    assert judge(**gap, **day).exported_wh == 20_000
    assert refusal(**gap, **day, start_s=START + 4 * HOUR) is Reason.OVER_CAPACITY


def test_intervals_that_overlap_or_are_empty() -> None:
    assert refusal(start_s=START - 1) is Reason.OVERLAPPING_INTERVAL
    assert refusal(end_s=START) is Reason.EMPTY_INTERVAL
    assert refusal(end_s=START - 1) is Reason.EMPTY_INTERVAL


def test_registers_never_go_down() -> None:
    assert refusal(import_wh=9_999) is Reason.REGISTER_DECREASED
    assert refusal(export_wh=19_999) is Reason.REGISTER_DECREASED
    assert judge(import_wh=10_000, export_wh=20_000).exported_wh == 0


def test_energy_within_capacity_times_interval_and_tolerance() -> None:
    # 5 kW for an hour, and 5 %: 5,250 Wh either way.
    assert judge(export_wh=25_250).exported_wh == 5_250
    assert refusal(export_wh=25_251) is Reason.OVER_CAPACITY
    assert judge(import_wh=15_250).imported_wh == 5_250
    assert refusal(import_wh=15_251) is Reason.OVER_CAPACITY


def test_a_consumption_only_meter_exports_nothing() -> None:
    consumer = msgspec.structs.replace(METER, direction=Direction.CONSUMPTION_ONLY)
    assert judge(meter=consumer, export_wh=20_000).imported_wh == 1_000
    assert refusal(meter=consumer, export_wh=20_001) is Reason.EXPORT_NOT_ALLOWED


def test_the_interval_ends_near_the_blocks_time() -> None:
    end = START + HOUR
    assert judge(now_s=end - LIMITS.max_future_s)
    assert refusal(now_s=end - LIMITS.max_future_s, ms=-1) is Reason.READING_IN_FUTURE
    assert judge(now_s=end + LIMITS.max_age_s)
    assert refusal(now_s=end + LIMITS.max_age_s, ms=1) is Reason.READING_TOO_OLD


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), max_size=20))
def test_what_readings_prove_is_what_the_registers_rose(flows: list[tuple[int, int]]) -> None:
    meter, proved = METER, 0
    for imported, exported in flows:
        reading = Reading(
            meter.meter,
            meter.counter + 1,
            meter.counter,
            meter.end_s,
            meter.end_s + HOUR,
            meter.import_wh + imported,
            meter.export_wh + exported,
        )
        now_ms = reading.end_s * 1_000
        metered = accept(meter, reading, block_time_ms=now_ms, limits=LIMITS)
        meter, proved = metered.meter, proved + metered.exported_wh
        with pytest.raises(Refused) as caught:
            accept(meter, reading, block_time_ms=now_ms, limits=LIMITS)
        assert caught.value.reason is Reason.REPLAYED_READING
    assert proved == meter.export_wh - METER.export_wh


def test_the_usual_id_comes_from_the_key() -> None:
    assert len(meter_id_of(b"\x02" * 33)) == 16
    assert meter_id_of(b"\x02" * 33) != meter_id_of(b"\x03" * 33)
