"""Meters on the ledger: their utility's words, and readings that mint what was exported.

The utility of the territory registers a meter, gives it another key, restates its registers after
a repair, and retires it. Everything else a meter's coin says comes from its own readings.
"""

import msgspec

from gtxnode.ledger.authority.mandates import authorised
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import (
    RegisterMeter,
    ResetMeter,
    RetireMeter,
    RotateMeterKey,
    SubmitRecord,
    TransferMeter,
)
from gtxnode.ledger.coins import Origin, RecordKeyUse, meter_coin_id, record_key_coin_id
from gtxnode.ledger.energy.minting import credit
from gtxnode.ledger.metering.homing import check_home
from gtxnode.ledger.metering.imports import counted
from gtxnode.ledger.metering.suspects import hold
from gtxnode.ledger.outcome import AcceptedReading
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.claims import reading_of
from gtxnode.metering.meters import Meter, Reading, RecordKey
from gtxnode.metering.readings import Metered, accept
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.zones import Role


def register_meter(state: BlockState, transaction: CheckedTransaction) -> None:
    """Make a meter known. The utility of its territory signs; this chain serves its zone."""
    body = transaction.body
    assert isinstance(body, RegisterMeter)
    zone = body.province.zone
    if zone not in state.context.parameters.zones:
        raise Refused(Reason.WRONG_ZONE, f"{body.province.name} is in zone {zone.name}")
    authorised(state, transaction, _utility(state, body.province))
    coin_id = meter_coin_id(state.context.chain_id, body.meter)
    if state.coins.get(coin_id) is not None:
        raise Refused(Reason.METER_EXISTS, f"meter {body.meter.hex()}")
    check_home(state, body.meter, body.public_key)
    claim_id = _key_to_claim(state, body.meter, body.public_key)
    state.coins.make(coin_id, registered(body))
    _claim(state, claim_id, body.meter)


def rotate_meter_key(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give a meter another key, which has signed too."""
    body = transaction.body
    assert isinstance(body, RotateMeterKey)
    coin_id, meter = to_change(state, transaction, body)
    key = body.public_key
    if isinstance(key, bytes) and key not in transaction.signers:
        raise Refused(Reason.UNPROVED_KEY, f"key {key.hex()}")
    check_home(state, body.meter, key)
    claim_id = _key_to_claim(state, body.meter, key)
    changed = msgspec.structs.replace(meter, public_key=key, revision=body.revision)
    state.coins.make(coin_id, changed)
    _claim(state, claim_id, body.meter)


def reset_meter(state: BlockState, transaction: CheckedTransaction) -> None:
    """Restate a meter's registers, and begin its counter anew.

    Readings from before cannot come again, though their counters could: they begin before
    `from_s`, which is not before the end of the last accepted one.
    """
    body = transaction.body
    assert isinstance(body, ResetMeter)
    coin_id, meter = to_change(state, transaction, body)
    if body.from_s < meter.end_s:
        raise Refused(
            Reason.OVERLAPPING_INTERVAL, f"from_s is {body.from_s}, last ended at {meter.end_s}"
        )
    ahead_s = body.from_s - state.context.time_ms // 1_000
    limit_s = state.context.parameters.readings.max_future_s
    if ahead_s > limit_s:
        raise Refused(Reason.READING_IN_FUTURE, f"from_s is {ahead_s} s ahead, at most {limit_s} s")
    changed = msgspec.structs.replace(
        meter,
        counter=0,
        end_s=body.from_s,
        import_wh=body.import_wh,
        export_wh=body.export_wh,
        revision=body.revision,
        moved_s=body.from_s,
    )
    state.coins.make(coin_id, changed)


def retire_meter(state: BlockState, transaction: CheckedTransaction) -> None:
    """Take a meter out of service. Its coin stays as a tombstone."""
    body = transaction.body
    assert isinstance(body, RetireMeter)
    coin_id, meter = to_change(state, transaction, body)
    changed = msgspec.structs.replace(meter, retired=True, revision=body.revision)
    state.coins.make(coin_id, changed)


def reading(state: BlockState, transaction: CheckedTransaction) -> None:
    """Move a meter on by a reading, and credit what it exported."""
    body = transaction.body
    assert isinstance(body, Reading | SubmitRecord)
    coin_id = meter_coin_id(state.context.chain_id, body.meter)
    meter = state.coins.get(coin_id)
    assert meter is None or isinstance(meter, Meter), "meters' ids are their own domain"
    if meter is not None:
        check_spend(meter, transaction)
    metered = accept(
        meter,
        native(transaction, meter),
        block_time_ms=state.context.time_ms,
        limits=state.context.parameters.readings,
    )
    after, rules = metered.meter, state.context.parameters.carbon
    if metered.imported_wh:
        now_s = state.context.time_ms // 1_000
        after = counted(after, metered.start_s, metered.imported_wh, now_s, rules.open_months)
    state.coins.make(coin_id, after)
    _add(state, transaction.id, metered)


def _add(state: BlockState, identity: bytes, metered: Metered) -> None:
    """What an accepted reading adds: energy, or what is held of it, and a line in the outcome."""
    meter = metered.meter
    owner = meter.owner_at(metered.start_s)
    origin = Origin(meter.zone, meter.source, metered.start_s, metered.end_s, meter.meter)
    if metered.suspicions:
        hold(state, identity, owner, metered, origin)
    else:
        credit(state, identity, owner, metered.exported_wh, origin)
    state.readings.append(
        AcceptedReading(
            identity,
            meter.meter,
            metered.imported_wh,
            metered.exported_wh,
            bool(metered.suspicions),
            owner,
            meter.zone,
            meter.source,
            meter.capacity_w,
            metered.start_s,
            metered.end_s,
        )
    )


def native(transaction: CheckedTransaction, meter: Meter | None) -> Reading:
    """What the transaction says, as a native reading; a foreign record's follows the meter's last.

    Refuses a record of a meter that is not registered.
    """
    body = transaction.body
    if isinstance(body, Reading):
        return body
    assert isinstance(body, SubmitRecord), "no other transaction is a reading"
    assert transaction.claims is not None, "verified with the signatures"
    if meter is None:
        raise Refused(Reason.UNREGISTERED_METER, f"meter {body.meter.hex()}")
    return reading_of(transaction.claims, meter)


def registered(body: RegisterMeter) -> Meter:
    """The meter that a registration makes, before its first reading."""
    return Meter(
        body.meter,
        body.public_key,
        body.owner,
        body.province,
        body.source,
        body.capacity_w,
        body.direction,
        0,
        body.installed_s,
        body.import_wh,
        body.export_wh,
        moved_s=body.installed_s,
    )


def _utility(state: BlockState, province: Province) -> frozenset[Role]:
    """Whose territory the province is."""
    return frozenset({state.context.parameters.territories.utility_of(province)})


def _key_to_claim(state: BlockState, meter: bytes, key: bytes | RecordKey) -> bytes | None:
    """The coin that says whose a foreign key is, where it is still to be made.

    A native reading names its meter; a record names a serial. Were two meters registered with one
    foreign key, each record would be a reading of both. Refuses that.
    """
    if isinstance(key, bytes):
        return None
    coin_id = record_key_coin_id(state.context.chain_id, key)
    use = state.coins.get(coin_id)
    if use is None:
        return coin_id
    assert isinstance(use, RecordKeyUse), "keys' ids are their own domain"
    if use.meter != meter:
        raise Refused(Reason.KEY_IN_USE, f"by meter {use.meter.hex()}")
    return None


def _claim(state: BlockState, coin_id: bytes | None, meter: bytes) -> None:
    if coin_id is not None:
        state.coins.make(coin_id, RecordKeyUse(meter))


def to_change(
    state: BlockState,
    transaction: CheckedTransaction,
    body: RotateMeterKey | ResetMeter | RetireMeter | TransferMeter,
) -> tuple[bytes, Meter]:
    """The meter that its utility changes, in service, with the id of its coin."""
    coin_id = meter_coin_id(state.context.chain_id, body.meter)
    meter = state.coins.get(coin_id)
    if not isinstance(meter, Meter):
        raise Refused(Reason.UNREGISTERED_METER, f"meter {body.meter.hex()}")
    authorised(state, transaction, _utility(state, meter.province))
    if meter.retired:
        raise Refused(Reason.METER_RETIRED, f"meter {body.meter.hex()}")
    if body.revision != meter.revision + 1:
        raise Refused(
            Reason.WRONG_REVISION, f"revision is {body.revision}, the next is {meter.revision + 1}"
        )
    return coin_id, meter
