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
    HOME/data/<shard>/authority-*  the same for an authority's key, by its first hex digits

The node's own keys are not encrypted: a node that restarts by itself at night has nobody to ask
for a passphrase.

Invariant: a private key is never written where another user can read it, nor read from
there.
"""

import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gtxnode.private_file import create_private_file

PRIVATE_KEY_BYTES = 32
_MAX_KEY_FILE_BYTES = 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class UnusableKey(Exception):
    """A key file that is missing, readable by others, holds no key, or cannot be written."""

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

    def rebuilding(self, shard: str) -> Path:
        """Where a chain is played again, beside its database."""
        return self.path / "data" / shard / "rebuild"

    def journal(self, shard: str) -> Path:
        return self.path / "data" / shard / "journal"

    def signer(self, shard: str) -> Path:
        return self.path / "data" / shard / "signer"

    def checkpoint_guard(self, shard: str, public_key: bytes) -> Path:
        return self.path / "data" / shard / f"authority-{public_key.hex()[:16]}"


def write_private_key(path: Path, private_key: bytes) -> None:
    """Write a new key file, whole or not at all.

    `FileExistsError` if it is there, `UnusableKey` if it cannot be written.
    """
    assert len(private_key) == PRIVATE_KEY_BYTES, "a private key is 32 bytes"
    try:
        create_private_file(path, f"{private_key.hex()}\n".encode("ascii"))
    except FileExistsError:
        raise
    except OSError as error:
        raise UnusableKey(path, error.strerror or "cannot be written") from error


def load_or_create_key(path: Path) -> bytes:
    """The private key in a file; a new one is made if there is no such file. `UnusableKey`.

    Two processes that call this at once get the same key.
    """
    if not path.exists():
        # If another process is faster, its key is the key.
        with suppress(FileExistsError):
            write_private_key(path, secrets.token_bytes(PRIVATE_KEY_BYTES))
    return read_private_key(path)


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
