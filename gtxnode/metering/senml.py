"""What a SenML pack (RFC 8428, in CBOR) says about a meter.

SenML leaves open what a name means. A meter that is to be understood here names each value by its
device, a slash, and the quantity: with the base name `urn:dev:ops:32473-4711/` these are

- an OBIS code, `1-0:1.8.0` or `1-0:2.8.0`: a cumulative total in Wh, kWh or J;
- `counter`: how many records the meter has signed, this one included;
- `status`: a string, `G` where the meter works (the letters are OCMF's).

Other quantities are passed over. Times have to be absolute: a time relative to the arrival is
nothing that the meter signed. Wh and kWh are secondary units (RFC 8798), which a pack should
announce by its version (26, RFC 9100); they are taken as well where it does not, since no unit of
that name means anything else. A floating-point number is taken as the shortest decimal that stands
for it, as RFC 8428 section 6 has it.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import msgspec

from gtxnode.metering.claims import Claims, Lack
from gtxnode.metering.faults import BadRecord, Fault
from gtxnode.metering.registers import Flow, Sample, add_up, exactly, total_register, whole_wh
from gtxnode.primitives.units import MAX_AMOUNT

_T = TypeVar("_T")

MAX_NAME_CHARS = 128
COUNTER = "counter"
STATUS = "status"
GOOD = "G"

# RFC 8428 table 4 (labels) and section 4.4 (versions).
_BASE_VERSION, _BASE_NAME, _BASE_TIME, _BASE_UNIT, _BASE_VALUE = -1, -2, -3, -4, -5
_NAME, _UNIT, _VALUE, _STRING, _TIME = 0, 1, 2, 3, 6
_BASES = (_BASE_VERSION, _BASE_NAME, _BASE_TIME, _BASE_UNIT, _BASE_VALUE)
_VERSIONS = (10, 26)
_RELATIVE_BEFORE_S = 2**28
"""Smaller times count from the moment of arrival (RFC 8428 section 4.5.3)."""


class _Measurement(msgspec.Struct, frozen=True):
    """A resolved record (RFC 8428 section 4.6). None where a field is absent or not of its kind."""

    device: str
    quantity: str
    time_ms: int | None
    unit: str
    value: Fraction | None
    text: str


def claims_of_pack(pack: Any) -> Claims:
    """What a decoded pack says. Raises `BadRecord` where it is not a list of maps."""
    if not isinstance(pack, list) or not all(isinstance(record, dict) for record in pack):
        raise BadRecord(Fault.BAD_SECTION, "payload: not a SenML pack")
    known = tuple(one for one in _resolve(pack) if _is_known(one.quantity))
    devices = {one.device for one in known}
    counter = _only({one.value for one in known if one.quantity == COUNTER})
    status = _only({one.text for one in known if one.quantity == STATUS}) or ""
    totals = add_up(_samples(known))
    lacks = set(totals.lacks)
    if not _understood(pack):
        lacks.add(Lack.VERSION)
    if len(devices) != 1 or "" in devices:
        lacks.add(Lack.SERIAL)
    if counter is None or counter.denominator != 1 or not 1 <= counter <= MAX_AMOUNT:
        lacks.add(Lack.COUNTER)
    if status != GOOD:
        lacks.add(Lack.STATUS)
    return Claims(
        serial="" if Lack.SERIAL in lacks else devices.pop(),
        context="",
        counter=None if counter is None or Lack.COUNTER in lacks else int(counter),
        start_ms=totals.start_ms,
        end_ms=totals.end_ms,
        start_import_wh=totals.start_wh.get(Flow.IMPORT),
        start_export_wh=totals.start_wh.get(Flow.EXPORT),
        import_wh=totals.end_wh.get(Flow.IMPORT),
        export_wh=totals.end_wh.get(Flow.EXPORT),
        status=status,
        lacks=tuple(sorted(lacks)),
    )


def _resolve(pack: list[dict[Any, Any]]) -> Iterator[_Measurement]:
    bases: dict[int, Any] = {}
    for record in pack:
        bases.update((label, record[label]) for label in _BASES if label in record)
        name = _text(bases.get(_BASE_NAME)) + _text(record.get(_NAME))
        device, _, quantity = name.rpartition("/")
        seconds = _sum(bases.get(_BASE_TIME, 0), record.get(_TIME, 0))
        yield _Measurement(
            device=device if len(name) <= MAX_NAME_CHARS and name.isprintable() else "",
            quantity=quantity,
            time_ms=_absolute_ms(seconds),
            unit=_text(record.get(_UNIT, bases.get(_BASE_UNIT))),
            value=_sum(bases.get(_BASE_VALUE, 0), record.get(_VALUE)),
            text=_text(record.get(_STRING)),
        )


def _is_known(quantity: str) -> bool:
    return quantity in (COUNTER, STATUS) or total_register(quantity) is not None


def _samples(measurements: tuple[_Measurement, ...]) -> Iterator[Sample]:
    for one in measurements:
        flow = total_register(one.quantity)
        if flow is not None:
            value_wh = None if one.value is None else whole_wh(one.value, one.unit)
            yield Sample(flow, one.time_ms, value_wh)


def _understood(pack: list[dict[Any, Any]]) -> bool:
    """A pack of a known version, and no field whose name ends in `_`: those must be understood."""
    versions = all(record.get(_BASE_VERSION, 10) in _VERSIONS for record in pack)
    labels = (label for record in pack for label in record)
    return versions and not any(isinstance(one, str) and one.endswith("_") for one in labels)


def _only(values: set[_T]) -> _T | None:
    return values.pop() if len(values) == 1 else None


def _number(value: Any) -> Fraction | None:
    if type(value) is int:
        return Fraction(value)
    if type(value) is float:
        return exactly(Decimal(repr(value)))
    return exactly(value) if isinstance(value, Decimal) else None


def _sum(base: Any, value: Any) -> Fraction | None:
    first, second = _number(base), _number(value)
    return None if first is None or second is None else first + second


def _absolute_ms(seconds: Fraction | None) -> int | None:
    if seconds is None or seconds < _RELATIVE_BEFORE_S:
        return None
    return int(seconds * 1_000)


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_NAME_CHARS else ""
