"""What follows from a book's fills, on either market: trade by trade, and what is left of orders.

An iceberg whose slice has traded shows the next one and takes a new place in the queue, which its
coin names by the block, the transaction and the trade.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import BuyOrder, SellOrder, order_coin_id, trade_id
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardSell
from gtxnode.ledger.market.standing import Standing, turn_of
from gtxnode.market.orders import Fill, Side

O = TypeVar("O", bound=SellOrder | BuyOrder | ForwardSell | ForwardBuy)  # noqa: E741
K = TypeVar("K", bound=SellOrder | BuyOrder | ForwardSell | ForwardBuy)

AFTER_ALL: Final = 2**32
"""A position after those of all transactions that a block has room for."""


class Place(NamedTuple):
    """When an order queued, as its coin has it: what it is older or younger by."""

    height: int
    position: int
    turn: int


Places: TypeAlias = tuple[Place | None, Place | None]
"""Where the next slices of buyer and seller queue; None for the one that takes."""


class Dealings(Protocol[O]):
    """What a market does with a fill."""

    def open_order(self, order_id: bytes) -> O:
        """An order in the book, as its coin has it."""
        ...

    def trade(
        self, identity: bytes, fill: Fill, pair: tuple[O, O], places: Places
    ) -> tuple[O | None, O | None]:
        """Make the trade of a buyer and a seller; what it leaves of their orders."""
        ...

    def filled(self, order_id: bytes, order: O) -> None:
        """Nothing is left of an order; `order` is what was before its last trade."""
        ...


def settle(
    state: BlockState,
    dealings: Dealings[O],
    transaction_id: bytes,
    order_id: bytes,
    placed: O,
    fills: Sequence[Fill],
    *,
    known: bool = False,
) -> O | None:
    """Settle the fills of an order that was placed or changed; what is left of that order.

    All other orders of the fills have their coins changed or spent here; so has this one where it
    is `known`, that is where it has a coin from before.
    """
    orders: dict[bytes, O | None] = {order_id: placed}
    for number, fill in enumerate(fills):
        identity = trade_id(state.context.chain_id, transaction_id, number)
        place = Place(state.context.height, len(state.receipts), number + 1)
        places = (None, place) if fill.taker is Side.BUY else (place, None)
        _settle(dealings, identity, orders, fill, places)
    left = orders.pop(order_id)
    for identity, order in orders.items():
        _put(state, identity, order)
    if known:
        _put(state, order_id, left)
    return left


def settle_rested(
    state: BlockState, dealings: Dealings[O], name: bytes, fills: Sequence[Fill]
) -> None:
    """Settle the fills of orders that had all rested, before the block's transactions.

    `name` stands for the transaction in the ids of the trades.
    """
    orders: dict[bytes, O | None] = {}
    for number, fill in enumerate(fills):
        identity = trade_id(state.context.chain_id, name, number)
        turn = len(state.trades) + len(state.forward_trades) + 1
        place = Place(state.context.height - 1, AFTER_ALL, turn)
        _settle(dealings, identity, orders, fill, (place, place))
    for identity, order in orders.items():
        _put(state, identity, order)


def place_of(order: SellOrder | BuyOrder | ForwardSell | ForwardBuy) -> Place:
    """When an order took its place."""
    return Place(order.height, order.position, turn_of(order.standing))


def rested(order: K) -> K:
    """An order as it comes to rest: an iceberg shows its first slice."""
    standing = order.standing
    if standing is None or not standing.terms.display_wh or standing.shown_wh:
        return order
    shown_wh = min(standing.terms.display_wh, order.quantity_wh)
    return replace(order, standing=Standing(standing.terms, shown_wh))


def shrunk(order: K) -> K:
    """An order of which less is left: an iceberg gives up its reserve before its slice."""
    standing = order.standing
    if standing is None or standing.shown_wh <= order.quantity_wh:
        return order
    return replace(order, standing=Standing(standing.terms, order.quantity_wh, standing.turn))


def requeued(state: BlockState, order: K) -> K:
    """An order as if it were placed by the transaction at hand."""
    return replace(
        order,
        height=state.context.height,
        position=len(state.receipts),
        standing=None if order.standing is None else Standing(order.standing.terms),
    )


def slice_left(before: K, left: K, traded_wh: int, place: Place | None) -> K:
    """What is left of an order that took, or, with a place for its next slice, that rested: of an
    iceberg that did, its slice or the next one."""
    standing = before.standing
    if place is None or standing is None or not standing.terms.display_wh:
        return left
    terms = standing.terms
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


def _settle(
    dealings: Dealings[O],
    identity: bytes,
    orders: dict[bytes, O | None],
    fill: Fill,
    places: Places,
) -> None:
    """One trade: `orders` has what is left of the two."""
    buy = orders.get(fill.buy_id) or dealings.open_order(fill.buy_id)
    sell = orders.get(fill.sell_id) or dealings.open_order(fill.sell_id)
    buy_left, sell_left = dealings.trade(identity, fill, (buy, sell), places)
    orders[fill.buy_id], orders[fill.sell_id] = buy_left, sell_left
    if buy_left is None:
        dealings.filled(fill.buy_id, buy)
    if sell_left is None:
        dealings.filled(fill.sell_id, sell)


def _put(state: BlockState, order_id: bytes, order: O | None) -> None:
    coin_id = order_coin_id(order_id)
    if order is not None:
        state.coins.make(coin_id, rested(order))
    elif state.coins.get(coin_id) is not None:
        state.coins.spend(coin_id)
