"""Formats that are refused by name, and locks that name their holder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import Locked, ReadFailed, UnknownFormat, WriteFailed
from storage.format import FORMAT_FILE, check_format
from storage.lock import FileLock, lock_home


def test_a_new_folder_is_given_the_format(tmp_path: Path) -> None:
    assert check_format(tmp_path / "new" / "home", "home-1") == "home-1"
    assert (tmp_path / "new" / "home" / FORMAT_FILE).read_bytes() == b"home-1\n"
    assert check_format(tmp_path / "new" / "home", "home-1") == "home-1"


def test_a_locked_or_half_made_folder_is_still_new(tmp_path: Path) -> None:
    with lock_home(tmp_path), FileLock.acquire(tmp_path / "db.lock"):
        (tmp_path / (FORMAT_FILE + ".new")).write_bytes(b"ho")
        assert check_format(tmp_path, "home-1") == "home-1"


def test_an_older_format_is_told_apart(tmp_path: Path) -> None:
    check_format(tmp_path, "home-1")
    assert check_format(tmp_path, "home-2", older=("home-1",)) == "home-1"


@pytest.mark.parametrize("content", [b"home-2\n", b"home-1", b"home-1\r\n", b"", b"\xff\n"])
def test_an_unknown_format_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FORMAT_FILE).write_bytes(content)
    with pytest.raises(UnknownFormat) as refused:
        check_format(tmp_path, "home-1", older=("home-0",))
    assert refused.value.known == ("home-0", "home-1")
    assert "this release knows only: home-0, home-1" in str(refused.value)
    assert (tmp_path / FORMAT_FILE).read_bytes() == content, "what is refused is left alone"


def test_content_without_a_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").write_bytes(b"")
    with pytest.raises(UnknownFormat, match="has the format none, and is not empty"):
        check_format(tmp_path, "home-1")


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ReadFailed, match="Not a directory"):
        check_format(tmp_path / "file" / "home", "home-1")


HOLD_ELSEWHERE = """
    import sys
    from pathlib import Path
    from storage.errors import Locked
    from storage.lock import lock_home
    try:
        lock_home(Path(sys.argv[1]))
        print("held")
    except Locked as error:
        print(error)
"""


def test_a_second_process_is_told_who_holds_the_home(
    tmp_path: Path, elsewhere: Callable[..., str]
) -> None:
    with lock_home(tmp_path):
        said = elsewhere(HOLD_ELSEWHERE, str(tmp_path))
        assert f"in use by process {os.getpid()}; only one may use it" in said
    # The other process ended without releasing, which is enough.
    assert elsewhere(HOLD_ELSEWHERE, str(tmp_path)) == "held\n"
    lock_home(tmp_path).release()


def test_a_lock_is_exclusive_within_a_process_too(tmp_path: Path) -> None:
    lock = lock_home(tmp_path)
    with pytest.raises(Locked):
        lock_home(tmp_path)
    lock.release()
    lock.release()
    lock_home(tmp_path).release()


def test_a_holder_that_left_no_number_is_still_a_holder(tmp_path: Path) -> None:
    lock = lock_home(tmp_path)
    lock.path.write_bytes(b"no number")
    with pytest.raises(Locked, match="in use by another process"):
        lock_home(tmp_path)
    lock.release()


def test_a_lock_in_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="No such file or directory"):
        lock_home(tmp_path / "missing")
