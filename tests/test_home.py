"""The home folder: key files that only their owner can read, and nothing of a key in errors."""

import errno
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consensus.signing import public_key
from gtxnode.home import (
    Home,
    UnusableKey,
    load_or_create_key,
    read_private_key,
    write_private_key,
)

KEY = bytes(range(32))


def test_a_key_comes_back_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = Home(tmp_path).validator_key
    write_private_key(path, KEY)
    assert read_private_key(path) == KEY
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private_key(path, KEY)
    with pytest.raises(FileExistsError):
        write_private_key(path, bytes(32))
    assert read_private_key(path) == KEY


def test_a_full_disk_leaves_no_half_written_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("gtxnode.private_file.os.fsync", full)
        with pytest.raises(UnusableKey, match="No space left"):
            write_private_key(tmp_path / "key", KEY)
    assert list(tmp_path.iterdir()) == []
    write_private_key(tmp_path / "key", KEY)


def test_a_folder_that_others_may_enter_holds_no_key(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(UnusableKey, match="chmod 700"):
        write_private_key(tmp_path / "keys" / "a", KEY)


@pytest.mark.parametrize("place", ["keys/a", "keys/deeper/a"])
def test_a_folder_that_is_a_file_is_named(place: str, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(UnusableKey):
        load_or_create_key(tmp_path / place)


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "validator.key"
    key = load_or_create_key(path)
    assert len(public_key(key)) == 33
    assert load_or_create_key(path) == key == read_private_key(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["validator.key"]


def test_all_that_make_a_key_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(load_or_create_key, [tmp_path / "keys" / "a"] * 8))
    assert len(keys) == 1
    assert load_or_create_key(tmp_path / "keys" / "b") not in keys


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "validator.key"
    path.touch(mode=0o600)
    with pytest.raises(UnusableKey, match="64 hexadecimal digits"):
        load_or_create_key(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private_key(path, KEY)
    path.chmod(mode)
    with pytest.raises(UnusableKey, match="chmod 600"):
        read_private_key(path)


@pytest.mark.parametrize(
    "text", [b"", b"zz", KEY.hex().encode()[:-2], KEY.hex().encode() * 2, b"\xff" * 32, b"0" * 5000]
)
def test_what_is_no_key_is_refused_without_being_shown(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(UnusableKey) as caught:
        read_private_key(path)
    assert caught.value.code == "home.unusable_key"
    assert KEY.hex()[:8] not in str(caught.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableKey, match=r"network\.key"):
        read_private_key(Home(tmp_path).network_key)


def test_each_shard_has_its_own_folder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    paths = {
        path
        for shard in ("geo_bangkok", "geo_northern")
        for path in (home.database(shard), home.journal(shard), home.signer(shard))
    }
    assert len(paths) == 6
    assert all(path.is_relative_to(tmp_path / "data") for path in paths)
