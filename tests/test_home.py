"""The home folder: key files that only their owner can read, and nothing of a key in errors."""

import stat
from pathlib import Path

import pytest

from gtxnode.home import Home, UnusableKey, read_private_key, write_private_key

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
