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

from itertools import count
from typing import TypeAlias

from msgspec.structs import replace

from gtxnode.ledger import orders
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Cancel, ForwardBid, ForwardOffer
from gtxnode.ledger.carriage import carriage_in, carry, check_slot, span_of, toll_on, wheel
from gtxnode.ledger.coins import (
    Cash,
    expiry_id,
    meter_coin_id,
    order_coin_id,
    output_id,
    trade_id,
)
from gtxnode.ledger.forward_coins import (
    Contract,
    ForwardBuy,
    ForwardOrder,
    ForwardSell,
    auction_id,
    contract_coin_id,
)
from gtxnode.ledger.licences import check_licence
from gtxnode.ledger.market_rules import check_halts, check_slot_usage, is_halted, note_bought
from gtxnode.ledger.order_limits import check_price, check_terms
from gtxnode.ledger.outcome import ForwardTrade
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.auction import AUCTIONS, Match, Mechanism
from gtxnode.market.orders import Order, Side
from gtxnode.market.slots import Product, Slot
from gtxnode.metering.meters import Direction, Meter
from gtxnode.primitives.errors import Reason, Refused

Body: TypeAlias = ForwardOffer | ForwardBid

# Output 0 of an order's transaction is the order's coin, that of a trade its contract.
_FIRST_CHANGE = 1


def offer(state: BlockState, transaction: CheckedTransaction) -> None:
    """Offer what a meter is to export. Refuses what rules forbid or cash does not cover."""
    body = transaction.body
    assert isinstance(body, ForwardOffer)
    product = _check_order(state, transaction, body)
    meter = _check_meter(state, body)
    check_halts(state, body.trader, body.slot.length_s, (meter.zone,))
    parameters = state.context.parameters
    collateral = parameters.forwards.imbalance.collateral(
        body.price_mgtx_per_kwh, parameters.orders.max_price_mgtx_per_kwh
    )
    check_slot(state, meter.zone, body.slot)
    _check_own(state, product, body, Side.SELL)
    total_ugtx = _check_cash(state, transaction, body, body.quantity_wh * collateral)
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
    product = _check_order(state, transaction, body)
    if body.zone not in state.context.parameters.zones:
        raise Refused(Reason.WRONG_ZONE, f"zone {body.zone.name}")
    check_halts(state, body.trader, body.slot.length_s, (body.zone,))
    check_slot_usage(state, body.trader, body.slot, body.quantity_wh)
    check_slot(state, body.zone, body.slot)
    _check_own(state, product, body, Side.BUY)
    locked_ugtx = body.quantity_wh * body.price_mgtx_per_kwh
    total_ugtx = _check_cash(state, transaction, body, locked_ugtx)
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
    _pay(state, output_id(transaction.id, 0), coin.trader, coin.locked_ugtx)


def cancel_all(state: BlockState, trader: bytes) -> None:
    """Give back what is left of every open order of a trader, whoever asks for it."""
    for order_id in state.forwards.of(trader):
        order = _order(state, order_id)
        state.forwards.cancel(order_id, order)
        state.coins.spend(order_coin_id(order_id))
        coin_id = output_id(expiry_id(state.context.chain_id, order_id), 0)
        _pay(state, coin_id, order.trader, order.locked_ugtx)
        state.cancelled.append(order_id)


def close_gates(state: BlockState) -> None:
    """End the trading of every slot whose gate has closed, before the block's own transactions."""
    while (order_id := state.forwards.next_gate(state.context.time_ms)) is not None:
        _close(state, _order(state, order_id).slot)


# ---- checks ----


def _check_order(state: BlockState, transaction: CheckedTransaction, body: Body) -> Product:
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


def _check_meter(state: BlockState, body: ForwardOffer) -> Meter:
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


def _check_own(state: BlockState, product: Product, body: Body, side: Side) -> None:
    """In an auction no order may reach one of the same trader: nobody trades with itself."""
    if product.mechanism is Mechanism.CONTINUOUS:
        return
    for order in state.forwards.own(body.trader, body.slot):
        over = body.price_mgtx_per_kwh - order.price_mgtx_per_kwh
        if order.side is not side and (over >= 0 if side is Side.BUY else over <= 0):
            raise Refused(Reason.OWN_ORDERS_CROSS, f"order {order.id.hex()}")


def _check_cash(
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


# ---- trading ----


def _place(
    state: BlockState,
    order_id: bytes,
    body: Body,
    product: Product,
    order: ForwardOrder,
    total_ugtx: int,
) -> None:
    for coin_id in body.inputs:
        state.coins.spend(coin_id)
    change_id = output_id(order_id, _FIRST_CHANGE)
    _pay(state, change_id, order.trader, total_ugtx - order.locked_ugtx)
    if product.mechanism is Mechanism.CONTINUOUS:
        _trade(state, order_id, order, product)
    else:
        state.forwards.rest(order_id, order)
        state.coins.make(order_coin_id(order_id), order)


def _trade(state: BlockState, order_id: bytes, order: ForwardOrder, product: Product) -> None:
    """Match a new order at once, and rest what is left of it as its coin."""
    left_wh = order.quantity_wh
    grid = carriage_in(state, order.slot)
    fills = state.forwards.place(order_id, order, product.price_rule, grid)
    for number, fill in enumerate(fills):
        resting_id = fill.sell_id if fill.buy_id == order_id else fill.buy_id
        resting = _order(state, resting_id)
        identity = trade_id(state.context.chain_id, order_id, number)
        sides = (fill.buy_id, fill.sell_id)
        pair = (order, resting) if fill.buy_id == order_id else (resting, order)
        change = _conclude(state, identity, sides, pair, fill.quantity_wh, fill.price_mgtx_per_kwh)
        for index, (owner, amount_ugtx) in enumerate(change.items(), start=_FIRST_CHANGE):
            _pay(state, output_id(identity, index), owner, amount_ugtx)
        left_wh -= fill.quantity_wh
        if fill.resting_remaining_wh:
            rest = replace(resting, quantity_wh=fill.resting_remaining_wh)
            state.coins.make(order_coin_id(resting_id), rest)
        else:
            state.coins.spend(order_coin_id(resting_id))
            state.forwards.closed(resting_id, resting)
    if left_wh:
        state.coins.make(order_coin_id(order_id), replace(order, quantity_wh=left_wh))


def _close(state: BlockState, slot: Slot) -> None:
    """Hold the slot's auction, if it has one, and give back what its orders still hold."""
    context, book = state.context, state.forwards.books[slot]
    open_orders = {order.id: _order(state, order.id) for order in book.orders()}
    back_ugtx = dict.fromkeys(open_orders, 0)
    left_wh = {order_id: order.quantity_wh for order_id, order in open_orders.items()}
    product = context.parameters.forwards.product_of(slot)
    if product is not None and product.mechanism in AUCTIONS:
        held = auction_id(context.chain_id, context.height, slot)
        numbers = count()
        admitted = {
            order_id: order
            for order_id, order in open_orders.items()
            if not is_halted(state, order.trader, slot.length_s, (order.zone,))
        }
        bids, asks = _by_time(admitted, ForwardBuy), _by_time(admitted, ForwardSell)
        for match in AUCTIONS[product.mechanism](bids, asks, product.rationing):
            buy, sell = open_orders[match.buy_id], open_orders[match.sell_id]
            # Placing saw to it, unless the slot was traded continuously when these were placed.
            if buy.trader == sell.trader:
                continue
            quantity_wh, price = _carried(state, match, product.mechanism, buy, sell)
            if not quantity_wh:
                continue
            identity = trade_id(context.chain_id, held, next(numbers))
            sides = (match.buy_id, match.sell_id)
            change = _conclude(state, identity, sides, (buy, sell), quantity_wh, price)
            for order_id in sides:
                back_ugtx[order_id] += change.get(open_orders[order_id].trader, 0)
                left_wh[order_id] -= quantity_wh
    for order_id, order in open_orders.items():
        left = left_wh[order_id]
        if left:
            left_order = replace(order, quantity_wh=left)
            back_ugtx[order_id] += left_order.locked_ugtx
            state.forwards.cancel(order_id, left_order)
            state.expired.append(order_id)
        else:
            book.cancel(order_id)
            state.forwards.closed(order_id, order)
        state.coins.spend(order_coin_id(order_id))
        coin_id = output_id(expiry_id(context.chain_id, order_id), 0)
        _pay(state, coin_id, order.trader, back_ugtx[order_id])


def _carried(
    state: BlockState, match: Match, mechanism: Mechanism, buy: ForwardOrder, sell: ForwardOrder
) -> tuple[int, int]:
    """What the grid carries of an auction's match, used up for it; and at which price.

    The auction clears as if all were in one place. Its matches are then carried in their order,
    each as far as it fits; one whose buyer's limit does not cover price and toll is not. Where
    buyers pay what they bid, the toll is part of that.
    """
    span, price = span_of(sell.slot), match.price_mgtx_per_kwh
    toll = toll_on(state, sell.zone, buy.zone, span, sell.price_mgtx_per_kwh)
    if mechanism is Mechanism.PAY_AS_BID:
        price -= toll
    if price < sell.price_mgtx_per_kwh or price + toll > buy.price_mgtx_per_kwh:
        return 0, price
    return carry(state, sell.zone, buy.zone, span, match.quantity_wh), price


def _conclude(
    state: BlockState,
    identity: bytes,
    sides: tuple[bytes, bytes],
    pair: tuple[ForwardOrder, ForwardOrder],
    quantity_wh: int,
    price: int,
) -> dict[bytes, int]:
    """Make the contract of one trade, a bid's with an offer's; what goes back to whom, in µGTX.

    Every forward trade passes here, be it continuous or of an auction. The collateral of an offer
    covers the imbalance price of any contract, as the rule stood when it was placed.
    """
    buy, sell = pair
    assert isinstance(buy, ForwardBuy)
    assert isinstance(sell, ForwardSell)
    rules = state.context.parameters.forwards
    over = min(rules.imbalance.price(price) - price, sell.collateral_mgtx_per_kwh)
    contract = Contract(
        buy.trader,
        sell.trader,
        sell.slot,
        sell.meter,
        sell.zone,
        buy.zone,
        price,
        price + over,
        quantity_wh,
        quantity_wh,
        sell.slot.start_s,
        sell.slot.end_s + rules.grace_s,
        state.context.height,
        len(state.forward_trades),
    )
    state.coins.make(contract_coin_id(identity), contract)
    state.forwards.add_contract(identity, contract)
    note_bought(state, buy.trader, quantity_wh, sell.slot)
    wheeling = wheel(
        state, sell.zone, buy.zone, span_of(sell.slot), sell.price_mgtx_per_kwh, quantity_wh
    )
    state.forward_trades.append(ForwardTrade(identity, *sides, contract, wheeling))
    toll_ugtx = wheeling.paid_ugtx if wheeling is not None else 0
    return {
        buy.trader: quantity_wh * (buy.price_mgtx_per_kwh - price) - toll_ugtx,
        sell.trader: quantity_wh * (sell.collateral_mgtx_per_kwh - over),
    }


def _by_time(
    open_orders: dict[bytes, ForwardOrder], kind: type[ForwardBuy] | type[ForwardSell]
) -> list[Order]:
    """One side of a slot, as auctions take it."""
    side = Side.BUY if kind is ForwardBuy else Side.SELL
    placed = sorted(
        (coin.height, coin.position, order_id, coin)
        for order_id, coin in open_orders.items()
        if isinstance(coin, kind)
    )
    return [
        Order(order_id, coin.trader, side, coin.price_mgtx_per_kwh, coin.quantity_wh)
        for _, _, order_id, coin in placed
    ]


def _order(state: BlockState, order_id: bytes) -> ForwardOrder:
    coin = state.coins.get(order_coin_id(order_id))
    assert isinstance(coin, ForwardOrder), "an order is open only while its coin exists"
    return coin


def _pay(state: BlockState, coin_id: bytes, owner: bytes, amount_ugtx: int) -> None:
    if amount_ugtx:
        state.coins.make(coin_id, Cash(owner, amount_ugtx))
