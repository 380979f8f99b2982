"""A disk that keeps what was synced, and of the rest whatever it likes.

The journal is real bytes in frames of length, checksum and data, so that a write can be
torn in the middle of a record. The block store is written atomically and synced, as one
write batch of a database is.
"""

import random
from binascii import crc32
from collections.abc import Iterable

from consensus.messages import CommitMessage

FRAME = 8


class CannotWrite(Exception):
    """The disk is full, or broken: nothing that was not synced before can be relied on."""


class Disk:
    """One node's disk: a journal and the decided blocks. `broken`: no write comes through."""

    def __init__(self) -> None:
        self.broken = False
        self._journal = b""
        self._synced = 0
        self.blocks: dict[int, CommitMessage] = {}
        self.syncs = 0

    def append(self, record: bytes) -> None:
        """Append to the journal, into the operating system's cache."""
        self._journal += len(record).to_bytes(4, "big") + crc32(record).to_bytes(4, "big") + record

    def sync(self) -> None:
        """Everything appended so far survives. Raises `CannotWrite`."""
        self._require_whole()
        if self._synced < len(self._journal):
            self._synced = len(self._journal)
            self.syncs += 1

    def store(self, decided: CommitMessage) -> None:
        """Keep a decided block, synced. Raises `CannotWrite`."""
        self._require_whole()
        self.blocks[decided.commit.height] = decided

    def rotate(self, records: Iterable[bytes] = ()) -> None:
        """Begin the journal anew with these records, atomically. Raises `CannotWrite`."""
        self._require_whole()
        self._journal = b""
        for record in records:
            self.append(record)
        self._synced = len(self._journal)

    def crash(self, rng: random.Random) -> None:
        """Lose any part of what was not synced; what is left of it may be damaged."""
        kept = rng.randint(self._synced, len(self._journal))
        damaged = rng.randint(self._synced, kept)
        if damaged < kept and rng.random() < 0.3:
            flipped = bytes([self._journal[damaged] ^ 0xFF])
            self._journal = self._journal[:damaged] + flipped + self._journal[damaged + 1 :]
        self._journal = self._journal[:kept]

    def recover(self) -> list[bytes]:
        """The good records; the tail behind the first bad one is cut."""
        records, place = [], 0
        while place + FRAME <= len(self._journal):
            length = int.from_bytes(self._journal[place : place + 4], "big")
            checksum = int.from_bytes(self._journal[place + 4 : place + FRAME], "big")
            record = self._journal[place + FRAME : place + FRAME + length]
            if len(record) < length or crc32(record) != checksum:
                break
            records.append(record)
            place += FRAME + length
        self._journal = self._journal[:place]
        self._synced = place
        return records

    def _require_whole(self) -> None:
        if self.broken:
            raise CannotWrite
