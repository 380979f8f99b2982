"""Meters, held energy and foreign meters' records as the interfaces show them."""

import hashlib

from gtxnode.chain.store import ChainStore
from gtxnode.ledger.bodies import SubmitRecord
from gtxnode.ledger.coins import HeldEnergy, decode_coin
from gtxnode.ledger.metering.territories import Territories
from gtxnode.ledger.transactions import parse
from gtxnode.metering.claims import Claims
from gtxnode.metering.foreign import judge
from gtxnode.metering.foreign import parse as parse_record
from gtxnode.metering.meters import FormerOwner, Meter, RecordKey
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.meters import (
    ClaimsView,
    FormerOwnerView,
    HeldView,
    JudgementView,
    MeterView,
    RecordKeyView,
    RecordView,
)
from gtxnode.rpc.wire import Address, Amount, Hex
from gtxnode.views.records import transaction_at


def meter_view(coin_id: bytes, meter: Meter, territories: Territories) -> MeterView:
    """A meter and its last accepted reading."""
    key = meter.public_key
    return MeterView(
        id=Hex(meter.meter),
        coin=Hex(coin_id),
        owner=Address(meter.owner),
        public_key=Hex(key.point if isinstance(key, RecordKey) else key),
        province=meter.province.name.lower(),
        utility=territories.utility_of(meter.province).name,
        zone=meter.zone.name.lower(),
        source=meter.source.name.lower(),
        capacity_w=Amount(meter.capacity_w),
        counter=meter.counter,
        last_end_s=meter.end_s,
        import_wh=Amount(meter.import_wh),
        export_wh=Amount(meter.export_wh),
        direction=meter.direction.name.lower(),
        revision=meter.revision,
        retired=meter.retired,
        last_moved_s=meter.moved_s,
        record_key=_record_key(key) if isinstance(key, RecordKey) else None,
        former_owner=_former_owner(meter.former) if meter.former is not None else None,
    )


def held_view(coin_id: bytes, encoded: bytes, territories: Territories) -> HeldView:
    """Energy that waits for the utility's judgement."""
    coin = decode_coin(encoded)
    assert isinstance(coin, HeldEnergy), "the index of what is held"
    return HeldView(
        Hex(coin_id),
        Hex(coin_id[:32]),
        Hex(coin.origin.meter),
        Address(coin.owner),
        coin.province.name.lower(),
        territories.utility_of(coin.province).name,
        Amount(coin.amount_wh),
        coin.origin.source.name.lower(),
        coin.origin.start_s,
        coin.origin.end_s,
        tuple(each.name.lower() for each in coin.suspicions),
    )


def judgement_view(record: bytes, public_key: str) -> JudgementView:
    """What is made of a record; takes as long as reading it does, so not on the event loop."""
    judgement = judge(record, public_key)
    claims = None
    if judgement.record is not None:
        claims = _claims_view(judgement.record.form, judgement.record.claims)
    return JudgementView(judgement.verdict.value, judgement.code, judgement.detail, claims)


def record_view(store: ChainStore, identity: bytes) -> RecordView:
    """The record that a transaction brought; raises `NotFound`."""
    height, encoded = transaction_at(store, identity)
    body = parse(store.chain_id, encoded).body
    if not isinstance(body, SubmitRecord):
        raise NotFound(f"a record in transaction {identity.hex()}")
    unverified = parse_record(body.record)
    return RecordView(
        Hex(identity),
        height,
        Hex(body.meter),
        body.key.curve.name.lower(),
        Hex(body.key.point),
        Hex(body.record),
        Hex(hashlib.sha256(body.record).digest()),
        _claims_view(unverified.form, unverified.claims),
    )


def _claims_view(form: str, claims: Claims) -> ClaimsView:
    return ClaimsView(
        form,
        claims.serial,
        claims.context,
        claims.status,
        tuple(claims.lacks),
        claims.counter,
        claims.end_ms,
        None if claims.import_wh is None else Amount(claims.import_wh),
        None if claims.export_wh is None else Amount(claims.export_wh),
    )


def _former_owner(former: FormerOwner) -> FormerOwnerView:
    return FormerOwnerView(Address(former.owner), former.until_s)


def _record_key(key: RecordKey) -> RecordKeyView:
    return RecordKeyView(key.curve.name.lower(), key.serial, key.context)
