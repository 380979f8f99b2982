"""The curves that foreign meters sign on: their keys, and whether a signature is theirs.

The ledger itself signs on secp256k1 only (consensus/signing.py). Meters of other makers use what
their secure element offers, and hand out keys in as many spellings, so this module reads those.
Arithmetic is `cryptography`'s (OpenSSL); nothing here makes a signature.

Sources: SEC 1 section 2.3 (points), RFC 5480 (keys as SubjectPublicKeyInfo), RFC 3279 section
2.2.3 (signatures as DER), RFC 5639 (Brainpool). High S is accepted, since meters emit it half of
the time: a signature is no identity, and records are told apart by what was signed.
"""

import base64
import binascii
from enum import Enum, StrEnum

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from gtxnode.metering.faults import BadRecord, Fault

MAX_KEY_CHARS = 1_024
"""A limit on a key as text: the longest curve's DER is 158 bytes, 316 hex digits."""

_DER_SEQUENCE = 0x30
_UNCOMPRESSED = b"\x04"
_COMPRESSED = (2, 3)


class Curve(Enum):
    """A curve by its SEC or RFC 5639 name."""

    SECP192R1 = ec.SECP192R1()
    SECP224R1 = ec.SECP224R1()
    SECP256R1 = ec.SECP256R1()
    SECP256K1 = ec.SECP256K1()
    SECP384R1 = ec.SECP384R1()
    SECP521R1 = ec.SECP521R1()
    BRAINPOOL256R1 = ec.BrainpoolP256R1()
    BRAINPOOL384R1 = ec.BrainpoolP384R1()
    BRAINPOOL512R1 = ec.BrainpoolP512R1()

    @property
    def bits(self) -> int:
        """The size of its field."""
        curve: ec.EllipticCurve = self.value
        return curve.key_size

    @property
    def coordinate_bytes(self) -> int:
        """The length of a coordinate, and of R and S where their length is fixed."""
        return (self.bits + 7) // 8

    @property
    def weak(self) -> bool:
        """Below 112 bits of security, which NIST SP 800-131A leaves to old data only."""
        return self.bits < 224


class Hash(Enum):
    """What is signed is the hash of the bytes."""

    SHA256 = hashes.SHA256()
    SHA384 = hashes.SHA384()
    SHA512 = hashes.SHA512()


class SignatureForm(StrEnum):
    """How R and S are written."""

    DER = "der"
    FIXED = "fixed"
    """Side by side, each as long as a coordinate (RFC 9053 section 2.1)."""


class Algorithm(msgspec.Struct, frozen=True):
    """How a record says that it was signed."""

    curve: Curve
    hash: Hash
    form: SignatureForm


class MeterKey(msgspec.Struct, frozen=True):
    """A foreign meter's public key: a point that is known to lie on its curve."""

    curve: Curve
    point: bytes
    """Uncompressed: 0x04, X, Y. One key has one spelling here, so keys compare as bytes."""


def parse_key(encoded: str | bytes, curve: Curve) -> MeterKey:
    """A key as makers hand it out: DER or a point (with 0x04, compressed, or bare X and Y).

    Text is hexadecimal (white space is passed over) or else base64. A bare point says nothing of
    its curve, so `curve` does; a DER key says it itself and has to agree.

    Raises `BadRecord`: `BAD_KEY`, or `WRONG_CURVE` where a DER key names another curve.
    """
    data = _from_text(encoded) if isinstance(encoded, str) else encoded
    if data[:1] == bytes([_DER_SEQUENCE]) and len(data) != 2 * curve.coordinate_bytes:
        key = _from_der(data)
    else:
        key = _from_point(data, curve)
    found = type(key.curve)
    if found is not type(curve.value):
        raise BadRecord(Fault.WRONG_CURVE, f"{found.name} key, {curve.value.name} signature")
    return MeterKey(curve, key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def check_signature(key: MeterKey, algorithm: Algorithm, signed: bytes, signature: bytes) -> None:
    """Return where the key's holder signed these bytes.

    Raises `BadRecord`: `WRONG_CURVE`, `BAD_SIGNATURE_FORM` or `BAD_SIGNATURE`.
    """
    if key.curve is not algorithm.curve:
        detail = f"{key.curve.value.name} key, {algorithm.curve.value.name} signature"
        raise BadRecord(Fault.WRONG_CURVE, detail)
    der = _as_der(signature, algorithm)
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(key.curve.value, key.point)
    try:
        public_key.verify(der, signed, ec.ECDSA(algorithm.hash.value))
    except InvalidSignature:
        raise BadRecord(Fault.BAD_SIGNATURE) from None


def _from_text(text: str) -> bytes:
    if len(text) > MAX_KEY_CHARS:
        raise BadRecord(Fault.BAD_KEY, f"over {MAX_KEY_CHARS} characters")
    try:
        return bytes.fromhex(text)
    except ValueError:
        pass
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRecord(Fault.BAD_KEY, "neither hexadecimal nor base64") from None


def _from_der(data: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadRecord(Fault.BAD_KEY, f"DER: {error}"[:200]) from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadRecord(Fault.BAD_KEY, "not a key on an elliptic curve")
    return key


def _from_point(data: bytes, curve: Curve) -> ec.EllipticCurvePublicKey:
    size = curve.coordinate_bytes
    point = _UNCOMPRESSED + data if len(data) == 2 * size else data
    if len(point) != (size if point[:1] and point[0] in _COMPRESSED else 2 * size) + 1:
        raise BadRecord(Fault.BAD_KEY, f"{len(data)} bytes are no point of {curve.value.name}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve.value, point)
    except ValueError:
        raise BadRecord(Fault.BAD_KEY, f"not on {curve.value.name}") from None


def _as_der(signature: bytes, algorithm: Algorithm) -> bytes:
    if algorithm.form is SignatureForm.DER:
        try:
            decode_dss_signature(signature)
        except ValueError:
            raise BadRecord(Fault.BAD_SIGNATURE_FORM, "not DER") from None
        return signature
    size = algorithm.curve.coordinate_bytes
    if len(signature) != 2 * size:
        detail = f"{len(signature)} bytes, not {2 * size}"
        raise BadRecord(Fault.BAD_SIGNATURE_FORM, detail)
    r, s = signature[:size], signature[size:]
    return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
