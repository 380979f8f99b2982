"""Blocks with their commits, as opaque bytes, by height and by id.

Invariant: heights are contiguous, from the first that was stored to the tip. Each record carries
a CRC-32 over its height and content besides LevelDB's own checksums, so that a record that was
damaged in memory, or stored under another height, is named with its height and not served.
"""

import struct
import weakref
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from storage.errors import Corrupted, NotContiguous
from storage.kv import KeyValue, WriteBatch
from storage.tables import MAX_U64, U64, Raw, Table, prefix_end

BLOCKS_PREFIX: Final = b"B"
"""What the keys of a block store begin with, unless another prefix is given."""
MAX_ID_BYTES: Final = 255

_RECORD: Final = struct.Struct(">IBI")
"""CRC-32 of the height and all that follows; length of the id; length of the block. Then id,
block and commit."""


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """One block as it was put."""

    height: int
    id: bytes
    block: bytes
    commit: bytes


class BlockStore:
    """The blocks under one prefix of a store. One writer; readers on any thread."""

    __slots__ = ("_heights", "_records", "_staged", "_store")

    def __init__(self, store: KeyValue, prefix: bytes = BLOCKS_PREFIX) -> None:
        self._store = store
        self._records = Table(prefix + b"h", U64(), Raw(), name="blocks")
        self._heights = Table(prefix + b"i", Raw(), U64(), name="block ids")
        self._staged: tuple[weakref.ref[WriteBatch], int] | None = None
        """The batch that blocks were last put into, and the height of the last."""

    @property
    def tip(self) -> int | None:
        """The greatest height that is stored, or None. Raises ReadFailed, Corrupted."""
        prefix = self._records.prefix
        for key, _ in self._store.scan(prefix, prefix_end(prefix), reverse=True, limit=1):
            return U64().decode(key[len(prefix) :])
        return None

    def put(self, batch: WriteBatch, height: int, id: bytes, block: bytes, commit: bytes) -> None:
        """Store a block when `batch` is written. Several may go into one batch.

        An empty store takes any height first, so that a chain can begin at a checkpoint.
        Raises NotContiguous.
        """
        assert 0 < len(id) <= MAX_ID_BYTES, "an id has 1 to 255 bytes"
        staged = self._staged
        tip = staged[1] if staged is not None and staged[0]() is batch else self.tip
        if tip is not None and height != tip + 1:
            raise NotContiguous(height, tip + 1)
        self._records.put(batch, height, _packed(height, id, block, commit))
        self._heights.put(batch, id, height)
        self._staged = (weakref.ref(batch), height)

    def by_height(self, height: int) -> StoredBlock | None:
        """The block at `height`, or None. Raises Corrupted naming the height, ReadFailed."""
        if not 0 <= height <= MAX_U64:
            return None
        try:
            record = self._records.get(self._store, height)
        except Corrupted as error:
            raise _damaged(height, str(error)) from error
        return None if record is None else _unpacked(height, record)

    def by_id(self, id: bytes) -> StoredBlock | None:
        """The block whose id is `id`, or None. Raises Corrupted naming the height, ReadFailed."""
        height = self._heights.get(self._store, id)
        if height is None:
            return None
        found = self.by_height(height)
        if found is None or found.id != id:
            raise _damaged(height, f"the index says that {id.hex()} is here, and it is not")
        return found

    def range(self, start: int, stop: int) -> Iterator[StoredBlock]:
        """Blocks with start <= height < stop that are stored, as of the call, rising.

        Raises Corrupted naming the height of a record that is damaged or missing; ReadFailed.
        """
        start, stop = max(start, 0), min(stop, MAX_U64)
        if start >= stop:
            return iter(())
        return _whole(start, self._records.scan(self._store, start=start, stop=stop))


def _whole(start: int, found: Iterator[tuple[int, bytes]]) -> Iterator[StoredBlock]:
    """The records of a range, each whole and next to the one before."""
    expected = None
    while True:
        try:
            entry = next(found, None)
        except Corrupted as error:
            raise _damaged(start if expected is None else expected, str(error)) from error
        if entry is None:
            return
        height, record = entry
        if expected is not None and height != expected:
            raise _damaged(expected, "it is missing")
        yield _unpacked(height, record)
        expected = height + 1


def _packed(height: int, id: bytes, block: bytes, commit: bytes) -> bytes:
    content = struct.pack(">BI", len(id), len(block)) + id + block + commit
    return _checksum(height, content).to_bytes(4, "big") + content


def _unpacked(height: int, record: bytes) -> StoredBlock:
    if len(record) < _RECORD.size:
        raise _damaged(height, f"{len(record)} bytes are no record")
    checksum, id_size, block_size = _RECORD.unpack_from(record)
    if _checksum(height, memoryview(record)[4:]) != checksum:
        raise _damaged(height, "its checksum does not hold")
    block_start = _RECORD.size + id_size
    commit_start = block_start + block_size
    return StoredBlock(
        height,
        record[_RECORD.size : block_start],
        record[block_start:commit_start],
        record[commit_start:],
    )


def _checksum(height: int, content: bytes | memoryview) -> int:
    return zlib.crc32(content, zlib.crc32(height.to_bytes(8, "big")))


def _damaged(height: int, detail: str) -> Corrupted:
    return Corrupted(f"block {height}", detail)
