"""Orders for delivery slots: placed, traded as their product's mechanism says, given back.

An offer names the meter that is to export the energy, and locks collateral for the worst shortfall
(market/imbalance.py); a bid locks its payment. In continuous trading an order meets the slot's book
at once, under the terms of spot orders (market/plan.py). Else it waits for the slot's auction
(gate_closure.py). A trade makes a contract, whose coin holds what either outcome pays
(forward_coins.py). An order ends at gate closure, or earlier if it says so.

Worked example. Malee offers 10 kWh at 3.5 GTX for an hour, and locks 28.8 GTX: 6.38 is what a kWh
costs that is missing, and 2.88 of that is not in the price. Niran bids 4.0 for 10 kWh and locks 40.
They trade at 3.5: 5 GTX go back to Niran, and the contract holds 63.8, 6.38 for each kWh.
"""

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Cancel, ForwardBid, ForwardOffer
from gtxnode.ledger.coins import Cash, expiry_id, order_coin_id, output_id
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.delivery.forward_limits import (
    Body,
    check_meter,
    check_own,
    check_placing,
    giving_way,
    side_of,
)
from gtxnode.ledger.delivery.forward_trades import open_order, pay, trade, trading_of
from gtxnode.ledger.grid.carriage import check_slot
from gtxnode.ledger.market import orders
from gtxnode.ledger.market.fills import rested
from gtxnode.ledger.market.market_rules import check_halts, check_slot_usage
from gtxnode.ledger.market.order_limits import check_immediate
from gtxnode.ledger.market.orders import FIRST_CHANGE, inputs_of, lock, spend_inputs
from gtxnode.ledger.market.standing import Standing, standing_with
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.auction import Mechanism
from gtxnode.market.orders import Terms
from gtxnode.market.slots import Product, Slot
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Zone

# Output 0 of an order's transaction is the order's coin; change comes after it, and after that what
# an immediate order did not trade.
_UNTRADED = FIRST_CHANGE + 1


def offer(state: BlockState, transaction: CheckedTransaction) -> None:
    """Offer what a meter is to export. Refuses what rules forbid or cash does not cover."""
    body = transaction.body
    assert isinstance(body, ForwardOffer)
    product, expires_s = check_placing(state, transaction, body)
    meter = check_meter(state, body.trader, body.meter, body.slot, body.quantity_wh)
    check_halts(state, body.trader, body.slot.length_s, (meter.zone,))
    check_slot(state, meter.zone, body.slot)
    order = ForwardSell(
        body.trader,
        body.price_mgtx_per_kwh,
        body.quantity_wh,
        body.slot,
        body.meter,
        meter.zone,
        meter.source,
        collateral_for(state, body.price_mgtx_per_kwh),
        product.closes_s(body.slot),
        expires_s,
        state.context.height,
        len(state.receipts),
        _standing_in(body.terms, meter.zone),
    )
    _place(state, transaction, body, product, order)


def bid(state: BlockState, transaction: CheckedTransaction) -> None:
    """Ask for energy in a slot. Refuses what rules forbid or cash does not cover."""
    body = transaction.body
    assert isinstance(body, ForwardBid)
    product, expires_s = check_placing(state, transaction, body)
    if body.zone not in state.context.parameters.zones:
        raise Refused(Reason.WRONG_ZONE, f"zone {body.zone.name}")
    check_halts(state, body.trader, body.slot.length_s, (body.zone,))
    check_slot_usage(state, body.trader, body.slot, body.quantity_wh)
    check_slot(state, body.zone, body.slot)
    order = ForwardBuy(
        body.trader,
        body.price_mgtx_per_kwh,
        body.quantity_wh,
        body.slot,
        body.zone,
        product.closes_s(body.slot),
        expires_s,
        state.context.height,
        len(state.receipts),
        _standing_in(body.terms, body.zone),
    )
    _place(state, transaction, body, product, order)


def collateral_for(state: BlockState, price_mgtx_per_kwh: int) -> int:
    """What an offer at that price locks for each Wh."""
    parameters = state.context.parameters
    return parameters.forwards.imbalance.collateral(
        price_mgtx_per_kwh, parameters.orders.max_price_mgtx_per_kwh
    )


def cancel(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give back what is left of an open order of either market. A contract is not cancelled."""
    body = transaction.body
    assert isinstance(body, Cancel)
    coin = state.coins.get(order_coin_id(body.order))
    if not isinstance(coin, ForwardOrder):
        orders.cancel(state, transaction)
        return
    check_spend(coin, transaction)
    _end(state, body.order, coin, output_id(transaction.id, 0))


def cancel_all(state: BlockState, trader: bytes) -> None:
    """Give back what is left of every open order of a trader, whoever asks for it."""
    for order_id in state.forwards.of(trader):
        _end_unasked(state, order_id)
        state.cancelled.append(order_id)


def withdraw(state: BlockState, trader: bytes, meter: bytes) -> None:
    """Give back what is left of a trader's open offers on a meter."""
    for order_id in state.forwards.of(trader):
        order = open_order(state, order_id)
        if isinstance(order, ForwardSell) and order.meter == meter:
            _end_unasked(state, order_id)
            state.cancelled.append(order_id)


def expire(state: BlockState) -> None:
    """Give back what is left of every order that was to end before its gate and has by now."""
    while (order_id := state.forwards.next_expired(state.context.time_ms)) is not None:
        _end_unasked(state, order_id)
        state.expired.append(order_id)


def _place(
    state: BlockState,
    transaction: CheckedTransaction,
    body: Body,
    product: Product,
    order: ForwardOrder,
) -> None:
    order_id = transaction.id
    check_own(state, product, order.trader, order.slot, side_of(body), order.price_mgtx_per_kwh)
    cash = inputs_of(state, transaction, body.inputs, Cash)
    over_ugtx = lock(sum(coin.amount_ugtx for coin in cash), order.locked_ugtx)
    if body.immediate:
        trading = trading_of(state, product, order.slot)
        check_immediate(body, state.forwards.tradable_wh(order_id, order, trading))
        worst = None
    else:
        worst = giving_way(state, order_id, order, product)
    spend_inputs(state, body.inputs, order.trader)
    pay(state, output_id(order_id, FIRST_CHANGE), order.trader, over_ugtx)
    _enter(state, order_id, body, product, order)
    if worst is not None:
        _make_room(state, worst, order.slot)


def _make_room(state: BlockState, worst: bytes, slot: Slot) -> None:
    """Put an order out of a slot that has become too full, if it has not traded meanwhile."""
    most = state.context.parameters.forwards.max_orders_per_slot
    full = len(state.forwards.books.get(slot, ())) > most
    if full and state.forwards.is_open(worst, slot):
        _end_unasked(state, worst)
        state.displaced.append(worst)


def _enter(
    state: BlockState, order_id: bytes, body: Body, product: Product, order: ForwardOrder
) -> None:
    """Trade an order at once, or let it wait for its slot's auction; what is left rests."""
    if product.mechanism is not Mechanism.CONTINUOUS:
        state.forwards.rest(order_id, order)
        state.coins.make(order_coin_id(order_id), order)
        return
    left = trade(state, order_id, order_id, order, product, immediate=body.immediate)
    if left is None:
        return
    if body.immediate:
        pay(state, output_id(order_id, _UNTRADED), order.trader, left.locked_ugtx)
    else:
        state.coins.make(order_coin_id(order_id), rested(left))


def _standing_in(terms: Terms | None, zone: Zone) -> Standing | None:
    """How an order stands that is placed with these terms in a zone."""
    return standing_with(None if terms is None else replace(terms, zone=zone))


def _end_unasked(state: BlockState, order_id: bytes) -> None:
    coin_id = output_id(expiry_id(state.context.chain_id, order_id), 0)
    _end(state, order_id, open_order(state, order_id), coin_id)


def _end(state: BlockState, order_id: bytes, order: ForwardOrder, coin_id: bytes) -> None:
    """Take an order out of its book; its funds go back as that coin."""
    state.forwards.cancel(order_id, order)
    state.coins.spend(order_coin_id(order_id))
    pay(state, coin_id, order.trader, order.locked_ugtx)
