"""What an order for a delivery slot is held against before anything moves.

Slot and gate, the numbers of open orders, the meter of an offer, the trader's own orders in an
auction, and the cash that is to cover it; what holds for any order is in order_limits.py.
"""

from typing import TypeAlias

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import ForwardBid, ForwardOffer
from gtxnode.ledger.coins import Cash, meter_coin_id
from gtxnode.ledger.licences import check_licence
from gtxnode.ledger.order_limits import check_price, check_terms
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.auction import Mechanism
from gtxnode.market.orders import Side
from gtxnode.market.slots import Product
from gtxnode.metering.meters import Direction, Meter
from gtxnode.primitives.errors import Reason, Refused

Body: TypeAlias = ForwardOffer | ForwardBid


def check_placing(state: BlockState, transaction: CheckedTransaction, body: Body) -> Product:
    """Hold an order against the limits; how its slot is traded."""
    context, rules = state.context, state.context.parameters.forwards
    check_terms(transaction, body, context.parameters.orders)
    check_price(state, body.price_mgtx_per_kwh)
    check_licence(state, body.trader, body.quantity_wh)
    product = rules.product_of(body.slot)
    ahead_ms = body.slot.start_s * 1_000 - context.time_ms
    if product is None or not body.slot.is_aligned or ahead_ms > rules.horizon_s * 1_000:
        raise Refused(
            Reason.UNKNOWN_SLOT,
            f"{body.slot.length_s} s from {body.slot.start_s}, {ahead_ms} ms ahead, "
            f"at most {rules.horizon_s} s",
        )
    closes_s = product.closes_s(body.slot)
    if context.time_ms >= closes_s * 1_000:
        raise Refused(Reason.GATE_CLOSED, f"at {closes_s}, now {context.time_ms // 1_000}")
    if state.forwards.count(body.trader) >= rules.max_open_per_trader:
        raise Refused(Reason.TOO_MANY_ORDERS, f"at most {rules.max_open_per_trader}")
    if len(state.forwards.books.get(body.slot, ())) >= rules.max_orders_per_slot:
        raise Refused(Reason.SLOT_FULL, f"at most {rules.max_orders_per_slot}")
    return product


def check_meter(state: BlockState, body: ForwardOffer) -> Meter:
    """The meter of an offer: the trader's own, and able to export all that it offers."""
    meter = state.coins.get(meter_coin_id(state.context.chain_id, body.meter))
    if not isinstance(meter, Meter):
        raise Refused(Reason.UNREGISTERED_METER, f"meter {body.meter.hex()}")
    if meter.retired:
        raise Refused(Reason.METER_RETIRED, f"meter {body.meter.hex()}")
    if meter.owner != body.trader:
        raise Refused(Reason.NOT_OWNER, f"meter {body.meter.hex()} is not the trader's")
    if meter.direction is Direction.CONSUMPTION_ONLY:
        raise Refused(Reason.EXPORT_NOT_ALLOWED, f"meter {body.meter.hex()}")
    most_wh = body.slot.capacity_wh(meter.capacity_w)
    offered_wh = state.forwards.committed_wh(body.meter, body.slot) + body.quantity_wh
    if offered_wh > most_wh:
        raise Refused(
            Reason.OVER_CAPACITY, f"{offered_wh} Wh of the slot offered in all, at most {most_wh}"
        )
    return meter


def check_own(state: BlockState, product: Product, body: Body, side: Side) -> None:
    """In an auction no order may reach one of the same trader: nobody trades with itself."""
    if product.mechanism is Mechanism.CONTINUOUS:
        return
    for order in state.forwards.own(body.trader, body.slot):
        over = body.price_mgtx_per_kwh - order.price_mgtx_per_kwh
        if order.side is not side and (over >= 0 if side is Side.BUY else over <= 0):
            raise Refused(Reason.OWN_ORDERS_CROSS, f"order {order.id.hex()}")


def check_cash(
    state: BlockState, transaction: CheckedTransaction, body: Body, locked_ugtx: int
) -> int:
    """What the inputs come to: at least what is locked."""
    total_ugtx = 0
    for coin_id in body.inputs:
        coin = state.coins.get(coin_id)
        if coin is None:
            raise Refused(Reason.UNKNOWN_COIN, f"input {coin_id.hex()}")
        check_spend(coin, transaction)
        assert isinstance(coin, Cash), "the spend rules let an order take no other kind"
        total_ugtx += coin.amount_ugtx
    if total_ugtx < locked_ugtx:
        raise Refused(Reason.OVERSPENT, f"locks {locked_ugtx} µGTX out of {total_ugtx}")
    return total_ugtx
