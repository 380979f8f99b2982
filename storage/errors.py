"""What can go wrong on disk, each under its own name and stable code.

A caller never sees an error of plyvel or a bare OSError from this package: the adapters turn
them into these.
"""

from collections.abc import Collection
from pathlib import Path
from typing import ClassVar


class StorageError(Exception):
    """Anything that storage raises on purpose. `code` never changes once published."""

    code: ClassVar[str] = "storage.error"


class Corrupted(StorageError):
    """Bytes on disk are not what was written. `where` names the file, table, height or offset."""

    code = "storage.corrupted"

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(f"{where} is corrupted: {detail}")
        self.where = where
        self.detail = detail


class UnknownFormat(StorageError):
    """The folder or file was written in a format that this release does not know."""

    code = "storage.unknown_format"

    def __init__(self, where: str, found: str, known: Collection[str]) -> None:
        names = ", ".join(sorted(known))
        super().__init__(f"{where} has the format {found}; this release knows only: {names}")
        self.where = where
        self.found = found
        self.known = tuple(sorted(known))


class Locked(StorageError):
    """Another holder has the lock. `holder_pid` is None where the holder left no number."""

    code = "storage.locked"

    def __init__(self, path: Path | str, holder_pid: int | None) -> None:
        holder = "another process" if holder_pid is None else f"process {holder_pid}"
        super().__init__(f"{path} is in use by {holder}; only one may use it at a time")
        self.path = str(path)
        self.holder_pid = holder_pid


class Missing(StorageError):
    """What was to be opened is not there, and creating it was not asked for."""

    code = "storage.missing"

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} does not exist")
        self.where = where


class ReadFailed(StorageError):
    """The operating system could not read."""

    code = "storage.read_failed"

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(f"cannot read {where}: {detail}")
        self.where = where


class WriteFailed(StorageError):
    """The operating system could not write or sync. What was being written may be half there."""

    code = "storage.write_failed"

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(f"cannot write {where}: {detail}")
        self.where = where
        self.detail = detail


class DiskFull(WriteFailed):
    """There is no room left on the disk or in the quota."""

    code = "storage.disk_full"


class JournalFailed(WriteFailed):
    """A journal could not be written or synced, and refuses every use from then on.

    After a failed fsync nobody knows which pages reached the disk, and asking again would
    report success for pages that the kernel has already dropped.
    """

    code = "storage.journal_failed"


class RecordTooLarge(StorageError):
    """A record or a whole journal would pass its named limit. Nothing was written."""

    code = "storage.record_too_large"

    def __init__(self, where: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{where}: {size_bytes} bytes pass the limit of {limit_bytes}")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class StoreClosed(StorageError):
    """The store, snapshot or journal was closed before this use."""

    code = "storage.closed"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is closed")


class NotContiguous(StorageError):
    """A block was put at a height that does not follow the tip."""

    code = "storage.not_contiguous"

    def __init__(self, height: int, expected: int) -> None:
        super().__init__(f"block {height} was put where block {expected} follows")
        self.height = height
        self.expected = expected
