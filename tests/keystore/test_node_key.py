"""A node's own keys: made once, read ever after."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consensus.signing import public_key
from gtxnode.home import UnusableKey, read_private_key
from gtxnode.keystore import Unusable, load_or_create_key


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "validator.key"
    key = load_or_create_key(path)
    assert len(public_key(key)) == 33
    assert load_or_create_key(path) == key == read_private_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["validator.key"]


def test_keys_differ(tmp_path: Path) -> None:
    assert load_or_create_key(tmp_path / "a") != load_or_create_key(tmp_path / "b")


def test_all_that_make_it_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(load_or_create_key, [tmp_path / "keys" / "a"] * 8))
    assert len(keys) == 1


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "validator.key"
    path.touch(mode=0o600)
    with pytest.raises(UnusableKey, match="64 hexadecimal digits"):
        load_or_create_key(path)
    assert path.read_bytes() == b""


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "validator.key"
    load_or_create_key(path)
    path.chmod(0o644)
    with pytest.raises(UnusableKey, match="chmod 600"):
        load_or_create_key(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(Unusable):
        load_or_create_key(tmp_path / "keys" / "deeper" / "validator.key")
