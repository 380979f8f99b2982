"""One holder of a folder or file at a time, and who it is.

The lock is flock(2) on a file of its own, so that what it guards can be renamed and replaced.
The kernel drops it when its process ends in whatever way, so there is no stale lock. The file
stays behind on purpose: removing it would let two processes lock two files of one name.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.errors import Locked
from storage.files import write_all_at, writing

HOME_LOCK_NAME = "LOCK"
_PID_DIGITS = 20


class FileLock:
    """Held from `acquire` until `release`, or until the process ends."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd: int | None = fd

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Take the lock or raise Locked with the holder's pid. Never waits."""
        with writing(path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_pid(fd)
            os.close(fd)
            raise Locked(path, holder) from None
        except OSError:
            os.close(fd)
            raise
        _leave_pid(path, fd)
        return cls(path, fd)

    def release(self) -> None:
        """Let go. Releasing twice is no error."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def lock_home(home: Path) -> FileLock:
    """The lock of a whole home folder. Raises Locked naming the pid that holds it."""
    return FileLock.acquire(home / HOME_LOCK_NAME)


def _leave_pid(path: Path, fd: int) -> None:
    # Fixed width, so that one write replaces a longer number that an earlier holder left.
    number = b"%-*d\n" % (_PID_DIGITS, os.getpid())
    try:
        with writing(path):
            write_all_at(fd, number, 0)
    except BaseException:
        os.close(fd)
        raise


def _read_pid(fd: int) -> int | None:
    text = os.pread(fd, _PID_DIGITS, 0).strip()
    return int(text) if text.isdigit() else None
