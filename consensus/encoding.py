"""Canonical MessagePack: one value has one encoding, and nothing else is accepted.

Wire types are frozen msgspec structs encoded as arrays in field order. A decode that does
not encode back to the very same bytes is refused, so an id computed over the encoding
cannot be had twice. The field types below carry their limits into the decoder.
"""

from typing import Annotated, Generic, TypeVar

import msgspec

MAX_HEIGHT = 2**53 - 1
"""Heights and times stay exact in a JSON number."""
MAX_ROUND = 2**31 - 1

Hash32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
PublicKey = Annotated[bytes, msgspec.Meta(min_length=33, max_length=33)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
Height = Annotated[int, msgspec.Meta(ge=0, le=MAX_HEIGHT)]
Round = Annotated[int, msgspec.Meta(ge=0, le=MAX_ROUND)]
ValidRound = Annotated[int, msgspec.Meta(ge=-1, le=MAX_ROUND)]
"""-1 stands for "none", as in the paper."""

T = TypeVar("T")


class DecodeError(ValueError):
    """Bytes that are not the canonical encoding of the wanted type."""


class Codec(Generic[T]):
    """Encodes and decodes one type, at most `max_bytes` long in either direction."""

    __slots__ = ("_decoder", "_encoder", "max_bytes")

    def __init__(self, type_: type[T], *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(type_)

    def encode(self, value: T) -> bytes:
        """Encode; `ValueError` where the result would be too long for anyone to decode."""
        data = self._encoder.encode(value)
        if len(data) > self.max_bytes:
            raise ValueError(f"{len(data)} bytes, at most {self.max_bytes} can be decoded")
        return data

    def decode(self, data: bytes) -> T:
        """Decode; `DecodeError` for anything that `encode` would not have made."""
        if len(data) > self.max_bytes:
            raise DecodeError(f"{len(data)} bytes, at most {self.max_bytes} are taken")
        try:
            value = self._decoder.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            # Deep nesting in a field that the type does not have ends in a RecursionError.
            raise DecodeError(str(error)) from error
        if self._encoder.encode(value) != data:
            raise DecodeError("not the canonical encoding")
        return value
