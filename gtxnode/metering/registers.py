"""Registers as foreign meters name and write them, turned into whole watt-hours.

OBIS codes (IEC 62056-6-1) name a register `A-B:C.D.E`: A is 1 for electricity (0 and 1 occur),
B the channel, C what is measured (1 active energy imported, 2 exported), D how (8 is the cumulative
total), E the tariff (0 all of them). Only such totals count here: a tariff's register stands
still while another tariff runs, and a period's begins at zero again.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from gtxnode.metering.claims import Lack
from gtxnode.metering.meters import MAX_TIME_S
from gtxnode.primitives.units import MAX_AMOUNT

MAX_NUMBER_CHARS = 40
"""A limit on a number as text. 2^63 has 19 digits."""
_MAX_MAGNITUDE = 30
"""A limit on a number's power of ten, so that no small text stands for an enormous integer."""

_OBIS = re.compile(
    r"[0-9A-F]{1,2}-[0-9A-FBX]{1,2}:(?P<quantity>[0-9A-F]{1,2})\.(?P<kind>[0-9A-F]{1,2})"
    r"\.(?P<tariff>[0-9A-FEX]{1,2})(?:[.*][0-9A-FX]{1,3})?",
    re.ASCII | re.IGNORECASE,
)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_CUMULATIVE = "8"
_ALL_TARIFFS = frozenset({"", "e"})
"""Without leading zeros: `0`, `00`, and `e`, which meters write where they mean all."""

WH_PER_UNIT: Mapping[str, Fraction] = {
    "Wh": Fraction(1),
    "kWh": Fraction(1_000),
    "J": Fraction(1, 3_600),
}


class Flow(StrEnum):
    """Which way a register counts, seen from the connection."""

    IMPORT = "import"
    EXPORT = "export"


_FLOWS: Mapping[str, Flow] = {"1": Flow.IMPORT, "2": Flow.EXPORT}


class Sample(msgspec.Struct, frozen=True):
    """A register's value at a time. None where it could not be read."""

    flow: Flow
    time_ms: int | None
    value_wh: int | None


class Totals(msgspec.Struct, frozen=True):
    """What the samples of a record come to: the first and the last value of each register."""

    start_ms: int | None = None
    end_ms: int | None = None
    start_wh: Mapping[Flow, int] = {}
    end_wh: Mapping[Flow, int] = {}
    lacks: frozenset[Lack] = frozenset()


def total_register(code: str) -> Flow | None:
    """Which way the cumulative total of that OBIS code counts; None for any other register."""
    match = _OBIS.fullmatch(code)
    if match is None:
        return None
    kind, tariff = match["kind"].lstrip("0"), match["tariff"].lstrip("0").lower()
    if kind != _CUMULATIVE or tariff not in _ALL_TARIFFS:
        return None
    return _FLOWS.get(match["quantity"].lstrip("0"))


def parse_number(text: str) -> Fraction | None:
    """A number as written, exactly; blanks around it and zeros before it are passed over."""
    text = text.strip(" ")
    if len(text) > MAX_NUMBER_CHARS or _NUMBER.fullmatch(text) is None:
        return None
    return exactly(Decimal(text))


def exactly(number: Decimal) -> Fraction | None:
    """The same number; None where it is none, or too large or too small to be a register's."""
    if not number.is_finite() or abs(number.adjusted()) > _MAX_MAGNITUDE:
        return None
    return Fraction(number)


def whole_wh(value: Fraction, unit: str) -> int | None:
    """Energy in Wh, rounded down; None where it is not one that a register can show."""
    scale = WH_PER_UNIT.get(unit)
    if scale is None:
        return None
    value_wh = value * scale
    return int(value_wh) if 0 <= value_wh <= MAX_AMOUNT else None


def add_up(samples: Iterable[Sample]) -> Totals:
    """The first and last value of each register, in the order of the samples."""
    lacks: set[Lack] = set()
    start_wh: dict[Flow, int] = {}
    end_wh: dict[Flow, int] = {}
    end_ms_of: dict[Flow, int] = {}
    times: list[int] = []
    for sample in samples:
        if sample.value_wh is None:
            lacks.add(Lack.REGISTER)
        elif sample.time_ms is None or not 0 <= sample.time_ms <= MAX_TIME_S * 1_000:
            lacks.add(Lack.TIME)
        else:
            if times and sample.time_ms < times[-1]:
                lacks.add(Lack.TIME)
            if _conflicts(sample, end_wh.get(sample.flow), end_ms_of.get(sample.flow)):
                lacks.add(Lack.CONFLICT)
            start_wh.setdefault(sample.flow, sample.value_wh)
            end_wh[sample.flow] = sample.value_wh
            end_ms_of[sample.flow] = sample.time_ms
            times.append(sample.time_ms)
    if not end_wh:
        lacks.add(Lack.REGISTER)
    # Both totals have to be of one moment: the older would claim that nothing flowed since.
    if len(set(end_ms_of.values())) > 1:
        lacks.add(Lack.TIME)
    several = len(times) > len(end_wh)
    return Totals(
        start_ms=times[0] if several else None,
        end_ms=times[-1] if times else None,
        start_wh=start_wh if several else {},
        end_wh=end_wh,
        lacks=frozenset(lacks),
    )


def _conflicts(sample: Sample, last_wh: int | None, last_ms: int | None) -> bool:
    """Whether a register went down, or shows two values at one time."""
    if last_wh is None or sample.value_wh is None:
        return False
    return sample.value_wh < last_wh or (sample.value_wh != last_wh and sample.time_ms == last_ms)
