"""Gate closure: the end of a slot's trading, by block time alone.

A slot that is auctioned has its auction then, which no transaction has to ask for; and every order
that is left gives its funds back.
"""

from itertools import count

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.carriage import carry, span_of, toll_on
from gtxnode.ledger.coins import expiry_id, order_coin_id, output_id, trade_id
from gtxnode.ledger.forward_coins import ForwardBuy, ForwardOrder, ForwardSell, auction_id
from gtxnode.ledger.forward_trades import conclude, open_order, pay
from gtxnode.ledger.market_rules import is_halted
from gtxnode.market.auction import AUCTIONS, Match, Mechanism
from gtxnode.market.orders import Order, Side
from gtxnode.market.slots import Slot


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
