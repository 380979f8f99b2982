"""The order book as one would write it first: a list, sorted anew for every order.

The reference that the real book is held against, so it shares no code with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gtxnode.market import Fill, Order, PriceRule, Side


@dataclass
class Entry:
    order: Order
    remaining: int
    arrival: int


class NaiveBook:
    def __init__(self, price_rule: PriceRule) -> None:
        self.price_rule = price_rule
        self.entries: list[Entry] = []
        self.arrivals = 0

    def place(self, order: Order) -> list[Fill]:
        fills = []
        remaining = order.quantity_wh
        for entry in self.by_priority(opposite_of(order.side)):
            resting = entry.order
            if remaining == 0 or not crosses(order, resting):
                break
            if resting.trader == order.trader:
                continue
            traded = min(remaining, entry.remaining)
            remaining -= traded
            entry.remaining -= traded
            buy, sell = (order, resting) if order.side == Side.BUY else (resting, order)
            paid = sell if self.price_rule == PriceRule.ASK else resting
            fills.append(Fill(buy.id, sell.id, traded, paid.price_mgtx_per_kwh, entry.remaining))
        self.entries = [entry for entry in self.entries if entry.remaining > 0]
        if remaining > 0:
            self.entries.append(Entry(order, remaining, self.arrivals))
            self.arrivals += 1
        return fills

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


def opposite_of(side: Side) -> Side:
    return Side.SELL if side == Side.BUY else Side.BUY


def crosses(order: Order, resting: Order) -> bool:
    if order.side == Side.BUY:
        return order.price_mgtx_per_kwh >= resting.price_mgtx_per_kwh
    return order.price_mgtx_per_kwh <= resting.price_mgtx_per_kwh


def left_of(entry: Entry) -> Order:
    order = entry.order
    return Order(order.id, order.trader, order.side, order.price_mgtx_per_kwh, entry.remaining)
