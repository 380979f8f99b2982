"""Files that hold keys: readable by their owner alone, complete or not there, never overwritten.

The bytes are written and synced under a temporary name and then linked to the final one. Linking
fails if the name is taken, and is all or nothing: a crash leaves no half-written key, and of two
processes that make the same key one is told so.
"""

import os
import secrets
import stat
from pathlib import Path

from gtxnode.keystore.errors import Unusable


class NameTaken(Exception):
    """There is a file of that name."""


_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_private_file(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600, on disk when this returns.

    Its folder is made with mode 0700 if it is missing. `NameTaken` if the file is there, `Unusable`
    if others can enter the folder or it cannot be written.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        _make_folder(path.parent)
        try:
            _write(temporary, data)
            _link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror or error}") from error


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = folder.stat().st_mode
    if mode & _OTHERS:
        raise Unusable(f"{folder}: others may enter it (mode {mode & 0o777:04o}); chmod 700 it")


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise NameTaken(path) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
