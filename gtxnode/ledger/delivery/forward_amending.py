"""Changing an open order for a delivery slot, as amending.py does with one of the spot market.

It keeps its time where it only shrinks, and then its collateral for each Wh, too; else it is held
against what an order is that is placed, the meter's capacity among it, and is matched, or waits for
its auction, as if it were new. What it holds then is by the rules of that moment.
"""

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Amend
from gtxnode.ledger.coins import Cash, order_coin_id, output_id
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.delivery.forward_limits import (
    check_mechanism,
    check_meter,
    check_own,
    product_of,
)
from gtxnode.ledger.delivery.forward_trades import Ahead, pay, trade, trading_of
from gtxnode.ledger.delivery.forwards import collateral_for
from gtxnode.ledger.grid.carriage import check_slot
from gtxnode.ledger.market import amending
from gtxnode.ledger.market.fills import requeued, settle, shrunk
from gtxnode.ledger.market.licences import check_licence
from gtxnode.ledger.market.market_rules import check_halts, check_slot_usage
from gtxnode.ledger.market.order_limits import check_price, check_size, check_slices, check_volume
from gtxnode.ledger.market.orders import FIRST_CHANGE, inputs_of, lock, spend_inputs
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.auction import Mechanism
from gtxnode.market.orders import Side
from gtxnode.market.slots import Product


def amend(state: BlockState, transaction: CheckedTransaction) -> None:
    """Change what is left of an open order of either market, and trade what it then can."""
    body = transaction.body
    assert isinstance(body, Amend)
    before = state.coins.get(order_coin_id(body.order))
    if not isinstance(before, ForwardOrder):
        amending.amend(state, transaction)
        return
    check_spend(before, transaction)
    amending.check_revision(body, before)
    in_place = amending.stays_in_place(body, before)
    product = _check(state, body, before)
    order = replace(
        before,
        quantity_wh=body.quantity_wh,
        price_mgtx_per_kwh=body.price_mgtx_per_kwh,
        revision=body.revision,
    )
    if not in_place:
        _check_anew(state, product, before, order)
        if isinstance(order, ForwardSell):
            collateral = collateral_for(state, order.price_mgtx_per_kwh)
            order = replace(order, collateral_mgtx_per_kwh=collateral)
    cash = inputs_of(state, transaction, body.inputs, Cash)
    total_ugtx = before.locked_ugtx + sum(coin.amount_ugtx for coin in cash)
    over_ugtx = lock(total_ugtx, order.locked_ugtx)
    spend_inputs(state, body.inputs, order.trader)
    pay(state, output_id(transaction.id, FIRST_CHANGE), order.trader, over_ugtx)
    if in_place:
        _shrink(state, transaction.id, body.order, before, order, product)
    else:
        _requeue(state, transaction.id, body.order, before, order, product)


def _check(state: BlockState, body: Amend, order: ForwardOrder) -> Product:
    """What holds for every change; how the slot is traded."""
    check_size(body.quantity_wh, state.context.parameters.orders)
    product = product_of(state, order.slot)
    standing = order.standing
    check_mechanism(product, None if standing is None else standing.terms)
    if product.mechanism is Mechanism.CONTINUOUS:
        check_volume(state, body.quantity_wh)
    check_halts(state, order.trader, order.slot.length_s, (order.zone,))
    return product


def _check_anew(
    state: BlockState, product: Product, before: ForwardOrder, order: ForwardOrder
) -> None:
    """What an order is held against that does not keep its time, but for its funds."""
    check_price(state, order.price_mgtx_per_kwh)
    check_licence(state, order.trader, order.quantity_wh)
    if order.standing is not None:
        check_slices(order.standing.terms, order.quantity_wh, state.context.parameters.orders)
    check_slot(state, order.zone, order.slot)
    more_wh = order.quantity_wh - before.quantity_wh
    match order:
        case ForwardSell():
            side = Side.SELL
            check_meter(state, order.trader, order.meter, order.slot, more_wh)
        case ForwardBuy():
            side = Side.BUY
            if more_wh > 0:
                check_slot_usage(state, order.trader, order.slot, more_wh)
    check_own(state, product, order.trader, order.slot, side, order.price_mgtx_per_kwh)


def _shrink(
    state: BlockState,
    transaction_id: bytes,
    order_id: bytes,
    before: ForwardOrder,
    order: ForwardOrder,
    product: Product,
) -> None:
    order = shrunk(order)
    cut_wh = before.quantity_wh - order.quantity_wh
    trading = trading_of(state, product, order.slot)
    fills = state.forwards.shrink(order_id, order, cut_wh, trading)
    settle(state, Ahead(state), transaction_id, order_id, order, fills, known=True)


def _requeue(
    state: BlockState,
    transaction_id: bytes,
    order_id: bytes,
    before: ForwardOrder,
    order: ForwardOrder,
    product: Product,
) -> None:
    state.forwards.cancel(order_id, before)
    order = requeued(state, order)
    if product.mechanism is Mechanism.CONTINUOUS:
        trade(state, transaction_id, order_id, order, product, known=True)
    else:
        state.forwards.rest(order_id, order)
        state.coins.make(order_coin_id(order_id), order)
