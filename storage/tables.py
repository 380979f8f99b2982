"""Typed tables over key prefixes of one store.

A table turns keys and values into bytes and back. Key codecs keep order: k1 < k2 exactly when
encode(k1) < encode(k2), so that a scan by bytes is a scan by key. Values go through any object
with `encode` and `decode` whose `decode` raises ValueError for what it does not accept.

Invariant: prefixes of one store's tables are such that none begins another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar, overload

from storage.errors import Corrupted
from storage.kv import Reader, WriteBatch

K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

MAX_U64: Final = 2**64 - 1


class ValueCodec(Protocol[V]):
    """`decode` raises ValueError for bytes that `encode` cannot have made."""

    def encode(self, value: V, /) -> bytes: ...

    def decode(self, data: bytes, /) -> V: ...


class KeyCodec(ValueCodec[K], Protocol[K]):
    """A codec that keeps order. `size_bytes` is None where keys differ in length."""

    @property
    def size_bytes(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class U64:
    """Heights and other counts, 8 bytes big-endian so that they sort as numbers."""

    size_bytes: int | None = 8

    def encode(self, value: int, /) -> bytes:
        assert 0 <= value <= MAX_U64, f"{value} does not fit 64 bits"
        return value.to_bytes(8, "big")

    def decode(self, data: bytes, /) -> int:
        if len(data) != 8:
            raise ValueError(f"a number takes 8 bytes, not {len(data)}")
        return int.from_bytes(data, "big")


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes as they are; of one length where `size_bytes` is given."""

    size_bytes: int | None = None

    def encode(self, value: bytes, /) -> bytes:
        assert self.size_bytes in (None, len(value)), f"{len(value)} bytes, not {self.size_bytes}"
        return value

    def decode(self, data: bytes, /) -> bytes:
        if self.size_bytes not in (None, len(data)):
            raise ValueError(f"{len(data)} bytes, not {self.size_bytes}")
        return data


class TupleKey:
    """Several keys in a row, made by `tuple_key`. All but the last are of a fixed length."""

    __slots__ = ("_parts", "size_bytes")

    def __init__(self, parts: tuple[KeyCodec[Any], ...]) -> None:
        fixed = [part.size_bytes for part in parts[:-1]]
        assert None not in fixed, "only the last part of a key may differ in length"
        self._parts = tuple(zip(parts, (*fixed, None), strict=True))
        last = parts[-1].size_bytes
        self.size_bytes = None if last is None else sum(size or 0 for size in fixed) + last

    def encode(self, value: tuple[Any, ...], /) -> bytes:
        parts = zip(self._parts, value, strict=True)
        return b"".join([codec.encode(item) for (codec, _), item in parts])

    def decode(self, data: bytes, /) -> tuple[Any, ...]:
        items, at = [], 0
        for codec, size in self._parts:
            stop = len(data) if size is None else at + size
            items.append(codec.decode(data[at:stop]))
            at = stop
        return tuple(items)


@overload
def tuple_key(a: KeyCodec[A], b: KeyCodec[B], /) -> KeyCodec[tuple[A, B]]: ...
@overload
def tuple_key(a: KeyCodec[A], b: KeyCodec[B], c: KeyCodec[C], /) -> KeyCodec[tuple[A, B, C]]: ...
def tuple_key(*parts: KeyCodec[Any]) -> Any:
    """The key made of `parts`, which sorts by the first, then by the next."""
    return TupleKey(parts)


def prefix_end(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`."""
    trimmed = prefix.rstrip(b"\xff")
    assert trimmed, "a prefix of 0xff bytes alone has no end"
    return trimmed[:-1] + bytes([trimmed[-1] + 1])


class Table(Generic[K, V]):
    """Entries of one type under one prefix. Holds no store: a reader or a batch is passed in."""

    __slots__ = ("_key", "_value", "name", "prefix")

    def __init__(
        self, prefix: bytes, key: KeyCodec[K], value: ValueCodec[V], *, name: str = ""
    ) -> None:
        assert prefix.rstrip(b"\xff"), "a table needs a prefix that has an end"
        self.prefix = prefix
        self.name = name or f"table {prefix!r}"
        """How errors call the table."""
        self._key = key
        self._value = value

    def get(self, reader: Reader, key: K) -> V | None:
        """The value under `key`, or None. Raises Corrupted, naming table and key."""
        data = reader.get(self.prefix + self._key.encode(key))
        return None if data is None else self._decoded(self._key.encode(key), data)

    def put(self, batch: WriteBatch, key: K, value: V) -> None:
        """Add or replace one entry when `batch` is written."""
        batch.put(self.prefix + self._key.encode(key), self._value.encode(value))

    def delete(self, batch: WriteBatch, key: K) -> None:
        """Remove one entry, if it is there, when `batch` is written."""
        batch.delete(self.prefix + self._key.encode(key))

    def scan(
        self,
        reader: Reader,
        *,
        start: K | None = None,
        after: K | None = None,
        stop: K | None = None,
        within: bytes = b"",
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[K, V]]:
        """Entries with start <= key < stop in key order, falling if `reverse`, at most `limit`.

        `after` is a start that is itself left out: the last key of the page before. `within`
        narrows the scan to keys whose encoding begins so, such as all entries of one address.
        Raises Corrupted, naming table and key.
        """
        assert start is None or after is None, "a scan starts at a key or after one"
        whole = self.prefix + within
        low = whole
        if start is not None:
            low = max(low, self.prefix + self._key.encode(start))
        elif after is not None:
            # No key lies between k and k followed by a zero byte.
            low = max(low, self.prefix + self._key.encode(after) + b"\x00")
        high = prefix_end(whole)
        if stop is not None:
            high = min(high, self.prefix + self._key.encode(stop))
        return self._entries(reader.scan(low, high, reverse=reverse, limit=limit))

    def _entries(self, found: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[K, V]]:
        skip = len(self.prefix)
        for stored_key, data in found:
            key_bytes = stored_key[skip:]
            value = self._decoded(key_bytes, data)
            try:
                key = self._key.decode(key_bytes)
            except ValueError as error:
                raise Corrupted(f"a key of {self.name}", f"{key_bytes.hex()}: {error}") from error
            yield key, value

    def _decoded(self, key_bytes: bytes, data: bytes) -> V:
        try:
            return self._value.decode(data)
        except ValueError as error:
            raise Corrupted(f"{self.name}, key {key_bytes.hex()}", str(error)) from error
