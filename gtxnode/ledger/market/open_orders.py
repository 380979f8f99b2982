"""The open orders: the book, and what the rules ask of it besides prices.

All of it is derived from the order coins and rebuilt from them at start. Execution keeps the two
in step: an order is here if and only if its coin exists.
"""

from collections.abc import Iterable

from gtxnode.ledger.coins import BuyOrder, Coin, Order, SellOrder, order_id_of
from gtxnode.ledger.delivery.due import DueTimes
from gtxnode.ledger.delivery.open_forwards import OpenForwards
from gtxnode.ledger.market.standing import turn_of
from gtxnode.market.book import Book
from gtxnode.market.orders import ANY_SOURCE, Fill, Side
from gtxnode.market.orders import Order as BookOrder


class OpenOrders:
    """The book with its orders' expiries, and which are whose."""

    __slots__ = ("_expiries", "_orders_of", "book", "forwards")

    def __init__(self) -> None:
        self.book = Book()
        self.forwards = OpenForwards()
        self._orders_of: dict[bytes, set[bytes]] = {}
        self._expiries = DueTimes()

    @classmethod
    def rebuild(cls, coins: Iterable[tuple[bytes, Coin]]) -> "OpenOrders":
        """From the chain's coins by id, in any order; those that are no orders are left out."""
        orders = cls()
        coins = list(coins)
        orders.forwards = OpenForwards.rebuild(
            (order_id_of(coin_id), coin) for coin_id, coin in coins
        )
        placed = [
            (coin.height, coin.position, turn_of(coin.standing), coin_id, coin)
            for coin_id, coin in coins
            if isinstance(coin, Order)
        ]
        # One transaction places an order on one side, and queues slices anew in turn.
        for _, _, _, coin_id, coin in sorted(placed, key=lambda entry: entry[:4]):
            order_id = order_id_of(coin_id)
            orders.book.rest(_book_order(order_id, coin))
            orders._opened(order_id, coin)
        return orders

    def place(
        self,
        order_id: bytes,
        coin: Order,
        *,
        immediate: bool = False,
        room_wh: int | None = None,
    ) -> tuple[Fill, ...]:
        """Match a new order; what is left of it rests, if it is not immediate.

        Its fills, first to last, and those of all-or-none orders that it brought to trade: no more
        than `room_wh` of them.
        """
        fills = self.book.place(_book_order(order_id, coin), immediate=immediate, room_wh=room_wh)
        if order_id in self.book:
            self._opened(order_id, coin)
        return fills

    def tradable_wh(self, order_id: bytes, coin: Order) -> int:
        """How much of an order would trade at once if it were placed now."""
        return self.book.tradable_wh(_book_order(order_id, coin))

    def shrink(self, order_id: bytes, coin: Order) -> tuple[Fill, ...]:
        """Leave an open order no more than its coin says, in its place; the fills it takes."""
        return self.book.shrink(order_id, coin.quantity_wh)

    def closed(self, order_id: bytes, trader: bytes) -> None:
        """An order of that trader has been filled and has left the book."""
        self._expiries.drop(order_id)
        left = self._orders_of[trader]
        left.discard(order_id)
        if not left:
            del self._orders_of[trader]

    def cancel(self, order_id: bytes, trader: bytes) -> None:
        """Take an open order of that trader out of the book."""
        left = self.book.cancel(order_id)
        assert left is not None, "an order's coin exists only while it is in the book"
        self.closed(order_id, trader)

    def next_expired(self, time_ms: int) -> bytes | None:
        """The id of an order that has expired by then, earliest first; None when none has."""
        return self._expiries.first(time_ms)

    def count(self, trader: bytes) -> int:
        """How many open orders a trader has."""
        return len(self._orders_of.get(trader, ()))

    def of(self, trader: bytes) -> list[bytes]:
        """The ids of a trader's open orders, sorted."""
        return sorted(self._orders_of.get(trader, ()))

    def __contains__(self, order_id: bytes) -> bool:
        return order_id in self._expiries

    def __len__(self) -> int:
        return len(self._expiries)

    def _opened(self, order_id: bytes, coin: Order) -> None:
        self._expiries.put(order_id, coin.expires_s)
        self._orders_of.setdefault(coin.trader, set()).add(order_id)


def _book_order(order_id: bytes, coin: Order) -> BookOrder:
    match coin:
        case SellOrder():
            side, sources = Side.SELL, coin.sources
        case BuyOrder():
            side, sources = Side.BUY, ANY_SOURCE
    standing = coin.standing
    terms, shown_wh = (standing.terms, standing.shown_wh) if standing is not None else (None, 0)
    return BookOrder(
        order_id,
        coin.trader,
        side,
        coin.price_mgtx_per_kwh,
        coin.quantity_wh,
        sources,
        terms,
        shown_wh,
    )
