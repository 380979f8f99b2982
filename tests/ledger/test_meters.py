"""Meters on the chain: who registers them, what mints, and trying hard to mint twice."""

import msgspec
import pytest

from consensus import signing
from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash, Energy
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import Transaction, Witness, encode_transaction, parse
from gtxnode.metering.meters import Direction, Reading
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import (
    CHAIN,
    HOUR_S,
    KWH,
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


def test_in_the_central_region_either_utility_does() -> None:
    for signer in ("MEA", "PEA"):
        chain = LittleChain(parameters=ChainParameters(zones=(Zone.CENTRAL,)))
        chain.accepted(signed(registration("niran", zone=Zone.CENTRAL), signer))


def test_a_chain_takes_the_meters_of_its_zones(chain: LittleChain) -> None:
    body = registration("niran", zone=Zone.NORTHERN)
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
        assert encoded[:2] == b"\x92\x9b"
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
