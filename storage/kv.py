"""The key-value store that everything else in storage stands on.

Invariant: a batch is applied whole or not at all, and a reader (a scan or a snapshot) sees the
store as it was when the reader was made, whatever is written meanwhile.

One writer at a time; any number of readers, from any thread.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol


class WriteBatch:
    """Puts and deletes to be applied atomically, in order: the last word on a key wins.

    Plain data, so that a batch can be made without a store and looked at in a test. Keys and
    values are two lists because a list of pairs would give the garbage collector ten thousand
    more objects to look at for every block.
    """

    __slots__ = ("__weakref__", "_keys", "_values")

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._values: list[bytes | None] = []

    def put(self, key: bytes, value: bytes) -> None:
        """Add or replace one entry."""
        self._keys.append(key)
        self._values.append(value)

    def delete(self, key: bytes) -> None:
        """Remove one entry; removing what is not there is no error."""
        self._keys.append(key)
        self._values.append(None)

    @property
    def operations(self) -> Iterator[tuple[bytes, bytes | None]]:
        """(key, value) for each put and (key, None) for each delete, in order."""
        return zip(self._keys, self._values, strict=True)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def size_bytes(self) -> int:
        """Keys and values together. Counted when asked, so that a put stays cheap."""
        return sum(map(len, self._keys)) + sum(len(value or b"") for value in self._values)


class Reader(Protocol):
    """Reads from one consistent state of a store."""

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None. Raises Corrupted, ReadFailed, StoreClosed."""

    def scan(
        self, start: bytes, stop: bytes, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries with start <= key < stop in key order (falling if `reverse`), at most `limit`.

        The entries are those of the moment of the call. Raises as `get` does, also while
        iterating.
        """


class KeyValue(Reader, Protocol):
    """A store. Its own `get` and `scan` read the newest state."""

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        """Apply `batch` atomically; with `sync`, return only once it is on the disk.

        Without `sync` a crash of the machine may lose the newest batches, from the end, each
        as a whole. Raises DiskFull, WriteFailed, StoreClosed.
        """

    def snapshot(self) -> AbstractContextManager[Reader]:
        """A Reader of the state as it is now, valid within the `with` block."""

    def close(self) -> None:
        """Give up files and locks. Closing twice is no error; any other use then raises."""
