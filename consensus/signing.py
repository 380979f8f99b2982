"""ECDSA on secp256k1: RFC 6979 nonces, low S, 64-byte compact form, 33-byte keys.

Calls libsecp256k1 through the handles that coincurve carries: its own methods go through
DER and build objects. The calls release the interpreter's lock, so threads verify side by
side. Every digest is 32 bytes and hashed by the caller.
"""

from collections.abc import Sequence
from typing import Any

from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from consensus.errors import InvalidKey

PUBLIC_KEY_BYTES = 33
PRIVATE_KEY_BYTES = 32
SIGNATURE_BYTES = 64
DIGEST_BYTES = 32

# The order of the group: S and ORDER - S sign the same, and only the lower is accepted.
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
# Verifying reads no context, so the constant one serves all threads. Signing wants the
# randomised one, which blinds the multiplication.
_VERIFY_CONTEXT = lib.secp256k1_context_static
_COMPRESSED = lib.SECP256K1_EC_COMPRESSED

MAX_KNOWN_POINTS = 16_384
"""Decompressing a key costs a seventh of a check, and validators, wallets and meters come
again: their points are kept, at 300 bytes each, until the table is full."""
_points: dict[bytes, Any] = {}


def public_key(private_key: bytes) -> bytes:
    """The 33-byte compressed public key. `InvalidKey` if the private key is none."""
    _check_private_key(private_key)
    point = ffi.new("secp256k1_pubkey *")
    created = lib.secp256k1_ec_pubkey_create(GLOBAL_CONTEXT.ctx, point, private_key)
    assert created, "a checked key has a point"
    output = ffi.new("unsigned char[33]")
    length = ffi.new("size_t *", PUBLIC_KEY_BYTES)
    lib.secp256k1_ec_pubkey_serialize(_VERIFY_CONTEXT, output, length, point, _COMPRESSED)
    return bytes(ffi.buffer(output))


def sign(private_key: bytes, digest: bytes) -> bytes:
    """A 64-byte signature with low S, the same for the same key and digest."""
    _check_private_key(private_key)
    assert len(digest) == DIGEST_BYTES, "callers hash first"
    signature = ffi.new("secp256k1_ecdsa_signature *")
    signed = lib.secp256k1_ecdsa_sign(
        GLOBAL_CONTEXT.ctx, signature, digest, private_key, ffi.NULL, ffi.NULL
    )
    assert signed, "RFC 6979 finds a nonce for a checked key"
    output = ffi.new("unsigned char[64]")
    lib.secp256k1_ecdsa_signature_serialize_compact(_VERIFY_CONTEXT, output, signature)
    return bytes(ffi.buffer(output))


def verify(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether the signature holds. High S, wrong lengths and bad points are just False."""
    return verify_slice(((public_key, digest, signature),))[0]


def verify_slice(checks: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """Verify (public key, digest, signature) triples one after the other on this thread."""
    parsed = ffi.new("secp256k1_ecdsa_signature *")
    parse_signature, check = lib.secp256k1_ecdsa_signature_parse_compact, lib.secp256k1_ecdsa_verify
    context, known = _VERIFY_CONTEXT, _points.get
    return [
        # The lengths are checked before C reads the bytes.
        len(digest) == DIGEST_BYTES
        and len(signature) == SIGNATURE_BYTES
        and (point := known(key) or _point(key)) is not None
        and parse_signature(context, parsed, signature) == 1
        and check(context, parsed, digest, point) == 1
        for key, digest, signature in checks
    ]


def low_s(signature: bytes) -> bytes:
    """The same signature with the lower of its two S values.

    For the edge, where meters' secure elements deliver either. Anything that is not 64
    bytes, or whose S is out of range, comes back as it is and fails to verify.
    """
    s = int.from_bytes(signature[32:], "big")
    if len(signature) != SIGNATURE_BYTES or not _ORDER // 2 < s < _ORDER:
        return signature
    return signature[:32] + (_ORDER - s).to_bytes(32, "big")


def _point(public_key: bytes) -> Any:
    """The curve point of a key that has not been seen of late, None if it is none."""
    point = ffi.new("secp256k1_pubkey *")
    if len(public_key) != PUBLIC_KEY_BYTES or not lib.secp256k1_ec_pubkey_parse(
        _VERIFY_CONTEXT, point, public_key, PUBLIC_KEY_BYTES
    ):
        return None
    if len(_points) >= MAX_KNOWN_POINTS:
        _points.clear()  # Threads share the table, and this is one step.
    _points[public_key] = point
    return point


def _check_private_key(private_key: bytes) -> None:
    if len(private_key) != PRIVATE_KEY_BYTES or not 0 < int.from_bytes(private_key, "big") < _ORDER:
        raise InvalidKey("a private key is 32 bytes between 1 and the group's order")
