"""Meters on the chain: who registers them, what mints, and trying hard to mint twice."""

import msgspec
import pytest

from consensus import signing
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import ResetMeter, RetireMeter, RotateMeterKey
from gtxnode.ledger.coins import Cash, Energy
from gtxnode.ledger.metering.territories import Territories
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import Transaction, Witness, encode_transaction, parse
from gtxnode.metering.meters import Direction, Reading
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import (
    CHAIN,
    HOUR_S,
    KWH,
    START_S,
    LittleChain,
    address,
    meter_of,
    public_key,
    reasons,
    registration,
    signed,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def chain() -> LittleChain:
    return LittleChain("somchai", "malee")


def test_a_utility_registers_a_meter_without_a_fee(chain: LittleChain) -> None:
    chain.accepted(signed(registration("niran"), "MEA"))
    meter = chain.meter("niran")
    assert meter.owner == address("niran")
    assert meter.counter == 0
    chain.export("niran", 3 * KWH)
    assert chain.energy("niran") == 3 * KWH


def test_a_meter_is_registered_once(chain: LittleChain) -> None:
    body = registration("niran")
    chain.accepted(signed(body, "MEA"))
    assert chain.refused(signed(body, "MEA")) is Reason.METER_EXISTS
    other_key = msgspec.structs.replace(body, public_key=public_key("a thief"))
    assert chain.refused(signed(other_key, "MEA")) is Reason.METER_EXISTS


@pytest.mark.parametrize("signer", ["PEA", "EGAT", "ERC", "niran"])
def test_only_the_zones_utility_registers_meters(chain: LittleChain, signer: str) -> None:
    assert chain.refused(signed(registration("niran"), signer)) is Reason.NOT_AUTHORISED


@pytest.mark.parametrize(
    ("province", "utility", "other"),
    [
        (Province.NONTHABURI, "MEA", "PEA"),
        (Province.SAMUT_PRAKAN, "MEA", "PEA"),
        (Province.PATHUM_THANI, "PEA", "MEA"),
    ],
)
def test_in_the_central_region_the_province_decides(
    province: Province, utility: str, other: str
) -> None:
    chain = LittleChain(parameters=ChainParameters(zones=(Zone.CENTRAL,)))
    body = registration("niran", province=province)
    assert chain.refused(signed(body, other)) is Reason.NOT_AUTHORISED
    chain.accepted(signed(body, utility))
    assert chain.meter("niran").zone is Zone.CENTRAL


def test_territories_are_a_parameter() -> None:
    rules = ChainParameters(zones=(Zone.BANGKOK,), territories=Territories(mea=()))
    chain = LittleChain(parameters=rules)
    assert chain.refused(signed(registration("niran"), "MEA")) is Reason.NOT_AUTHORISED
    chain.accepted(signed(registration("niran"), "PEA"))
    with pytest.raises(ValueError, match="twice"):
        Territories(mea=(Province.BANGKOK, Province.BANGKOK))


def test_a_chain_takes_the_meters_of_its_zones(chain: LittleChain) -> None:
    body = registration("niran", province=Province.CHIANG_MAI)
    assert chain.refused(signed(body, "PEA")) is Reason.WRONG_ZONE


def test_what_a_meter_showed_when_installed_is_not_minted(chain: LittleChain) -> None:
    chain.accepted(signed(registration("niran", export_wh=999 * KWH), "MEA"))
    chain.export("niran", 1)
    assert chain.energy("niran") == 1


def test_an_export_is_minted_to_the_owner_with_its_origin(chain: LittleChain) -> None:
    chain.block(after_s=HOUR_S)
    outcome = chain.accepted(chain.reading("somchai", 3 * KWH, 1 * KWH))
    ((_, coin),) = chain.coins("somchai", Energy)
    assert coin.amount_wh == outcome.minted_wh == chain.supply().minted_wh == 3 * KWH
    assert (coin.origin.zone, coin.origin.source) == (Zone.BANGKOK, Source.SOLAR)
    assert coin.origin.end_s - coin.origin.start_s == HOUR_S
    (accepted,) = outcome.readings
    assert (accepted.meter, accepted.imported_wh) == (meter_of("somchai"), KWH)
    assert outcome.fees_ugtx == 0


def test_an_import_mints_nothing(chain: LittleChain) -> None:
    chain.block(after_s=HOUR_S)
    outcome = chain.accepted(chain.reading("somchai", 0, 2 * KWH))
    assert outcome.minted_wh == 0
    assert chain.coins("somchai", Energy) == []


def test_a_store_and_forward_batch_is_taken_in_one_block(chain: LittleChain) -> None:
    start = chain.now_s
    chain.block(after_s=24 * HOUR_S)
    readings = [
        signed(
            Reading(
                meter_of("malee"),
                n + 1,
                n,
                start + n * HOUR_S,
                start + (n + 1) * HOUR_S,
                0,
                (n + 1) * KWH,
            ),
            "malee's meter",
        )
        for n in range(24)
    ]
    chain.accepted(*readings)
    assert chain.energy("malee") == 24 * KWH
    assert len(chain.coins("malee", Energy)) == 24


def test_readings_are_signed_by_the_meter_itself(chain: LittleChain) -> None:
    chain.block(after_s=HOUR_S)
    body = chain.reading("somchai", KWH).body
    for name in ("somchai", "malee's meter", "MEA"):
        assert chain.refused(signed(body, name)) is Reason.WRONG_METER_KEY


def test_readings_that_the_rules_refuse(chain: LittleChain) -> None:
    chain.export("somchai", KWH)
    chain.block(after_s=HOUR_S)
    good = chain.reading("somchai", KWH).body
    assert isinstance(good, Reading)
    stranger = msgspec.structs.replace(good, meter=meter_of("niran"))
    assert chain.refused(signed(stranger, "niran's meter")) is Reason.UNREGISTERED_METER

    def refused(**changes: int) -> Reason:
        return chain.refused(signed(msgspec.structs.replace(good, **changes), "somchai's meter"))

    assert refused(export_wh=0) is Reason.REGISTER_DECREASED
    assert refused(export_wh=10_000 * KWH) is Reason.OVER_CAPACITY
    assert refused(counter=3, previous_counter=2) is Reason.UNDECLARED_GAP
    assert refused(start_s=good.start_s - 1) is Reason.OVERLAPPING_INTERVAL
    chain.accepted(signed(good, "somchai's meter"))


def test_a_consumption_only_meter_mints_nothing(chain: LittleChain) -> None:
    body = registration("niran", direction=Direction.CONSUMPTION_ONLY)
    chain.accepted(signed(body, "MEA"))
    chain.block(after_s=HOUR_S)
    assert chain.refused(chain.reading("niran", 1)) is Reason.EXPORT_NOT_ALLOWED
    chain.accepted(chain.reading("niran", 0, KWH))


class TestChangesOfAMeter:
    """What its utility may change, and that nothing mints twice by it."""

    def rotation(self, name: str, to: str, revision: int = 1) -> RotateMeterKey:
        return RotateMeterKey(meter_of(name), revision, public_key(to))

    def test_a_new_key_takes_the_place_of_the_old_one(self, chain: LittleChain) -> None:
        chain.accepted(signed(self.rotation("malee", "a new device"), "MEA", "a new device"))
        chain.block(after_s=HOUR_S)
        body = chain.reading("malee", KWH).body
        assert chain.refused(signed(body, "malee's meter")) is Reason.WRONG_METER_KEY
        chain.accepted(signed(body, "a new device"))
        assert chain.energy("malee") == KWH

    @pytest.mark.parametrize("signers", [("malee",), ("malee's meter",), ("PEA",), ("ERC",)])
    def test_the_owner_and_the_old_key_do_not_do_it(
        self, chain: LittleChain, signers: tuple[str, ...]
    ) -> None:
        body = self.rotation("malee", "a new device")
        transaction = signed(body, *signers, "a new device")
        assert chain.refused(transaction) is Reason.NOT_AUTHORISED

    def test_nobody_gets_a_key_that_nobody_holds(self, chain: LittleChain) -> None:
        body = self.rotation("malee", "a new device")
        assert chain.refused(signed(body, "MEA")) is Reason.UNPROVED_KEY

    def test_a_rotation_that_was_undone_does_not_come_again(self, chain: LittleChain) -> None:
        there = signed(self.rotation("malee", "a device"), "MEA", "a device")
        back = signed(self.rotation("malee", "malee's meter", 2), "MEA", "malee's meter")
        chain.accepted(there, back)
        assert chain.refused(there) is Reason.WRONG_REVISION

    def test_a_change_names_a_meter_that_is_there(self, chain: LittleChain) -> None:
        body = self.rotation("niran", "a device")
        assert chain.refused(signed(body, "MEA", "a device")) is Reason.UNREGISTERED_METER

    def test_after_a_reset_only_what_flows_then_is_minted(self, chain: LittleChain) -> None:
        chain.export("malee", 4 * KWH)
        chain.block(after_s=HOUR_S)
        before = chain.reading("malee", KWH)
        reset = ResetMeter(meter_of("malee"), 1, chain.now_s, 0, 7)
        chain.accepted(signed(reset, "MEA"))
        # Its counter could come again; its interval cannot.
        assert chain.refused(before) is Reason.UNDECLARED_GAP
        chain.block(after_s=HOUR_S)
        old = Reading(meter_of("malee"), 1, 0, START_S, START_S + 1 + HOUR_S, 0, 4 * KWH)
        assert chain.refused(signed(old, "malee's meter")) is Reason.OVERLAPPING_INTERVAL
        chain.accepted(chain.reading("malee", 2 * KWH))
        assert chain.meter("malee").export_wh == 2 * KWH + 7
        assert chain.energy("malee") == 6 * KWH

    def test_a_reset_neither_goes_back_nor_ahead(self, chain: LittleChain) -> None:
        chain.export("malee", KWH)
        back = ResetMeter(meter_of("malee"), 1, chain.meter("malee").end_s - 1, 0, 0)
        assert chain.refused(signed(back, "MEA")) is Reason.OVERLAPPING_INTERVAL
        limit_s = chain.parameters.readings.max_future_s
        ahead = msgspec.structs.replace(back, from_s=chain.now_s + limit_s + 1)
        assert chain.refused(signed(ahead, "MEA")) is Reason.READING_IN_FUTURE
        good = msgspec.structs.replace(back, from_s=chain.now_s + limit_s)
        chain.accepted(signed(good, "MEA"))

    def test_a_retired_meter_is_never_read_or_registered_again(self, chain: LittleChain) -> None:
        chain.export("malee", KWH)
        chain.accepted(signed(RetireMeter(meter_of("malee"), 1), "MEA"))
        chain.block(after_s=HOUR_S)
        assert chain.refused(chain.reading("malee", KWH)) is Reason.METER_RETIRED
        assert chain.refused(signed(registration("malee"), "MEA")) is Reason.METER_EXISTS
        rotation = self.rotation("malee", "a device", 2)
        assert chain.refused(signed(rotation, "MEA", "a device")) is Reason.METER_RETIRED


class TestMintingTwice:
    """One export, and every way we know to have it minted again."""

    def test_in_one_block(self, chain: LittleChain) -> None:
        chain.block(after_s=HOUR_S)
        reading = chain.reading("somchai", KWH)
        outcome = chain.block(reading, reading, reading)
        assert reasons(outcome.receipts) == [None, *[Reason.ALREADY_EXECUTED] * 2]
        assert chain.energy("somchai") == KWH

    def test_in_another_block_and_after_others(self, chain: LittleChain) -> None:
        chain.block(after_s=HOUR_S)
        first = chain.reading("somchai", KWH)
        chain.accepted(first)
        assert chain.refused(first) is Reason.REPLAYED_READING
        chain.export("somchai", KWH)
        assert chain.refused(first) is Reason.OUT_OF_ORDER_READING

    def test_after_the_energy_was_spent(self, chain: LittleChain) -> None:
        chain.block(after_s=HOUR_S)
        reading = chain.reading("somchai", KWH)
        chain.accepted(reading)
        coins, cash = chain.coins("somchai", Energy), chain.coins("malee", Cash)
        body = wallet.retire(address("somchai"), coins, cash, KWH, 1_000)
        chain.accepted(signed(body, "somchai", "malee"))
        assert chain.refused(reading) is Reason.REPLAYED_READING

    def test_with_other_bytes_for_the_same_registers(self, chain: LittleChain) -> None:
        chain.block(after_s=HOUR_S)
        reading = chain.reading("somchai", KWH)
        body = reading.body
        assert isinstance(body, Reading)
        other = signed(msgspec.structs.replace(body, voltage_mv=230_000), "somchai's meter")
        assert other.id != reading.id
        outcome = chain.block(reading, other)
        assert reasons(outcome.receipts) == [None, Reason.REPLAYED_READING]

    def test_as_the_next_counter_with_the_same_registers(self, chain: LittleChain) -> None:
        chain.block(after_s=HOUR_S)
        reading = chain.reading("somchai", KWH)
        body = reading.body
        assert isinstance(body, Reading)
        later = msgspec.structs.replace(
            body, counter=2, previous_counter=1, start_s=body.end_s, end_s=body.end_s + 1
        )
        chain.accepted(reading, signed(later, "somchai's meter"))
        assert chain.energy("somchai") == KWH

    def test_with_readings_in_another_order(self, chain: LittleChain) -> None:
        start = chain.now_s
        chain.block(after_s=3 * HOUR_S)
        first, second, third = (
            signed(
                Reading(
                    meter_of("malee"),
                    n + 1,
                    n,
                    start + n * HOUR_S,
                    start + (n + 1) * HOUR_S,
                    0,
                    (n + 1) * KWH,
                ),
                "malee's meter",
            )
            for n in range(3)
        )
        outcome = chain.block(third, second, first, third, second, first, third, second)
        taken = [receipt.id for receipt in outcome.receipts if receipt.ok]
        assert taken == [first.id, second.id, third.id]
        assert chain.energy("malee") == 3 * KWH

    def test_with_the_other_signature(self, chain: LittleChain) -> None:
        """The high-S twin has the same id, and does not verify anyway."""
        chain.block(after_s=HOUR_S)
        reading = chain.reading("somchai", KWH)
        parsed = parse(CHAIN, reading.encoded)
        (witness,) = parsed.witnesses
        s = int.from_bytes(witness.signature[32:], "big")
        twin = witness.signature[:32] + (ORDER - s).to_bytes(32, "big")
        encoded = encode_transaction(Transaction(parsed.body, (Witness(witness.public_key, twin),)))
        other = parse(CHAIN, encoded)
        assert other.id == reading.id
        assert signing.verify_slice(other.signature_checks()) == [False]
        assert signing.low_s(twin) == witness.signature
        # Even if it were let through, it would be the same transaction.
        outcome = chain.block(reading, other.verified())
        assert reasons(outcome.receipts) == [None, Reason.ALREADY_EXECUTED]
        assert chain.refused(other.verified()) is Reason.REPLAYED_READING

    def test_with_another_encoding(self, chain: LittleChain) -> None:
        chain.block(after_s=HOUR_S)
        encoded = chain.reading("somchai", KWH).encoded
        assert encoded[:2] == b"\x92\x9c"
        # An array with a longer header, and a transaction with something behind it.
        for other in (
            b"\xdc\x00\x02" + encoded[1:],
            encoded + b"\xc0",
            b"\x93" + encoded[1:] + b"\xc0",
        ):
            with pytest.raises(Refused) as caught:
                parse(CHAIN, other)
            assert caught.value.reason is Reason.MALFORMED_TRANSACTION

    def test_on_another_chain(self, chain: LittleChain) -> None:
        chain.block(after_s=HOUR_S)
        reading = chain.reading("somchai", KWH)
        elsewhere = parse("geo_northern-test", reading.encoded)
        assert elsewhere.id != reading.id
        assert signing.verify_slice(elsewhere.signature_checks()) == [False]

    def test_with_a_second_witness(self, chain: LittleChain) -> None:
        chain.block(after_s=HOUR_S)
        reading = chain.reading("somchai", KWH)
        both = signed(reading.body, "somchai's meter", "a stranger")
        assert both.id == reading.id
        assert reasons(chain.block(both, reading).receipts) == [None, Reason.ALREADY_EXECUTED]
        assert chain.energy("somchai") == KWH
