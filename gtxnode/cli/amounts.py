"""Amounts, ids and addresses as people write them on the command line.

Amounts are decimals with an optional unit, read exactly: what is finer than the ledger's
unit is refused, never rounded.
"""

import re
from typing import Any

import click

from gtxnode.primitives.addresses import InvalidAddress, parse_address
from gtxnode.primitives.units import (
    MAX_AMOUNT,
    MG_PER_CREDIT,
    MGTX_PER_GTX,
    UGTX_PER_GTX,
    WH_PER_KWH,
    format_decimal,
    parse_decimal,
)

_AMOUNT = re.compile(r"\s*(?P<number>[0-9.]+)\s*(?P<unit>[A-Za-z/]*)\s*", re.ASCII)
_DURATION = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Amount(click.ParamType[int]):
    """A positive decimal in one unit, as an integer of its smallest part."""

    def __init__(self, unit: str, scale: int) -> None:
        self.unit = unit
        self.name = unit
        self.scale = scale

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """`1.5`, `1.5 GTX` or `1.5GTX`. Fails on what is zero, too fine or too much."""
        if isinstance(value, int):
            return value
        number, unit = _split(str(value), self, param, ctx)
        if unit and unit.lower() != self.unit.lower():
            self.fail(f"{value!r} is in {unit}, and {self.unit} is wanted", param, ctx)
        return _scaled(number, self.unit, self.scale, self, param, ctx)


class Asset(click.ParamType[tuple[str, int]]):
    """GTX, energy or credits: the unit says which, so it has to be there."""

    name = "GTX|kWh|credits"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """`1.5GTX` is ("GTX", 1500000 µGTX), `3kWh` is ("kWh", 3000 Wh), `0.5credits` 5 kg CO2e."""
        if isinstance(value, tuple):
            return value
        number, unit = _split(str(value), self, param, ctx)
        kind = {"gtx": GTX, "kwh": KWH, "credits": CREDITS}.get(unit.lower())
        if kind is None:
            self.fail(f"{value!r} has no unit of ours; write 1.5GTX, 3kWh or 2credits", param, ctx)
        return kind.unit, _scaled(number, kind.unit, kind.scale, self, param, ctx)


class AddressText(click.ParamType[bytes]):
    """An address, `gtx1...`, as its 20 bytes."""

    name = "ADDRESS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Fails on a mistyped address: up to four wrong characters are always noticed."""
        if isinstance(value, bytes):
            return value
        try:
            return parse_address(str(value))
        except InvalidAddress as error:
            self.fail(f"{value!r} {error}", param, ctx)


class HexText(click.ParamType[bytes]):
    """Bytes of a fixed length, in hexadecimal digits."""

    name = "HEX"

    def __init__(self, length: int) -> None:
        self.length = length

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Fails on anything but `2 * length` digits."""
        if isinstance(value, bytes):
            return value
        text = str(value).strip().lower().removeprefix("0x")
        if len(text) != 2 * self.length or not re.fullmatch("[0-9a-f]*", text):
            self.fail(f"{value!r} is not {2 * self.length} hexadecimal digits", param, ctx)
        return bytes.fromhex(text)


class Duration(click.ParamType[int]):
    """A time span such as `90s`, `15m`, `24h` or `7d`, in seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails on anything else, and on zero."""
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(str(value).strip())
        if match is None or int(match["count"]) == 0:
            self.fail(f"{value!r} is no time span; write 90s, 15m, 24h or 7d", param, ctx)
        return int(match["count"]) * _SECONDS[match["unit"]]


GTX = Amount("GTX", UGTX_PER_GTX)
KWH = Amount("kWh", WH_PER_KWH)
CREDITS = Amount("credits", MG_PER_CREDIT)
PRICE = Amount("GTX/kWh", MGTX_PER_GTX)
ASSET = Asset()
ADDRESS = AddressText()
TRANSACTION_ID = HexText(32)
METER_ID = HexText(16)
METER_KEY = HexText(33)
COIN_ID = HexText(34)
VALIDATOR_KEY = HexText(33)
SEED_COMMITMENT = HexText(32)
DURATION = Duration()


def _split(
    text: str, type_: click.ParamType[Any], param: click.Parameter | None, ctx: click.Context | None
) -> tuple[str, str]:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        type_.fail(f"{text!r} is not a decimal amount", param, ctx)
    return match["number"], match["unit"]


def _scaled(
    number: str,
    unit: str,
    scale: int,
    type_: click.ParamType[Any],
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> int:
    try:
        amount = parse_decimal(number, scale)
    except ValueError as error:
        finest = format_decimal(1, scale)
        most = format_decimal(MAX_AMOUNT, scale)
        limits = f"amounts are from {finest} to {most} {unit}, and no finer than {finest}"
        type_.fail(f"{error}; {limits}", param, ctx)
    if amount == 0:
        type_.fail(f"{number!r} {unit} is nothing", param, ctx)
    return amount
