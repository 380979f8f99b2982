"""COSE_Sign1 held against the RFC's own examples, and SenML packs as meters send them."""

import base64
from decimal import Decimal
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.metering import cbor
from gtxnode.metering.claims import Claims, Lack
from gtxnode.metering.cose import parse_cose, parse_sign1
from gtxnode.metering.curves import Curve, MeterKey, check_signature, parse_key
from gtxnode.metering.faults import BadRecord, Fault, Verdict
from gtxnode.metering.foreign import judge
from gtxnode.metering.records import MAX_DEPTH, MAX_RECORD_BYTES, RecordForm
from tests.metering.makers import OBIS_EXPORT, OBIS_IMPORT, cose, der, meter_pack, pack

KEY = der(Curve.SECP256R1)
NOON_MS = 1_772_341_200_000

# The examples of RFC 9052 appendix C.2 and of the working group that wrote it (cose-wg/Examples,
# `ecdsa-examples` and `sign1-tests`), by their names there.
CONTENT = b"This is the content."
RFC_P256 = (
    "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8",
    "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4",
)
RFC_P384 = (
    "kTJyP2KSsBBhnb4kjWmMF7WHVsY55xUPgb7k64rDcjatChoZ1nvjKmYmPh5STRKc",
    "mM0weMVU2DKsYDxDJkEP9hZiRZtB8fPfXbzINZj_fF7YQRynNWedHEyzAJOX2e8s",
)
R_256 = "EAE868ECC176883766C5DC5BA5B8DCA25DAB3C2E56A551CE5705B793914348E1"
S_256 = "9F43D6C6BA654472DA301B645B293C9BA939295B97C4BDB847782BFF384C5794"
S_WITH_TYPE = "72727F48461FABBBA2E343492DDECAC3983686250BC68E9F1A7A07D41225B59F"
BODY = "A104423131" + "54" + CONTENT.hex()
RS_384 = (
    "B8F85EFF78C88F5351CED2F1887B79B296490795594B62E41E22529BB90208B7D8CDDD4A46D0E9C986464D83D0A5D1ED"
    "F39B3E2C5750364230D0E8D76460D8808E76C83830FBBD1978CC174066EB437F17887979ECF027DCC9D51BAF6C4FD8C0"
)
ECDSA_SIG_01 = f"D28445A201260300{BODY}5840{R_256}{S_WITH_TYPE}"
ECDSA_SIG_02 = "D28444A1013822A1044450333834" + f"54{CONTENT.hex()}5860{RS_384}"
PASS_02_EXTERNAL = (
    f"D28443A10126{BODY}5840{R_256}55388B10C4F1B59A6733EAB416870A945111A4B2FBDBEF33A77234B1DEFF2F9B"
)
PASS_03_UNTAGGED = f"8443A10126{BODY}5840{R_256}{S_256}"
FAIL_01_TAG = f"D903E68443A10126{BODY}5840{R_256}{S_256}"
FAIL_02_CONTENT = f"D28443A10126{BODY[:-2]}2F5840{R_256}{S_256}"
FAIL_03_ALGORITHM = f"D28445A1013903E6{BODY}5840{R_256}{S_256}"
FAIL_04_ALGORITHM = f"D2844AA10167756E6B6E6F776E{BODY}5840{R_256}{S_256}"
FAIL_06_ADDED = f"D28445A201260300{BODY}5840{R_256}{S_256}"
FAIL_07_REMOVED = f"D28443A10126{BODY}5840{R_256}{S_WITH_TYPE}"
PASS_01_UNPROTECTED = (
    f"D28441A0A201260442313154{CONTENT.hex()}5840{R_256}"
    "1A02E5F0344BF2D4EE5C7FD75A68A9F5E0B3CC1F1FC1409C189566586FF9D610"
)


def rfc_key(coordinates: tuple[str, str], curve: Curve) -> MeterKey:
    return parse_key(b"".join(base64.urlsafe_b64decode(one + "==") for one in coordinates), curve)


def check_example(message: str, key: MeterKey) -> None:
    envelope = parse_sign1(bytes.fromhex(message))
    assert envelope.payload == CONTENT
    check_signature(key, envelope.algorithm, envelope.signed, envelope.signature)


def fault_of(message: bytes) -> Fault:
    with pytest.raises(BadRecord) as caught:
        parse_cose(message)
    return caught.value.fault


def claims(payload: Any) -> Claims:
    judgement = judge(cose(payload), KEY)
    assert judgement.record is not None, f"{judgement.code}: {judgement.detail}"
    return judgement.record.claims


@pytest.mark.parametrize("message", [ECDSA_SIG_01, PASS_03_UNTAGGED])
def test_the_rfcs_examples_on_p256_verify(message: str) -> None:
    check_example(message, rfc_key(RFC_P256, Curve.SECP256R1))


def test_the_rfcs_example_on_p384_verifies() -> None:
    check_example(ECDSA_SIG_02, rfc_key(RFC_P384, Curve.SECP384R1))


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (FAIL_01_TAG, Fault.BAD_SECTION),
        (FAIL_02_CONTENT, Fault.BAD_SIGNATURE),
        (FAIL_03_ALGORITHM, Fault.UNKNOWN_ALGORITHM),
        (FAIL_04_ALGORITHM, Fault.UNKNOWN_ALGORITHM),
        (FAIL_06_ADDED, Fault.BAD_SIGNATURE),
        (FAIL_07_REMOVED, Fault.BAD_SIGNATURE),
        # These two verify for who knows the external data, or takes an unsigned algorithm.
        (PASS_02_EXTERNAL, Fault.BAD_SIGNATURE),
        (PASS_01_UNPROTECTED, Fault.UNPROTECTED_ALGORITHM),
    ],
)
def test_the_rfcs_examples_that_must_fail(message: str, fault: Fault) -> None:
    with pytest.raises(BadRecord) as caught:
        check_example_signature(message)
    assert caught.value.fault is fault


def check_example_signature(message: str) -> None:
    envelope = parse_sign1(bytes.fromhex(message))
    key = rfc_key(RFC_P256, Curve.SECP256R1)
    check_signature(key, envelope.algorithm, envelope.signed, envelope.signature)


def test_a_record_says_what_stood_where() -> None:
    judgement = judge(cose(meter_pack()), KEY)
    assert judgement.record is not None
    assert judgement.record.form is RecordForm.COSE_SENML
    assert judgement.record.claims == Claims(
        serial="urn:dev:ops:32473-4711", context="", counter=8, start_ms=None, end_ms=NOON_MS,
        start_import_wh=None, start_export_wh=None, import_wh=1_000, export_wh=2_000,
        status="G", lacks=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("algorithm", "curve"),
    [(-7, Curve.SECP256R1), (-35, Curve.SECP384R1), (-47, Curve.SECP256K1)],
)
@pytest.mark.parametrize("tagged", [True, False])
def test_each_algorithm_on_its_curve(algorithm: int, curve: Curve, tagged: bool) -> None:
    message = cose(meter_pack(), algorithm=algorithm, tagged=tagged)
    assert judge(message, der(curve)).verdict is Verdict.VALID
    others = [one for one in (Curve.SECP256R1, Curve.SECP256K1) if one is not curve]
    assert {judge(message, der(one)).code for one in others} == {Fault.WRONG_CURVE}


@pytest.mark.parametrize("content_type", [112, "application/senml+cbor"])
def test_the_content_type_may_say_so(content_type: int | str) -> None:
    message = cose(meter_pack(), protected={1: -7, 3: content_type}, unprotected={4: b"kid"})
    assert judge(message, KEY).verdict is Verdict.VALID


def envelope(*parts: Any) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(18, list(parts)))


HEADER = cbor2.dumps({1: -7})
DEEP = b"\x81" * (MAX_DEPTH + 1) + b"\x01"


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (b"", Fault.BAD_SECTION),
        (b"\x18", Fault.BAD_SECTION),
        (DEEP, Fault.BAD_SECTION),
        (b"\x81" * 30_000, Fault.BAD_SECTION),
        (b"\x9a\x7f\xff\xff\xff", Fault.BAD_SECTION),
        (b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", Fault.BAD_SECTION),
        (cose(meter_pack()) + b"\0", Fault.BAD_SECTION),
        (b"\xd2" + cose(meter_pack()), Fault.NOT_A_RECORD),
        (b"\x9f" + cose(meter_pack(), tagged=False)[1:] + b"\xff", Fault.BAD_SECTION),
        (b"\x80", Fault.NOT_A_RECORD),
        (b"\x01", Fault.NOT_A_RECORD),
        (cbor2.dumps(cbor2.CBORTag(17, [HEADER, {}, b"\x80", b""])), Fault.BAD_SECTION),
        (envelope(HEADER, {}, None, b""), Fault.NOT_A_RECORD),
        (envelope(HEADER, {}, b"\x80"), Fault.NOT_A_RECORD),
        (envelope(HEADER, [], b"\x80", b""), Fault.NOT_A_RECORD),
        (envelope({1: -7}, {}, b"\x80", b""), Fault.NOT_A_RECORD),
        (envelope(b"\x01", {}, b"\x80", b""), Fault.BAD_SECTION),
        (envelope(HEADER + b"\0", {}, b"\x80", b""), Fault.BAD_SECTION),
        (envelope(b"\xa2\x01\x26\x01\x26", {}, b"\x80", b""), Fault.BAD_SECTION),
        (envelope(b"", {}, b"\x80", b""), Fault.UNPROTECTED_ALGORITHM),
        (envelope(b"\xa0", {1: -7}, b"\x80", b""), Fault.UNPROTECTED_ALGORITHM),
        (envelope(HEADER, {1: -7}, b"\x80", b""), Fault.DUPLICATE_NAME),
        (envelope(cbor2.dumps({1: -8}), {}, b"\x80", b""), Fault.UNKNOWN_ALGORITHM),
        (envelope(cbor2.dumps({1: -7.0}), {}, b"\x80", b""), Fault.UNKNOWN_ALGORITHM),
        (envelope(cbor2.dumps({1: [1]}), {}, b"\x80", b""), Fault.UNKNOWN_ALGORITHM),
        (envelope(cbor2.dumps({1: -7, 2: [9], 9: 1}), {}, b"\x80", b""), Fault.CRITICAL_HEADER),
        (envelope(cbor2.dumps({1: -7, 3: 0}), {}, b"\x80", b""), Fault.NOT_A_RECORD),
        (envelope(cbor2.dumps({1: -7, 3: []}), {}, b"\x80", b""), Fault.BAD_SECTION),
        (envelope(HEADER, {}, b"\xa0", b""), Fault.BAD_SECTION),
        (envelope(HEADER, {}, b"\x81\x01", b""), Fault.BAD_SECTION),
        (envelope(HEADER, {}, b"\x80\x80", b""), Fault.BAD_SECTION),
        (envelope(HEADER, {}, DEEP, b""), Fault.BAD_SECTION),
        (bytes(MAX_RECORD_BYTES + 1), Fault.TOO_LONG),
    ],
)
def test_what_is_refused_by_name(message: bytes, fault: Fault) -> None:
    assert fault_of(message) is fault


@pytest.mark.parametrize(
    "tag", [0, 1, 2, 3, 5, 18, 25, 28, 29, 30, 35, 36, 37, 258, 260, 43000, 55799]
)
def test_no_tag_but_decimal_fractions_in_a_payload(tag: int) -> None:
    payload = b"\x81\xa1\x02" + cbor2.dumps(cbor2.CBORTag(tag, "2026-01-01T00:00:00Z"))
    assert fault_of(envelope(HEADER, {}, payload, b"")) is Fault.BAD_SECTION


@pytest.mark.parametrize(
    ("written", "value_wh"),
    [
        (1_000, 1_000),
        (1_000.9, 1_000),
        (2.3, 2),
        (Decimal("1000.999"), 1_000),
        (Decimal("16E6"), 16_000_000),
    ],
)
def test_every_kind_of_number(written: Any, value_wh: int) -> None:
    assert claims(meter_pack(import_wh=written)).import_wh == value_wh


def test_a_float_is_the_decimal_that_was_meant() -> None:
    """2.3 kWh is below 2.3 as a double; taken literally it would be 2,299 Wh."""
    kilowatt_hours = pack((OBIS_IMPORT, {1: "kWh", 2: 2.3}), ("counter", {2: 1}))
    assert claims(kilowatt_hours).import_wh == 2_300


@pytest.mark.parametrize(
    "fraction", [[10**3, 1], [-(10**3), 1], [1], [1, 2, 3], [1.0, 1], [True, 1], 5]
)
def test_what_is_no_decimal_fraction(fraction: Any) -> None:
    data = cbor2.dumps(cbor2.CBORTag(cbor.DECIMAL_FRACTION, fraction))
    with pytest.raises(BadRecord):
        cbor.decode(data, what="number", decimals=True)


def test_base_fields_hold_until_replaced() -> None:
    """RFC 8428 section 4.6: names and times are joined, values added."""
    payload = [
        {-2: "urn:dev:m/", -3: 1_772_341_200, -4: "Wh", -5: 100, 0: OBIS_IMPORT, 2: 1},
        {0: OBIS_IMPORT, 2: 6, 6: 900},
        {-5: 0, 0: "counter", 2: 3, 6: 900},
        {0: "status", 3: "G", 6: 900},
    ]
    one = claims(payload)
    assert (one.start_import_wh, one.import_wh) == (101, 106)
    assert (one.start_ms, one.end_ms) == (NOON_MS, NOON_MS + 900_000)
    assert (one.serial, one.counter, one.lacks) == ("urn:dev:m", 3, ())


def test_other_quantities_are_passed_over() -> None:
    payload = [*meter_pack(), {0: "voltage", 1: "V", 2: 230.1}, {-2: "urn:dev:other/", 0: "x"}]
    assert claims(payload).lacks == ()


@pytest.mark.parametrize(
    ("payload", "lack"),
    [
        ([], Lack.SERIAL),
        ([], Lack.REGISTER),
        (meter_pack(counter=0), Lack.COUNTER),
        (meter_pack(counter=1.5), Lack.COUNTER),
        (meter_pack(counter=True), Lack.COUNTER),
        (meter_pack(counter=2**63), Lack.COUNTER),
        ([*meter_pack(), {0: "counter", 2: 9}], Lack.COUNTER),
        (meter_pack(import_wh="1"), Lack.REGISTER),
        (meter_pack(import_wh=-1), Lack.REGISTER),
        (meter_pack(import_wh=float("nan")), Lack.REGISTER),
        (meter_pack(import_wh=float("inf")), Lack.REGISTER),
        (meter_pack(import_wh=2**63), Lack.REGISTER),
        (pack((OBIS_EXPORT, {1: "V", 2: 1})), Lack.REGISTER),
        (pack((OBIS_EXPORT, {2: 1})), Lack.REGISTER),
        (pack((OBIS_EXPORT, {1: "Wh", 2: 1}), bt=-60), Lack.TIME),
        (pack((OBIS_EXPORT, {1: "Wh", 2: 1}), bt="now"), Lack.TIME),
        (pack((OBIS_EXPORT, {1: "Wh", 2: 1}), bt=10**18), Lack.TIME),
        (pack((OBIS_EXPORT, {1: "Wh", 2: 1}), bn=""), Lack.SERIAL),
        (pack((OBIS_EXPORT, {1: "Wh", 2: 1}), bn="/"), Lack.SERIAL),
        (pack((OBIS_EXPORT, {1: "Wh", 2: 1}), bn="a\n/"), Lack.SERIAL),
        ([*meter_pack(), {-2: "urn:dev:b/", 0: "counter", 2: 8}], Lack.SERIAL),
        ([*meter_pack(), {0: OBIS_IMPORT, 1: "Wh", 2: 1_001}], Lack.CONFLICT),
        (pack((OBIS_EXPORT, {1: "Wh", 2: 1}), ("status", {3: "M"})), Lack.STATUS),
        (pack((OBIS_EXPORT, {1: "Wh", 2: 1})), Lack.STATUS),
        ([{-1: 11}, *meter_pack()], Lack.VERSION),
        ([*meter_pack(), {"must_": 1}], Lack.VERSION),
    ],
)
def test_what_a_pack_lacks(payload: Any, lack: Lack) -> None:
    assert lack in claims(payload).lacks


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats() | st.text(max_size=9)
    | st.binary(max_size=9) | st.decimals(places=3, allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(-6, 8), inner),
    max_leaves=4,
)  # fmt: skip
LABELS = st.integers(-7, 9) | st.text(max_size=3)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xd2", b"\x84", b"\xd2\x84\x43\xa1\x01\x26"])
)
def test_garbage_is_read_or_refused_by_that_one_error(noise: bytes, start: bytes) -> None:
    assert judge(start + noise, KEY).verdict in (Verdict.MALFORMED, Verdict.INVALID)


@given(st.lists(st.dictionaries(LABELS, VALUES | st.sampled_from([OBIS_IMPORT, "Wh"]))))
def test_whatever_a_meter_signs_is_complete_only_in_full(payload: Any) -> None:
    judgement = judge(cose(payload), KEY)
    # Numbers beyond 64 bits are tagged, and refused.
    if judgement.record is not None and not judgement.record.claims.lacks:
        one = judgement.record.claims
        assert one.counter is not None
        assert one.end_ms is not None
        assert one.serial
        assert (one.import_wh, one.export_wh) != (None, None)


MESSAGE = cose(meter_pack())


@given(st.integers(0, len(MESSAGE) - 1), st.integers(0, 7))
def test_no_changed_bit_verifies(at: int, bit: int) -> None:
    changed = MESSAGE[:at] + bytes([MESSAGE[at] ^ 1 << bit]) + MESSAGE[at + 1 :]
    assert judge(changed, KEY).record is None
