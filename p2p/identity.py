"""Peer ids from secp256k1 keys, in the field's normal string form.

A libp2p peer id is a multihash of the key's protobuf form; keys of up to 42 bytes are not
hashed but carried whole (the identity multihash), so the id of a secp256k1 key starts with
"16Uiu2HA" and the key can be read back from it.
Source: libp2p specification, peer-ids.md.
"""

from typing import NewType

from coincurve import PrivateKey, PublicKey

from p2p.errors import InvalidIdentity

PeerId = NewType("PeerId", str)

PRIVATE_KEY_BYTES = 32
PUBLIC_KEY_BYTES = 33

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# Multihash: code 0 (identity), length 37; then protobuf: field 1 = 2 (Secp256k1), field 2 =
# 33 bytes of compressed key.
_ID_PREFIX = bytes.fromhex("0025" + "0802" + "1221")


def peer_id_of(public_key: bytes) -> PeerId:
    """The peer id of a 33-byte compressed public key. Raises InvalidIdentity."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise InvalidIdentity(f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(public_key)}")
    try:
        PublicKey(public_key)
    except ValueError as error:
        raise InvalidIdentity("not a point of secp256k1") from error
    return PeerId(_base58(_ID_PREFIX + public_key))


def public_key_of(private_key: bytes) -> bytes:
    """The 33-byte public key of a 32-byte private key. Raises InvalidIdentity."""
    if len(private_key) != PRIVATE_KEY_BYTES:
        raise InvalidIdentity(
            f"a private key has {PRIVATE_KEY_BYTES} bytes, not {len(private_key)}"
        )
    try:
        return PrivateKey(private_key).public_key.format()
    except ValueError as error:
        raise InvalidIdentity("not a secp256k1 private key") from error


def _base58(data: bytes) -> str:
    """Bitcoin's base58: leading zero bytes become leading ones."""
    number = int.from_bytes(data, "big")
    digits = []
    while number:
        number, rest = divmod(number, 58)
        digits.append(_BASE58[rest])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))
