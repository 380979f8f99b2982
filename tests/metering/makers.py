"""Meters of other makers, as the tests need them: keys, and records that they sign."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gtxnode.metering.cose import ALGORITHMS
from gtxnode.metering.curves import Curve, Hash

OBIS_IMPORT, OBIS_EXPORT = "1-0:1.8.0", "1-0:2.8.0"


@cache
def private_key(curve: Curve) -> ec.EllipticCurvePrivateKey:
    """The same key in every test of a run."""
    return ec.derive_private_key(0xC0FFEE, curve.value)


def der(curve: Curve) -> bytes:
    key = private_key(curve).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def point(curve: Curve, form: PublicFormat = PublicFormat.UncompressedPoint) -> bytes:
    return private_key(curve).public_key().public_bytes(Encoding.X962, form)


def sign(signed: bytes, curve: Curve = Curve.SECP256R1, hash_: Hash = Hash.SHA256) -> bytes:
    return private_key(curve).sign(signed, ec.ECDSA(hash_.value))


ORDERS = {
    Curve.SECP256R1: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Curve.SECP256K1: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
"""Of the groups (SEC 2): a signature's other S is the order less S."""


def ocmf_reading(**changes: Any) -> dict[str, Any]:
    reading = {
        "TM": "2026-03-01T12:15:00,000+0700 S",
        "RV": 1234.567,
        "RI": OBIS_IMPORT,
        "RU": "kWh",
        "EF": "",
        "ST": "G",
    }
    return {name: value for name, value in {**reading, **changes}.items() if value is not None}


def ocmf_payload(*readings: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    payload = {
        "FV": "1.1",
        "GS": "GW-1",
        "PG": "F8",
        "MS": "MT-4711",
        "RD": list(readings) or [ocmf_reading()],
    }
    return {name: value for name, value in {**payload, **changes}.items() if value is not None}


def ocmf(payload: Mapping[str, Any] | str, **section: Any) -> bytes:
    """A record; `payload` as text is signed as it stands."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    given = {"SD": sign(text.encode()).hex(), **section}
    return f"OCMF|{text}|{json.dumps(given)}".encode()


def pack(*quantities: tuple[str, dict[int, Any]], **bases: Any) -> list[dict[int, Any]]:
    """A SenML pack of named quantities; the base fields go into the first record."""
    first = {-2: bases.get("bn", "urn:dev:ops:32473-4711/"), -3: bases.get("bt", 1_772_341_200)}
    records: list[dict[int, Any]] = [{0: name, **fields} for name, fields in quantities]
    records[0] = {**first, **records[0]}
    return records


def meter_pack(import_wh: Any = 1_000, export_wh: Any = 2_000, counter: Any = 8) -> Any:
    return pack(
        (OBIS_IMPORT, {1: "Wh", 2: import_wh}),
        (OBIS_EXPORT, {1: "Wh", 2: export_wh}),
        ("counter", {2: counter}),
        ("status", {3: "G"}),
    )


def cose(
    payload: Any,
    *,
    algorithm: int = -7,
    protected: Mapping[Any, Any] | None = None,
    unprotected: Mapping[Any, Any] | None = None,
    tagged: bool = True,
) -> bytes:
    """A COSE_Sign1 around a payload, or around its bytes as they are."""
    body = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
    header = cbor2.dumps({1: algorithm} if protected is None else dict(protected))
    how = ALGORITHMS[algorithm]
    signed = cbor2.dumps(["Signature1", header, b"", body])
    r, s = decode_dss_signature(sign(signed, how.curve, how.hash))
    size = how.curve.coordinate_bytes
    message: Sequence[Any] = [
        header, dict(unprotected or {}), body, r.to_bytes(size) + s.to_bytes(size),
    ]  # fmt: skip
    return cbor2.dumps(cbor2.CBORTag(18, message) if tagged else message)
