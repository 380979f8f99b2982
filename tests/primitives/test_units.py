"""Decimals that people write go to integer units and back without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.primitives.units import (
    MAX_AMOUNT,
    MGTX_PER_GTX,
    UGTX_PER_GTX,
    WH_PER_KWH,
    cost_ugtx,
    format_decimal,
    parse_decimal,
)


@pytest.mark.parametrize(
    ("text", "scale", "amount"),
    [
        ("3.5", UGTX_PER_GTX, 3_500_000),
        ("0", WH_PER_KWH, 0),
        ("0.001", WH_PER_KWH, 1),
        ("1.500", MGTX_PER_GTX, 1_500),
        ("1.5000000", MGTX_PER_GTX, 1_500),
        ("9223372036854.775807", UGTX_PER_GTX, MAX_AMOUNT),
    ],
)
def test_a_decimal_is_read_exactly(text: str, scale: int, amount: int) -> None:
    assert parse_decimal(text, scale) == amount


@pytest.mark.parametrize(
    "text", ["", ".5", "5.", "-1", "+1", "1e3", "1,5", " 1", "1\n", "0.0001", "٣", "nan", "1" * 20]
)
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"decimal|finer|more"):
        parse_decimal(text, WH_PER_KWH)


def test_an_amount_over_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        parse_decimal("9223372036854.775808", UGTX_PER_GTX)


@given(st.integers(0, MAX_AMOUNT), st.sampled_from([WH_PER_KWH, MGTX_PER_GTX, UGTX_PER_GTX]))
def test_writing_and_reading_gives_the_amount_back(amount: int, scale: int) -> None:
    assert parse_decimal(format_decimal(amount, scale), scale) == amount


def test_amounts_are_written_as_short_as_they_can_be() -> None:
    assert format_decimal(3_500_000, UGTX_PER_GTX) == "3.5"
    assert format_decimal(-1, WH_PER_KWH) == "-0.001"


def test_a_watt_hour_at_a_milli_gtx_costs_a_micro_gtx() -> None:
    assert cost_ugtx(1, 1) == 1
    # 50 kWh at 3.5 GTX/kWh cost 175 GTX.
    assert cost_ugtx(50_000, 3_500) == 175 * UGTX_PER_GTX
