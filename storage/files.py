"""Files that survive a power cut, and the operating system's errors under our names.

A file is made durable in four steps: write it under another name, fsync it, rename it into
place, fsync the folder. A crash at any point leaves the old file or the new one. Source: fsync(2),
rename(2); the folder's own fsync is what keeps the name.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import DiskFull, Missing, ReadFailed, WriteFailed

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_error(where: Path | str, error: OSError) -> WriteFailed:
    """The error of ours for a failed write or sync."""
    detail = error.strerror or str(error)
    return (DiskFull if error.errno in _NO_ROOM else WriteFailed)(str(where), detail)


@contextmanager
def writing(where: Path | str) -> Iterator[None]:
    """Raises DiskFull or WriteFailed for whatever OSError the block raises."""
    try:
        yield
    except OSError as error:
        raise write_error(where, error) from error


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write every byte: a disk that fills up takes a part first and only then says no."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_all_at(fd: int, data: bytes, offset: int) -> None:
    """`write_all` at a place, which does not move."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents, each durable. Raises DiskFull, WriteFailed."""
    with writing(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in missing:
            sync_folder(path.parent)


def read_file(path: Path) -> bytes:
    """The whole file. Raises Missing, ReadFailed."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Missing(str(path)) from error
    except OSError as error:
        raise ReadFailed(str(path), error.strerror or str(error)) from error


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` whole or not at all, durably. Raises DiskFull, WriteFailed."""
    fresh = path.with_name(path.name + ".new")
    with writing(path):
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(fresh, path)
        sync_folder(path.parent)
