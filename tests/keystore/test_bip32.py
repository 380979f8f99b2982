"""Key derivation against the test vectors of BIP-32, and a known BIP-39 and BIP-44 account."""

import hashlib
import json
from pathlib import Path

import pytest
from mnemonic import Mnemonic

from consensus.signing import public_key
from gtxnode.keystore.bip32 import HARDENED, child_key, derive, master_key, parse_path
from gtxnode.keystore.errors import InvalidWords

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_VECTORS = json.loads(Path(__file__).with_name("bip32_vectors.json").read_text())["vectors"]


def decode_extended_key(text: str) -> tuple[bytes, bytes]:
    """Private key and chain code of an `xprv...`: BIP-32's serialization in Base58Check."""
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    data = number.to_bytes(82, "big")
    payload, check = data[:-4], data[-4:]
    assert hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] == check
    return payload[46:], payload[13:45]


@pytest.mark.parametrize(
    ("seed", "path", "expected"),
    [(v["seed"], key["path"], key["private"]) for v in _VECTORS for key in v["chain"]],
)
def test_the_specifications_vectors(seed: str, path: str, expected: str) -> None:
    key = master_key(bytes.fromhex(seed))
    for index in parse_path(path):
        key = child_key(key, index)
    assert (key.private_key, key.chain_code) == decode_extended_key(expected)
    assert derive(bytes.fromhex(seed), path) == key.private_key


def test_a_known_account_of_known_words() -> None:
    """The first Ethereum account of the best-known BIP-39 sentence, as every wallet shows it."""
    seed = Mnemonic.to_seed("abandon " * 11 + "about")
    key = derive(seed, "m/44'/60'/0'/0/0")
    assert key.hex() == "1ab42cc412b618bdea3a599e3c9bae199ebf030895b039e9db1e30dafb12b727"


def test_a_path_is_read_with_hardened_steps() -> None:
    assert parse_path("m") == ()
    assert parse_path("m/44'/0/2147483647'") == (44 + HARDENED, 0, 2**32 - 1)


@pytest.mark.parametrize("path", ["", "44'/0", "m/", "m/x", "m/-1", "m/1h", "m/2147483648", "m/१"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="derivation path"):
        parse_path(path)


def test_a_key_does_not_show_itself() -> None:
    key = master_key(bytes(16))
    assert key.private_key.hex() not in repr(key)
    assert len(public_key(key.private_key)) == 33


def test_the_seed_and_the_index_without_a_key_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No such input is known; a hash that gives zero and the group's order stands in for one."""
    good = master_key(bytes(16))
    monkeypatch.setattr("gtxnode.keystore.bip32.hmac.digest", lambda *_: b"\xff" * 64)
    with pytest.raises(InvalidWords, match="no master key"):
        master_key(bytes(16))
    with pytest.raises(InvalidWords, match="no key"):
        child_key(good, 0)
