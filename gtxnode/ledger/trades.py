"""What the book's fills move on the ledger: delivery versus payment, and what is left of orders.

A trade is one step: the seller gets quantity times price, the buyer the energy with its origins,
and what the buyer had locked above that price comes back. Over a grid the buyer also pays for the
way, out of what it had locked, and what the way loses is retired (carriage.py).

An iceberg whose slice has traded shows
the next one and takes a new place in the queue, which its coin names by the block, the transaction
and the trade.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.carriage import spot_span, wheel
from gtxnode.ledger.coins import (
    BuyOrder,
    Cash,
    Energy,
    Lot,
    Order,
    SellOrder,
    Standing,
    order_coin_id,
    output_id,
    trade_id,
)
from gtxnode.ledger.lots import split_lots
from gtxnode.ledger.market_rules import note_bought
from gtxnode.ledger.outcome import Trade, Wheeling
from gtxnode.market.fee import trading_fee
from gtxnode.market.orders import Fill, Side
from gtxnode.primitives.units import cost_ugtx

K = TypeVar("K", SellOrder, BuyOrder)

AFTER_ALL: Final = 2**32
"""A position after those of all transactions that a block has room for."""


class Place(NamedTuple):
    """When an order queued, as its coin has it: what it is older or younger by."""

    height: int
    position: int
    turn: int


def place_of(order: Order) -> Place:
    """When an order took its place."""
    standing = order.standing
    return Place(order.height, order.position, 0 if standing is None else standing.turn)


def settle(
    state: BlockState,
    transaction_id: bytes,
    order_id: bytes,
    placed: Order,
    fills: Sequence[Fill],
    *,
    known: bool = False,
) -> Order | None:
    """Settle the fills of an order that was placed or changed; what is left of that order.

    All other orders of the fills have their coins changed or spent here; so has this one where it
    is `known`, that is where it has a coin from before.
    """
    orders: dict[bytes, Order | None] = {order_id: placed}
    for number, fill in enumerate(fills):
        identity = trade_id(state.context.chain_id, transaction_id, number)
        place = Place(state.context.height, len(state.receipts), number + 1)
        sell_place, buy_place = (None, place) if fill.taker is Side.SELL else (place, None)
        _settle(state, identity, orders, fill, sell_place, buy_place)
    left = orders.pop(order_id)
    for identity, order in orders.items():
        _put(state, identity, order)
    if known:
        _put(state, order_id, left)
    return left


def settle_rested(state: BlockState, name: bytes, fills: Sequence[Fill]) -> None:
    """Settle the fills of orders that had all rested, before the block's transactions.

    `name` stands for the transaction in the ids of the trades.
    """
    orders: dict[bytes, Order | None] = {}
    for number, fill in enumerate(fills):
        identity = trade_id(state.context.chain_id, name, number)
        place = Place(state.context.height - 1, AFTER_ALL, len(state.trades) + 1)
        _settle(state, identity, orders, fill, place, place)
    for identity, order in orders.items():
        _put(state, identity, order)


def rested(order: Order) -> Order:
    """An order as it comes to rest: an iceberg shows its first slice."""
    standing = order.standing
    if standing is None or not standing.terms.display_wh or standing.shown_wh:
        return order
    shown_wh = min(standing.terms.display_wh, order.quantity_wh)
    return replace(order, standing=Standing(standing.terms, shown_wh))


def return_energy(
    state: BlockState, identity: bytes, first: int, owner: bytes, lots: tuple[Lot, ...]
) -> None:
    """Give lots to an owner, as outputs from `first` on."""
    for index, lot in enumerate(lots, start=first):
        state.coins.make(output_id(identity, index), Energy(owner, lot.amount_wh, lot.origin))


def _settle(
    state: BlockState,
    identity: bytes,
    orders: dict[bytes, Order | None],
    fill: Fill,
    sell_place: Place | None,
    buy_place: Place | None,
) -> None:
    """One trade: `orders` has what is left of the two. The one that rested has a place."""
    sell, buy = _order(state, orders, fill.sell_id), _order(state, orders, fill.buy_id)
    assert isinstance(sell, SellOrder)
    assert isinstance(buy, BuyOrder)
    unsold = _deliver(state, identity, fill, sell, buy)
    orders[fill.sell_id] = _sell_left(sell, unsold, fill.quantity_wh, sell_place)
    orders[fill.buy_id] = _buy_left(buy, fill.quantity_wh, buy_place)
    for order_id, before in ((fill.sell_id, sell), (fill.buy_id, buy)):
        if orders[order_id] is None and order_id in state.orders:
            state.orders.closed(order_id, before.trader)


def _order(state: BlockState, orders: dict[bytes, Order | None], order_id: bytes) -> Order:
    order = orders.get(order_id)
    if order is None:
        coin = state.coins.get(order_coin_id(order_id))
        assert isinstance(coin, Order), "an order in the book has its coin, and is filled once"
        order = coin
    return order


def _put(state: BlockState, order_id: bytes, order: Order | None) -> None:
    coin_id = order_coin_id(order_id)
    if order is not None:
        state.coins.make(coin_id, rested(order))
    elif state.coins.get(coin_id) is not None:
        state.coins.spend(coin_id)


def _deliver(
    state: BlockState, identity: bytes, fill: Fill, sell: SellOrder, buy: BuyOrder
) -> tuple[Lot, ...]:
    """Delivery versus payment of one trade; what the seller has left on offer."""
    quantity_wh, price = fill.quantity_wh, fill.price_mgtx_per_kwh
    sold, unsold = split_lots(sell.lots, quantity_wh)
    coins = state.coins
    paid_ugtx = cost_ugtx(quantity_wh, price)
    fee_ugtx = trading_fee(paid_ugtx, state.context.parameters.orders.trading_fee_ppm)
    coins.make(output_id(identity, 0), Cash(sell.trader, paid_ugtx - fee_ugtx))
    state.fees_ugtx += fee_ugtx
    saved_ugtx: int = cost_ugtx(quantity_wh, buy.price_mgtx_per_kwh - price)
    delivered, wheeling = sold, _wheel(state, sell, buy, quantity_wh)
    if wheeling is not None:
        saved_ugtx -= wheeling.paid_ugtx
        delivered, _ = split_lots(sold, quantity_wh - wheeling.lost_wh)
        state.retired_wh += wheeling.lost_wh
    return_energy(state, identity, 1, buy.trader, delivered)
    if saved_ugtx:
        coins.make(output_id(identity, 1 + len(sold)), Cash(buy.trader, saved_ugtx))
    state.traded_wh += quantity_wh
    note_bought(state, buy.trader, quantity_wh)
    state.trades.append(
        Trade(
            identity,
            fill.buy_id,
            fill.sell_id,
            buy.trader,
            sell.trader,
            quantity_wh,
            price,
            fill.taker,
            sold,
            wheeling,
            fee_ugtx,
        )
    )
    return unsold


def _wheel(state: BlockState, sell: SellOrder, buy: BuyOrder, quantity_wh: int) -> Wheeling | None:
    """What the energy's way through the grid takes; None where both are in one place."""
    if sell.standing is None or buy.standing is None:
        return None
    seller, buyer = sell.standing.terms.zone, buy.standing.terms.zone
    if seller is None or buyer is None:
        return None
    return wheel(state, seller, buyer, spot_span(state), sell.price_mgtx_per_kwh, quantity_wh)


def _sell_left(
    order: SellOrder, lots: tuple[Lot, ...], traded_wh: int, place: Place | None
) -> SellOrder | None:
    """What is left of an order that took, or, with a place for its next slice, that rested."""
    if not lots:
        return None
    left = SellOrder(
        order.trader,
        order.price_mgtx_per_kwh,
        lots,
        order.expires_s,
        order.height,
        order.position,
        order.standing,
    )
    if place is not None and order.standing is not None:
        return _slice_left(order, left, traded_wh, place)
    return left


def _buy_left(order: BuyOrder, traded_wh: int, place: Place | None) -> BuyOrder | None:
    quantity_wh = order.quantity_wh - traded_wh
    if not quantity_wh:
        return None
    left = BuyOrder(
        order.trader,
        order.price_mgtx_per_kwh,
        quantity_wh,
        order.expires_s,
        order.height,
        order.position,
        order.standing,
    )
    if place is not None and order.standing is not None:
        return _slice_left(order, left, traded_wh, place)
    return left


def _slice_left(before: K, left: K, traded_wh: int, place: Place) -> K:
    """What is left of an order with terms that rested: of an iceberg, its slice or the next one."""
    standing = before.standing
    assert standing is not None, "asked of an order with terms"
    terms = standing.terms
    if not terms.display_wh:
        return left
    # One that has just come to rest has not been put down with its first slice yet.
    shown_wh = standing.shown_wh or min(terms.display_wh, before.quantity_wh)
    if shown_wh > traded_wh:
        return replace(left, standing=Standing(terms, shown_wh - traded_wh, standing.turn))
    next_wh = min(terms.display_wh, left.quantity_wh)
    return replace(
        left,
        height=place.height,
        position=place.position,
        standing=Standing(terms, next_wh, place.turn),
    )
