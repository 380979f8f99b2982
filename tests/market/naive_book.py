"""The order book as one would write it first: a list, copied and sorted anew for every order.

The reference that the real book is held against, so it shares no code with it. What an order would
do is tried on a copy of the whole book; a copy in which an all-or-none order was filled in part is
thrown away.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

from gtxnode.market import Fill, Order, PriceRule, Side, Terms
from gtxnode.primitives.zones import Zone

PLAIN = Terms()


@dataclass
class Grid:
    """Between zones, the seller's first: what is left to carry, and what it costs."""

    left: dict[tuple[Zone | None, Zone | None], int]
    tolls: dict[tuple[Zone | None, Zone | None], int]


@dataclass
class Entry:
    order: Order
    shown: int
    hidden: int
    arrival: int

    @property
    def left(self) -> int:
        return self.shown + self.hidden

    def show_next(self, arrival: int) -> None:
        """A new slice is a new time."""
        self.shown = min(self.hidden, terms_of(self.order).display_wh)
        self.hidden -= self.shown
        self.arrival = arrival


class NaiveBook:
    def __init__(
        self, price_rule: PriceRule, max_visits: int, max_looks: int, grid: Grid | None = None
    ) -> None:
        self.grid = grid
        self.price_rule = price_rule
        self.max_visits = max_visits
        self.max_looks = max_looks
        self.entries: list[Entry] = []
        self.arrivals = 0

    def place(
        self, order: Order, immediate: bool = False, room_wh: int | None = None
    ) -> list[Fill]:
        fills = self.take(order)
        left = order.quantity_wh - sum(fill.quantity_wh for fill in fills)
        if left == 0 or immediate:
            return fills
        slice_wh = terms_of(order).display_wh or left
        self.entries.append(
            Entry(order, min(left, slice_wh), max(0, left - slice_wh), self.arrival())
        )
        waiting = [
            each
            for each in self.by_priority(opposite_of(order.side))
            if terms_of(each.order).all_or_none and may_trade(order, each.order)
        ]
        for each in waiting[: self.max_looks]:
            if all(order.id != resting.order.id for resting in self.entries):
                break
            if room_wh is None or each.left <= room_wh:
                taken = self.look(each)
                fills += taken
                if room_wh is not None:
                    room_wh -= sum(fill.quantity_wh for fill in taken)
        return fills

    def look(self, waiting: Entry) -> list[Fill]:
        """An all-or-none order trades as if it came now, if that fills it."""
        fills = self.take(replace_quantity(waiting.order, waiting.left))
        if fills:
            self.entries = [e for e in self.entries if e.order.id != waiting.order.id]
        return fills

    def revisit(self, order_id: bytes, room_wh: int) -> list[Fill]:
        """One that rests trades what it shows; of two that rest, the later id took."""
        (entry,) = [entry for entry in self.entries if entry.order.id == order_id]
        whole = terms_of(entry.order).all_or_none
        if whole and entry.left > room_wh:
            return []
        quantity = min(entry.shown, room_wh)
        fills = self.take(replace_quantity(entry.order, quantity), rested=True)
        # What was undone has put another entry in its place.
        found = [entry for entry in self.entries if entry.order.id == order_id]
        for entry in found:
            entry.shown -= sum(fill.quantity_wh for fill in fills)
            if entry.shown == 0 and entry.hidden > 0:
                entry.show_next(self.arrival())
        self.entries = [entry for entry in self.entries if entry.left > 0]
        return fills

    def crossing(self) -> list[bytes]:
        """Bids that reach an ask, and all-or-none asks that a bid reaches."""
        return [
            each.order.id
            for each in (*self.by_priority(Side.BUY), *self.by_priority(Side.SELL))
            if (each.order.side == Side.BUY or terms_of(each.order).all_or_none)
            and any(
                crosses(each.order, other.order)
                for other in self.by_priority(opposite_of(each.order.side))
            )
        ]

    def take(self, order: Order, *, rested: bool = False) -> list[Fill]:
        """Trade with what rests, best first; nothing at all if it cannot be as the order says."""
        before = deepcopy(self.entries), self.arrivals, deepcopy(self.grid)
        whole = terms_of(order).all_or_none
        fills: list[Fill] = []
        left = order.quantity_wh
        seen: set[tuple[bytes, int]] = set()
        while left > 0:
            if (whole or self.grid) and len(seen) >= self.max_visits:
                break
            entry = self.next_unseen(order, seen)
            if entry is None:
                break
            seen.add((entry.order.id, entry.arrival))
            resting = entry.order
            if not may_trade(order, resting):
                continue
            if terms_of(resting).all_or_none and entry.left > left:
                continue
            buy, sell = (order, resting) if order.side == Side.BUY else (resting, order)
            traded = min(left, entry.shown)
            toll = 0
            if self.grid:
                toll = self.grid.tolls[zones_of(sell, buy)]
                if sell.price_mgtx_per_kwh + toll > buy.price_mgtx_per_kwh:
                    continue
                traded = min(traded, self.grid.left[zones_of(sell, buy)])
                if traded == 0 or (terms_of(resting).all_or_none and traded < entry.left):
                    continue
                self.grid.left[zones_of(sell, buy)] -= traded
            left -= traded
            entry.shown -= traded
            if entry.shown == 0 and entry.hidden > 0:
                entry.show_next(self.arrival())
            older = min(order.id, resting.id) if rested else resting.id
            paid = sell if self.price_rule == PriceRule.ASK or older == sell.id else buy
            price = paid.price_mgtx_per_kwh - (toll if paid is buy else 0)
            taker = Side.SELL if older == buy.id else Side.BUY
            fills.append(Fill(buy.id, sell.id, traded, price, entry.left, taker))
        if whole and left > 0:
            self.entries, self.arrivals, self.grid = before
            return []
        self.entries = [entry for entry in self.entries if entry.left > 0]
        return fills

    def next_unseen(self, order: Order, seen: set[tuple[bytes, int]]) -> Entry | None:
        for entry in self.by_priority(opposite_of(order.side)):
            if not crosses(order, entry.order):
                return None
            if entry.left > 0 and (entry.order.id, entry.arrival) not in seen:
                return entry
        return None

    def shrink(self, order_id: bytes, quantity_wh: int) -> list[Fill]:
        (entry,) = [entry for entry in self.entries if entry.order.id == order_id]
        cut = entry.left - quantity_wh
        entry.hidden -= min(cut, entry.hidden)
        entry.shown = quantity_wh - entry.hidden
        return self.look(entry) if terms_of(entry.order).all_or_none else []

    def cancel(self, order_id: bytes) -> Order | None:
        for entry in self.entries:
            if entry.order.id == order_id:
                self.entries.remove(entry)
                return left_of(entry)
        return None

    def orders(self) -> Iterator[Order]:
        for side in (Side.BUY, Side.SELL):
            for entry in self.by_priority(side):
                yield left_of(entry)

    def by_priority(self, side: Side) -> list[Entry]:
        sign = -1 if side == Side.BUY else 1
        return sorted(
            (entry for entry in self.entries if entry.order.side == side),
            key=lambda entry: (sign * entry.order.price_mgtx_per_kwh, entry.arrival),
        )

    def arrival(self) -> int:
        self.arrivals += 1
        return self.arrivals


def terms_of(order: Order) -> Terms:
    return order.terms or PLAIN


def zones_of(sell: Order, buy: Order) -> tuple[Zone | None, Zone | None]:
    return terms_of(sell).zone, terms_of(buy).zone


def opposite_of(side: Side) -> Side:
    return Side.SELL if side == Side.BUY else Side.BUY


def crosses(order: Order, resting: Order) -> bool:
    if order.side == Side.BUY:
        return order.price_mgtx_per_kwh >= resting.price_mgtx_per_kwh
    return order.price_mgtx_per_kwh <= resting.price_mgtx_per_kwh


def may_trade(one: Order, other: Order) -> bool:
    """Whether prices, traders and preferences of both allow it."""
    return (
        crosses(one, other)
        and one.trader != other.trader
        and accepts(terms_of(one), other)
        and accepts(terms_of(other), one)
    )


def accepts(terms: Terms, other: Order) -> bool:
    partner_fits = terms.partner is None or terms.partner == other.trader
    wanted = {n for n in range(16) if terms.sources >> n & 1}
    offered = {n for n in range(16) if other.sources >> n & 1}
    return partner_fits and bool(wanted & offered)


def replace_quantity(order: Order, quantity_wh: int) -> Order:
    return Order(
        order.id,
        order.trader,
        order.side,
        order.price_mgtx_per_kwh,
        quantity_wh,
        order.sources,
        order.terms,
    )


def left_of(entry: Entry) -> Order:
    order = entry.order
    return Order(
        order.id,
        order.trader,
        order.side,
        order.price_mgtx_per_kwh,
        entry.left,
        order.sources,
        order.terms,
        entry.shown if terms_of(order).display_wh else 0,
    )
