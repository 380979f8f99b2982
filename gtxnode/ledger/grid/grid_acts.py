"""What authorities say of the grid: its condition, its limits by slot, and its fund.

EGAT posts conditions and corridors' limits; the utilities of a zone limit what is sold out of it
and delivered in it. A limit holds for whole slots of the grid that have not ended; a later one
takes the place of an earlier one where the two overlap, and what sticks out of the earlier stays.
What is sold ahead and no longer fits is cut at once (curtailment.py); what was passed over and
fits again trades with the next block (passed_over.py).
"""

from typing import TypeVar

from gtxnode.grid.model import SLOT_S, GridModel
from gtxnode.grid.status import standing_of
from gtxnode.ledger.accounts import Why
from gtxnode.ledger.authority.mandates import authorised, enter
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import FundGrid, PostGridStatus, SetCorridorLimits, SetZoneLimits
from gtxnode.ledger.grid import corridors
from gtxnode.ledger.grid.carriage import spot_span
from gtxnode.ledger.grid.corridors import carrier_of
from gtxnode.ledger.grid.curtailment import curtail
from gtxnode.ledger.grid.grid_coins import (
    MAX_RANGES,
    CorridorRange,
    GridLimits,
    ZoneRange,
    ZoneStatus,
    is_raised,
    limits_coin_id,
    overlaid,
    slot_start,
    zone_status_coin_id,
)
from gtxnode.ledger.grid.sweeps import make_due_between
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.transfers import balance, move
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import PROVINCES_OF_ZONE
from gtxnode.primitives.zones import Role, Zone

MAX_AHEAD_S = 366 * 86_400

Ranges = TypeVar("Ranges", tuple[CorridorRange, ...], tuple[ZoneRange, ...])


def post_status(state: BlockState, transaction: CheckedTransaction) -> None:
    """Replace the condition of some zones."""
    body = transaction.body
    assert isinstance(body, PostGridStatus)
    model = _model(state)
    if list(body.zones) != sorted(set(body.zones)):
        raise Refused(Reason.BAD_RANGE, "zones: must be sorted, each once")
    for zone in body.zones:
        _check_zone(model, zone)
    role = authorised(state, transaction)
    context = state.context
    carrier = carrier_of(state)
    assert carrier is not None, "only a grid has a condition"
    worst = max(carrier.standing_of(zone, spot_span(state)) for zone in body.zones)
    for zone in body.zones:
        posted = ZoneStatus(zone, body.status, context.time_ms, role)
        coin_id = zone_status_coin_id(context.chain_id, zone)
        state.coins.get(coin_id)  # the one that it replaces, if any, is then known as spent
        state.coins.make(coin_id, posted)
    enter(state, transaction, role)
    _changed(state)
    # Of a slot that begins when what was posted before is too old nothing was known.
    if standing_of(model.status, body.status) < max(worst, model.status.unknown):
        make_due_between(state, 0, context.time_ms // 1_000 + model.status.max_age_s + 1)


def set_corridor_limits(state: BlockState, transaction: CheckedTransaction) -> None:
    """Limit a corridor over some slots."""
    body = transaction.body
    assert isinstance(body, SetCorridorLimits)
    model = _model(state)
    usual = {
        (each.first, each.second): (each.forward_mw, each.backward_mw) for each in model.corridors
    }
    if (body.first, body.second) not in usual:
        raise Refused(Reason.UNKNOWN_CORRIDOR, f"{body.first.name} to {body.second.name}")
    _check_times(state, body.start_s, body.end_s)
    role = authorised(state, transaction)
    held = _limits(state)
    new = CorridorRange(
        body.first, body.second, body.start_s, body.end_s, body.forward_mw, body.backward_mw
    )
    ranges = _room(overlaid(held.corridors, new, _now_s(state)))
    _keep(state, GridLimits(ranges, held.zones))
    enter(state, transaction, role)
    curtail(state, transaction.id, body.start_s, body.end_s)
    if is_raised(held.corridors, new, usual[body.first, body.second]):
        make_due_between(state, body.start_s, body.end_s)


def set_zone_limits(state: BlockState, transaction: CheckedTransaction) -> None:
    """Limit what is sold out of a zone, or delivered in it, over some slots."""
    body = transaction.body
    assert isinstance(body, SetZoneLimits)
    _check_zone(_model(state), body.zone)
    _check_times(state, body.start_s, body.end_s)
    role = authorised(state, transaction, _utilities(state, body.zone))
    held = _limits(state)
    new = ZoneRange(body.zone, body.start_s, body.end_s, body.sold_mw, body.delivered_mw)
    ranges = _room(overlaid(held.zones, new, _now_s(state)))
    _keep(state, GridLimits(held.corridors, ranges))
    enter(state, transaction, role)
    curtail(state, transaction.id, body.start_s, body.end_s)
    if is_raised(held.zones, new, (None, None)):
        make_due_between(state, body.start_s, body.end_s)


def fund_grid(state: BlockState, transaction: CheckedTransaction) -> None:
    """Pay into the grid's fund."""
    body = transaction.body
    assert isinstance(body, FundGrid)
    _model(state)
    left = balance(state, transaction, body.inputs, body.outputs, body.amount_ugtx)
    payer = next(iter(left.cash))
    left.cash[payer] += body.amount_ugtx
    move(state, transaction, body.inputs, body.outputs, left)
    state.accounts.post(payer, Why.GRID_FUND, ugtx=-body.amount_ugtx)
    corridors.fund(state, body.amount_ugtx)


def _model(state: BlockState) -> GridModel:
    model = state.context.parameters.grid
    if model is None:
        raise Refused(Reason.NO_GRID, "the parameter grid is empty")
    return model


def _check_zone(model: GridModel, zone: Zone) -> None:
    if zone not in model.zones:
        raise Refused(Reason.WRONG_ZONE, f"the grid has no zone {zone.name}")


def _check_times(state: BlockState, start_s: int, end_s: int) -> None:
    """A range is whole slots, and neither over nor too far ahead."""
    if start_s % SLOT_S or end_s % SLOT_S or start_s >= end_s:
        raise Refused(
            Reason.BAD_RANGE, f"{start_s} to {end_s}, must be multiples of {SLOT_S} s and rise"
        )
    now_s = _now_s(state)
    if end_s <= now_s or end_s > now_s + MAX_AHEAD_S:
        raise Refused(
            Reason.BAD_RANGE, f"ends {end_s - now_s} s from now, between 1 and {MAX_AHEAD_S}"
        )


def _utilities(state: BlockState, zone: Zone) -> frozenset[Role]:
    """Those that have a province of the zone in their territory."""
    territories = state.context.parameters.territories
    return frozenset(territories.utility_of(province) for province in PROVINCES_OF_ZONE[zone])


def _room(ranges: Ranges) -> Ranges:
    if len(ranges) > MAX_RANGES:
        raise Refused(Reason.TOO_MANY_LIMITS, f"{len(ranges)} ranges, at most {MAX_RANGES}")
    return ranges


def _limits(state: BlockState) -> GridLimits:
    coin = state.coins.get(limits_coin_id(state.context.chain_id))
    return coin if isinstance(coin, GridLimits) else GridLimits()


def _keep(state: BlockState, limits: GridLimits) -> None:
    state.coins.make(limits_coin_id(state.context.chain_id), limits)
    _changed(state)


def _changed(state: BlockState) -> None:
    if state.carrier is not None:
        state.carrier.forget()


def _now_s(state: BlockState) -> int:
    return slot_start(state.context.time_ms // 1_000)
