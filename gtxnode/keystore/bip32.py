"""Hierarchical keys: BIP-32's private derivation on secp256k1.

Only what a wallet needs that holds the seed: private parent to private child. Checked against
the test vectors of the specification.

Source: BIP-32, "Child key derivation (CKD) functions" and "Master key generation".
"""

import hmac
import re
from dataclasses import dataclass, field

from coincurve import PrivateKey

from consensus.signing import public_key
from gtxnode.keystore.errors import InvalidWords

HARDENED = 2**31
_MASTER = b"Bitcoin seed"
_STEP = re.compile(r"(?P<index>[0-9]{1,10})(?P<hardened>'?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """A private key and what derives its children."""

    private_key: bytes = field(repr=False)
    chain_code: bytes = field(repr=False)


def derive(seed: bytes, path: str) -> bytes:
    """The 32-byte private key at a path such as `m/44'/0'/0'/0/0`."""
    key = master_key(seed)
    for index in parse_path(path):
        key = child_key(key, index)
    return key.private_key


def parse_path(path: str) -> tuple[int, ...]:
    """The indexes of a path, hardened ones with `HARDENED` added. `ValueError` if it is none."""
    root, *steps = path.split("/")
    indexes = []
    for step in steps:
        match = _STEP.fullmatch(step)
        if match is None or int(match["index"]) >= HARDENED:
            raise ValueError(f"not a step of a derivation path: {step!r}")
        indexes.append(int(match["index"]) + (HARDENED if match["hardened"] else 0))
    if root != "m":
        raise ValueError(f"a derivation path starts with m, not {root!r}")
    return tuple(indexes)


def master_key(seed: bytes) -> ExtendedKey:
    """The root of a seed's tree. `InvalidWords` for the one seed in 2**127 that has none."""
    digest = hmac.digest(_MASTER, seed, "sha512")
    try:
        key = PrivateKey(digest[:32])
    except ValueError as error:
        raise InvalidWords("this seed has no master key: take other words") from error
    return ExtendedKey(key.secret, digest[32:])


def child_key(parent: ExtendedKey, index: int) -> ExtendedKey:
    """The child at an index. `InvalidWords` for the one index in 2**127 that has none."""
    hardened = index >= HARDENED
    identity = b"\0" + parent.private_key if hardened else public_key(parent.private_key)
    digest = hmac.digest(parent.chain_code, identity + index.to_bytes(4, "big"), "sha512")
    try:
        key = PrivateKey(parent.private_key).add(digest[:32])
    except ValueError as error:
        raise InvalidWords("this path has no key: take another account") from error
    return ExtendedKey(key.secret, digest[32:])
