"""A foreign meter's signed record, from its bytes to what its meter is known to have said.

Every format is translated to the same `Claims` (claims.py). A record is first parsed
(`Unverified`, so that its meter, and with it the key, can be looked up), then verified against that
key (`MeterRecord`), and only from that is a reading made.

The record's bytes are kept for audit. A signature can be changed without the key (S and its
negative both verify, and white space around the payload is not signed), so records are told apart
by `signed_sha256`, not by the hash of all their bytes.
"""

import hashlib
from enum import StrEnum

import msgspec

from gtxnode.metering.claims import Claims, Lack
from gtxnode.metering.curves import Algorithm, MeterKey, check_signature
from gtxnode.metering.faults import Verdict

MAX_RECORD_BYTES = 32_768
"""A limit on a record: longer ones are malformed. It bounds what a hostile one costs to read before
its signature is looked at (tens of milliseconds); a transaction of 300 readings fits."""
MAX_DEPTH = 16
"""How deep a record's objects and lists may be nested."""


class RecordForm(StrEnum):
    """The formats that are read."""

    OCMF = "ocmf"
    COSE_SENML = "cose-senml"


class Unverified(msgspec.Struct, frozen=True):
    """A record that was read, but not held against a key yet: nothing in it is known to be so."""

    form: RecordForm
    claims: Claims
    algorithm: Algorithm
    signed: bytes
    """The bytes that the signature is over."""
    signature: bytes
    original: bytes


class MeterRecord(msgspec.Struct, frozen=True):
    """A record that the holder of `key` signed."""

    form: RecordForm
    claims: Claims
    key: MeterKey
    original: bytes
    """As received, for audit."""
    original_sha256: bytes
    signed_sha256: bytes
    """The record's identity: of the signed bytes alone."""


class Judgement(msgspec.Struct, frozen=True):
    """What is made of a record: valid with the record, or not valid with the reason."""

    verdict: Verdict
    code: str = ""
    """Of the `Fault`; empty where valid."""
    detail: str = ""
    record: MeterRecord | None = None


def verify(unverified: Unverified, key: MeterKey) -> MeterRecord:
    """The record, if that key signed it. Raises `BadRecord`."""
    check_signature(key, unverified.algorithm, unverified.signed, unverified.signature)
    claims = unverified.claims
    if key.curve.weak:
        claims = msgspec.structs.replace(
            claims, lacks=tuple(sorted({*claims.lacks, Lack.WEAK_KEY}))
        )
    return MeterRecord(
        unverified.form,
        claims,
        key,
        unverified.original,
        hashlib.sha256(unverified.original).digest(),
        hashlib.sha256(unverified.signed).digest(),
    )
