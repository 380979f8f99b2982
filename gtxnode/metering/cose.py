"""COSE_Sign1 (RFC 9052 section 4.2) around SenML in CBOR: signed records of constrained meters.

What is signed is rebuilt as the specification says (section 4.4), from the protected header's and
the payload's bytes exactly as received. The algorithms are those of RFC 9053 section 2.1 and
RFC 8812 section 3.2 that meters have: ES256, ES384 and ES256K, each on its own curve only.

Stricter than the RFC asks: the algorithm has to be protected, the payload has to be there, and a
header that must be understood is refused.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gtxnode.metering import cbor
from gtxnode.metering.curves import Algorithm, Curve, Hash, SignatureForm
from gtxnode.metering.faults import BadRecord, Fault
from gtxnode.metering.records import MAX_RECORD_BYTES, RecordForm, Unverified
from gtxnode.metering.senml import claims_of_pack

COSE_SIGN1 = 18
"""The tag, which may be left out."""
SENML_CBOR = (112, "application/senml+cbor")
"""What the content type may be, as a CoAP number or in words, where the header has one."""

_ALGORITHM, _CRITICAL, _CONTENT_TYPE = 1, 2, 3
"""Labels of header parameters (RFC 9052 section 3.1)."""

ALGORITHMS: Mapping[int, Algorithm] = {
    -7: Algorithm(Curve.SECP256R1, Hash.SHA256, SignatureForm.FIXED),
    -35: Algorithm(Curve.SECP384R1, Hash.SHA384, SignatureForm.FIXED),
    -47: Algorithm(Curve.SECP256K1, Hash.SHA256, SignatureForm.FIXED),
}


class Sign1(msgspec.Struct, frozen=True):
    """A COSE_Sign1 message, whatever its payload is."""

    algorithm: Algorithm
    content_type: int | str | None
    payload: bytes
    signed: bytes
    """The encoded Sig_structure, which the signature is over."""
    signature: bytes


def parse_cose(original: bytes) -> Unverified:
    """Read a record. Raises `BadRecord` with a malformed fault, or `UNKNOWN_ALGORITHM`."""
    message = parse_sign1(original)
    if message.content_type is not None and message.content_type not in SENML_CBOR:
        detail = f"content type {str(message.content_type)[:60]}"
        raise BadRecord(Fault.NOT_A_RECORD, detail)
    return Unverified(
        form=RecordForm.COSE_SENML,
        claims=claims_of_pack(cbor.decode(message.payload, what="payload", decimals=True)),
        algorithm=message.algorithm,
        signed=message.signed,
        signature=message.signature,
        original=original,
    )


def parse_sign1(original: bytes) -> Sign1:
    """Read the envelope only. Raises `BadRecord`."""
    if len(original) > MAX_RECORD_BYTES:
        raise BadRecord(Fault.TOO_LONG, f"{len(original)} bytes, at most {MAX_RECORD_BYTES}")
    message = cbor.decode(original, what="message", keep=(COSE_SIGN1,))
    if isinstance(message, cbor.Tagged):
        message = message.item
    match message:
        case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]:
            pass
        case _:
            raise BadRecord(Fault.NOT_A_RECORD, "not a COSE_Sign1 with its payload")
    header = cbor.decode(protected, what="protected header") if protected else {}
    if not isinstance(header, dict):
        raise BadRecord(Fault.BAD_SECTION, "protected header: not a map")
    if header.keys() & unprotected.keys():
        raise BadRecord(Fault.DUPLICATE_NAME, "in the protected and the unprotected header")
    if _CRITICAL in header:
        raise BadRecord(Fault.CRITICAL_HEADER, str(header[_CRITICAL])[:60])
    return Sign1(
        algorithm=_algorithm(header),
        content_type=_content_type(header),
        payload=payload,
        signed=cbor.encode(["Signature1", protected, b"", payload]),
        signature=signature,
    )


def _algorithm(header: Mapping[Any, Any]) -> Algorithm:
    if _ALGORITHM not in header:
        raise BadRecord(Fault.UNPROTECTED_ALGORITHM)
    name = header[_ALGORITHM]
    if type(name) is not int or name not in ALGORITHMS:
        raise BadRecord(Fault.UNKNOWN_ALGORITHM, f"alg is {str(name)[:60]}")
    return ALGORITHMS[name]


def _content_type(header: Mapping[Any, Any]) -> int | str | None:
    value = header.get(_CONTENT_TYPE)
    if value is None or type(value) is int or isinstance(value, str):
        return value
    raise BadRecord(Fault.BAD_SECTION, "content type: neither a number nor text")
