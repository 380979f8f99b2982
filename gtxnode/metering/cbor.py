"""CBOR (RFC 8949), decoded strictly: what is accepted has one reading.

The decoder is `cbor2`'s. It makes Python objects of some thirty tags, compiled regular expressions
among them; here every tag that the caller does not name is refused. So are names given twice,
lengths left open, nesting without end, and bytes after the item. Any order of names and any width
of integers is accepted: nothing that was received is ever encoded again.
"""

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import cbor2

from gtxnode.metering.faults import BadRecord, Fault
from gtxnode.metering.records import MAX_DEPTH

DECIMAL_FRACTION = 4
_MAX_EXPONENT = 100


class Tagged(NamedTuple):
    """An item with its tag."""

    tag: int
    item: Any


class _Tags(dict[int, Callable[[Any, bool], Any]]):
    """What is done about a tag; about every one that is not in here: it is refused."""

    def __missing__(self, tag: int) -> Callable[[Any, bool], Any]:
        def refuse(item: Any, immutable: bool) -> Any:
            raise ValueError(f"tag {tag} has no business here")

        return refuse


def decode(data: bytes, *, what: str, keep: tuple[int, ...] = (), decimals: bool = False) -> Any:
    """The one item that the bytes are.

    Tags in `keep` come back as `Tagged`; with `decimals`, decimal fractions as `Decimal`. Raises
    `BadRecord` with `BAD_SECTION`, which says `what` was read.
    """
    tags = _Tags({tag: _keep(tag) for tag in keep})
    if decimals:
        tags[DECIMAL_FRACTION] = _decimal
    decoder = cbor2.CBORDecoder(
        io.BytesIO(data),
        semantic_decoders=tags,
        max_depth=MAX_DEPTH,
        allow_indefinite=False,
        allow_duplicate_keys=False,
    )
    try:
        value = decoder.decode()
    except cbor2.CBORDecodeError as error:
        raise BadRecord(Fault.BAD_SECTION, f"{what}: {error}"[:200]) from None
    try:
        decoder.read(1)
    except cbor2.CBORDecodeEOF:
        return value
    raise BadRecord(Fault.BAD_SECTION, f"{what}: bytes after its end")


def encode(item: Any) -> bytes:
    """An item with definite lengths and the shortest integers."""
    return cbor2.dumps(item)


def _keep(tag: int) -> Callable[[Any, bool], Any]:
    return lambda item, immutable: Tagged(tag, item)


def _decimal(item: Any, immutable: bool) -> Decimal:
    """RFC 8949 section 3.4.4: exponent and mantissa, both integers."""
    match item:
        case [exponent, mantissa] if type(exponent) is int and type(mantissa) is int:
            sign, digits = int(mantissa < 0), tuple(int(digit) for digit in str(abs(mantissa)))
            return Decimal((sign, digits, _bounded(exponent)))
        case _:
            raise ValueError("not a decimal fraction")


def _bounded(exponent: int) -> int:
    if abs(exponent) > _MAX_EXPONENT:
        raise ValueError(f"exponent {exponent}, at most {_MAX_EXPONENT} either way")
    return exponent
