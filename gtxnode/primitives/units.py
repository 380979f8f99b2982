"""The units of the ledger: integers, never floats.

Energy is counted in watt-hours, prices in milli-GTX per kWh and money in micro-GTX, because
1 Wh at 1 mGTX/kWh costs exactly 1 µGTX: no trade ever rounds. People read and write KWH and GTX
as decimals; `parse_decimal` and `format_decimal` go between the two without loss.
"""

import re

WH_PER_KWH = 1_000
MGTX_PER_GTX = 1_000
UGTX_PER_GTX = 1_000_000
MG_PER_CREDIT = 10_000_000
"""A carbon credit is 10 kg CO2e. 1 Wh that avoids 1 g/kWh avoids exactly 1 mg."""
UTHB_PER_THB = 1_000_000
SATANG_PER_THB = 100

MAX_AMOUNT = 2**63 - 1
"""The largest amount that a coin, a register or a total may carry, in its unit."""

_DECIMAL = re.compile(r"(?P<whole>[0-9]{1,19})(?:\.(?P<part>[0-9]{1,18}))?", re.ASCII)


def cost_ugtx(energy_wh: int, price_mgtx_per_kwh: int) -> int:
    """What that energy costs at that price, exactly."""
    return energy_wh * price_mgtx_per_kwh


def parse_decimal(text: str, scale: int) -> int:
    """A decimal such as `3.5` in units of 1/`scale` (a power of ten).

    `ValueError` where it is not a plain decimal, is finer than the unit, or is over
    `MAX_AMOUNT`.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"not a decimal number: {text[:40]!r}")
    part = (match["part"] or "").rstrip("0")
    digits = _digits(scale)
    if len(part) > digits:
        raise ValueError(f"{text} is finer than 1/{scale}")
    amount = int(match["whole"]) * scale + int(part.ljust(digits, "0") or "0")
    if amount > MAX_AMOUNT:
        raise ValueError(f"{text} is more than {MAX_AMOUNT} units of 1/{scale}")
    return amount


def format_decimal(amount: int, scale: int) -> str:
    """An amount in units of 1/`scale` as the shortest exact decimal: 3_500_000 -> `3.5`."""
    whole, rest = divmod(abs(amount), scale)
    part = f".{rest:0{_digits(scale)}d}".rstrip("0") if rest else ""
    return f"{'-' if amount < 0 else ''}{whole}{part}"


def _digits(scale: int) -> int:
    digits = len(str(scale)) - 1
    assert scale == 10**digits, "scales are powers of ten"
    return digits
