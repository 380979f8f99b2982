"""Gate closure: the end of a slot's trading, by block time alone.

A slot that is auctioned has its auction then, which no transaction has to ask for; and every order
that is left gives its funds back.
"""

from collections.abc import Sequence
from itertools import count

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import expiry_id, order_coin_id, output_id, trade_id
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder, ForwardSell, auction_id
from gtxnode.ledger.delivery.forward_trades import conclude, open_order, pay
from gtxnode.ledger.grid.carriage import auction_ways_in
from gtxnode.ledger.market.market_rules import is_halted
from gtxnode.ledger.market.order_limits import volume_left_wh
from gtxnode.ledger.market.standing import is_conditional
from gtxnode.market.auction import AUCTIONS, Match, Mechanism
from gtxnode.market.coupling import couple, zone_of
from gtxnode.market.orders import Order, Side, Terms
from gtxnode.market.slots import Product, Slot


def close_gates(state: BlockState) -> None:
    """End the trading of every slot whose gate has closed, before the block's own transactions."""
    while (order_id := state.forwards.next_gate(state.context.time_ms)) is not None:
        _close(state, open_order(state, order_id).slot)


def _close(state: BlockState, slot: Slot) -> None:
    """Hold the slot's auction, if it has one, and give back what its orders still hold."""
    context, book = state.context, state.forwards.books[slot]
    open_orders = {order.id: open_order(state, order.id) for order in book.orders()}
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
            # Those of before, when the slot was traded continuously.
            and not is_conditional(order.standing)
        }
        bids, asks = _by_time(admitted, ForwardBuy), _by_time(admitted, ForwardSell)
        for match in _carried(state, slot, product, bids, asks):
            buy, sell = open_orders[match.buy_id], open_orders[match.sell_id]
            # Placing saw to it, unless the slot was traded continuously when these were placed.
            if buy.trader == sell.trader:
                continue
            quantity_wh = min(match.quantity_wh, volume_left_wh(state))
            if not quantity_wh:
                break
            price = match.price_mgtx_per_kwh
            identity = trade_id(context.chain_id, held, next(numbers))
            sides = (match.buy_id, match.sell_id)
            change = conclude(state, identity, sides, (buy, sell), quantity_wh, price)
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
        pay(state, coin_id, order.trader, back_ugtx[order_id])


def _carried(
    state: BlockState, slot: Slot, product: Product, bids: list[Order], asks: list[Order]
) -> Sequence[Match]:
    """The auction's trades, as the grid carries them (market/coupling.py), and no more than the
    block may still trade.

    Where buyers pay what they bid, the toll is part of that.
    """
    matches = AUCTIONS[product.mechanism](bids, asks, product.rationing)
    ways = auction_ways_in(state, slot, volume_left_wh(state))
    if ways is None or not matches:
        return matches
    price = matches[0].price_mgtx_per_kwh
    carried = []
    order_of = {order.id: order for order in (*bids, *asks)}
    for pairing in couple(product.mechanism, bids, asks, matches, ways):
        buy, sell = order_of[pairing.buy_id], order_of[pairing.sell_id]
        asked = sell.price_mgtx_per_kwh
        if product.mechanism is Mechanism.PAY_AS_OFFER:
            price = asked
        elif product.mechanism is Mechanism.PAY_AS_BID:
            price = buy.price_mgtx_per_kwh - ways.toll(zone_of(sell), zone_of(buy), asked)
        carried.append(Match(*pairing, price))
    return carried


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
        Order(
            *(order_id, coin.trader, side, coin.price_mgtx_per_kwh, coin.quantity_wh),
            terms=Terms(zone=coin.zone),
        )
        for _, _, order_id, coin in placed
    ]
