"""The validator's signing guard: one signature for one place in the chain, for good.

A place is (height, round, step). The guard never signs below the last place that it signed, and
at that place only the very digest that it signed there. Signatures are those of RFC 6979: the same
digest has the same signature, so one that was made and never said is as if it had not been made.

What it signed stands in two files before it is said. The consensus journal is synced, with what
the signature rests on; then `keep` writes it to the guard's own file, which outlives the journal.
That write is left to the system to bring to the disk: a process that is killed loses nothing, and
after a power cut the journal tells the guard what it had signed (`recall`). `sync` brings it to the
disk, and must be called before the journal is emptied.

The file holds one cell twice, each copy in a page of its own, and both are written in place, in
one write a signature. The file's length never changes, so no metadata goes with it, a disk that
fills up cannot stop it, and there is nothing to rotate.

Invariant: one of the copies is whole. Wherever a write is cut, the first is new or the second is
old. Two damaged copies are therefore no torn write but damage, and the guard refuses to guess
(`Corrupted`); damage to one copy loses nothing.
"""

import hashlib
import os
import struct
import threading
import zlib
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, Self

from consensus import signing
from storage.errors import Corrupted, Missing, StoreClosed, UnknownFormat, WriteFailed
from storage.files import make_folder, read_file, replace_file, write_all_at, write_error, writing
from storage.lock import FileLock

_MAGIC: Final = b"GTXSIGN"
_VERSION: Final = 1
_CELL: Final = struct.Struct(">7sB32s33sQIB32s64sI")
"""Magic, version, SHA-256 of the chain id, public key, height, round, step, digest, signature,
CRC-32 of all before it. Big-endian."""
_CELL_BYTES: Final = 4096
"""The largest sector in use, so that no sector holds both copies."""
_FILE_BYTES: Final = 2 * _CELL_BYTES


class Step(IntEnum):
    """What is signed in a round, in the order in which it is signed."""

    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3
    CHECKPOINT = 4
    """An authority's, with the epoch in place of the round (gtxnode/checkpoints/guard.py)."""


class Place(NamedTuple):
    """Where a signature belongs. Places are ordered; step 0 is before anything was signed."""

    height: int
    round: int
    step: int


class WouldSignTwice(Exception):
    """Another digest was signed at this place. Nothing was signed now."""

    code = "signer.would_sign_twice"

    def __init__(self, place: Place, last: Place) -> None:
        super().__init__(f"asked to sign at {_shown(place)}, already signed at {_shown(last)}")
        self.place = place
        self.last = last


class WouldGoBack(WouldSignTwice):
    """The place lies below the last one, so that something may have been signed there."""

    code = "signer.would_go_back"


class ForeignSigner(Exception):
    """The signer file was made for another key or another chain."""

    code = "signer.foreign"

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"signer file {path} was made for another {what}")


class SignerFailed(WriteFailed):
    """The file could not be written or synced; the guard signs nothing from then on."""

    code = "signer.failed"


class _Signed(NamedTuple):
    place: Place
    digest: bytes
    signature: bytes


_NOTHING: Final = _Signed(Place(0, 0, 0), bytes(signing.DIGEST_BYTES), bytes(64))


class Signer:
    """Signs for one key on one chain. Made by `open`; any thread may call `sign`."""

    __slots__ = (
        "_failure", "_fd", "_identity", "_kept", "_last", "_lock", "_private_key", "_turn", "path",
    )  # fmt: skip

    def __init__(self, path: Path, private_key: bytes, identity: bytes, lock: FileLock) -> None:
        self.path = path
        self._private_key = private_key
        self._identity = identity
        self._lock = lock
        self._fd: int | None = None
        self._last = _NOTHING
        self._kept = _NOTHING
        self._failure: str | None = None
        self._turn = threading.Lock()

    @classmethod
    def open(cls, path: Path, private_key: bytes, chain_id: str, *, create: bool = False) -> Self:
        """Open the guard at `path`; with `create`, make it if it is absent.

        Create it once, where the validator is set up: a guard that is made again after its file
        was lost knows of no signature. Raises Missing, Locked, ForeignSigner, Corrupted,
        UnknownFormat, ReadFailed, DiskFull, WriteFailed.
        """
        if create:
            make_folder(path.parent)
        elif not path.exists():
            raise Missing(f"signer file {path}")
        identity = _identity(private_key, chain_id)
        lock = FileLock.acquire(path.with_name(path.name + ".lock"))
        signer = cls(path, private_key, identity, lock)
        try:
            if not path.exists():
                replace_file(path, _copies_of(identity, _NOTHING))
            signer._recover(read_file(path))
        except BaseException:
            signer.close()
            raise
        return signer

    @property
    def last(self) -> Place:
        """The greatest place that was signed; (0, 0, 0) when none was."""
        return self._last.place

    def sign(self, height: int, round: int, step: Step, digest: bytes) -> bytes:
        """The 64-byte signature of `digest` (32 bytes) at a place, not to be said before `keep`.

        Asked again for the last place and digest, it gives the signature that it gave. Raises
        WouldSignTwice, WouldGoBack, SignerFailed, StoreClosed.
        """
        assert height > 0, "heights begin at 1"
        assert round >= 0, "rounds begin at 0"
        assert len(digest) == signing.DIGEST_BYTES, "callers hash first"
        place = Place(height, round, Step(step))
        with self._turn:
            self._usable()
            last = self._last
            if place < last.place:
                raise WouldGoBack(place, last.place)
            if place == last.place:
                if digest != last.digest:
                    raise WouldSignTwice(place, last.place)
                return last.signature
            self._last = _Signed(place, digest, signing.sign(self._private_key, digest))
            return self._last.signature

    def sign_below(
        self, height: int, round: int, step: Step, digest: bytes, last_digest: bytes
    ) -> bytes:
        """The signature of what the last one commits to, from who shows what that was signed for.

        For checkpoints: a validator's places commit to nothing. The last place stays what it is,
        and nothing is written. Raises WouldGoBack where something else was signed last.
        """
        place = Place(height, round, Step(step))
        with self._turn:
            self._usable()
            last = self._last
            if place >= last.place or last_digest != last.digest:
                raise WouldGoBack(place, last.place)
            return signing.sign(self._private_key, digest)

    def recall(self, height: int, round: int, step: Step, digest: bytes) -> None:
        """Take up what the journal says was signed; what lies at or below `last` is known."""
        place = Place(height, round, Step(step))
        with self._turn:
            fd = self._usable()
            if place > self._last.place:
                signature = signing.sign(self._private_key, digest)
                self._last = _Signed(place, digest, signature)
                self._write(fd)

    def keep(self) -> None:
        """Write what was signed, so that the end of this process cannot undo it.

        Raises SignerFailed, StoreClosed.
        """
        with self._turn:
            fd = self._usable()
            if self._kept != self._last:
                self._write(fd)

    def sync(self) -> None:
        """Return once what was signed survives a power cut. Raises as `keep` does."""
        self.keep()
        with self._turn:
            self._sync(self._usable())

    def close(self) -> None:
        """Give up file and lock. Closing twice is no error; signing then is."""
        with self._turn:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
            self._lock.release()

    def _recover(self, data: bytes) -> None:
        """Take up the last place, and make both copies whole and durable again."""
        last = _newest(self.path, data, self._identity)
        with writing(self.path):
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        self._last = last
        # What a killed process wrote can be read back and still not be on the disk.
        self._write(self._fd)
        self._sync(self._fd)

    def _write(self, fd: int) -> None:
        try:
            write_all_at(fd, _copies_of(self._identity, self._last), 0)
        except OSError as error:
            self._fail(error)
        self._kept = self._last

    def _sync(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError as error:
            self._fail(error)

    def _usable(self) -> int:
        if self._failure is not None:
            raise SignerFailed(str(self.path), self._failure)
        if self._fd is None:
            raise StoreClosed(f"signer {self.path}")
        return self._fd

    def _fail(self, error: OSError) -> NoReturn:
        failure = write_error(self.path, error)
        self._failure = failure.detail
        raise SignerFailed(failure.where, failure.detail) from failure


def _shown(place: Place) -> str:
    if place.step == Step.CHECKPOINT:
        return f"height {place.height}, epoch {place.round}, checkpoint"
    return f"height {place.height}, round {place.round}, {Step(place.step).name.lower()}"


def _identity(private_key: bytes, chain_id: str) -> bytes:
    """What ties a cell to its chain and key."""
    return hashlib.sha256(chain_id.encode()).digest() + signing.public_key(private_key)


def _copies_of(identity: bytes, signed: _Signed) -> bytes:
    place, digest, signature = signed
    body = _CELL.pack(_MAGIC, _VERSION, identity[:32], identity[32:], *place, digest, signature, 0)[
        :-4
    ]
    cell = body + zlib.crc32(body).to_bytes(4, "big")
    return cell.ljust(_CELL_BYTES, b"\x00") * 2


def _newest(path: Path, data: bytes, identity: bytes) -> _Signed:
    """What the whole copies say was signed last."""
    if len(data) != _FILE_BYTES:
        raise Corrupted(f"signer file {path}", f"{len(data)} bytes, not {_FILE_BYTES}")
    copies = [_cell_at(path, data, offset, identity) for offset in (0, _CELL_BYTES)]
    whole = [copy for copy in copies if copy is not None]
    if not whole:
        raise Corrupted(f"signer file {path}", "both copies of the last signature are damaged")
    return max(whole, key=lambda signed: signed.place)


def _cell_at(path: Path, data: bytes, offset: int, identity: bytes) -> _Signed | None:
    """The cell at `offset`, or None where it is damaged."""
    cell = data[offset : offset + _CELL.size]
    magic, version, chain, key, height, round_, step, digest, signature, crc = _CELL.unpack(cell)
    if zlib.crc32(cell[:-4]) != crc or magic != _MAGIC:
        return None
    if version != _VERSION:
        raise UnknownFormat(f"signer file {path}", str(version), {str(_VERSION)})
    if chain != identity[:32]:
        raise ForeignSigner(path, "chain")
    if key != identity[32:]:
        raise ForeignSigner(path, "key")
    return _Signed(Place(height, round_, step), digest, signature)
