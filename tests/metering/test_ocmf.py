"""The format's envelope and payload: what is read, and by which name the rest is refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.metering.claims import Claims, Lack
from gtxnode.metering.curves import Curve, Hash
from gtxnode.metering.faults import BadRecord, Fault, Verdict
from gtxnode.metering.foreign import judge
from gtxnode.metering.ocmf import CURVES, parse_ocmf
from gtxnode.metering.ocmf_claims import parse_time
from gtxnode.metering.records import MAX_DEPTH, MAX_RECORD_BYTES, MeterRecord
from tests.metering.makers import (
    OBIS_EXPORT,
    OBIS_IMPORT,
    der,
    ocmf,
    ocmf_payload,
    ocmf_reading,
    sign,
)

KEY = der(Curve.SECP256R1)
PAYLOAD = json.dumps(ocmf_payload())
RECORD = ocmf(PAYLOAD)


def valid(record: bytes, key: str | bytes = KEY) -> MeterRecord:
    judgement = judge(record, key)
    assert judgement.record is not None, f"{judgement.code}: {judgement.detail}"
    return judgement.record


def fault_of(record: bytes) -> Fault:
    with pytest.raises(BadRecord) as caught:
        parse_ocmf(record)
    return caught.value.fault


def claims(*readings: Any, **changes: Any) -> Claims:
    return parse_ocmf(ocmf(ocmf_payload(*readings, **changes))).claims


def test_a_record_says_what_stood_where() -> None:
    one = valid(ocmf(ocmf_payload()))
    assert one.claims == Claims(
        serial="MT-4711", context="F", counter=8, start_ms=None, end_ms=1_772_342_100_000,
        start_import_wh=None, start_export_wh=None, import_wh=1_234_567, export_wh=None,
        status="G", lacks=(),
    )  # fmt: skip


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("bits", [256, 384, 512])
def test_every_algorithm_by_its_name(name: str, bits: int) -> None:
    curve, hash_ = CURVES[name], Hash[f"SHA{bits}"]
    signature = sign(PAYLOAD.encode(), curve, hash_).hex()
    record = ocmf(PAYLOAD, SA=f"ECDSA-{name}-SHA{bits}", SD=signature)
    one = valid(record, der(curve))
    assert (Lack.WEAK_KEY in one.claims.lacks) is curve.weak


def test_without_a_name_the_curve_is_the_default() -> None:
    record = ocmf(PAYLOAD, SD=sign(PAYLOAD.encode(), Curve.SECP256K1).hex())
    assert judge(record, der(Curve.SECP256K1)).code == Fault.WRONG_CURVE


def test_the_payload_is_signed_as_it_stands() -> None:
    text = '\n {"FV" :"1.0",\r\n\t"PG":"T1" , "MS":"x|y\\"|\\\\", "RD": [ ]}\n '
    one = valid(ocmf(text))
    assert one.claims.serial == 'x|y"|\\'
    assert valid(b"\n " + ocmf(text) + b" \n").signed_sha256 == one.signed_sha256
    assert judge(ocmf(text).replace(b"\r\n", b"\n"), KEY).verdict is Verdict.INVALID


def test_the_same_payload_is_the_same_record() -> None:
    """ECDSA makes another signature each time."""
    first, second = valid(ocmf(PAYLOAD)), valid(ocmf(PAYLOAD))
    assert first.original_sha256 != second.original_sha256
    assert first.signed_sha256 == second.signed_sha256


def test_a_signature_in_base64() -> None:
    data = base64.b64encode(sign(PAYLOAD.encode())).decode()
    assert valid(ocmf(PAYLOAD, SE="base64", SD=data))
    assert judge(ocmf(PAYLOAD, SD=data), KEY).code == Fault.BAD_SIGNATURE_TEXT


DEEP = '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1)


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (b"", Fault.NOT_A_RECORD),
        (b"OCMF", Fault.NOT_A_RECORD),
        (b"ocmf|{}|{}", Fault.NOT_A_RECORD),
        (b"OCMF|{}", Fault.NOT_A_RECORD),
        (b"OCMF|{}|{}|{}", Fault.NOT_A_RECORD),
        (b'OCMF|{"a":"|}|{}', Fault.NOT_A_RECORD),
        (b"OCMF||", Fault.BAD_SECTION),
        (b"OCMF|[]|{}", Fault.BAD_SECTION),
        (b'OCMF|{}|"SD"', Fault.BAD_SECTION),
        (b"OCMF|{'FV':1}|{}", Fault.BAD_SECTION),
        (b'OCMF|{"a":NaN}|{}', Fault.BAD_SECTION),
        (b'OCMF|{"a":"\xff"}|{}', Fault.BAD_SECTION),
        (b'OCMF|{"a":"\n"}|{}', Fault.BAD_SECTION),
        (b"OCMF|{}{}|{}", Fault.BAD_SECTION),
        (b'OCMF|{"PG":"T1","PG":"T2"}|{}', Fault.DUPLICATE_NAME),
        (b'OCMF|{"RD":[{"RV":1,"RV":2}]}|{}', Fault.DUPLICATE_NAME),
        (b'OCMF|{}|{"SD":"00","SD":"01"}', Fault.DUPLICATE_NAME),
        (f"OCMF|{DEEP}|{{}}".encode(), Fault.TOO_DEEP),
        (b"OCMF|" + b"[" * 30_000 + b"|{}", Fault.TOO_DEEP),
        (b"OCMF|" + b" " * MAX_RECORD_BYTES, Fault.TOO_LONG),
        (b"OCMF|{}|{}", Fault.BAD_SIGNATURE_TEXT),
        (b'OCMF|{}|{"SD":12}', Fault.BAD_SIGNATURE_TEXT),
        (b'OCMF|{}|{"SD":"0"}', Fault.BAD_SIGNATURE_TEXT),
        (b'OCMF|{}|{"SD":"${x}00"}', Fault.BAD_SIGNATURE_TEXT),
        (b'OCMF|{}|{"SD":"00","SE":"base64url"}', Fault.BAD_SIGNATURE_TEXT),
        (b'OCMF|{}|{"SD":"00","SE":1}', Fault.BAD_SIGNATURE_TEXT),
        (b'OCMF|{}|{"SD":"00","SA":"RSA-2048-SHA256"}', Fault.UNKNOWN_ALGORITHM),
        (b'OCMF|{}|{"SD":"00","SA":"ECDSA-secp192k1-SHA256"}', Fault.UNKNOWN_ALGORITHM),
        (b'OCMF|{}|{"SD":"00","SA":"ECDSA-secp256r1"}', Fault.UNKNOWN_ALGORITHM),
        (b'OCMF|{}|{"SD":"00","SA":null}', Fault.UNKNOWN_ALGORITHM),
        (b'OCMF|{}|{"SD":"00","SM":"application/x-raw"}', Fault.UNKNOWN_ALGORITHM),
    ],
)
def test_what_is_refused_by_name(record: bytes, fault: Fault) -> None:
    assert fault_of(record) is fault


def test_a_long_string_that_never_ends_is_read_once() -> None:
    """Escapes without a string around them, which a search that starts over would take hours on."""
    assert fault_of(b"OCMF|" + b'\\"' * 16_000) is Fault.NOT_A_RECORD


@pytest.mark.parametrize(
    ("changes", "lack"),
    [
        ({"MS": None, "GS": None}, Lack.SERIAL),
        ({"MS": "", "GS": 5}, Lack.SERIAL),
        ({"MS": "x" * 65, "GS": ""}, Lack.SERIAL),
        ({"MS": "a\nb", "GS": "\ud800"}, Lack.SERIAL),
        ({"PG": None}, Lack.COUNTER),
        ({"PG": "T0"}, Lack.COUNTER),
        ({"PG": "8"}, Lack.COUNTER),
        ({"PG": "T-8"}, Lack.COUNTER),
        ({"PG": "T" + "9" * 19}, Lack.COUNTER),
        ({"PG": 8}, Lack.COUNTER),
        ({"FV": "2.0"}, Lack.VERSION),
        ({"FV": 1.0}, Lack.VERSION),
        ({"RD": []}, Lack.REGISTER),
        ({"RD": {}}, Lack.REGISTER),
        ({"RD": None}, Lack.REGISTER),
        ({"RD": [5, "x", None]}, Lack.REGISTER),
    ],
)
def test_what_a_payload_lacks(changes: dict[str, Any], lack: Lack) -> None:
    assert lack in claims(**changes).lacks


@pytest.mark.parametrize(
    ("changes", "lack"),
    [
        ({"RI": "1-0:1.8.1"}, Lack.REGISTER),
        ({"RI": None}, Lack.REGISTER),
        ({"RU": "sec"}, Lack.REGISTER),
        ({"RU": None}, Lack.REGISTER),
        ({"RV": None}, Lack.REGISTER),
        ({"RV": "lots"}, Lack.REGISTER),
        ({"RV": True}, Lack.REGISTER),
        ({"RV": [1]}, Lack.REGISTER),
        ({"RV": -1}, Lack.REGISTER),
        ({"RV": 10**30}, Lack.REGISTER),
        ({"TM": None}, Lack.TIME),
        ({"TM": "yesterday"}, Lack.TIME),
        ({"TM": "2026-02-30T12:00:00,000+0700 S"}, Lack.TIME),
        ({"TM": "1969-12-31T12:00:00,000+0700 S"}, Lack.TIME),
        ({"TM": "2026-03-01T12:15:00,000+0700 U"}, Lack.CLOCK),
        ({"EF": "t"}, Lack.CLOCK),
        ({"EF": "E"}, Lack.STATUS),
        ({"EF": "Et"}, Lack.STATUS),
        ({"ST": "M"}, Lack.STATUS),
        ({"ST": None}, Lack.STATUS),
    ],
)
def test_what_a_reading_lacks(changes: dict[str, Any], lack: Lack) -> None:
    assert lack in claims(ocmf_reading(**changes)).lacks


def test_a_transaction_says_where_it_began() -> None:
    began = ocmf_reading(RV="      1000.000", TM="2026-03-01T12:00:00,000+0700 S", TX="B")
    ended = {"TM": "2026-03-01T12:15:00,500+0700 S", "TX": "E", "RV": 1001.5}
    one = claims(began, ended, PG="T9")
    assert (one.context, one.counter) == ("T", 9)
    assert (one.start_ms, one.end_ms) == (1_772_341_200_000, 1_772_342_100_500)
    assert (one.start_import_wh, one.import_wh) == (1_000_000, 1_001_500)
    assert not one.lacks


def test_what_is_left_out_is_as_before() -> None:
    """But not the value: without one, a reading only says that something happened."""
    imported, exported = ocmf_reading(RV=5, RU="Wh"), {"RI": OBIS_EXPORT, "RV": 7, "RU": "Wh"}
    one = claims(imported, {"TX": "X"}, exported)
    assert (one.import_wh, one.export_wh, one.lacks) == (5, 7, ())


def test_other_registers_are_passed_over() -> None:
    seconds = ocmf_reading(RI="01-00:00.08.06.FF", RU="sec", RV="      30", ST="E")
    assert claims(ocmf_reading(), seconds).lacks == ()


@pytest.mark.parametrize(
    ("written", "value_wh"),
    [("1.606848e7", 16_068_480), ("12.0", 12), ("1E2", 100), ("00012.9", None), ("12.99", 12)],
)
def test_a_number_is_what_was_written(written: str, value_wh: int | None) -> None:
    """Which is JSON's own notation; in a string, zeros may stand before it."""
    reading = json.dumps(ocmf_reading(RV="@", RU="Wh"))
    payload = json.dumps(ocmf_payload(RD="@")).replace('"@"', f"[{reading}]")
    record = ocmf(payload.replace('"@"', written))
    if value_wh is None:
        assert judge(record, KEY).code == Fault.BAD_SECTION
    else:
        assert valid(record).claims.import_wh == value_wh
    assert valid(ocmf(payload.replace("@", written))).claims.import_wh == (value_wh or 12)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2018-07-24T13:22:04,000+0200 S", 1_532_431_324_000),
        ("2018-07-24T13:22:04.5+02:00 S", 1_532_431_324_500),
        ("2018-07-24T11:22:04Z", 1_532_431_324_000),
        ("2018-07-24T09:52:04,000-0130 R", 1_532_431_324_000),
        ("1970-01-01T00:00:00,001+0000 U", 1),
        ("2018-07-24T13:22:04,000+9900 S", None),
        ("2018-07-24T13:22:04,000", None),
        ("0000-07-24T13:22:04,000+0200", None),
        ("2018-07-24T13:22:60,000+0200", None),
    ],
)
def test_times(text: str, time_ms: int | None) -> None:
    time = parse_time(text)
    assert (None if time is None else time.time_ms) == time_ms


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(["FV", "GS", "PG", "MS", "RD"])
READING_FIELDS = st.sampled_from(["TM", "TX", "RV", "RI", "RU", "ST", "EF"])
READINGS = st.lists(
    st.dictionaries(READING_FIELDS, JSON | st.sampled_from([OBIS_IMPORT, "kWh", "1e9"]))
)


@given(st.binary(max_size=300), st.sampled_from([b"", b"OCMF|", b'OCMF|{"PG":"T1"}|']))
def test_garbage_is_read_or_refused_by_that_one_error(noise: bytes, start: bytes) -> None:
    assert judge(start + noise, KEY).verdict in (Verdict.MALFORMED, Verdict.INVALID)


@given(st.dictionaries(FIELDS, JSON | READINGS, max_size=5))
def test_whatever_a_meter_signs_is_valid_and_complete_only_in_full(payload: dict[str, Any]) -> None:
    one = valid(ocmf(payload)).claims
    if not one.lacks:
        assert one.counter is not None
        assert one.end_ms is not None
        assert one.serial
        assert (one.import_wh, one.export_wh) != (None, None)


@given(st.data())
def test_no_changed_bit_verifies(data: st.DataObject) -> None:
    """In the payload or in the signature; the signature's letters may change their case."""
    at = data.draw(st.integers(len("OCMF|"), len(RECORD) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = RECORD[:at] + bytes([RECORD[at] ^ 1 << bit]) + RECORD[at + 1 :]
    if changed.lower() == RECORD.lower() and at > RECORD.rindex(b"|"):
        return
    assert judge(changed, KEY).record is None
