"""OBIS codes, numbers as meters write them, and what a record's samples come to."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.metering.claims import Lack
from gtxnode.metering.meters import MAX_TIME_S
from gtxnode.metering.registers import (
    Flow,
    Sample,
    add_up,
    parse_number,
    total_register,
    whole_wh,
)
from gtxnode.primitives.units import MAX_AMOUNT


@pytest.mark.parametrize(
    ("code", "flow"),
    [
        ("1-0:1.8.0", Flow.IMPORT),
        ("1-b:1.8.0", Flow.IMPORT),
        ("1-b:1.8.e", Flow.IMPORT),
        ("01-00:01.08.00.FF", Flow.IMPORT),
        ("1-0:1.8.0*255", Flow.IMPORT),
        ("1-0:2.8.0", Flow.EXPORT),
        ("01-00:02.08.00.ff", Flow.EXPORT),
        ("1-0:1.8.1", None),
        ("1-b:1.9.0", None),
        ("01-00:00.08.06.FF", None),
        ("1-0:16.7.0", None),
        ("1-0:3.8.0", None),
        ("1-0:10.8.0", None),
        ("1-0:1.80.0", None),
        ("1.8.0", None),
        ("1-0:1.8.0 ", None),
        ("", None),
    ],
)
def test_only_totals_of_active_energy_count(code: str, flow: Flow | None) -> None:
    assert total_register(code) is flow


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234.56", Fraction(123456, 100)),
        ("       9.038", Fraction(9038, 1000)),
        ("00000000.000", Fraction(0)),
        ("1.606848e7", Fraction(16_068_480)),
        ("1.606848E+7", Fraction(16_068_480)),
        ("5e-3", Fraction(5, 1000)),
        ("-1", Fraction(-1)),
        ("0.1", Fraction(1, 10)),
        ("", None),
        (".5", None),
        ("1.", None),
        ("1,5", None),
        ("0x10", None),
        ("1_000", None),
        ("NaN", None),
        ("Infinity", None),
        ("٣", None),
        ("1e999", None),
        ("1e-999", None),
        ("1e9999", None),
        ("9" * 41, None),
    ],
)
def test_numbers_are_exact(text: str, number: Fraction | None) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "unit", "value_wh"),
    [
        ("1234.56", "kWh", 1_234_560),
        ("2851485", "Wh", 2_851_485),
        ("1.606848e7", "Wh", 16_068_480),
        ("62500.1271", "kWh", 62_500_127),
        ("62500.1279", "kWh", 62_500_127),
        ("0.9999", "Wh", 0),
        ("3600", "J", 1),
        ("7199", "J", 1),
        (str(MAX_AMOUNT), "Wh", MAX_AMOUNT),
        (str(MAX_AMOUNT + 1), "Wh", None),
        ("-0.0001", "kWh", None),
        ("5", "sec", None),
        ("5", "kwh", None),
        ("5", "", None),
    ],
)
def test_energy_is_rounded_down_to_whole_watt_hours(
    text: str, unit: str, value_wh: int | None
) -> None:
    number = parse_number(text)
    assert number is not None
    assert whole_wh(number, unit) == value_wh


@given(st.lists(st.integers(0, 10**7), min_size=1))
def test_rounding_a_register_loses_nothing_over_time(steps_mwh: list[int]) -> None:
    """What is rounded off one reading is in the next: the sum is short by less than 1 Wh."""
    register_mwh, last_wh, total_wh = 0, 0, 0
    for step in steps_mwh:
        register_mwh += step
        shown = whole_wh(Fraction(register_mwh, 1_000), "Wh")
        assert shown is not None
        assert shown >= last_wh
        total_wh, last_wh = total_wh + shown - last_wh, shown
    assert 0 <= sum(steps_mwh) - 1_000 * total_wh < 1_000


def sample(time_ms: int | None, value_wh: int | None, flow: Flow = Flow.IMPORT) -> Sample:
    return Sample(flow, time_ms, value_wh)


def test_first_and_last_of_both_registers() -> None:
    totals = add_up(
        [
            sample(1_000, 10),
            sample(1_000, 5, Flow.EXPORT),
            sample(2_000, 11),
            sample(2_000, 5, Flow.EXPORT),
        ]
    )
    assert (totals.start_ms, totals.end_ms) == (1_000, 2_000)
    assert totals.start_wh == {Flow.IMPORT: 10, Flow.EXPORT: 5}
    assert totals.end_wh == {Flow.IMPORT: 11, Flow.EXPORT: 5}
    assert not totals.lacks


def test_one_moment_has_no_start() -> None:
    totals = add_up([sample(1_000, 10), sample(1_000, 5, Flow.EXPORT)])
    assert (totals.start_ms, totals.end_ms, totals.start_wh) == (None, 1_000, {})
    assert not totals.lacks


@pytest.mark.parametrize(
    ("samples", "lack"),
    [
        ([], Lack.REGISTER),
        ([sample(1_000, None)], Lack.REGISTER),
        ([sample(None, 1)], Lack.TIME),
        ([sample(-1, 1)], Lack.TIME),
        ([sample(MAX_TIME_S * 1_000 + 1, 1)], Lack.TIME),
        ([sample(2_000, 1), sample(1_000, 2)], Lack.TIME),
        ([sample(1_000, 1), sample(2_000, 2, Flow.EXPORT)], Lack.TIME),
        ([sample(1_000, 2), sample(2_000, 1)], Lack.CONFLICT),
        ([sample(1_000, 1), sample(1_000, 2)], Lack.CONFLICT),
    ],
)
def test_what_cannot_be_added_up(samples: list[Sample], lack: Lack) -> None:
    assert lack in add_up(samples).lacks


def test_a_value_may_be_repeated() -> None:
    assert not add_up([sample(1_000, 1), sample(1_000, 1)]).lacks
