"""Orders on the ledger: placed, traded, cancelled, expired.

An order's coin holds the funds: a sell order the energy, a buy order the money at its limit. An
order trades at once with what rests in the book, and what is left rests as its coin. A trade is
delivery versus payment in one step: the seller gets quantity times price, the buyer the energy
with its origins, and what the buyer had locked above that price comes back.

Worked example. Selling 100 kWh at 3.5 GTX and then buying 50 kWh at 4.0 trades 50 kWh at 3.5: the
seller gets 175 GTX, the buyer 50 kWh and 25 of the 200 GTX that were locked, and 50 kWh stay on
offer.

No step of matching is bounded by a limit of its own: each trade fills one of its two orders, so
the trades of a chain are never more than its orders.
"""

from typing import TypeVar

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Cancel, ForwardBid, ForwardOffer, PlaceBuy, PlaceSell
from gtxnode.ledger.coins import (
    BuyOrder,
    Cash,
    Energy,
    Lot,
    Order,
    SellOrder,
    expiry_id,
    order_coin_id,
    output_id,
    trade_id,
)
from gtxnode.ledger.lots import lots_of, split_lots
from gtxnode.ledger.outcome import Trade
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.orders import Fill, Side
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.units import cost_ugtx

T = TypeVar("T", Cash, Energy)

# Output 0 of an order's transaction is the order's coin; change comes after it.
_FIRST_CHANGE = 1


def place_sell(state: BlockState, transaction: CheckedTransaction) -> None:
    """Offer energy. Refuses what the limits do not allow or the inputs do not cover."""
    body = transaction.body
    assert isinstance(body, PlaceSell)
    expires_s = _check_order(state, transaction, body)
    lots = lots_of(_inputs(state, transaction, body, Energy))
    total_wh = sum(lot.amount_wh for lot in lots)
    if total_wh < body.quantity_wh:
        raise Refused(Reason.OVERSPENT, f"offers {body.quantity_wh} Wh out of {total_wh}")
    offered, over = split_lots(lots, body.quantity_wh)
    _spend_inputs(state, body)
    _return_energy(state, transaction.id, _FIRST_CHANGE, body.trader, over)
    height, position = state.context.height, len(state.receipts)
    order = SellOrder(body.trader, body.price_mgtx_per_kwh, offered, expires_s, height, position)
    _trade(state, transaction.id, order)


def place_buy(state: BlockState, transaction: CheckedTransaction) -> None:
    """Ask for energy. Refuses what the limits do not allow or the inputs do not cover."""
    body = transaction.body
    assert isinstance(body, PlaceBuy)
    expires_s = _check_order(state, transaction, body)
    total_ugtx = sum(c.amount_ugtx for c in _inputs(state, transaction, body, Cash))
    locked_ugtx = cost_ugtx(body.quantity_wh, body.price_mgtx_per_kwh)
    if total_ugtx < locked_ugtx:
        raise Refused(Reason.OVERSPENT, f"locks {locked_ugtx} µGTX out of {total_ugtx}")
    _spend_inputs(state, body)
    if total_ugtx > locked_ugtx:
        change = Cash(body.trader, total_ugtx - locked_ugtx)
        state.coins.make(output_id(transaction.id, _FIRST_CHANGE), change)
    height, position = state.context.height, len(state.receipts)
    order = BuyOrder(
        body.trader, body.price_mgtx_per_kwh, body.quantity_wh, expires_s, height, position
    )
    _trade(state, transaction.id, order)


def cancel(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give back what is left of an open order."""
    body = transaction.body
    assert isinstance(body, Cancel)
    coin = state.coins.get(order_coin_id(body.order))
    if not isinstance(coin, Order):
        raise Refused(Reason.UNKNOWN_ORDER, f"order {body.order.hex()}")
    check_spend(coin, transaction)
    _close(state, body.order, coin, transaction.id)


def expire(state: BlockState) -> None:
    """Give back what is left of every order whose time has come, before the block's own."""
    while (order_id := state.orders.next_expired(state.context.time_ms)) is not None:
        coin = state.coins.get(order_coin_id(order_id))
        assert isinstance(coin, Order), "an order is open only while its coin exists"
        _close(state, order_id, coin, expiry_id(state.context.chain_id, order_id))
        state.expired.append(order_id)


def _check_order(
    state: BlockState, transaction: CheckedTransaction, body: PlaceSell | PlaceBuy
) -> int:
    """Hold an order against the limits; its expiry in seconds."""
    limits = state.context.parameters.orders
    check_terms(transaction, body, limits)
    if state.orders.count(body.trader) >= limits.max_open_per_trader:
        raise Refused(Reason.TOO_MANY_ORDERS, f"at most {limits.max_open_per_trader}")
    if state.traded_wh + body.quantity_wh > limits.max_block_traded_wh:
        raise Refused(
            Reason.BLOCK_VOLUME_EXCEEDED,
            f"{state.traded_wh} Wh traded, at most {limits.max_block_traded_wh}",
        )
    return _expiry_s(state, body.expires_s)


def check_terms(
    transaction: CheckedTransaction,
    body: PlaceSell | PlaceBuy | ForwardOffer | ForwardBid,
    limits: OrderLimits,
) -> None:
    """Raise `Refused` for what the limits allow at no time, and for a trader who did not sign."""
    if body.trader not in transaction.addresses:
        raise Refused(Reason.NOT_OWNER, f"trader {body.trader.hex()} did not sign")
    if body.quantity_wh < limits.min_wh:
        raise Refused(Reason.ORDER_TOO_SMALL, f"{body.quantity_wh} Wh, at least {limits.min_wh}")
    if body.quantity_wh > limits.max_wh:
        raise Refused(Reason.ORDER_TOO_LARGE, f"{body.quantity_wh} Wh, at most {limits.max_wh}")
    low, high = limits.min_price_mgtx_per_kwh, limits.max_price_mgtx_per_kwh
    if not low <= body.price_mgtx_per_kwh <= high:
        raise Refused(
            Reason.PRICE_OUT_OF_BOUNDS,
            f"{body.price_mgtx_per_kwh} mGTX/kWh, between {low} and {high}",
        )


def _expiry_s(state: BlockState, asked_s: int) -> int:
    limits, now_ms = state.context.parameters.orders, state.context.time_ms
    if not asked_s:
        return now_ms // 1_000 + limits.lifetime_s
    if asked_s * 1_000 <= now_ms or asked_s > now_ms // 1_000 + limits.max_lifetime_s:
        raise Refused(
            Reason.EXPIRY_OUT_OF_BOUNDS,
            f"{asked_s - now_ms // 1_000} s from now, between 1 and {limits.max_lifetime_s}",
        )
    return asked_s


def _inputs(
    state: BlockState, transaction: CheckedTransaction, body: PlaceSell | PlaceBuy, kind: type[T]
) -> list[T]:
    """The coins that the order takes, each one its witness's to spend."""
    coins: list[T] = []
    for coin_id in body.inputs:
        coin = state.coins.get(coin_id)
        if coin is None:
            raise Refused(Reason.UNKNOWN_COIN, f"input {coin_id.hex()}")
        check_spend(coin, transaction)
        assert isinstance(coin, kind), "the spend rules let an order take no other kind"
        coins.append(coin)
    return coins


def _spend_inputs(state: BlockState, body: PlaceSell | PlaceBuy) -> None:
    for coin_id in body.inputs:
        state.coins.spend(coin_id)


def _trade(state: BlockState, order_id: bytes, placed: Order) -> None:
    """Match a new order, settle its trades, and rest what is left of it as its coin."""
    left: Order | None = placed
    for number, fill in enumerate(state.orders.place(order_id, placed)):
        assert left is not None, "a filled order trades no more"
        resting_id = fill.sell_id if fill.buy_id == order_id else fill.buy_id
        resting = state.coins.get(order_coin_id(resting_id))
        identity = trade_id(state.context.chain_id, order_id, number)
        rest: Order | None
        if isinstance(left, BuyOrder):
            assert isinstance(resting, SellOrder)
            rest, left = _settle(state, identity, fill, resting, left, Side.BUY)
        else:
            assert isinstance(resting, BuyOrder)
            left, rest = _settle(state, identity, fill, left, resting, Side.SELL)
        if rest is not None:
            state.coins.make(order_coin_id(resting_id), rest)
        else:
            state.coins.spend(order_coin_id(resting_id))
            state.orders.closed(resting_id, resting.trader)
    if left is not None:
        state.coins.make(order_coin_id(order_id), left)


def _settle(
    state: BlockState, identity: bytes, fill: Fill, sell: SellOrder, buy: BuyOrder, taker: Side
) -> tuple[SellOrder | None, BuyOrder | None]:
    """Delivery versus payment of one trade; what is left of the two orders."""
    quantity_wh, price = fill.quantity_wh, fill.price_mgtx_per_kwh
    sold, unsold = split_lots(sell.lots, quantity_wh)
    coins = state.coins
    coins.make(output_id(identity, 0), Cash(sell.trader, cost_ugtx(quantity_wh, price)))
    _return_energy(state, identity, 1, buy.trader, sold)
    if price < buy.price_mgtx_per_kwh:
        saved_ugtx = cost_ugtx(quantity_wh, buy.price_mgtx_per_kwh - price)
        coins.make(output_id(identity, 1 + len(sold)), Cash(buy.trader, saved_ugtx))
    state.traded_wh += quantity_wh
    state.trades.append(
        Trade(
            identity,
            fill.buy_id,
            fill.sell_id,
            buy.trader,
            sell.trader,
            quantity_wh,
            price,
            taker,
            sold,
        )
    )
    return _sell_left(sell, unsold), _buy_left(buy, buy.quantity_wh - quantity_wh)


def _sell_left(order: SellOrder, lots: tuple[Lot, ...]) -> SellOrder | None:
    if not lots:
        return None
    return SellOrder(
        order.trader, order.price_mgtx_per_kwh, lots, order.expires_s, order.height, order.position
    )


def _buy_left(order: BuyOrder, quantity_wh: int) -> BuyOrder | None:
    if not quantity_wh:
        return None
    return BuyOrder(
        order.trader,
        order.price_mgtx_per_kwh,
        quantity_wh,
        order.expires_s,
        order.height,
        order.position,
    )


def _close(state: BlockState, order_id: bytes, coin: Order, identity: bytes) -> None:
    """End an order before it is filled: its funds go back as outputs under `identity`."""
    state.orders.cancel(order_id, coin.trader)
    state.coins.spend(order_coin_id(order_id))
    match coin:
        case SellOrder():
            _return_energy(state, identity, 0, coin.trader, coin.lots)
        case BuyOrder():
            state.coins.make(output_id(identity, 0), Cash(coin.trader, coin.locked_ugtx))


def _return_energy(
    state: BlockState, identity: bytes, first: int, owner: bytes, lots: tuple[Lot, ...]
) -> None:
    for index, lot in enumerate(lots, start=first):
        state.coins.make(output_id(identity, index), Energy(owner, lot.amount_wh, lot.origin))
