"""Addresses: 20 bytes on the wire, bech32m text with the prefix `gtx` for people.

An address is the first 20 bytes of a tagged hash of a public key. The text form is BIP-350
(bech32m): lower case is written, all-lower and all-upper are read, and up to four wrong
characters are always noticed.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NewType

from consensus.hashing import Domain

Address = NewType("Address", bytes)

ADDRESS_BYTES = 20
HUMAN_READABLE_PART = "gtx"
MAX_TEXT = 90
"""BIP-173: the checksum's promise holds up to this length."""

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_CHARSET)}
_CHECKSUM_LENGTH = 6
_BECH32M = 0x2BC830A3
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_DOMAIN = Domain("address")


class InvalidAddress(ValueError):
    """Text that is no address, and why."""

    code = "invalid_address"


@lru_cache(maxsize=65_536)
def address_of(public_key: bytes) -> Address:
    """The address of a 33-byte compressed public key."""
    return Address(_DOMAIN.hash(public_key)[:ADDRESS_BYTES])


def format_address(address: bytes) -> str:
    """The text of a 20-byte address: `gtx1...`."""
    assert len(address) == ADDRESS_BYTES, "an address is 20 bytes"
    return encode_bech32m(HUMAN_READABLE_PART, _regroup(address, 8, 5, pad=True))


def parse_address(text: str) -> Address:
    """The 20 bytes of an address's text; `InvalidAddress` says what is wrong with it."""
    prefix, values = decode_bech32m(text)
    if prefix != HUMAN_READABLE_PART:
        raise InvalidAddress(f"addresses start with {HUMAN_READABLE_PART}1, not {prefix}1")
    address = bytes(_regroup(values, 5, 8, pad=False))
    if len(address) != ADDRESS_BYTES:
        raise InvalidAddress(f"holds {len(address)} bytes, an address {ADDRESS_BYTES}")
    return Address(address)


def encode_bech32m(prefix: str, values: Iterable[int]) -> str:
    """Bech32m text of 5-bit values behind a lower-case prefix."""
    data = list(values)
    residue = _polymod([*_expand(prefix), *data, *[0] * _CHECKSUM_LENGTH]) ^ _BECH32M
    checksum = [residue >> 5 * (_CHECKSUM_LENGTH - 1 - i) & 31 for i in range(_CHECKSUM_LENGTH)]
    return prefix + "1" + "".join(_CHARSET[value] for value in data + checksum)


def decode_bech32m(text: str) -> tuple[str, list[int]]:
    """The prefix, in lower case, and the 5-bit values of bech32m text."""
    if len(text) > MAX_TEXT:
        raise InvalidAddress(f"longer than {MAX_TEXT} characters")
    if not all(33 <= ord(character) <= 126 for character in text):
        raise InvalidAddress("holds a character that is not printable ASCII")
    if text.lower() != text and text.upper() != text:
        raise InvalidAddress("mixes upper and lower case")
    prefix, separator, data = text.lower().rpartition("1")
    if not separator or not prefix:
        raise InvalidAddress("has no prefix")
    if len(data) < _CHECKSUM_LENGTH:
        raise InvalidAddress("is too short for its checksum")
    if not all(character in _VALUES for character in data):
        raise InvalidAddress("holds a character that bech32 does not use")
    values = [_VALUES[character] for character in data]
    if _polymod([*_expand(prefix), *values]) != _BECH32M:
        raise InvalidAddress("has a wrong checksum: a character was mistyped")
    return prefix, values[:-_CHECKSUM_LENGTH]


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                check ^= generator
    return check


def _expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _regroup(values: Iterable[int], from_bits: int, to_bits: int, *, pad: bool) -> list[int]:
    """Regroup bits. Without `pad`, what is left over must be less than a group and zero."""
    accumulator = bits = 0
    out = []
    for value in values:
        accumulator = accumulator << from_bits | value
        bits += from_bits
        while bits >= to_bits:
            bits -= to_bits
            out.append(accumulator >> bits)
            accumulator &= (1 << bits) - 1
    if pad and bits:
        out.append(accumulator << (to_bits - bits))
    elif bits >= from_bits or accumulator:
        raise InvalidAddress("has wrong padding")
    return out
