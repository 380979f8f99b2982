"""What an OCMF payload says about a meter: its serial, its count, its registers.

Nothing here raises: a signed payload that cannot be made sense of is still what the meter signed,
and what is missing is listed. Source: OCMF 1.2, tables 1 to 7, 10 and 19.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

import msgspec

from gtxnode.metering.claims import Claims, Lack
from gtxnode.metering.registers import (
    Flow,
    Sample,
    add_up,
    parse_number,
    total_register,
    whole_wh,
)
from gtxnode.primitives.units import MAX_AMOUNT

MAX_SERIAL_CHARS = 64

_VERSIONS = ("0.", "1.")
_INHERITED = ("TM", "TX", "RI", "RU", "RT", "EF", "ST")
"""A reading leaves out what is as in the reading before it (section "Readings"); not its value."""
_GOOD = "G"
_CLOCK_NOT_SET = "U"
_PAGINATION = re.compile(r"(?P<context>[A-Z])(?P<counter>[0-9]{1,19})", re.ASCII)
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:[,.](?P<fraction>[0-9]{1,9}))?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2}))"
    r"(?: (?P<clock>[A-Z]))?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Number(NamedTuple):
    """A JSON number as it was written: its digits are what was measured."""

    text: str


class _Time(NamedTuple):
    time_ms: int
    clock: str
    """Table 19, empty where the record does not say."""


class _Energy(msgspec.Struct, frozen=True):
    """One energy total out of the list of readings, with what is said about it."""

    sample: Sample
    lacks: frozenset[Lack]
    status: str


def claims_of(payload: Mapping[str, Any]) -> Claims:
    """What a payload says, and what it does not."""
    serial = _text(payload, "MS") or _text(payload, "GS")
    page = _PAGINATION.fullmatch(_text(payload, "PG"))
    counter = int(page["counter"]) if page else 0
    energies = tuple(_energies(payload.get("RD")))
    totals = add_up(energy.sample for energy in energies)
    lacks = set(totals.lacks).union(*(energy.lacks for energy in energies))
    if not _text(payload, "FV").startswith(_VERSIONS) and "FV" in payload:
        lacks.add(Lack.VERSION)
    if not serial:
        lacks.add(Lack.SERIAL)
    # The ledger counts from one: zero is the count before the first reading.
    if not 1 <= counter <= MAX_AMOUNT:
        lacks.add(Lack.COUNTER)
    return Claims(
        serial=serial,
        context=page["context"] if page else "",
        counter=None if Lack.COUNTER in lacks else counter,
        start_ms=totals.start_ms,
        end_ms=totals.end_ms,
        start_import_wh=totals.start_wh.get(Flow.IMPORT),
        start_export_wh=totals.start_wh.get(Flow.EXPORT),
        import_wh=totals.end_wh.get(Flow.IMPORT),
        export_wh=totals.end_wh.get(Flow.EXPORT),
        status=energies[-1].status if energies else "",
        lacks=tuple(sorted(lacks)),
    )


def parse_time(text: str) -> _Time | None:
    """`2018-07-24T13:22:04,000+0200 S`: the instant, and the state of the clock."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    offset = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    try:
        zone = timezone(-offset if match["sign"] == "-" else offset)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    milliseconds = int((match["fraction"] or "")[:3].ljust(3, "0"))
    return _Time(seconds * 1_000 + milliseconds, match["clock"] or "")


def _energies(readings: Any) -> Iterator[_Energy]:
    inherited: dict[str, Any] = {}
    for reading in readings if isinstance(readings, list) else ():
        if not isinstance(reading, dict):
            continue
        inherited.update((name, reading[name]) for name in _INHERITED if name in reading)
        # Without a value the reading only says that something happened.
        if "RV" not in reading:
            continue
        flow = total_register(_text(inherited, "RI"))
        if flow is not None:
            yield _energy(flow, reading["RV"], inherited)


def _energy(flow: Flow, value: Any, reading: Mapping[str, Any]) -> _Energy:
    lacks: set[Lack] = set()
    time = parse_time(_text(reading, "TM"))
    status, errors = _text(reading, "ST"), _text(reading, "EF")
    if status != _GOOD or "E" in errors:
        lacks.add(Lack.STATUS)
    if (time is not None and time.clock == _CLOCK_NOT_SET) or "t" in errors:
        lacks.add(Lack.CLOCK)
    written = value.text if isinstance(value, Number) else value
    number = parse_number(written) if isinstance(written, str) else None
    sample = Sample(
        flow=flow,
        time_ms=None if time is None else time.time_ms,
        value_wh=None if number is None else whole_wh(number, _text(reading, "RU")),
    )
    return _Energy(sample, frozenset(lacks), status)


def _text(fields: Mapping[str, Any], name: str) -> str:
    """A field as text; empty where it is absent, something else, or nothing to put on record."""
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > MAX_SERIAL_CHARS or not value.isprintable():
        return ""
    return value
