"""Meters on the ledger: registration by a utility, and readings that mint what was exported."""

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import RegisterMeter
from gtxnode.ledger.coins import Energy, Origin, meter_coin_id, output_id
from gtxnode.ledger.mandates import authorised
from gtxnode.ledger.outcome import AcceptedReading
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import Meter, Reading
from gtxnode.metering.readings import accept
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import UTILITIES_OF_ZONE


def register_meter(state: BlockState, transaction: CheckedTransaction) -> None:
    """Make a meter known. A utility of the meter's zone signs; this chain serves the zone."""
    body = transaction.body
    assert isinstance(body, RegisterMeter)
    if body.zone not in state.context.parameters.zones:
        raise Refused(Reason.WRONG_ZONE, f"zone {body.zone.name}")
    authorised(state, transaction, UTILITIES_OF_ZONE[body.zone])
    coin_id = meter_coin_id(state.context.chain_id, body.meter)
    if state.coins.get(coin_id) is not None:
        raise Refused(Reason.METER_EXISTS, f"meter {body.meter.hex()}")
    state.coins.make(coin_id, registered(body))


def reading(state: BlockState, transaction: CheckedTransaction) -> None:
    """Move a meter on by a reading, and mint what it exported to the meter's owner."""
    body = transaction.body
    assert isinstance(body, Reading)
    coin_id = meter_coin_id(state.context.chain_id, body.meter)
    meter = state.coins.get(coin_id)
    assert meter is None or isinstance(meter, Meter), "meters' ids are their own domain"
    if meter is not None:
        check_spend(meter, transaction)
    metered = accept(
        meter,
        body,
        block_time_ms=state.context.time_ms,
        limits=state.context.parameters.readings,
    )
    after, exported_wh = metered.meter, metered.exported_wh
    state.coins.make(coin_id, after)
    if exported_wh:
        origin = Origin(after.zone, after.source, body.start_s, body.end_s, body.meter)
        energy = Energy(after.owner, exported_wh, origin)
        state.coins.make(output_id(transaction.id, 0), energy)
        state.minted_wh += exported_wh
    state.readings.append(
        AcceptedReading(transaction.id, body.meter, metered.imported_wh, exported_wh)
    )


def registered(body: RegisterMeter) -> Meter:
    """The meter that a registration makes, before its first reading."""
    return Meter(
        body.meter,
        body.public_key,
        body.owner,
        body.zone,
        body.source,
        body.capacity_w,
        body.direction,
        0,
        body.installed_s,
        body.import_wh,
        body.export_wh,
    )
