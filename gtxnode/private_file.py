"""Files that hold keys: readable by their owner alone, complete or not there, never overwritten.

The bytes are written and synced under a temporary name and then linked to the final one. Linking
fails if the name is taken, and is all or nothing: a crash leaves no half-written key, and of two
processes that make the same key one is told so.
"""

import errno
import os
import secrets
import stat
from pathlib import Path

from storage.files import sync_folder

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_private_file(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600, on disk when this returns.

    Its folder is made with mode 0700 if it is missing. `FileExistsError` if the file is there,
    `PermissionError` if others can enter the folder, or the `OSError` of what failed.
    """
    _make_folder(path.parent)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        _write(temporary, data)
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        # Told apart from the key's own name being taken.
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder") from error
    mode = folder.stat().st_mode
    if mode & _OTHERS:
        reason = f"others may enter its folder (mode {mode & 0o777:04o}); chmod 700 {folder}"
        raise PermissionError(errno.EPERM, reason)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
