"""The order book of one market: continuous trading by price, then time.

An order trades at once with whatever rests on the other side at its price or better: best
price first, and at one price first come, first served. What is left of it rests. Orders of the
same trader never trade with each other: the resting one is passed over and keeps its place.

The book holds no money and knows no clock. Which orders may be placed, and what a trade moves,
is the ledger's; the book can be rebuilt from the ledger's open orders through `rest`.

Preconditions (the ledger's to keep, asserted here): an order's quantity is above zero, and its
id is not in the book.
"""

from collections.abc import Iterator

from gtxnode.market.ladder import Ladder, Level, Resting
from gtxnode.market.orders import Depth, Fill, Order, PriceRule, Side

_BUY = Side.BUY  # an enum's attribute is a slow look-up, and `place` is the hot path


class Book:
    """The open orders of one market."""

    __slots__ = ("_asks", "_bids", "_orders", "price_rule")

    def __init__(self, price_rule: PriceRule = PriceRule.ASK) -> None:
        self.price_rule = price_rule
        self._bids = Ladder(+1)
        self._asks = Ladder(-1)
        self._orders: dict[bytes, Resting] = {}

    def place(self, order: Order) -> tuple[Fill, ...]:
        """Trade the order against the book and rest what is left; its fills, first to last."""
        assert order.quantity_wh > 0, "an order of nothing"
        assert order.id not in self._orders, "an order placed twice"
        if order.side is _BUY:
            own, opposite, limit = self._bids, self._asks, -order.price_mgtx_per_kwh
        else:
            own, opposite, limit = self._asks, self._bids, order.price_mgtx_per_kwh
        remaining = order.quantity_wh
        fills: list[Fill] = []
        if opposite.levels and opposite.levels[-1].rank >= limit:
            remaining = self._match(order, opposite, limit, fills)
        if remaining:
            self._rest(order, remaining, own)
        return tuple(fills)

    def rest(self, order: Order) -> None:
        """Put an order last in its queue without matching it, as when the book is rebuilt.

        Resting `orders()` of one book in another, in that order, gives an equal book.
        """
        assert order.quantity_wh > 0, "an order of nothing"
        assert order.id not in self._orders, "an order placed twice"
        self._rest(order, order.quantity_wh, self._ladder(order.side))

    def cancel(self, order_id: bytes) -> Order | None:
        """Take out an order; what was left of it, or None if it is not in the book."""
        resting = self._orders.pop(order_id, None)
        if resting is None:
            return None
        order = resting.order()
        self._ladder(order.side).remove(resting)
        return order

    def get(self, order_id: bytes) -> Order | None:
        """What is left of a resting order, or None if it is not in the book."""
        resting = self._orders.get(order_id)
        return None if resting is None else resting.order()

    @property
    def best_bid(self) -> int | None:
        """The highest price bid, in mGTX/kWh, or None."""
        return self._bids.best()

    @property
    def best_ask(self) -> int | None:
        """The lowest price asked, in mGTX/kWh, or None."""
        return self._asks.best()

    def depth(self, limit: int) -> Depth:
        """Up to `limit` price levels of each side, best first."""
        return Depth(self._bids.depth(limit), self._asks.depth(limit))

    def orders(self) -> Iterator[Order]:
        """What is left of every order by priority, bids and then asks."""
        for ladder in (self._bids, self._asks):
            for resting in ladder:
                yield resting.order()

    def __len__(self) -> int:
        return len(self._orders)

    def _rest(self, order: Order, remaining: int, ladder: Ladder) -> None:
        resting = Resting(order.id, order.trader, order.side, order.price_mgtx_per_kwh, remaining)
        self._orders[order.id] = resting
        ladder.add(resting)

    def _ladder(self, side: Side) -> Ladder:
        return self._bids if side is _BUY else self._asks

    def _match(self, order: Order, opposite: Ladder, limit: int, fills: list[Fill]) -> int:
        """Trade with the other side's best while it reaches `limit`; the quantity left over.

        The hot path of the node's market, hence written out in one loop. It only ever takes
        the first order of the best level; where that is the trader's own, it hands over.
        """
        levels = opposite.levels
        orders = self._orders
        order_id = order.id
        trader = order.trader
        buying = order.side is _BUY
        at_makers_price = buying or self.price_rule is PriceRule.MAKER
        price = order.price_mgtx_per_kwh
        remaining = order.quantity_wh
        while levels:
            level = levels[-1]
            if level.rank < limit:
                break
            resting = level.queue[0]
            if resting.trader == trader:
                return self._match_past_own(order, remaining, opposite, limit, fills)
            if at_makers_price:
                price = level.price
            left = resting.remaining_wh - remaining
            if left > 0:
                traded = remaining
                remaining = 0
            else:
                traded = resting.remaining_wh
                remaining = -left
                left = 0
            resting.remaining_wh = left
            level.quantity_wh -= traded
            if buying:
                fills.append(Fill(order_id, resting.id, traded, price, left))
            else:
                fills.append(Fill(resting.id, order_id, traded, price, left))
            if not left:
                level.queue.popleft()
                del orders[resting.id]
                if level.gone:
                    level.clean()
                if not level.queue:
                    opposite.drop_best()
            if not remaining:
                break
        return remaining

    def _match_past_own(
        self, order: Order, remaining: int, opposite: Ladder, limit: int, fills: list[Fill]
    ) -> int:
        """The same, passing over the trader's own orders; the quantity left over."""
        touched: list[Level] = []
        for level in reversed(opposite.levels):
            if level.rank < limit or not remaining:
                break
            touched.append(level)
            for resting in level.queue:
                if resting.remaining_wh and resting.trader != order.trader:
                    traded = min(remaining, resting.remaining_wh)
                    remaining -= traded
                    self._trade(order, traded, resting, level, fills)
                    if not remaining:
                        break
        for level in touched:
            opposite.tidy(level)
        return remaining

    def _trade(
        self, order: Order, traded: int, resting: Resting, level: Level, fills: list[Fill]
    ) -> None:
        """One trade of `order` with an order anywhere in a level's queue."""
        resting.remaining_wh -= traded
        level.quantity_wh -= traded
        if not resting.remaining_wh:
            level.gone += 1
            del self._orders[resting.id]
        buying = order.side is _BUY
        at_makers_price = buying or self.price_rule is PriceRule.MAKER
        price = (resting if at_makers_price else order).price_mgtx_per_kwh
        buy, sell = (order, resting) if buying else (resting, order)
        fills.append(Fill(buy.id, sell.id, traded, price, resting.remaining_wh))
