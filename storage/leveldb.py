"""The key-value store on LevelDB, and the only importer of plyvel.

Paranoid checks are on and every read verifies checksums: without them LevelDB skips a damaged
part of its log without a word, and a flipped bit in a table is served as data.

The lock is ours besides LevelDB's own. LevelDB's is a POSIX record lock, which the kernel drops as
soon as the process closes any descriptor of the file: a second, refused open in the same process
was seen to leave the database open to every other process.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn, Self

import plyvel

from storage.errors import (
    Corrupted,
    DiskFull,
    Locked,
    Missing,
    ReadFailed,
    StorageError,
    StoreClosed,
    WriteFailed,
)
from storage.files import make_folder
from storage.kv import Reader, WriteBatch
from storage.lock import FileLock
from storage.sizes import CACHE_BYTES, WRITE_BUFFER_BYTES

OPEN_FILES = 256
BLOOM_BITS_PER_KEY = 10
"""About one in a hundred reads of an absent key goes to the disk for nothing."""

_ERRORS: tuple[tuple[type[Exception], str, Callable[[str, str], StorageError]], ...] = (
    (plyvel.CorruptionError, "", Corrupted),
    (plyvel.IOError, "No space left on device", DiskFull),
    (plyvel.IOError, "Disk quota exceeded", DiskFull),
    (plyvel.IOError, "/LOCK: ", lambda where, detail: Locked(where, None)),
    (plyvel.Error, "does not exist", lambda where, detail: Missing(where)),
    # What plyvel says of a handle that was closed, in all its wordings.
    (RuntimeError, "closed", lambda where, detail: StoreClosed(where)),
)
"""(plyvel's class, a piece of its message, our error): the first line that fits is taken."""

_FOREIGN = (plyvel.Error, RuntimeError)


def _raise_ours(
    error: Exception, where: str, otherwise: Callable[[str, str], StorageError]
) -> NoReturn:
    """Raise our error for one of plyvel's; `otherwise` is for what the table does not list."""
    detail = _text(error)
    for kind, piece, ours in _ERRORS:
        if isinstance(error, kind) and piece in detail:
            raise ours(where, detail) from error
    if isinstance(error, plyvel.Error):
        raise otherwise(where, detail) from error
    raise error


def _text(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


class _LevelReader:
    """Reads through a plyvel database or snapshot."""

    __slots__ = ("_source", "_where")

    def __init__(self, source: Any, where: str) -> None:
        self._source = source
        self._where = where

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._source.get(key, verify_checksums=True)
        except _FOREIGN as error:
            _raise_ours(error, self._where, ReadFailed)
        return value

    def scan(
        self, start: bytes, stop: bytes, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        assert limit is None or limit >= 0, "a limit counts entries"
        try:
            # Made here and not in the generator, so that it sees this moment's state.
            entries = self._source.iterator(
                # plyvel 1.5.1 finds nothing on the way back where the only entry within the
                # bounds is the one at `start`, so that bound is kept here.
                start=None if reverse else start,
                stop=stop,
                reverse=reverse,
                verify_checksums=True,
            )
        except _FOREIGN as error:
            _raise_ours(error, self._where, ReadFailed)
        return self._entries(entries, start, limit)

    def _entries(
        self, entries: Any, start: bytes, limit: int | None
    ) -> Iterator[tuple[bytes, bytes]]:
        entry: tuple[bytes, bytes]
        try:
            for entry in islice(entries, limit):
                if entry[0] < start:
                    return
                yield entry
        except _FOREIGN as error:
            _raise_ours(error, self._where, ReadFailed)
        finally:
            entries.close()


class LevelDB(_LevelReader):
    """A `KeyValue` on a folder of its own. One process opens it at a time."""

    __slots__ = ("_lock", "path")

    def __init__(self, path: Path, source: Any, lock: FileLock) -> None:
        super().__init__(source, str(path))
        self.path = path
        self._lock = lock

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = True,
        cache_bytes: int = CACHE_BYTES,
        write_buffer_bytes: int = WRITE_BUFFER_BYTES,
    ) -> Self:
        """Open the database in folder `path`, made if absent unless `create` is false.

        Raises Locked, Corrupted, Missing, DiskFull, WriteFailed, ReadFailed.
        """
        if create:
            make_folder(path)
        elif not path.is_dir():
            raise Missing(str(path))
        lock = FileLock.acquire(path.with_name(path.name + ".lock"))
        try:
            source = plyvel.DB(
                str(path),
                create_if_missing=create,
                paranoid_checks=True,
                write_buffer_size=write_buffer_bytes,
                lru_cache_size=cache_bytes,
                max_open_files=OPEN_FILES,
                bloom_filter_bits=BLOOM_BITS_PER_KEY,
                # A chain's rows are hashes and keys: compressed they were 3 % smaller, at twice
                # the processor time for compaction.
                compression=None,
            )
        except plyvel.Error as error:
            lock.release()
            _raise_ours(error, str(path), WriteFailed)
        return cls(path, source, lock)

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        try:
            native = self._source.write_batch(sync=sync)
            put, delete = native.put, native.delete
            for key, value in batch.operations:
                if value is None:
                    delete(key)
                else:
                    put(key, value)
            native.write()
        except _FOREIGN as error:
            _raise_ours(error, self._where, WriteFailed)

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        try:
            native = self._source.snapshot()
        except _FOREIGN as error:
            _raise_ours(error, self._where, ReadFailed)
        try:
            yield _LevelReader(native, f"a snapshot of {self._where}")
        finally:
            native.close()

    def close(self) -> None:
        self._source.close()
        self._lock.release()
