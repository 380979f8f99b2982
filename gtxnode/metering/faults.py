"""What can be wrong with a foreign meter's record, and what that makes of it.

Three verdicts: a record is *malformed* where it cannot be read, *invalid* where it can be read
but is not signed by that key, else *valid*. Valid says that the meter said so, and no more: what
a valid record leaves open is in its `lacks` (records.py), and what it is worth is the reading
rule's business (readings.py).
"""

from enum import StrEnum


class Verdict(StrEnum):
    """What is made of a record."""

    VALID = "valid"
    INVALID = "invalid"
    MALFORMED = "malformed"


class Fault(StrEnum):
    """Why a record is not valid: a stable code, its verdict, and the sentence that explains it."""

    verdict: Verdict
    description: str

    # The defaults are for looking a fault up by its code: `Fault("bad_key")`.
    def __new__(
        cls, code: str, verdict: Verdict = Verdict.MALFORMED, description: str = ""
    ) -> "Fault":
        member = str.__new__(cls, code)
        member._value_ = code
        member.verdict = verdict
        member.description = description
        return member

    TOO_LONG = ("too_long", Verdict.MALFORMED, "The record is longer than a record may be.")
    TOO_DEEP = ("too_deep", Verdict.MALFORMED, "The record is nested deeper than a record may be.")
    NOT_A_RECORD = (
        "not_a_record",
        Verdict.MALFORMED,
        "The bytes are not in the envelope of a format that is known here.",
    )
    BAD_SECTION = (
        "bad_section",
        Verdict.MALFORMED,
        "A section is not the JSON object or the CBOR item that it has to be.",
    )
    DUPLICATE_NAME = ("duplicate_name", Verdict.MALFORMED, "An object gives one name twice.")
    BAD_SIGNATURE_TEXT = (
        "bad_signature_text",
        Verdict.MALFORMED,
        "The signature is absent, or not in the encoding that the record names.",
    )
    UNPROTECTED_ALGORITHM = (
        "unprotected_algorithm",
        Verdict.MALFORMED,
        "The algorithm stands outside what is signed, or nowhere.",
    )
    CRITICAL_HEADER = (
        "critical_header",
        Verdict.MALFORMED,
        "The record demands that a header is understood which is not.",
    )
    UNKNOWN_ALGORITHM = (
        "unknown_algorithm",
        Verdict.INVALID,
        "The record is signed in a way that is not checked here.",
    )
    BAD_KEY = ("bad_key", Verdict.INVALID, "The key that it is held against is not a public key.")
    WRONG_CURVE = (
        "wrong_curve",
        Verdict.INVALID,
        "The key lies on another curve than the record says that it was signed on.",
    )
    BAD_SIGNATURE_FORM = (
        "bad_signature_form",
        Verdict.INVALID,
        "The signature is not R and S in the form that the format prescribes.",
    )
    BAD_SIGNATURE = (
        "bad_signature",
        Verdict.INVALID,
        "The key's holder did not sign these bytes.",
    )


class BadRecord(Exception):
    """A record that is not valid: the fault, and a detail for people."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault.value}: {detail or fault.description}")
        self.fault = fault
        self.detail = detail
