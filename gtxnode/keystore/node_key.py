"""A node's own keys, the validator's and the network's: plain files, readable by the node alone.

They are not encrypted: a node that restarts by itself at night has nobody to ask for a
passphrase. What a key file looks like is `gtxnode.home`'s.
"""

from contextlib import suppress
from pathlib import Path

from coincurve import PrivateKey

from gtxnode.home import read_private_key
from gtxnode.keystore.private_file import NameTaken, create_private_file


def load_or_create_key(path: Path) -> bytes:
    """The 32-byte private key in a file; a new one is made if there is no such file.

    `gtxnode.home.UnusableKey` if the file holds no key or others may read it, `Unusable` if it
    cannot be made. Two processes that call this at once get the same key.
    """
    if not path.exists():
        # If another process is faster, its key is the key.
        with suppress(NameTaken):
            create_private_file(path, f"{PrivateKey().to_hex()}\n".encode("ascii"))
    return read_private_key(path)
