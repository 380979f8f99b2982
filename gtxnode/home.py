"""The home folder of one node: where its files are, and how its keys are kept.

    HOME/config.toml               settings (gtxnode/config.py)
    HOME/genesis.json              the chains that it belongs to (gtxnode/genesis.py)
    HOME/keys/validator.key        signs votes; 64 hex digits, mode 0600
    HOME/keys/network.key          the identity among peers; likewise
    HOME/keystore/                 a wallet's keys, encrypted (gtxnode/keystore/)
    HOME/data/peers.json           peers reached before
    HOME/data/<shard>/db           the shard's LevelDB
    HOME/data/<shard>/journal      its consensus journal
    HOME/data/<shard>/signer       the guard that refuses to sign twice

Invariant: a private key is never written where another user can read it, nor read from
there.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

PRIVATE_KEY_BYTES = 32
_MAX_KEY_FILE_BYTES = 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class UnusableKey(Exception):
    """A key file that is missing, readable by others, or holds no key."""

    code = "home.unusable_key"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Home:
    """The paths under one home folder."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def genesis(self) -> Path:
        return self.path / "genesis.json"

    @property
    def validator_key(self) -> Path:
        return self.path / "keys" / "validator.key"

    @property
    def network_key(self) -> Path:
        return self.path / "keys" / "network.key"

    @property
    def keystore(self) -> Path:
        return self.path / "keystore"

    @property
    def known_peers(self) -> Path:
        return self.path / "data" / "peers.json"

    def database(self, shard: str) -> Path:
        return self.path / "data" / shard / "db"

    def journal(self, shard: str) -> Path:
        return self.path / "data" / shard / "journal"

    def signer(self, shard: str) -> Path:
        return self.path / "data" / shard / "signer"


def write_private_key(path: Path, private_key: bytes) -> None:
    """Write a new key file, readable by its owner alone. `FileExistsError` if it is there."""
    assert len(private_key) == PRIVATE_KEY_BYTES, "a private key is 32 bytes"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(private_key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_private_key(path: Path) -> bytes:
    """The 32 bytes of a key file. `UnusableKey` says what is wrong with it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MAX_KEY_FILE_BYTES)
    except OSError as error:
        raise UnusableKey(path, error.strerror or "cannot be read") from error
    if mode & _OTHERS:
        raise UnusableKey(path, f"others may read it (mode {mode & 0o777:04o}); chmod 600 it")
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError as error:
        # The text is left out: it may be most of a key.
        raise UnusableKey(path, "is not 64 hexadecimal digits") from error
    if len(key) != PRIVATE_KEY_BYTES:
        raise UnusableKey(path, "is not 64 hexadecimal digits")
    return key
