"""Foreign meters' records on the chain: every one that says something new is a reading, once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gtxnode.batches.checking import check_signatures, is_short
from gtxnode.ledger.bodies import RotateMeterKey, SubmitRecord
from gtxnode.ledger.bodies.meters import MAX_CARRIED_RECORD_BYTES
from gtxnode.ledger.transactions import (
    CheckedTransaction,
    Transaction,
    Witness,
    encode_transaction,
    parse,
)
from gtxnode.metering.curves import Curve, parse_key
from gtxnode.metering.meters import KeyCurve, Reading, RecordKey
from gtxnode.metering.ocmf import CURVES
from gtxnode.primitives.errors import Reason, Refused
from tests.ledger.little_chain import (
    CHAIN,
    HOUR_S,
    KWH,
    LittleChain,
    meter_of,
    registration,
    signed,
)
from tests.metering.makers import (
    OBIS_EXPORT,
    cose,
    meter_pack,
    ocmf,
    ocmf_payload,
    ocmf_reading,
    point,
)
from tests.metering.makers import sign as signature
from tests.metering.test_ocmf_records import RECORDS

NAME = "niran"
SERIAL = "MT-4711"


def key_on(curve: Curve, serial: str = SERIAL, context: str = "F") -> RecordKey:
    return RecordKey(KeyCurve[curve.name], point(curve), serial, context)


KEY = key_on(Curve.SECP256R1)


@pytest.fixture
def chain() -> LittleChain:
    chain = LittleChain("somchai")
    chain.accepted(signed(registration(NAME, public_key=KEY), "MEA"))
    chain.block(after_s=HOUR_S)
    return chain


def record(chain: LittleChain, counter: int, exported_kwh: float, **section: Any) -> bytes:
    """An OCMF record of what the meter's export register shows now."""
    time = datetime.fromtimestamp(chain.now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S,000+0000 S")
    shown = ocmf_reading(TM=time, RV=exported_kwh, RI=OBIS_EXPORT)
    return ocmf(ocmf_payload(shown, PG=f"F{counter}"), **section)


def carried(data: bytes, key: RecordKey = KEY, by: str = "a gateway") -> CheckedTransaction:
    return signed(SubmitRecord(meter_of(NAME), key, data), by)


def refusal(make: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as caught:
        make()
    return caught.value.reason


def test_a_record_mints_what_it_shows_to_the_meters_owner(chain: LittleChain) -> None:
    outcome = chain.accepted(carried(record(chain, 1, 3.5)))
    assert (chain.energy(NAME), outcome.minted_wh) == (3_500, 3_500)
    meter = chain.meter(NAME)
    assert (meter.counter, meter.end_s, meter.export_wh) == (1, chain.now_s - 1, 3_500)


def test_anyone_may_bring_it_and_nobody_twice(chain: LittleChain) -> None:
    data = record(chain, 1, 3.5)
    chain.accepted(carried(data, by="somchai"))
    # Another gateway, another signature of the same payload, blanks around it: nothing new.
    again = record(chain, 1, 3.5)
    assert again != data
    chain.block(after_s=HOUR_S)
    for other in (data, again, b" " + data):
        assert chain.refused(carried(other, by="a thief")) is Reason.REPLAYED_READING
    assert chain.energy(NAME) == 3_500


def test_a_record_that_says_nothing_new_mints_nothing(chain: LittleChain) -> None:
    chain.accepted(carried(record(chain, 1, 3.5)))
    chain.block(after_s=HOUR_S)
    chain.accepted(carried(record(chain, 2, 3.5)))
    assert chain.energy(NAME) == 3_500
    chain.block(after_s=HOUR_S)
    assert chain.refused(carried(record(chain, 3, 3.4))) is Reason.REGISTER_DECREASED


def test_records_that_were_lost_lose_no_energy(chain: LittleChain) -> None:
    chain.accepted(carried(record(chain, 1, 1)))
    chain.block(after_s=5 * HOUR_S)
    chain.accepted(carried(record(chain, 6, 9)))
    assert chain.energy(NAME) == 9 * KWH
    assert chain.refused(carried(record(chain, 5, 9))) is Reason.OUT_OF_ORDER_READING


def test_what_is_not_the_meters_is_refused_before_execution(chain: LittleChain) -> None:
    data = record(chain, 1, 3.5)
    flipped = data.replace(b'"RV": 3.5', b'"RV": 9.5')
    assert refusal(lambda: carried(flipped)) is Reason.BAD_RECORD
    assert refusal(lambda: carried(b"OCMF|{}")) is Reason.BAD_RECORD
    other = key_on(Curve.SECP256K1)
    assert refusal(lambda: carried(data, other)) is Reason.BAD_RECORD
    nonsense = msgspec.structs.replace(KEY, point=b"\x04" + bytes(64))
    assert refusal(lambda: carried(data, nonsense)) is Reason.BAD_RECORD
    for wrong in (
        msgspec.structs.replace(KEY, serial="MT-4712"),
        msgspec.structs.replace(KEY, context="T"),
    ):
        assert refusal(lambda key=wrong: carried(data, key)) is Reason.OTHER_METERS_RECORD  # type: ignore[misc]
    unset = ocmf(ocmf_payload(ocmf_reading(TM="2027-01-15T16:00:00,000+0700 U"), PG="F1"))
    assert refusal(lambda: carried(unset)) is Reason.INCOMPLETE_RECORD


def test_a_key_that_is_not_registered_is_refused_by_the_state(chain: LittleChain) -> None:
    data = record(chain, 1, 3.5)
    body = SubmitRecord(meter_of("somchai"), KEY, data)
    assert chain.refused(signed(body, "a gateway")) is Reason.WRONG_METER_KEY
    body = SubmitRecord(meter_of("nobody"), KEY, data)
    assert chain.refused(signed(body, "a gateway")) is Reason.UNREGISTERED_METER


def test_a_foreign_meter_signs_no_native_readings(chain: LittleChain) -> None:
    body = Reading(meter_of(NAME), 1, 0, chain.now_s - HOUR_S, chain.now_s, 0, KWH)
    assert chain.refused(signed(body, f"{NAME}'s meter")) is Reason.WRONG_METER_KEY


def test_a_foreign_meters_key_is_rotated(chain: LittleChain) -> None:
    other = key_on(Curve.BRAINPOOL256R1)
    chain.accepted(signed(RotateMeterKey(meter_of(NAME), 1, other), "MEA"))
    assert chain.refused(carried(record(chain, 1, 3.5))) is Reason.WRONG_METER_KEY


def test_no_record_is_a_reading_of_two_meters(chain: LittleChain) -> None:
    other_count = msgspec.structs.replace(KEY, context="T")
    for key in (KEY, other_count):
        twin = registration("a twin", public_key=key)
        assert chain.refused(signed(twin, "MEA")) is Reason.KEY_IN_USE
        rotation = RotateMeterKey(meter_of("somchai"), 1, key)
        assert chain.refused(signed(rotation, "MEA")) is Reason.KEY_IN_USE
    # The key that a meter had stays its own, and one that is out of service keeps its key.
    chain.accepted(signed(RotateMeterKey(meter_of(NAME), 1, key_on(Curve.BRAINPOOL256R1)), "MEA"))
    assert chain.refused(signed(registration("a twin", public_key=KEY), "MEA")) is Reason.KEY_IN_USE
    chain.accepted(signed(RotateMeterKey(meter_of(NAME), 2, other_count), "MEA"))
    # Another meter behind the same key is another matter: its records name another serial.
    beside = msgspec.structs.replace(KEY, serial="MT-4712")
    chain.accepted(signed(registration("beside", public_key=beside), "MEA"))


@pytest.mark.parametrize("curve", [Curve[one.name] for one in KeyCurve], ids=lambda one: one.name)
def test_every_curve_mints(curve: Curve) -> None:
    chain = LittleChain("somchai")
    key = key_on(curve)
    chain.accepted(signed(registration(NAME, public_key=key), "MEA"))
    chain.block(after_s=HOUR_S)
    payload = json.dumps(
        ocmf_payload(
            ocmf_reading(
                TM=datetime.fromtimestamp(chain.now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S,0+0000 S"),
                RV="2.25",
                RI=OBIS_EXPORT,
            ),
            PG="F1",
        )
    )
    name = next(name for name, one in CURVES.items() if one is curve)
    made = signature(payload.encode(), curve).hex()
    data = ocmf(payload, SD=made, SA=f"ECDSA-{name}-SHA256")
    chain.accepted(carried(data, key))
    assert chain.energy(NAME) == 2_250


def test_cose_with_senml_mints_the_same() -> None:
    chain = LittleChain("somchai")
    key = key_on(Curve.SECP256R1, "urn:dev:ops:32473-4711", "")
    chain.accepted(signed(registration(NAME, public_key=key), "MEA"))
    chain.block(after_s=HOUR_S)
    pack = meter_pack(counter=1)
    pack[0][-3] = chain.now_s
    chain.accepted(carried(cose(pack), key))
    assert chain.energy(NAME) == 2 * KWH


def test_it_is_checked_in_a_worker_thread_with_the_signatures(chain: LittleChain) -> None:
    good = parse(CHAIN, carried(record(chain, 1, 3.5)).encoded)
    assert not is_short([good])
    assert is_short([parse(CHAIN, signed(registration("other"), "MEA").encoded)])
    forged = msgspec.structs.replace(
        good, body=msgspec.structs.replace(good.body, record=b"OCMF|{}|{}")
    )
    first, second = check_signatures([good, forged])
    assert isinstance(first, CheckedTransaction)
    assert first.claims is not None
    assert isinstance(second, Refused)
    assert second.reason is Reason.BAD_RECORD


@pytest.mark.parametrize("over", [0, 1])
def test_a_record_has_its_limit(over: int) -> None:
    body = SubmitRecord(meter_of(NAME), KEY, bytes(MAX_CARRIED_RECORD_BYTES + over))
    data = encode_transaction(Transaction(body, (Witness(bytes(33), bytes(64)),)))
    if over:
        assert refusal(lambda: parse(CHAIN, data)) is Reason.MALFORMED_TRANSACTION
    else:
        assert parse(CHAIN, data).body == body


@pytest.mark.parametrize("given", RECORDS, ids=lambda given: given["source"])
def test_real_records_have_the_same_verdict_here(given: dict[str, Any]) -> None:
    """Those that are valid are refused for what they leave open at most, never for a signature."""
    curve = CURVES[given["curve"].lower()]
    if curve.name not in KeyCurve.__members__:
        assert curve.weak
        return
    key = RecordKey(
        KeyCurve[curve.name], parse_key(given["public_key"], curve).point, "its serial", ""
    )
    try:
        carried(given["record"].encode(), key)
    except Refused as refused:
        valid = refused.reason is not Reason.BAD_RECORD
    else:
        valid = True
    assert valid is (given["verdict"] == "valid")
