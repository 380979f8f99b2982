"""A key-value store in memory: the fake that passes the same contract tests as LevelDB."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sortedcontainers import SortedDict

from storage.errors import StoreClosed
from storage.kv import Reader, WriteBatch


class _Entries:
    """One state of the store, read in place."""

    __slots__ = ("entries",)

    def __init__(self, entries: Any) -> None:
        self.entries: Any | None = entries

    def opened(self) -> Any:
        """The entries, or StoreClosed."""
        if self.entries is None:
            raise StoreClosed("the store in memory")
        return self.entries

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self.opened().get(key)
        return value

    def scan(
        self, start: bytes, stop: bytes, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        assert limit is None or limit >= 0, "a limit counts entries"
        entries = self.opened()
        if start >= stop:
            return iter(())
        keys = entries.irange(start, stop, inclusive=(True, False), reverse=reverse)
        # Listed at once: this is what keeps a scan at the state of the moment of the call.
        return iter([(key, entries[key]) for key in islice(keys, limit)])


class MemoryStore(_Entries):
    """A `KeyValue` whose content ends with the process; `sync` means nothing to it."""

    __slots__ = ("_snapshots",)

    def __init__(self) -> None:
        super().__init__(SortedDict())
        self._snapshots = 0
        """How many open snapshots share `entries`, which then must not change in place."""

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        entries = self.opened()
        # Checked before the first change, so that what cannot be applied leaves no part.
        for key, value in batch.operations:
            if not isinstance(key, bytes) or not isinstance(value, bytes | None):
                raise TypeError("keys and values are bytes")
        if self._snapshots:
            entries = self.entries = entries.copy()
            self._snapshots = 0
        for key, value in batch.operations:
            if value is None:
                entries.pop(key, None)
            else:
                entries[key] = value

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        shared = self.opened()
        reader = _Entries(shared)
        self._snapshots += 1
        try:
            yield reader
        finally:
            reader.entries = None
            if self.entries is shared:
                self._snapshots -= 1

    def close(self) -> None:
        self.entries = None
