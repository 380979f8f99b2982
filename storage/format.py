"""The format in which a folder was written, kept beside what it describes.

Invariant: a folder is only ever read by a release that knows its format. The file holds one
line, the format's name with its version, and is written before anything else in the folder.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from storage.errors import Missing, UnknownFormat
from storage.files import make_folder, read_file, replace_file
from storage.lock import HOME_LOCK_NAME

FORMAT_FILE: Final = "FORMAT"
_SHOWN_BYTES: Final = 60


def check_format(folder: Path, current: str, *, older: Collection[str] = ()) -> str:
    """The format that `folder` has: `current`, which a new folder is given, or one of `older`.

    `older` are the formats that the caller can still read or bring up to date. Raises
    UnknownFormat for any other, and for a folder with content but no format; ReadFailed,
    DiskFull, WriteFailed.
    """
    path = folder / FORMAT_FILE
    try:
        found = read_file(path)
    except Missing:
        _write_new(folder, current, older)
        return current
    for name in (current, *older):
        if found == _line(name):
            return name
    shown = repr(found[:_SHOWN_BYTES].decode("utf-8", "replace").strip())
    raise UnknownFormat(str(folder), shown, {current, *older})


def _write_new(folder: Path, current: str, older: Collection[str]) -> None:
    make_folder(folder)
    # Locks come before the format, and a crash may leave a file that was not yet renamed.
    content = [
        file.name
        for file in folder.iterdir()
        if file.name != HOME_LOCK_NAME and file.suffix not in (".lock", ".new")
    ]
    if content:
        raise UnknownFormat(str(folder), "none, and is not empty", {current, *older})
    replace_file(folder / FORMAT_FILE, _line(current))


def _line(name: str) -> bytes:
    assert name.isprintable(), "a format's name is one line"
    return name.encode() + b"\n"
