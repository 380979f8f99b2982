"""One side of the order book: price levels in order of price, orders in order of time.

Both sides are kept by *rank*, the price for bids and minus the price for asks, so that the
best level is the one with the highest rank and stands last, where a list pops it at no cost.

An order that leaves from the middle of its level (cancelled, or traded past an order that was
passed over) is only marked as gone, and so is an iceberg's slice, whose successor goes to the end
of the queue. Invariants, true between calls:
- the first order of every level is not a gone one, and no level is empty;
- at most half of a level's queue is gone, so cleaning up costs O(1) per order that left;
- `conditional` counts the orders that may have to be passed over, and `all_or_none` holds those of
  them that trade whole, oldest first.

Measured against its alternatives in docs/decisions/order-book.md.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator

import msgspec
from msgspec import structs

from gtxnode.market.orders import Mark, Order, PriceLevel, Side, Terms


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
    """Of an iceberg, of its slice. Zero marks an order that has left the book, or a slice that has
    traded, but is still in its level's queue."""
    sources: int
    terms: Terms | None
    reserve_wh: int
    """What an iceberg does not show."""

    def order(self) -> Order:
        """What is left of it."""
        return Order(
            self.id,
            self.trader,
            self.side,
            self.price_mgtx_per_kwh,
            self.remaining_wh + self.reserve_wh,
            self.sources,
            self.terms,
            self.remaining_wh if self.terms is not None and self.terms.display_wh else 0,
        )


def resting(order: Order, quantity_wh: int) -> Resting:
    """The record of an order that comes to rest with this quantity."""
    terms = order.terms
    shown_wh = quantity_wh
    if terms is not None and terms.display_wh:
        shown_wh = order.shown_wh or min(terms.display_wh, quantity_wh)
    return Resting(
        order.id,
        order.trader,
        order.side,
        order.price_mgtx_per_kwh,
        shown_wh,
        order.sources,
        terms,
        quantity_wh - shown_wh,
    )


def next_slice(spent: Resting) -> Resting:
    """The record of an iceberg once its slice has traded."""
    assert spent.terms is not None, "only an iceberg has a reserve"
    shown_wh = min(spent.terms.display_wh, spent.reserve_wh)
    return structs.replace(spent, remaining_wh=shown_wh, reserve_wh=spent.reserve_wh - shown_wh)


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

    @property
    def orders(self) -> int:
        """How many stand in it."""
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

    __slots__ = ("_ranks", "_sign", "all_or_none", "by_rank", "conditional", "levels")

    def __init__(self, sign: int) -> None:
        """`sign` is +1 for bids, where a higher price is better, and -1 for asks."""
        self._sign = sign
        self._ranks: list[int] = []
        self.by_rank: dict[int, Level] = {}
        """The levels by rank, for whoever puts an order in."""
        self.levels: list[Level] = []
        self.all_or_none: dict[bytes, Resting] = {}
        self.conditional = 0

    def add(self, resting: Resting) -> None:
        """Put an order last in the queue of its price."""
        rank = self.rank_of(resting)
        level = self.by_rank.get(rank) or self.open_level(rank, resting.price_mgtx_per_kwh)
        level.queue.append(resting)
        level.quantity_wh += resting.remaining_wh
        terms = resting.terms
        if terms is not None and terms.conditional:
            self.conditional += 1
            if terms.all_or_none:
                self.all_or_none[resting.id] = resting

    def open_level(self, rank: int, price: int) -> Level:
        """Begin the queue of a price that has none."""
        level = self.by_rank[rank] = Level(rank, price)
        index = bisect_left(self._ranks, rank)
        self._ranks.insert(index, rank)
        self.levels.insert(index, level)
        return level

    def renew(self, level: Level, spent: Resting) -> Resting:
        """Show an iceberg's next slice, last in the queue: a new slice is a new time."""
        renewed = next_slice(spent)
        level.queue.append(renewed)
        level.quantity_wh += renewed.remaining_wh
        return renewed

    def forget(self, resting: Resting) -> None:
        """An order is leaving: it waits for nothing any more."""
        terms = resting.terms
        if terms is not None and terms.conditional:
            self.conditional -= 1
            if terms.all_or_none:
                del self.all_or_none[resting.id]

    def level_of(self, resting: Resting) -> Level:
        """The level that it stands in."""
        return self.by_rank[resting.price_mgtx_per_kwh * self._sign]

    def rank_of(self, resting: Resting) -> int:
        """The rank of its price."""
        return resting.price_mgtx_per_kwh * self._sign

    def remove(self, resting: Resting) -> None:
        """Take out an order, wherever it stands in its queue."""
        level = self.level_of(resting)
        level.quantity_wh -= resting.remaining_wh
        resting.remaining_wh = 0
        self.forget(resting)
        level.gone += 1
        self.tidy(level)

    def tidy(self, level: Level) -> None:
        """Clean a level that orders have left, and drop it if none are left in it."""
        level.clean()
        if not level.queue:
            index = bisect_left(self._ranks, level.rank)
            del self._ranks[index], self.levels[index], self.by_rank[level.rank]

    def drop_best(self) -> None:
        """Drop the best level, which has just become empty."""
        del self.by_rank[self._ranks.pop()]
        self.levels.pop()

    def best(self) -> int | None:
        """The best price, or None if nothing rests on this side."""
        return self.levels[-1].price if self.levels else None

    def depth(self, limit: int) -> tuple[PriceLevel, ...]:
        """Up to `limit` levels, best first."""
        best = self.levels[-1 : -limit - 1 : -1]
        return tuple(PriceLevel(level.price, level.quantity_wh, level.orders) for level in best)

    def reaching(self, opposite: "Ladder", since: Mark | None) -> Iterator[Order]:
        """The orders that reach the best price of the other side, by priority, from a mark on."""
        for level in reversed(self.levels):
            if not opposite.levels or level.rank < -opposite.levels[-1].rank:
                return
            standing = [each for each in level.queue if each.remaining_wh]
            place = 0
            if since is not None:
                if level.rank > since.price_mgtx_per_kwh * self._sign:
                    continue
                if level.price == since.price_mgtx_per_kwh:
                    ids = [each.id for each in standing]
                    place = ids.index(since.id) if since.id in ids else 0
            for each in standing[place:]:
                yield each.order()

    def __iter__(self) -> Iterator[Resting]:
        """Resting orders by priority: best price first, then first come."""
        for level in reversed(self.levels):
            for resting in level.queue:
                if resting.remaining_wh:
                    yield resting
