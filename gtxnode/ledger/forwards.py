"""Orders for delivery slots: placed, traded as their product's mechanism says, given back.

An offer names the meter that is to export the energy, and locks collateral for the worst shortfall
(market/imbalance.py); a bid locks its payment. In continuous trading an order meets the slot's book
at once. Else it waits, and at gate closure all orders of the slot meet in one auction, which no
transaction has to ask for. A trade makes a contract, whose coin holds what either outcome pays
(forward_coins.py). At gate closure every order that is left gives its funds back.

Worked example. Malee offers 10 kWh at 3.5 GTX for an hour, and locks 28.8 GTX: 6.38 is what a kWh
costs that is missing, and 2.88 of that is not in the price. Niran bids 4.0 for 10 kWh and locks 40.
They trade at 3.5: 5 GTX go back to Niran, and the contract holds 63.8, 6.38 for each kWh.
"""

from gtxnode.ledger import orders
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Cancel, ForwardBid, ForwardOffer
from gtxnode.ledger.carriage import check_slot
from gtxnode.ledger.coins import expiry_id, order_coin_id, output_id
from gtxnode.ledger.forward_coins import ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.forward_limits import Body, check_cash, check_meter, check_own, check_placing
from gtxnode.ledger.forward_trades import open_order, pay, trade
from gtxnode.ledger.market_rules import check_halts, check_slot_usage
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.auction import Mechanism
from gtxnode.market.orders import Side
from gtxnode.market.slots import Product
from gtxnode.primitives.errors import Reason, Refused

# Output 0 of an order's transaction is the order's coin.
_FIRST_CHANGE = 1


def offer(state: BlockState, transaction: CheckedTransaction) -> None:
    """Offer what a meter is to export. Refuses what rules forbid or cash does not cover."""
    body = transaction.body
    assert isinstance(body, ForwardOffer)
    product = check_placing(state, transaction, body)
    meter = check_meter(state, body)
    check_halts(state, body.trader, body.slot.length_s, (meter.zone,))
    parameters = state.context.parameters
    collateral = parameters.forwards.imbalance.collateral(
        body.price_mgtx_per_kwh, parameters.orders.max_price_mgtx_per_kwh
    )
    check_slot(state, meter.zone, body.slot)
    check_own(state, product, body, Side.SELL)
    total_ugtx = check_cash(state, transaction, body, body.quantity_wh * collateral)
    order = ForwardSell(
        body.trader,
        body.price_mgtx_per_kwh,
        body.quantity_wh,
        body.slot,
        body.meter,
        meter.zone,
        collateral,
        product.closes_s(body.slot),
        state.context.height,
        len(state.receipts),
    )
    _place(state, transaction.id, body, product, order, total_ugtx)


def bid(state: BlockState, transaction: CheckedTransaction) -> None:
    """Ask for energy in a slot. Refuses what rules forbid or cash does not cover."""
    body = transaction.body
    assert isinstance(body, ForwardBid)
    product = check_placing(state, transaction, body)
    if body.zone not in state.context.parameters.zones:
        raise Refused(Reason.WRONG_ZONE, f"zone {body.zone.name}")
    check_halts(state, body.trader, body.slot.length_s, (body.zone,))
    check_slot_usage(state, body.trader, body.slot, body.quantity_wh)
    check_slot(state, body.zone, body.slot)
    check_own(state, product, body, Side.BUY)
    locked_ugtx = body.quantity_wh * body.price_mgtx_per_kwh
    total_ugtx = check_cash(state, transaction, body, locked_ugtx)
    order = ForwardBuy(
        body.trader,
        body.price_mgtx_per_kwh,
        body.quantity_wh,
        body.slot,
        body.zone,
        product.closes_s(body.slot),
        state.context.height,
        len(state.receipts),
    )
    _place(state, transaction.id, body, product, order, total_ugtx)


def cancel(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give back what is left of an open order of either market. A contract is not cancelled."""
    body = transaction.body
    assert isinstance(body, Cancel)
    coin = state.coins.get(order_coin_id(body.order))
    if not isinstance(coin, ForwardOrder):
        orders.cancel(state, transaction)
        return
    check_spend(coin, transaction)
    state.forwards.cancel(body.order, coin)
    state.coins.spend(order_coin_id(body.order))
    pay(state, output_id(transaction.id, 0), coin.trader, coin.locked_ugtx)


def cancel_all(state: BlockState, trader: bytes) -> None:
    """Give back what is left of every open order of a trader, whoever asks for it."""
    for order_id in state.forwards.of(trader):
        _give_back(state, order_id, open_order(state, order_id))


def withdraw(state: BlockState, trader: bytes, meter: bytes) -> None:
    """Give back what is left of a trader's open offers on a meter."""
    for order_id in state.forwards.of(trader):
        order = open_order(state, order_id)
        if isinstance(order, ForwardSell) and order.meter == meter:
            _give_back(state, order_id, order)


def _give_back(state: BlockState, order_id: bytes, order: ForwardOrder) -> None:
    state.forwards.cancel(order_id, order)
    state.coins.spend(order_coin_id(order_id))
    coin_id = output_id(expiry_id(state.context.chain_id, order_id), 0)
    pay(state, coin_id, order.trader, order.locked_ugtx)
    state.cancelled.append(order_id)


def _place(
    state: BlockState,
    order_id: bytes,
    body: Body,
    product: Product,
    order: ForwardOrder,
    total_ugtx: int,
) -> None:
    orders.spend_inputs(state, body.inputs, order.trader)
    change_id = output_id(order_id, _FIRST_CHANGE)
    pay(state, change_id, order.trader, total_ugtx - order.locked_ugtx)
    if product.mechanism is Mechanism.CONTINUOUS:
        trade(state, order_id, order, product)
    else:
        state.forwards.rest(order_id, order)
        state.coins.make(order_coin_id(order_id), order)
