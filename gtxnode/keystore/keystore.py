"""A folder of encrypted keys: `NAME.json` each, mode 0600, in a folder of mode 0700.

Keys are added and read, never overwritten. `add` and `unlock` take as long as scrypt does (about
half a second): an event loop calls them in a worker thread.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gtxnode.keystore import encryption
from gtxnode.keystore.encryption import KeyInfo, ScryptCost
from gtxnode.keystore.errors import (
    CorruptedKey,
    InvalidName,
    KeyExists,
    UnknownKey,
    UnknownVersion,
    Unusable,
)
from gtxnode.keystore.secret import Secret
from gtxnode.private_file import create_private_file

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_SUFFIX = ".json"


class Keystore:
    """The keys in one folder, by name."""

    def __init__(self, folder: Path, *, cost: ScryptCost | None = None) -> None:
        """`cost` is for new keys; old ones keep the cost that they were made with."""
        self.folder = folder
        self._cost = cost or ScryptCost()

    def names(self) -> tuple[str, ...]:
        """The names of all keys, sorted; none if there is no folder yet."""
        try:
            found = [path.name.removesuffix(_SUFFIX) for path in self.folder.glob(f"*{_SUFFIX}")]
        except OSError as error:
            raise Unusable(f"{self.folder}: {error.strerror or error}") from error
        return tuple(sorted(name for name in found if _NAME.fullmatch(name)))

    def show(self, name: str) -> KeyInfo:
        """Address and public key, for which no passphrase is needed.

        `UnknownKey`, `InvalidName`, `CorruptedKey`, `UnknownVersion`, `Unusable`.
        """
        path = self._path(name)
        with _naming(path):
            return encryption.inspect(_read(name, path))

    def unlock(self, name: str, passphrase: str) -> Secret:
        """The key in the clear. `WrongPassphrase`, or as `show`."""
        path = self._path(name)
        with _naming(path):
            return encryption.unseal(_read(name, path), passphrase)

    def add(self, name: str, secret: Secret, passphrase: str) -> KeyInfo:
        """Keep a key under a new name; on disk when this returns.

        `KeyExists`, `InvalidName`, `InvalidPassphrase`, `Unusable`.
        """
        path = self._path(name)
        if path.exists():
            raise KeyExists(f"there is a key named {name} already")
        data = encryption.seal(secret, passphrase, self._cost)
        try:
            create_private_file(path, data)
        except FileExistsError as error:
            raise KeyExists(f"there is a key named {name} already") from error
        except OSError as error:
            raise Unusable(f"{path}: {error.strerror or error}") from error
        return encryption.inspect(data)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidName(
                "a name is up to 63 of a-z, 0-9, - and _, and starts with a letter or digit"
            )
        return self.folder / f"{name}{_SUFFIX}"


def _read(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(encryption.MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise UnknownKey(f"there is no key named {name}") from error
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror or error}") from error


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file it is that cannot be read."""
    try:
        yield
    except (CorruptedKey, UnknownVersion) as error:
        raise type(error)(f"{path}: {error}") from error
