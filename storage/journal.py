"""An append-only journal: what must be on the disk before anything leaves the process.

Layout, integers big-endian: a header, then records.

    header: magic (7) | format version (1) | mark, 8 random bytes | CRC-32 of all before it (4)
    record: mark (8) | payload length (4) | CRC-32 of mark, length and payload (4) | payload

Invariants:
- a record is found again whole and as it was, or not at all;
- what lies before a successful `sync` is found again by every later `open`;
- a bad record at the end is a torn write: it is cut, and the cut is reported;
- a bad record with a good one after it cannot come from a torn append, because bytes are written
  in order. It is damage, named with its offset, and nothing is guessed about it;
- after a failed write or fsync the journal refuses every use (`JournalFailed`).

The CRC is zlib's: it guards against torn writes and bit rot, not against an attacker, finds every
burst of up to 32 bits, runs at over 1 GB/s and is in the standard library. The random mark makes
the search for a good record after a bad one quick, and keeps a payload chosen by a peer from
looking like a record.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, Self

from storage.errors import (
    Corrupted,
    JournalFailed,
    RecordTooLarge,
    StoreClosed,
    UnknownFormat,
)
from storage.files import (
    make_folder,
    read_file,
    replace_file,
    sync_folder,
    write_all,
    write_error,
    writing,
)
from storage.lock import FileLock

MAX_RECORD_BYTES: Final = 4 << 20
MAX_JOURNAL_BYTES: Final = 256 << 20
"""An append past it raises RecordTooLarge: whoever never rotates learns of it."""

_MAGIC: Final = b"GTXJRNL"
_VERSION: Final = 1
_MAGIC_AND_VERSION: Final = _MAGIC + bytes([_VERSION])
_MARK_BYTES: Final = 8
_HEADER: Final = struct.Struct(f">7sB{_MARK_BYTES}sI")
_RECORD: Final = struct.Struct(f">{_MARK_BYTES}sII")


class Journal:
    """One writer's journal. Made by `open`.

    `append` may run on one thread while `sync` runs on another (what comes too late for that
    sync waits for the next); otherwise one call at a time.
    """

    __slots__ = (
        "_failure", "_fd", "_lock", "_mark", "_pending", "dropped_bytes", "path", "recovered",
        "size_bytes",
    )  # fmt: skip

    def __init__(self, path: Path, lock: FileLock, fd: int, found: "_Recovered") -> None:
        self.path = path
        self._lock = lock
        self._fd: int | None = fd
        self._mark = found.mark
        self._pending: list[bytes] = []
        self._failure: str | None = None
        self.recovered = found.records
        """The whole records that were there at opening, oldest first; `rotate` lets go of them."""
        self.dropped_bytes = found.dropped_bytes
        """How much of a torn tail was cut at opening."""
        self.size_bytes = found.end or _HEADER.size
        """The file, and what is appended and not yet synced."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the journal at `path`, made if absent, with its folder; cut a torn tail.

        Raises Locked, Corrupted, UnknownFormat, ReadFailed, DiskFull, WriteFailed.
        """
        make_folder(path.parent)
        lock = FileLock.acquire(path.with_name(path.name + ".lock"))
        try:
            data = read_file(path) if path.exists() else b""
            found = _recover(path, data)
            return cls(path, lock, _open_at(path, found), found)
        except BaseException:
            lock.release()
            raise

    def append(self, record: bytes) -> None:
        """Add a record to what the next `sync` writes.

        Raises RecordTooLarge, JournalFailed, StoreClosed.
        """
        self._usable()
        size = self._size_with(self.size_bytes, record)
        self._pending.append(_framed(self._mark, record))
        self.size_bytes = size

    def sync(self) -> None:
        """Write what was appended and return once it is on the disk.

        fdatasync suffices: it also flushes the file's new length, and leaves out only the times.
        Raises JournalFailed, StoreClosed.
        """
        fd = self._usable()
        if not self._pending:
            return
        # Taken from the front of one and the same list, so that an append on another thread
        # meanwhile is neither lost nor written twice.
        taken = self._pending[:]
        del self._pending[: len(taken)]
        try:
            write_all(fd, b"".join(taken))
            os.fdatasync(fd)
        except OSError as error:
            self._fail(error)

    def rotate(self, records: Iterable[bytes] = ()) -> None:
        """Begin the journal anew with these records: after a crash all of the old ones are there,
        or just these.

        What was appended and not synced goes too. Raises RecordTooLarge, JournalFailed,
        StoreClosed.
        """
        old = self._usable()
        mark = os.urandom(_MARK_BYTES)
        data = _header(mark) + b"".join(self._frames(mark, records))
        self._pending.clear()
        self.recovered = ()
        fresh = self.path.with_name(self.path.name + ".new")
        try:
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._fd = fd
            os.close(old)
            write_all(fd, data)
            os.fsync(fd)
            os.replace(fresh, self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            self._fail(error)
        self._mark = mark
        self.size_bytes = len(data)

    def close(self) -> None:
        """Give up file and lock; what was appended and not synced is dropped."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            self._lock.release()

    def _frames(self, mark: bytes, records: Iterable[bytes]) -> Iterator[bytes]:
        size = _HEADER.size
        for record in records:
            size = self._size_with(size, record)
            yield _framed(mark, record)

    def _size_with(self, size: int, record: bytes) -> int:
        """How long the journal is with one more record. Raises RecordTooLarge."""
        where = str(self.path)
        if len(record) > MAX_RECORD_BYTES:
            raise RecordTooLarge(where, len(record), MAX_RECORD_BYTES)
        size += _RECORD.size + len(record)
        if size > MAX_JOURNAL_BYTES:
            raise RecordTooLarge(where, size, MAX_JOURNAL_BYTES)
        return size

    def _usable(self) -> int:
        if self._failure is not None:
            raise JournalFailed(str(self.path), self._failure)
        if self._fd is None:
            raise StoreClosed(f"journal {self.path}")
        return self._fd

    def _fail(self, error: OSError) -> NoReturn:
        failure = write_error(self.path, error)
        self._failure = failure.detail
        raise JournalFailed(failure.where, failure.detail) from failure


class _Recovered(NamedTuple):
    mark: bytes
    records: tuple[bytes, ...]
    end: int
    """Where the next record goes; 0 when there is no header yet."""
    dropped_bytes: int


def _header(mark: bytes) -> bytes:
    head = _HEADER.pack(_MAGIC, _VERSION, mark, 0)[:-4]
    return head + zlib.crc32(head).to_bytes(4, "big")


def _framed(mark: bytes, record: bytes) -> bytes:
    return _RECORD.pack(mark, len(record), _checksum(mark, record)) + record


def _checksum(mark: bytes, record: bytes | memoryview) -> int:
    head = zlib.crc32(len(record).to_bytes(4, "big"), zlib.crc32(mark))
    return zlib.crc32(record, head)


def _record_at(data: memoryview, mark: bytes, offset: int) -> bytes | None:
    """The whole and undamaged record at `offset`, or None."""
    start = offset + _RECORD.size
    if start > len(data):
        return None
    found, length, checksum = _RECORD.unpack_from(data, offset)
    if found != mark or length > MAX_RECORD_BYTES or start + length > len(data):
        return None
    record = data[start : start + length]
    return bytes(record) if _checksum(mark, record) == checksum else None


def _recover(path: Path, data: bytes) -> _Recovered:
    if len(data) < _HEADER.size and _MAGIC_AND_VERSION.startswith(data[: len(_MAGIC_AND_VERSION)]):
        # New, or cut within the header: there is no record, whatever else was there.
        return _Recovered(os.urandom(_MARK_BYTES), (), 0, len(data))
    mark = _mark_of(path, data)
    view = memoryview(data)
    records, offset = [], _HEADER.size
    while (record := _record_at(view, mark, offset)) is not None:
        records.append(record)
        offset += _RECORD.size + len(record)
    following = _next_record(data, mark, offset + 1)
    if following is not None:
        where = f"journal {path} at offset {offset}"
        raise Corrupted(where, f"a bad record, and a good one follows at offset {following}")
    return _Recovered(mark, tuple(records), offset, len(data) - offset)


def _mark_of(path: Path, data: bytes) -> bytes:
    """The mark in the header of a journal; the header must be whole."""
    magic, version, mark, _ = _HEADER.unpack_from(data.ljust(_HEADER.size, b"\x00"))
    if magic == _MAGIC and version != _VERSION:
        raise UnknownFormat(f"journal {path}", str(version), {str(_VERSION)})
    if data[: _HEADER.size] != _header(mark):
        raise Corrupted(f"journal {path} at offset 0", "this is no journal's header")
    found: bytes = mark
    return found


def _next_record(data: bytes, mark: bytes, offset: int) -> int | None:
    """Where the first whole record at or after `offset` begins."""
    view = memoryview(data)
    while (offset := data.find(mark, offset)) >= 0:
        if _record_at(view, mark, offset) is not None:
            return offset
        offset += 1
    return None


def _open_at(path: Path, found: _Recovered) -> int:
    """A descriptor that writes after the good records, what followed them cut."""
    if found.end == 0:
        replace_file(path, _header(found.mark))
    with writing(path):
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            if found.end and found.dropped_bytes:
                os.ftruncate(fd, found.end)
                os.fsync(fd)
        except BaseException:
            os.close(fd)
            raise
    return fd
