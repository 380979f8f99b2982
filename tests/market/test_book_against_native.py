"""The order book against independent ones: `limit-order-book` (C++) and `lightmatchingengine`.

Under the maker rule all must trade the same. The C++ package does not tell its fills, but it
answers which orders it has, and the count and volume at every price; that these agree with ours
after every single order leaves no room for another fill. The other one, in Python, tells them.
"""

import random
from typing import Any

import pytest

from gtxnode.market import Book, Order, PriceRule, Side

native = pytest.importorskip(
    "limit_order_book", reason="the package limit-order-book (extra: bench) is not installed"
)
light = pytest.importorskip(
    "lightmatchingengine.lightmatchingengine",
    reason="the package lightmatchingengine (extra: bench) is not installed",
)

ORDERS = 3_000
PRICES = range(1, 201)
WIDE_CHECK_EVERY = 250


def check_levels(book: Book, other: Any) -> None:
    depth = book.depth(len(PRICES))
    bids = {level.price_mgtx_per_kwh: level for level in depth.bids}
    asks = {level.price_mgtx_per_kwh: level for level in depth.asks}
    for levels, volume in ((bids, other.volume_buy), (asks, other.volume_sell)):
        for price in PRICES:
            level = levels.get(price)
            assert volume(price) == (level.quantity_wh if level else 0)
    for price in PRICES:
        ours = [side[price].orders for side in (bids, asks) if price in side]
        assert other.count_at(price) == sum(ours)


@pytest.mark.parametrize(("seed", "cancels"), [(1, 0.0), (2, 0.0), (3, 0.3)])
def test_the_same_fills_under_the_maker_rule(seed: int, cancels: float) -> None:
    chance = random.Random(seed)
    book, other = Book(PriceRule.MAKER), native.LimitOrderBook()
    for number in range(1, ORDERS + 1):
        if chance.random() < cancels:
            victim = chance.randrange(1, number + 1)
            if book.cancel(victim.to_bytes(32, "big")):
                other.cancel(victim)
        side = chance.choice(list(Side))
        price, quantity = chance.choice(PRICES), chance.randint(1, 4)
        order_id = number.to_bytes(32, "big")
        fills = book.place(Order(order_id, number.to_bytes(20, "big"), side, price, quantity))
        other.limit(side is Side.BUY, number, quantity, price)
        for fill in fills:
            resting = fill.sell_id if side is Side.BUY else fill.buy_id
            assert other.has(int.from_bytes(resting, "big")) == (fill.resting_remaining_wh > 0)
        check_levels(book, other)
        assert (other.best_buy(), other.best_sell()) == (book.best_bid or 0, book.best_ask or 0)
        if number % WIDE_CHECK_EVERY == 0:
            for known in range(1, number + 1):
                there = book.get(known.to_bytes(32, "big")) is not None
                assert other.has(known) == there


def test_the_same_fills_as_the_package_that_tells_them() -> None:
    """Its list has what was taken at a price, then what each resting order gave."""
    chance = random.Random(4)
    book, other = Book(PriceRule.MAKER), light.LightMatchingEngine()
    for number in range(1, ORDERS + 1):
        side = chance.choice(list(Side))
        price, quantity = chance.choice(PRICES), chance.randint(1, 4)
        order = Order(number.to_bytes(32, "big"), number.to_bytes(20, "big"), side, price, quantity)
        fills = [
            (
                int.from_bytes(fill.sell_id if side is Side.BUY else fill.buy_id, "big"),
                fill.quantity_wh,
                fill.price_mgtx_per_kwh,
            )
            for fill in book.place(order)
        ]
        _, trades = other.add_order("KWH", price, quantity, int(side))
        assert fills == [
            (trade.order_id, trade.trade_qty, trade.trade_price)
            for trade in trades
            if trade.order_id != number
        ]
