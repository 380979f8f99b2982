"""The Open Charge Metering Format: `OCMF|payload|signature`, as charge points and meters sign it.

The signature is over the payload's bytes exactly as they stand between the first two separators,
white space included: nothing is ever serialised again. The two sections are JSON objects; what
the payload says is read in ocmf_claims.py.

Source: OCMF 1.2 (SAFE e.V.), sections "JSON based OCMF Format" and "Cryptography". Where makers
depart from it:

- a separator inside a JSON string, which the specification forbids, separates nothing;
- `brainpoolP256r1` is written where the specification has `brainpool256r1`;
- a signature that is not DER is invalid, also where it would verify as R and S side by side: the
  specification knows no other type than DER;
- without `SA` the curve is secp256r1, whatever curve the key lies on.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from gtxnode.metering.curves import Algorithm, Curve, Hash, SignatureForm
from gtxnode.metering.faults import BadRecord, Fault
from gtxnode.metering.ocmf_claims import Number, claims_of
from gtxnode.metering.records import MAX_DEPTH, MAX_RECORD_BYTES, RecordForm, Unverified

HEADER = b"OCMF|"

CURVES: Mapping[str, Curve] = {
    "secp192r1": Curve.SECP192R1,
    "secp224r1": Curve.SECP224R1,
    "secp256r1": Curve.SECP256R1,
    "secp256k1": Curve.SECP256K1,
    "secp384r1": Curve.SECP384R1,
    "secp521r1": Curve.SECP521R1,
    "brainpool256r1": Curve.BRAINPOOL256R1,
    "brainpoolp256r1": Curve.BRAINPOOL256R1,
    "brainpool384r1": Curve.BRAINPOOL384R1,
    "brainpoolp384r1": Curve.BRAINPOOL384R1,
    "brainpool512r1": Curve.BRAINPOOL512R1,
    "brainpoolp512r1": Curve.BRAINPOOL512R1,
}
_HASHES: Mapping[str, Hash] = {
    "sha256": Hash.SHA256,
    "sha384": Hash.SHA384,
    "sha512": Hash.SHA512,
}
_DEFAULT_ALGORITHM = "ECDSA-secp256r1-SHA256"
_DEFAULT_ENCODING = "hex"
_DER = "application/x-der"

# A string is one token, so that what stands in it neither nests nor separates. One that never
# ends runs to the end of the text, which keeps the search linear.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}|]', re.DOTALL)
_WHITE = b" \t\r\n"


class _Sections(NamedTuple):
    payload: bytes
    signature: bytes


def parse_ocmf(original: bytes) -> Unverified:
    """Read a record. Raises `BadRecord` with a malformed fault, or `UNKNOWN_ALGORITHM`."""
    if len(original) > MAX_RECORD_BYTES:
        raise BadRecord(Fault.TOO_LONG, f"{len(original)} bytes, at most {MAX_RECORD_BYTES}")
    sections = _split(original)
    payload = _json_object(sections.payload, "payload")
    signature = _json_object(sections.signature, "signature")
    data = _signature_data(signature)
    return Unverified(
        form=RecordForm.OCMF,
        claims=claims_of(payload),
        algorithm=_algorithm(signature),
        signed=sections.payload,
        signature=data,
        original=original,
    )


def _split(original: bytes) -> _Sections:
    """The two sections. White space around the whole record is not part of it."""
    text = original.strip(_WHITE)
    if not text.startswith(HEADER):
        raise BadRecord(Fault.NOT_A_RECORD, "does not begin with OCMF|")
    separators: list[int] = []
    depth = 0
    for token in _TOKEN.finditer(text, len(HEADER)):
        match token[0]:
            case b"|":
                separators.append(token.start())
            case b"{" | b"[":
                depth += 1
                if depth > MAX_DEPTH:
                    raise BadRecord(Fault.TOO_DEEP, f"over {MAX_DEPTH}")
            case b"}" | b"]":
                depth -= 1
            case _:
                pass
    if len(separators) != 1:
        raise BadRecord(Fault.NOT_A_RECORD, f"{len(separators) + 2} sections, not 3")
    return _Sections(text[len(HEADER) : separators[0]], text[separators[0] + 1 :])


def _json_object(section: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(
            section.decode(),
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_duplicates,
        )
    except ValueError as error:  # JSON's and UTF-8's are of this kind
        raise BadRecord(Fault.BAD_SECTION, f"{name}: {error}"[:200]) from None
    if not isinstance(value, dict):
        raise BadRecord(Fault.BAD_SECTION, f"{name}: not an object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise BadRecord(Fault.DUPLICATE_NAME)
    return value


def _signature_data(section: Mapping[str, Any]) -> bytes:
    text, encoding = section.get("SD"), section.get("SE", _DEFAULT_ENCODING)
    if not isinstance(text, str):
        raise BadRecord(Fault.BAD_SIGNATURE_TEXT, "SD is not there, or not a string")
    try:
        if encoding == "hex":
            return bytes.fromhex(text)
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadRecord(Fault.BAD_SIGNATURE_TEXT, f"SD is not {encoding}") from None
    raise BadRecord(Fault.BAD_SIGNATURE_TEXT, "SE is neither hex nor base64")


def _algorithm(section: Mapping[str, Any]) -> Algorithm:
    name = section.get("SA", _DEFAULT_ALGORITHM)
    parts = name.lower().split("-") if isinstance(name, str) else []
    match parts:
        case ["ecdsa", curve, hash_] if curve in CURVES and hash_ in _HASHES:
            pass
        case _:
            raise BadRecord(Fault.UNKNOWN_ALGORITHM, f"SA is {str(name)[:60]!r}")
    if section.get("SM", _DER) != _DER:
        raise BadRecord(Fault.UNKNOWN_ALGORITHM, f"SM is {str(section['SM'])[:60]!r}")
    return Algorithm(CURVES[curve], _HASHES[hash_], SignatureForm.DER)
