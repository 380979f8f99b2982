"""The open orders: the book, and what the rules ask of it besides prices.

All of it is derived from the order coins and rebuilt from them at start. Execution keeps the two
in step: an order is here if and only if its coin exists.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from gtxnode.ledger.coins import BuyOrder, Coin, Order, SellOrder, order_id_of
from gtxnode.ledger.open_forwards import OpenForwards
from gtxnode.market.book import Book
from gtxnode.market.orders import Fill, PriceRule, Side
from gtxnode.market.orders import Order as BookOrder

_SPARE_EXPIRIES = 1_024
_Open: TypeAlias = dict[bytes, int]


class OpenOrders:
    """The book with its orders' expiries, and the number of orders of each trader."""

    __slots__ = ("_expiries", "_expiry_of", "_orders_of", "book", "forwards")

    def __init__(self, price_rule: PriceRule = PriceRule.ASK) -> None:
        self.book = Book(price_rule)
        self.forwards = OpenForwards()
        self._expiry_of: _Open = {}
        self._orders_of: dict[bytes, int] = {}
        # A heap of (expiry, order id). Orders that close otherwise stay in it for a while.
        self._expiries: list[tuple[int, bytes]] = []

    @classmethod
    def rebuild(
        cls, coins: Iterable[tuple[bytes, Coin]], price_rule: PriceRule = PriceRule.ASK
    ) -> "OpenOrders":
        """From the chain's coins by id, in any order; those that are no orders are left out."""
        orders = cls(price_rule)
        coins = list(coins)
        orders.forwards = OpenForwards.rebuild(
            (order_id_of(coin_id), coin) for coin_id, coin in coins
        )
        placed = [
            (coin.height, coin.position, coin_id, coin)
            for coin_id, coin in coins
            if isinstance(coin, Order)
        ]
        # A height and position is one transaction, so the coins are never compared.
        for _, _, coin_id, coin in sorted(placed, key=lambda entry: entry[:3]):
            order_id = order_id_of(coin_id)
            orders.book.rest(_book_order(order_id, coin))
            orders._opened(order_id, coin)
        return orders

    def place(self, order_id: bytes, coin: Order) -> tuple[Fill, ...]:
        """Match a new order; what is left of it rests. Its fills, first to last."""
        fills = self.book.place(_book_order(order_id, coin))
        if sum(fill.quantity_wh for fill in fills) < coin.quantity_wh:
            self._opened(order_id, coin)
        return fills

    def closed(self, order_id: bytes, trader: bytes) -> None:
        """An order of that trader has been filled and has left the book."""
        del self._expiry_of[order_id]
        left = self._orders_of[trader] - 1
        if left:
            self._orders_of[trader] = left
        else:
            del self._orders_of[trader]
        if len(self._expiries) > 2 * len(self._expiry_of) + _SPARE_EXPIRIES:
            self._expiries = [(at, order) for order, at in self._expiry_of.items()]
            heapify(self._expiries)

    def cancel(self, order_id: bytes, trader: bytes) -> None:
        """Take an open order of that trader out of the book."""
        left = self.book.cancel(order_id)
        assert left is not None, "an order's coin exists only while it is in the book"
        self.closed(order_id, trader)

    def next_expired(self, time_ms: int) -> bytes | None:
        """The id of an order that has expired by then, earliest first; None when none has."""
        while self._expiries and self._expiries[0][0] * 1_000 <= time_ms:
            expires_s, order_id = self._expiries[0]
            if self._expiry_of.get(order_id) == expires_s:
                return order_id
            heappop(self._expiries)
        return None

    def count(self, trader: bytes) -> int:
        """How many open orders a trader has."""
        return self._orders_of.get(trader, 0)

    def __len__(self) -> int:
        return len(self._expiry_of)

    def _opened(self, order_id: bytes, coin: Order) -> None:
        self._expiry_of[order_id] = coin.expires_s
        self._orders_of[coin.trader] = self._orders_of.get(coin.trader, 0) + 1
        heappush(self._expiries, (coin.expires_s, order_id))


def _book_order(order_id: bytes, coin: Order) -> BookOrder:
    match coin:
        case SellOrder():
            side = Side.SELL
        case BuyOrder():
            side = Side.BUY
    return BookOrder(order_id, coin.trader, side, coin.price_mgtx_per_kwh, coin.quantity_wh)
