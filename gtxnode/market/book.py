"""The order book of one market: continuous trading by price, then time.

An order trades at once with whatever rests on the other side at its price or better: best
price first, and at one price first come, first served. What is left of it rests. Orders of the
same trader never trade with each other: the resting one is passed over and keeps its place.

Orders with terms (orders.py) trade as plan.py walks. What is left of an all-or-none order is all
of it; it rests, and trades when another order comes to rest on the other side that it could trade
with, if then the walk fills it. It trades as if it came at that moment: the others are the makers.

The book holds no money and knows no clock. Which orders may be placed, and what a trade moves,
is the ledger's; the book can be rebuilt from the ledger's open orders through `rest`.

Preconditions (the ledger's to keep, asserted here): an order's quantity is above zero, and its
id is not in the book.
"""

from collections.abc import Iterator
from typing import Final

from gtxnode.market.carriage import Carriage, Walk
from gtxnode.market.ladder import Ladder, Level, Resting, resting
from gtxnode.market.orders import Depth, Fill, Mark, Order, PriceRule, Revisit, Side, WhoTook
from gtxnode.market.plan import Step, meets, plan

MAX_LOOKS: Final = 4
"""Waiting all-or-none orders, best first, that an order which comes to rest may bring to trade."""

_BUY = Side.BUY  # an enum's attribute is a slow look-up, and `place` is the hot path
_SELL = Side.SELL


class Book:
    """The open orders of one market."""

    __slots__ = ("_asks", "_bids", "_orders", "carriage", "price_rule")

    def __init__(self, price_rule: PriceRule = PriceRule.ASK) -> None:
        self.price_rule = price_rule
        self.carriage: Carriage | None = None
        """The grid between its orders, for as long as its keeper places any."""
        self._bids = Ladder(+1)
        self._asks = Ladder(-1)
        self._orders: dict[bytes, Resting] = {}

    def place(
        self, order: Order, *, immediate: bool = False, room_wh: int | None = None
    ) -> tuple[Fill, ...]:
        """Trade the order against the book and rest what is left; its fills, first to last.

        What is left of an `immediate` order does not rest. With `room_wh`, the all-or-none orders
        that it brings to trade by resting trade no more than that.
        """
        assert order.quantity_wh > 0, "an order of nothing"
        assert order.id not in self._orders, "an order placed twice"
        if order.side is _BUY:
            own, opposite, limit = self._bids, self._asks, -order.price_mgtx_per_kwh
        else:
            own, opposite, limit = self._asks, self._bids, order.price_mgtx_per_kwh
        remaining = order.quantity_wh
        fills: list[Fill] = []
        if opposite.levels and opposite.levels[-1].rank >= limit:
            if order.terms is None:
                remaining = self._match(order, opposite, limit, fills)
            else:
                remaining = self._match_by_terms(order, remaining, opposite, limit, fills)
        if not remaining or immediate:
            return tuple(fills)
        if order.terms is None:
            # What Ladder.add does, written out: most orders come this way.
            price = order.price_mgtx_per_kwh
            rested = Resting(
                order.id, order.trader, order.side, price, remaining, order.sources, None, 0
            )
            level = own.by_rank.get(-limit) or own.open_level(-limit, price)
            level.queue.append(rested)
            level.quantity_wh += remaining
        else:
            rested = resting(order, remaining)
            own.add(rested)
        self._orders[order.id] = rested
        if opposite.all_or_none:
            self._look_again(rested, opposite, limit, room_wh, fills)
        return tuple(fills)

    def tradable_wh(self, order: Order) -> int:
        """How much of an order would trade at once if it were placed now."""
        opposite = self._ladder(_SELL if order.side is _BUY else _BUY)
        whole = order.terms is not None and order.terms.all_or_none
        grid = self._walk()
        walk = plan(order, order.quantity_wh, opposite, _limit(order), whole=whole, grid=grid)
        return 0 if whole and walk.left_wh else order.quantity_wh - walk.left_wh

    def rest(self, order: Order) -> None:
        """Put an order last in its queue without matching it, as when the book is rebuilt.

        Resting `orders()` of one book in another, in that order, gives an equal book.
        """
        assert order.quantity_wh > 0, "an order of nothing"
        assert order.id not in self._orders, "an order placed twice"
        rested = self._orders[order.id] = resting(order, order.quantity_wh)
        self._ladder(order.side).add(rested)

    def shrink(self, order_id: bytes, quantity_wh: int) -> tuple[Fill, ...]:
        """Leave an order that is in the book no more than this, in its place in the queue.

        An iceberg gives up its reserve first. Fewer may be at hand for an all-or-none order than it
        wanted before, so it may trade now: its fills, in which it is the taker.
        """
        rested = self._orders[order_id]
        cut_wh = rested.remaining_wh + rested.reserve_wh - quantity_wh
        assert quantity_wh > 0 <= cut_wh, "it shrinks, to something"
        hidden_wh = min(cut_wh, rested.reserve_wh)
        rested.reserve_wh -= hidden_wh
        rested.remaining_wh -= cut_wh - hidden_wh
        self._ladder(rested.side).level_of(rested).quantity_wh -= cut_wh - hidden_wh
        fills: list[Fill] = []
        if rested.terms is not None and rested.terms.all_or_none:
            self._fill_whole(rested, fills)
        return tuple(fills)

    def revisit(self, order_id: bytes, room_wh: int, took: WhoTook) -> Revisit:
        """Let an order that rests trade with what rests on the other side, as far as they may now.

        Neither of the two comes, so either trades as what rests does: an iceberg the slice that it
        shows, an all-or-none order all of itself. What is left keeps its place. No more than
        `room_wh` is traded. Who counts as the taker, where prices go by that, `took` says.
        """
        rested = self._orders[order_id]
        own, opposite = self._bids, self._asks
        if rested.side is _SELL:
            own, opposite = opposite, own
        whole = rested.terms is not None and rested.terms.all_or_none
        want_wh = rested.remaining_wh if whole else min(rested.remaining_wh, room_wh)
        if want_wh > room_wh:
            return Revisit((), 0)
        grid = self._walk()
        steps, left_wh, met = plan(
            rested, want_wh, opposite, _limit(rested), whole=whole, grid=grid
        )
        if not steps or (whole and left_wh):
            return Revisit((), met)
        fills: list[Fill] = []
        self._take(rested, steps, opposite, fills, took)
        if grid is not None:
            grid.keep()
        level = own.level_of(rested)
        self._trade(own, level, rested, want_wh - left_wh)
        own.tidy(level)
        return Revisit(tuple(fills), met)

    def crossing(self, since: Mark | None = None) -> Iterator[Order]:
        """The orders that might trade with what rests, were it for prices alone, by priority.

        Bids that reach the best ask, then all-or-none asks that reach the best bid, since one of
        them may need several bids. From the order of the mark on, or, if that is gone, from the
        first at its price.
        """
        if since is None or since.side is _BUY:
            yield from self._bids.reaching(self._asks, since)
            since = None
        for order in self._asks.reaching(self._bids, since):
            if order.terms is not None and order.terms.all_or_none:
                yield order

    def cancel(self, order_id: bytes) -> Order | None:
        """Take out an order; what was left of it, or None if it is not in the book."""
        rested = self._orders.pop(order_id, None)
        if rested is None:
            return None
        order = rested.order()
        self._ladder(order.side).remove(rested)
        return order

    def get(self, order_id: bytes) -> Order | None:
        """What is left of a resting order, or None if it is not in the book."""
        rested = self._orders.get(order_id)
        return None if rested is None else rested.order()

    def conditional(self, side: Side) -> int:
        """How many orders rest on a side that may have to be passed over."""
        return self._ladder(side).conditional

    def all_or_none(self, side: Side) -> int:
        """How many of those are all-or-none."""
        return len(self._ladder(side).all_or_none)

    @property
    def best_bid(self) -> int | None:
        """The highest price bid, in mGTX/kWh, or None."""
        return self._bids.best()

    @property
    def best_ask(self) -> int | None:
        """The lowest price asked, in mGTX/kWh, or None."""
        return self._asks.best()

    @property
    def is_crossed(self) -> bool:
        """Whether a bid reaches an ask: orders were passed over, whatever for."""
        bids, asks = self._bids.levels, self._asks.levels
        return bool(bids and asks) and bids[-1].price >= asks[-1].price

    def depth(self, limit: int) -> Depth:
        """Up to `limit` price levels of each side, best first, without icebergs' reserves."""
        return Depth(self._bids.depth(limit), self._asks.depth(limit))

    def orders(self) -> Iterator[Order]:
        """What is left of every order by priority, bids and then asks."""
        yield from self.side(_BUY)
        yield from self.side(_SELL)

    def side(self, side: Side) -> Iterator[Order]:
        """What is left of the orders of one side by priority."""
        for rested in self._ladder(side):
            yield rested.order()

    def __contains__(self, order_id: bytes) -> bool:
        return order_id in self._orders

    def __len__(self) -> int:
        return len(self._orders)

    def _ladder(self, side: Side) -> Ladder:
        return self._bids if side is _BUY else self._asks

    def _match(self, order: Order, opposite: Ladder, limit: int, fills: list[Fill]) -> int:
        """Trade with the other side's best while it reaches `limit`; the quantity left over.

        The hot path of the node's market, hence written out in one loop. It only ever takes
        the first order of the best level; where that is the trader's own or has terms, it hands
        over.
        """
        levels = opposite.levels
        orders = self._orders
        order_id = order.id
        trader = order.trader
        side = order.side
        buying = side is _BUY
        at_makers_price = buying or self.price_rule is PriceRule.MAKER
        price = order.price_mgtx_per_kwh
        remaining = order.quantity_wh
        while levels:
            level = levels[-1]
            if level.rank < limit:
                break
            first = level.queue[0]
            if first.trader == trader or first.terms is not None:
                return self._match_by_terms(order, remaining, opposite, limit, fills)
            if at_makers_price:
                price = level.price
            left = first.remaining_wh - remaining
            if left > 0:
                traded = remaining
                remaining = 0
            else:
                traded = first.remaining_wh
                remaining = -left
                left = 0
            first.remaining_wh = left
            level.quantity_wh -= traded
            if buying:
                fills.append(Fill(order_id, first.id, traded, price, left, side))
            else:
                fills.append(Fill(first.id, order_id, traded, price, left, side))
            if not left:
                level.queue.popleft()
                del orders[first.id]
                if level.gone:
                    level.clean()
                if not level.queue:
                    opposite.drop_best()
            if not remaining:
                break
        return remaining

    def _match_by_terms(
        self, order: Order, want_wh: int, opposite: Ladder, limit: int, fills: list[Fill]
    ) -> int:
        """The same where orders may have to be passed over; the quantity left over."""
        whole = order.terms is not None and order.terms.all_or_none
        grid = self._walk()
        steps, left, _ = plan(order, want_wh, opposite, limit, whole=whole, grid=grid)
        if whole and left:
            return want_wh
        self._take(order, steps, opposite, fills)
        if grid is not None:
            grid.keep()
        return left

    def _walk(self) -> Walk | None:
        return None if self.carriage is None else self.carriage.walk()

    def _look_again(
        self,
        rested: Resting,
        opposite: Ladder,
        limit: int,
        room_wh: int | None,
        fills: list[Fill],
    ) -> None:
        """Let all-or-none orders trade for which the order that came to rest may be what lacked."""
        waiting = [
            each
            for each in opposite.all_or_none.values()
            if opposite.rank_of(each) >= limit and meets(rested, each)
        ]
        waiting.sort(key=opposite.rank_of, reverse=True)
        for each in waiting[:MAX_LOOKS]:
            if rested.id not in self._orders:
                break
            wanted_wh = each.remaining_wh
            if room_wh is None:
                self._fill_whole(each, fills)
            elif wanted_wh <= room_wh and self._fill_whole(each, fills):
                room_wh -= wanted_wh

    def _fill_whole(self, waiting: Resting, fills: list[Fill]) -> bool:
        """Let an all-or-none order trade as if it came now; whether it did."""
        own, opposite = self._bids, self._asks
        if waiting.side is _SELL:
            own, opposite = opposite, own
        grid, want_wh = self._walk(), waiting.remaining_wh
        steps, left, _ = plan(waiting, want_wh, opposite, _limit(waiting), whole=True, grid=grid)
        if left:
            return False
        self._take(waiting, steps, opposite, fills)
        if grid is not None:
            grid.keep()
        del self._orders[waiting.id]
        own.remove(waiting)
        return True

    def _take(
        self,
        taker: Order | Resting,
        steps: list[Step],
        opposite: Ladder,
        fills: list[Fill],
        took: WhoTook | None = None,
    ) -> None:
        """Trade as planned. `took` says which of two that rested counts as the taker."""
        buying = taker.side is _BUY
        side = taker.side
        touched: list[Level] = []
        for level, planned, traded in steps:
            if not touched or touched[-1] is not level:
                touched.append(level)
            # A step with a later slice of an iceberg was planned on its first.
            maker = self._orders[planned.id]
            left = self._trade(opposite, level, maker, traded)
            buy, sell = (taker, maker) if buying else (maker, taker)
            if took is not None:
                side = took(buy.id, sell.id)
            price = sell.price_mgtx_per_kwh
            if side is _SELL and self.price_rule is PriceRule.MAKER:
                price = buy.price_mgtx_per_kwh
                if self.carriage is not None:
                    # What the buyer gives in all; the seller gets what the way leaves of it.
                    price -= self.carriage.toll(sell, buy)
            fills.append(Fill(buy.id, sell.id, traded, price, left, side))
        for level in touched:
            opposite.tidy(level)

    def _trade(self, ladder: Ladder, level: Level, maker: Resting, traded: int) -> int:
        """Take a quantity from an order anywhere in a level's queue; what is left of the order."""
        level.quantity_wh -= traded
        maker.remaining_wh -= traded
        if maker.remaining_wh:
            return maker.remaining_wh + maker.reserve_wh
        level.gone += 1
        if maker.reserve_wh:
            left = maker.reserve_wh
            self._orders[maker.id] = ladder.renew(level, maker)
            return left
        del self._orders[maker.id]
        ladder.forget(maker)
        return 0


def _limit(order: Order | Resting) -> int:
    """The rank on the other side that an order's price reaches down to."""
    return -order.price_mgtx_per_kwh if order.side is _BUY else order.price_mgtx_per_kwh
