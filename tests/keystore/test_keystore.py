"""The encrypted keystore: what it keeps, and what it refuses."""

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.signing import public_key
from gtxnode.keystore import (
    CorruptedKey,
    InvalidName,
    InvalidPassphrase,
    KeyExists,
    KeyInfo,
    Keystore,
    ScryptCost,
    Secret,
    UnknownKey,
    UnknownVersion,
    Unusable,
    WrongPassphrase,
    new_secret,
    secret_from_hex,
)
from gtxnode.keystore.encryption import (
    MAX_FILE_BYTES,
    MAX_SCRYPT_BYTES,
    _checksum,
    _Header,
    _Scrypt,
    inspect,
    seal,
    unseal,
)
from gtxnode.primitives.addresses import address_of, format_address

CHEAP = ScryptCost(n=2, r=1, p=1)
PASSPHRASE = "correct horse"
SECRET = secret_from_hex("07" * 32)
SEALED = seal(SECRET, PASSPHRASE, CHEAP)

Document = dict[str, Any]


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keystore", cost=CHEAP)


@pytest.mark.parametrize("secret", [SECRET, new_secret(12)])
def test_a_key_comes_back_as_it_was(keystore: Keystore, secret: Secret) -> None:
    key = public_key(secret.private_key)
    info = keystore.add("solar-roof", secret, PASSPHRASE)
    assert info == KeyInfo(format_address(address_of(key)), key)
    assert keystore.show("solar-roof") == info
    assert keystore.unlock("solar-roof", PASSPHRASE) == secret


def test_keys_are_listed_by_name(keystore: Keystore) -> None:
    assert keystore.names() == ()
    for name in ("b", "a", "c-1"):
        keystore.add(name, SECRET, PASSPHRASE)
    (keystore.folder / "Not A Key.json").write_text("{}")
    (keystore.folder / "notes.txt").write_text("")
    assert keystore.names() == ("a", "b", "c-1")


def test_only_the_owner_may_read(keystore: Keystore) -> None:
    keystore.add("a", SECRET, PASSPHRASE)
    assert stat.S_IMODE(keystore.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((keystore.folder / "a.json").stat().st_mode) == 0o600


def test_nothing_secret_is_in_the_file(keystore: Keystore) -> None:
    secret = new_secret()
    keystore.add("a", secret, PASSPHRASE)
    data = (keystore.folder / "a.json").read_bytes()
    assert secret.private_key.hex().encode() not in data
    assert secret.words is not None
    assert not any(f'"{word}"'.encode() in data for word in secret.words.split())


def test_the_default_cost_takes_128_mib() -> None:
    cost = ScryptCost()
    assert 128 * cost.n * cost.r == 128 * 2**20 <= MAX_SCRYPT_BYTES


def test_the_same_key_is_never_encrypted_alike() -> None:
    assert seal(SECRET, PASSPHRASE, CHEAP) != SEALED


def test_a_passphrase_is_the_same_however_its_letters_are_composed() -> None:
    data = seal(SECRET, "caf\u00e9", CHEAP)
    assert unseal(data, "cafe\u0301") == SECRET


def test_a_wrong_passphrase_is_named(keystore: Keystore) -> None:
    keystore.add("a", SECRET, PASSPHRASE)
    with pytest.raises(WrongPassphrase) as caught:
        keystore.unlock("a", "correct horsf")
    assert caught.value.code == "keystore.wrong_passphrase"


@pytest.mark.parametrize(("passphrase", "reason"), [("", "empty"), ("\udcff", "not text")])
def test_a_passphrase_that_is_none_is_refused(
    keystore: Keystore, passphrase: str, reason: str
) -> None:
    with pytest.raises(InvalidPassphrase, match=reason) as caught:
        keystore.add("a", SECRET, passphrase)
    assert caught.value.code == "keystore.invalid_passphrase"
    assert keystore.names() == ()


def test_a_key_is_not_overwritten(keystore: Keystore) -> None:
    keystore.add("a", SECRET, PASSPHRASE)
    with pytest.raises(KeyExists) as caught:
        keystore.add("a", new_secret(), PASSPHRASE)
    assert caught.value.code == "keystore.exists"
    assert keystore.unlock("a", PASSPHRASE) == SECRET


def test_of_several_that_add_one_name_at_once_one_does(keystore: Keystore) -> None:
    def add(secret: Secret) -> bool:
        try:
            keystore.add("a", secret, PASSPHRASE)
        except KeyExists:
            return False
        return True

    contenders = [new_secret(12) for _ in range(8)]
    with ThreadPoolExecutor(len(contenders)) as threads:
        added = list(threads.map(add, contenders))
    assert added.count(True) == 1
    assert keystore.unlock("a", PASSPHRASE) == contenders[added.index(True)]
    assert [path.name for path in keystore.folder.iterdir()] == ["a.json"]


def test_a_key_that_is_not_there(keystore: Keystore) -> None:
    for ask in (lambda: keystore.show("a"), lambda: keystore.unlock("a", PASSPHRASE)):
        with pytest.raises(UnknownKey, match="no key named a") as caught:
            ask()
        assert caught.value.code == "keystore.unknown_key"


@pytest.mark.parametrize("name", ["", "../a", "a/b", "A", "-a", "a.b", "a" * 64, "ก", "a\n"])
def test_a_name_that_is_none(keystore: Keystore, name: str) -> None:
    with pytest.raises(InvalidName) as caught:
        keystore.add(name, SECRET, PASSPHRASE)
    assert caught.value.code == "keystore.invalid_name"


def test_a_folder_that_others_may_enter_is_refused(keystore: Keystore) -> None:
    keystore.folder.mkdir(mode=0o755)
    keystore.folder.chmod(0o755)
    with pytest.raises(Unusable, match="chmod 700") as caught:
        keystore.add("a", SECRET, PASSPHRASE)
    assert caught.value.code == "keystore.unusable"


def test_a_folder_that_is_a_file_is_refused(keystore: Keystore) -> None:
    keystore.folder.write_text("")
    with pytest.raises(Unusable):
        keystore.add("a", SECRET, PASSPHRASE)
    with pytest.raises(Unusable):
        keystore.show("a")


def test_a_full_disk_leaves_nothing_behind(
    keystore: Keystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gtxnode.private_file.os.fsync", full)
    with pytest.raises(Unusable, match="No space left"):
        keystore.add("a", SECRET, PASSPHRASE)
    assert list(keystore.folder.iterdir()) == []


def test_a_damaged_file_is_named(keystore: Keystore) -> None:
    keystore.add("a", SECRET, PASSPHRASE)
    path = keystore.folder / "a.json"
    path.write_bytes(path.read_bytes()[:-40])
    for ask in (lambda: keystore.show("a"), lambda: keystore.unlock("a", PASSPHRASE)):
        with pytest.raises(CorruptedKey, match=r"a\.json: ") as caught:
            ask()
        assert caught.value.code == "keystore.corrupted"
    assert keystore.names() == ("a",)


def checksummed(document: Document) -> bytes:
    """What a forger does, who knows the format but not the passphrase."""
    header = dict(document["header"])
    header["scrypt"] = _Scrypt(**header["scrypt"])
    document["checksum"] = _checksum(_Header(**header), bytes.fromhex(document["ciphertext"]))
    return json.dumps(document).encode()


def altered(change: Callable[[Document], object]) -> bytes:
    document = json.loads(SEALED)
    change(document)
    return checksummed(document)


OTHER = KeyInfo(format_address(address_of(public_key(b"\x08" * 32))), public_key(b"\x08" * 32))


def another_key(document: Document) -> None:
    document["header"] |= {"address": OTHER.address, "public_key": OTHER.public_key.hex()}


def test_a_forged_address_does_not_open() -> None:
    forged = altered(another_key)
    assert inspect(forged) == OTHER, "a file can lie to who only looks"
    with pytest.raises(WrongPassphrase, match="tampered"):
        unseal(forged, PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["header"].update(address=OTHER.address),
        lambda d: d["header"]["scrypt"].update(n=3),
        lambda d: d["header"]["scrypt"].update(n=2**24, r=64),
        lambda d: d["header"]["scrypt"].update(n=1),
        lambda d: d["header"]["scrypt"].update(n=2**70),
        lambda d: d["header"]["scrypt"].update(p=5),
        lambda d: d["header"].update(nonce="00" * 11),
        lambda d: d["header"].update(nonce="0"),
        lambda d: d["header"].update(public_key=""),
    ],
)
def test_a_file_out_of_bounds_is_refused(change: Callable[[Document], object]) -> None:
    document = json.loads(SEALED)
    change(document)
    try:
        data = checksummed(document)
    except OverflowError:
        data = json.dumps(document).encode()
    with pytest.raises(CorruptedKey):
        unseal(data, PASSPHRASE)


def test_a_later_version_is_named() -> None:
    document = json.loads(SEALED)
    document["header"] = {"version": 2, "argon2": {}}
    with pytest.raises(UnknownVersion, match="version 2; this release knows 1") as caught:
        inspect(json.dumps(document).encode())
    assert caught.value.code == "keystore.unknown_version"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[" * 8_000,
        b'{"header":{"version":' + b"9" * 8_000 + b"}}",
        b" " * (MAX_FILE_BYTES + 1),
        SEALED.replace(b'"checksum"', b'"extra": 1, "checksum"'),
    ],
)
def test_what_is_no_key_file(data: bytes) -> None:
    with pytest.raises(CorruptedKey):
        inspect(data)


@given(st.binary(max_size=200) | st.from_regex(rb'\{"header":\{"version":1.{0,80}', fullmatch=True))
def test_garbage_is_refused_by_that_one_error(data: bytes) -> None:
    with pytest.raises(CorruptedKey):
        inspect(data)


@given(st.integers(0, len(SEALED) - 1), st.integers(0, 255))
def test_any_changed_byte_is_noticed(position: int, byte: int) -> None:
    """It reads as it was (white space, the case of a digit aside), or is refused by name."""
    data = SEALED[:position] + bytes([byte]) + SEALED[position + 1 :]
    try:
        assert unseal(data, PASSPHRASE) == SECRET
    except (CorruptedKey, UnknownVersion):
        assert data != SEALED
