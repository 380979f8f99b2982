"""Amounts on the command line: exact, or refused."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.cli.amounts import (
    ADDRESS,
    ASSET,
    DURATION,
    GTX,
    KWH,
    METER_ID,
    PRICE,
    TRANSACTION_ID,
    Amount,
)
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.units import MAX_AMOUNT, format_decimal


@pytest.mark.parametrize(
    ("kind", "text", "amount"),
    [
        (GTX, "1.5", 1_500_000),
        (GTX, "1.5GTX", 1_500_000),
        (GTX, " 1.5 gtx ", 1_500_000),
        (GTX, "0.000001", 1),
        (KWH, "12.3 kWh", 12_300),
        (KWH, "12.300", 12_300),
        (PRICE, "3.5", 3_500),
        (PRICE, "3.5GTX/kWh", 3_500),
    ],
)
def test_amounts_are_exact(kind: Amount, text: str, amount: int) -> None:
    assert kind.convert(text, None, None) == amount


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        (GTX, "1.0000001", "no finer than 0.000001"),
        (KWH, "0.0001", "no finer than 0.001"),
        (PRICE, "3.5001", "no finer than 0.001"),
        (GTX, "0", "nothing"),
        (GTX, "-1", "not a decimal"),
        (GTX, "1e3", "e"),
        (GTX, "1,5", "not a decimal"),
        (GTX, "٣", "not a decimal"),
        (GTX, "", "not a decimal"),
        (GTX, "1.5kWh", "GTX is wanted"),
        (KWH, "1.5GTX", "kWh is wanted"),
        (GTX, "9" * 19, "9223372036854.775807"),
    ],
)
def test_what_does_not_fit_is_refused(kind: Amount, text: str, why: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        kind.convert(text, None, None)
    assert why in caught.value.message


@given(st.integers(1, MAX_AMOUNT), st.sampled_from([GTX, KWH, PRICE]), st.booleans())
def test_every_amount_can_be_written_and_read(amount: int, kind: Amount, unit: bool) -> None:
    text = format_decimal(amount, kind.scale) + (kind.unit if unit else "")
    assert kind.convert(text, None, None) == amount


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_a_usage_error(text: str) -> None:
    for kind in (GTX, KWH, PRICE, ASSET, DURATION, ADDRESS, TRANSACTION_ID, METER_ID):
        try:
            kind.convert(text, None, None)
        except click.BadParameter:
            continue


def test_an_asset_needs_its_unit() -> None:
    assert ASSET.convert("1.5 GTX", None, None) == ("GTX", 1_500_000)
    assert ASSET.convert("3kwh", None, None) == ("kWh", 3_000)
    for text in ("3", "3 Wh", "3 THB"):
        with pytest.raises(click.BadParameter, match=r"1\.5GTX, 3kWh or 2credits"):
            ASSET.convert(text, None, None)


def test_time_spans_and_ids() -> None:
    assert [DURATION.convert(text, None, None) for text in ("90s", "15m", "24h", "7d")] == [
        90,
        900,
        86_400,
        604_800,
    ]
    assert METER_ID.convert("0x" + "AB" * 16, None, None) == b"\xab" * 16
    with pytest.raises(click.BadParameter):
        TRANSACTION_ID.convert("ab" * 31, None, None)


def test_a_mistyped_address_is_noticed() -> None:
    text = format_address(b"\x07" * 20)
    assert ADDRESS.convert(text, None, None) == b"\x07" * 20
    swapped = text[:-1] + ("q" if text[-1] != "q" else "p")
    with pytest.raises(click.BadParameter, match="mistyped"):
        ADDRESS.convert(swapped, None, None)
