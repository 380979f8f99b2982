"""How the interfaces' values look in JSON, in one place.

Inside the node an amount is an integer and an identifier is bytes. JavaScript loses
integers beyond 2**53 and JSON has no bytes, so amounts travel as decimal strings and bytes as
lower-case hex. The types here say so in annotations: the same field is an ``int`` to the ledger,
a string to the client, and a pattern to `rpc.discover`.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import msgspec

from gtxnode.primitives.addresses import ADDRESS_BYTES, format_address, parse_address

T = TypeVar("T")

CACHED_ADDRESSES = 4_096
"""Texts of addresses kept: a checksum takes 50 µs in Python, and answers repeat addresses."""

_AMOUNT_UNITS = ("_wh", "_w", "_ugtx", "_mgtx_per_kwh", "_mgco2e")
_DECIMAL_PATTERN = "(0|-?[1-9][0-9]{0,19})"
_HEX_PATTERN = "([0-9a-f]{2})*"
_DECIMAL = re.compile(_DECIMAL_PATTERN)
_HEX = re.compile(_HEX_PATTERN)


class Amount(int):
    """An amount in the smallest unit that its field names (Wh, µGTX); a decimal string in JSON."""

    __slots__ = ()


class Hex(bytes):
    """Bytes: an id, a key, a transaction; lower-case hex in JSON."""

    __slots__ = ()


class Address(bytes):
    """The 20 bytes of an address; its bech32m text `gtx1...` in JSON."""

    __slots__ = ()


Height = Annotated[int, msgspec.Meta(ge=0, le=2**33 - 1)]
"""A block's height: 272 years of a block a second, and its event numbers stay below 2**53."""

EventNumber = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""height * 2**20 + position among the block's events."""


def encode(value: object) -> bytes:
    """`value` as JSON text in UTF-8."""
    return _ENCODER.encode(value)


def decode(data: bytes, type_: type[T]) -> T:
    """JSON text as a `type_`; raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
    return msgspec.json.decode(data, type=type_, dec_hook=from_json)


def convert(value: object, type_: type[T]) -> T:
    """Plain JSON values as a `type_`; raises `msgspec.ValidationError` with the field's path."""
    return msgspec.convert(value, type_, dec_hook=from_json)


def to_json(value: object) -> str:
    """The JSON form of one of this module's types."""
    if isinstance(value, Hex):
        return value.hex()
    if isinstance(value, Amount):
        return str(int(value))
    if isinstance(value, Address):
        return _address_text(value)
    raise NotImplementedError(f"{type(value).__name__} has no form in JSON")


def plain_fields(values: msgspec.Struct) -> dict[str, Any]:
    """A struct of the node's own as the interfaces show it, field by field and at any depth.

    Members of an enumeration go by their names, bytes are hex, and an amount is known by the unit
    that its field's name ends in.
    """
    config = values.__struct_config__
    kind = {config.tag_field: config.tag} if isinstance(config.tag, str) else {}
    return kind | {
        field.name: _plain(getattr(values, field.name), field.name)
        for field in msgspec.structs.fields(values)
    }


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, msgspec.Struct):
        return plain_fields(value)
    if isinstance(value, tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if name.endswith(_AMOUNT_UNITS) else value


def from_json(type_: type[Any], value: object) -> Any:
    """The value of one of this module's types; ValueError says what is wrong with it."""
    if type_ is Hex:
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise ValueError("expected lower-case hex, two digits for each byte")
        return Hex.fromhex(value)
    if type_ is Amount:
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            raise ValueError("expected a decimal string of an integer")
        return Amount(value)
    if type_ is Address:
        if not isinstance(value, str):
            raise ValueError("expected the text of an address, gtx1...")
        return Address(parse_address(value))
    raise NotImplementedError(f"{type_.__name__} has no form in JSON")


def schema_of(type_: type[Any]) -> dict[str, object]:
    """The JSON Schema of one of this module's types."""
    return {"type": "string", "pattern": f"^{_PATTERNS[type_]}$"}


@lru_cache(maxsize=CACHED_ADDRESSES)
def _address_text(address: Address) -> str:
    return format_address(address)


_BECH32_CHARACTERS = ADDRESS_BYTES * 8 // 5 + 6
_PATTERNS: dict[type[Any], str] = {
    Hex: _HEX_PATTERN,
    Amount: _DECIMAL_PATTERN,
    Address: f"gtx1[02-9ac-hj-np-z]{{{_BECH32_CHARACTERS}}}",
}
_ENCODER = msgspec.json.Encoder(enc_hook=to_json)
