"""From a foreign record to a native reading, and why the same record mints once."""

import hashlib
from typing import Any

import msgspec
import pytest

from gtxnode.metering.claims import Incomplete, Lack, reading_of
from gtxnode.metering.curves import Curve, parse_key
from gtxnode.metering.faults import BadRecord, Fault, Verdict
from gtxnode.metering.foreign import judge, parse, verify_with
from gtxnode.metering.meters import Direction, Meter, Reading
from gtxnode.metering.readings import ReadingLimits, accept
from gtxnode.metering.records import MeterRecord, RecordForm
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from tests.metering.makers import (
    OBIS_EXPORT,
    cose,
    der,
    meter_pack,
    ocmf,
    ocmf_payload,
    ocmf_reading,
)

KEY = der(Curve.SECP256R1)
NOON = 1_772_341_200
METER = Meter(
    bytes(16), b"\x02" * 33, bytes(20), Province.BANGKOK, Source.SOLAR, 5_000, Direction.BOTH,
    7, NOON - 900, 900, 1_500,
)  # fmt: skip


def record(data: bytes) -> MeterRecord:
    judgement = judge(data, KEY)
    assert judgement.record is not None, f"{judgement.code}: {judgement.detail}"
    return judgement.record


def accept_at_noon(meter: Meter, reading: Reading) -> Any:
    return accept(meter, reading, block_time_ms=NOON * 1_000, limits=ReadingLimits())


def ocmf_record(**changes: Any) -> bytes:
    exported = ocmf_reading(RI=OBIS_EXPORT, RV=2, TM="2026-03-01T12:00:00,000+0700 S")
    imported = {"RI": "1-0:1.8.0", "RV": 1}
    return ocmf(ocmf_payload(exported, imported, **changes))


@pytest.mark.parametrize(
    ("data", "form"),
    [(cose(meter_pack()), RecordForm.COSE_SENML), (ocmf_record(), RecordForm.OCMF)],
)
def test_each_form_comes_to_the_same_reading(data: bytes, form: RecordForm) -> None:
    one = record(data)
    assert one.form is form
    assert reading_of(one.claims, METER) == Reading(
        METER.meter, 8, 7, NOON - 900, NOON, import_wh=1_000, export_wh=2_000
    )
    metered = accept_at_noon(METER, reading_of(one.claims, METER))
    assert (metered.imported_wh, metered.exported_wh) == (100, 500)


def test_the_bytes_are_kept_for_audit() -> None:
    data = ocmf_record()
    one = record(data)
    assert one.original == data
    assert one.original_sha256 == hashlib.sha256(data).digest()
    assert one.signed_sha256 == hashlib.sha256(data.split(b"|")[1]).digest()
    assert one.key == parse_key(KEY, Curve.SECP256R1)


def test_a_record_mints_once() -> None:
    data = cose(meter_pack())
    after = accept_at_noon(METER, reading_of(record(data).claims, METER)).meter
    with pytest.raises(Refused) as caught:
        accept_at_noon(after, reading_of(record(data).claims, after))
    assert caught.value.reason is Reason.REPLAYED_READING


def test_a_record_that_says_nothing_new_mints_nothing() -> None:
    """Counted on and later, but the registers stand where they stood."""
    one = record(cose(meter_pack(import_wh=METER.import_wh, export_wh=METER.export_wh)))
    metered = accept_at_noon(METER, reading_of(one.claims, METER))
    assert (metered.imported_wh, metered.exported_wh) == (0, 0)


def test_an_older_record_is_out_of_order() -> None:
    with pytest.raises(Refused) as caught:
        accept_at_noon(METER, reading_of(record(cose(meter_pack(counter=6))).claims, METER))
    assert caught.value.reason is Reason.OUT_OF_ORDER_READING


def test_a_direction_that_is_not_mentioned_has_not_moved() -> None:
    only_export = ocmf(ocmf_payload(ocmf_reading(RI=OBIS_EXPORT, RV=2)))
    assert reading_of(record(only_export).claims, METER).import_wh == METER.import_wh
    only_import = ocmf(ocmf_payload(ocmf_reading(RV=1)))
    assert reading_of(record(only_import).claims, METER).export_wh == METER.export_wh


def test_an_incomplete_record_makes_no_reading() -> None:
    with pytest.raises(Incomplete) as caught:
        reading_of(record(ocmf_record(PG=None, MS=None, GS=None)).claims, METER)
    assert caught.value.lacks == (Lack.COUNTER, Lack.SERIAL)


def test_parse_tells_whose_key_to_look_up() -> None:
    unverified = parse(ocmf_record())
    assert unverified.claims.serial == "MT-4711"
    assert verify_with(unverified, KEY).claims == unverified.claims
    with pytest.raises(BadRecord) as caught:
        verify_with(unverified, der(Curve.SECP256K1))
    assert caught.value.fault is Fault.WRONG_CURVE


def test_judge_answers_for_every_record() -> None:
    key = parse_key(KEY, Curve.SECP256R1)
    other = parse_key(der(Curve.SECP256K1), Curve.SECP256K1)
    assert judge(ocmf_record(), key).verdict is Verdict.VALID
    assert judge(ocmf_record(), other).verdict is Verdict.INVALID
    assert judge(ocmf_record(), "no key").code == Fault.BAD_KEY
    assert judge(b"", key).verdict is Verdict.MALFORMED
    assert judge(b" OCMF|", key).code == Fault.NOT_A_RECORD


def test_faults_can_be_looked_up_and_read() -> None:
    assert all(Fault(fault.value) is fault for fault in Fault)
    assert all(fault.value == fault.name.lower() for fault in Fault)
    assert all(fault.description.endswith(".") for fault in Fault)
    assert all(fault.verdict is not Verdict.VALID for fault in Fault)


def test_nothing_of_a_record_can_be_changed() -> None:
    one = record(ocmf_record())
    with pytest.raises(AttributeError):
        one.claims.import_wh = 5  # type: ignore[misc]
    assert msgspec.structs.replace(one.claims, import_wh=5) != one.claims
