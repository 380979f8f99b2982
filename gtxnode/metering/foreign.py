"""Foreign meters' signed records: what a gateway turns into readings.

One entrance for every format. The first bytes tell which one a record is in: OCMF is text and
begins with its name, COSE_Sign1 is CBOR.

`parse` then `verify` is the way of a gateway that has to look the meter's key up; `judge` is for
who has the key already, and answers for every record rather than raising.
"""

from gtxnode.metering.cose import parse_cose
from gtxnode.metering.curves import MeterKey, parse_key
from gtxnode.metering.faults import BadRecord, Verdict
from gtxnode.metering.ocmf import parse_ocmf
from gtxnode.metering.records import Judgement, MeterRecord, Unverified, verify

_OCMF_STARTS = b"O \t\r\n"
"""What OCMF may begin with, white space included; no COSE_Sign1 begins with any of these."""


def parse(record: bytes) -> Unverified:
    """Read a record in whichever format it is. Raises `BadRecord`."""
    if record[:1] and record[0] in _OCMF_STARTS:
        return parse_ocmf(record)
    return parse_cose(record)


def verify_with(unverified: Unverified, public_key: str | bytes) -> MeterRecord:
    """The record, if the key signed it, in any of the spellings of `parse_key`.

    Raises `BadRecord`.
    """
    return verify(unverified, parse_key(public_key, unverified.algorithm.curve))


def judge(record: bytes, key: MeterKey | str | bytes) -> Judgement:
    """The verdict on a record, held against a key. Never raises."""
    try:
        unverified = parse(record)
        if isinstance(key, MeterKey):
            verified = verify(unverified, key)
        else:
            verified = verify_with(unverified, key)
    except BadRecord as bad:
        return Judgement(bad.fault.verdict, bad.fault.value, bad.detail)
    return Judgement(Verdict.VALID, record=verified)
