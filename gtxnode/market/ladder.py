"""One side of the order book: price levels in order of price, orders in order of time.

Both sides are kept by *rank*, the price for bids and minus the price for asks, so that the
best level is the one with the highest rank and stands last, where a list pops it at no cost.

An order that leaves from the middle of its level (cancelled, or traded past an order that was
passed over) is only marked as gone. Invariants, true between calls:
- the first order of every level is not a gone one, and no level is empty;
- at most half of a level's queue is gone, so cleaning up costs O(1) per order that left.

Measured against its alternatives in docs/decisions/order-book.md.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator

import msgspec

from gtxnode.market.orders import Order, PriceLevel, Side


class Resting(msgspec.Struct, gc=False):
    """An order in the book. The book's own record: it changes as the order trades.

    It copies the order's fields rather than hold the order: with a million of them each object
    that a trade touches is a miss in the processor's caches.
    """

    id: bytes
    trader: bytes
    side: Side
    price_mgtx_per_kwh: int
    remaining_wh: int
    """Zero marks an order that has left the book but is still in its level's queue."""

    def order(self) -> Order:
        """What is left of it."""
        return Order(self.id, self.trader, self.side, self.price_mgtx_per_kwh, self.remaining_wh)


class Level:
    """The queue of one price."""

    __slots__ = ("gone", "price", "quantity_wh", "queue", "rank")

    def __init__(self, rank: int, price: int) -> None:
        self.rank = rank
        self.price = price
        self.queue: deque[Resting] = deque()
        self.quantity_wh = 0
        self.gone = 0
        """How many in the queue have left the book."""

    def __len__(self) -> int:
        return len(self.queue) - self.gone

    def clean(self) -> None:
        """Restore the invariants after orders of this level were marked as gone."""
        queue = self.queue
        while queue and not queue[0].remaining_wh:
            queue.popleft()
            self.gone -= 1
        if self.gone * 2 > len(queue):
            self.queue = deque(resting for resting in queue if resting.remaining_wh)
            self.gone = 0


class Ladder:
    """The levels of one side, worst first, best last."""

    __slots__ = ("_by_rank", "_ranks", "_sign", "levels")

    def __init__(self, sign: int) -> None:
        """`sign` is +1 for bids, where a higher price is better, and -1 for asks."""
        self._sign = sign
        self._ranks: list[int] = []
        self._by_rank: dict[int, Level] = {}
        self.levels: list[Level] = []

    def add(self, resting: Resting) -> None:
        """Put an order last in the queue of its price."""
        price = resting.price_mgtx_per_kwh
        rank = price * self._sign
        level = self._by_rank.get(rank)
        if level is None:
            level = self._by_rank[rank] = Level(rank, price)
            index = bisect_left(self._ranks, rank)
            self._ranks.insert(index, rank)
            self.levels.insert(index, level)
        level.queue.append(resting)
        level.quantity_wh += resting.remaining_wh

    def remove(self, resting: Resting) -> None:
        """Take out an order, wherever it stands in its queue."""
        level = self._by_rank[resting.price_mgtx_per_kwh * self._sign]
        level.quantity_wh -= resting.remaining_wh
        resting.remaining_wh = 0
        level.gone += 1
        self.tidy(level)

    def tidy(self, level: Level) -> None:
        """Clean a level that orders have left, and drop it if none are left in it."""
        level.clean()
        if not level.queue:
            index = bisect_left(self._ranks, level.rank)
            del self._ranks[index], self.levels[index], self._by_rank[level.rank]

    def drop_best(self) -> None:
        """Drop the best level, which has just become empty."""
        del self._by_rank[self._ranks.pop()]
        self.levels.pop()

    def best(self) -> int | None:
        """The best price, or None if nothing rests on this side."""
        return self.levels[-1].price if self.levels else None

    def depth(self, limit: int) -> tuple[PriceLevel, ...]:
        """Up to `limit` levels, best first."""
        best = self.levels[-1 : -limit - 1 : -1]
        return tuple(PriceLevel(level.price, level.quantity_wh, len(level)) for level in best)

    def __iter__(self) -> Iterator[Resting]:
        """Resting orders by priority: best price first, then first come."""
        for level in reversed(self.levels):
            for resting in level.queue:
                if resting.remaining_wh:
                    yield resting
