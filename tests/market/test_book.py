"""The order book by example."""

from collections.abc import Callable
from itertools import count

import pytest

from gtxnode.market import Book, Depth, Fill, Order, PriceLevel, PriceRule, Side

BUY, SELL = Side.BUY, Side.SELL
ALICE, BOB = b"\xa1" * 20, b"\xb0" * 20

MakeOrder = Callable[..., Order]


@pytest.fixture
def order() -> MakeOrder:
    """`order(side, price, quantity, trader=...)`, each with an id and a trader of its own."""
    numbers = count(1)

    def make(side: Side, price: int, quantity: int, trader: bytes | None = None) -> Order:
        number = next(numbers)
        trader = number.to_bytes(20, "big") if trader is None else trader
        return Order(number.to_bytes(32, "big"), trader, side, price, quantity)

    return make


def test_the_markets_own_example(order: MakeOrder) -> None:
    """Sell 100 kWh at 3.5, buy 50 at 4.0: 50 kWh at 3.5, 175 GTX, 50 left on offer."""
    book = Book()
    sell, buy = order(SELL, 3_500, 100_000), order(BUY, 4_000, 50_000)
    assert book.place(sell) == ()
    (fill,) = book.place(buy)
    assert fill == Fill(buy.id, sell.id, 50_000, 3_500, resting_remaining_wh=50_000, taker=BUY)
    assert fill.quantity_wh * fill.price_mgtx_per_kwh == 175_000_000, "µGTX"
    assert book.get(buy.id) is None
    assert book.depth(5) == Depth(bids=(), asks=(PriceLevel(3_500, 50_000, 1),))


@pytest.mark.parametrize(
    ("rule", "first", "price"),
    [
        (PriceRule.ASK, SELL, 3_500),
        (PriceRule.ASK, BUY, 3_500),
        (PriceRule.MAKER, SELL, 3_500),
        (PriceRule.MAKER, BUY, 4_000),
    ],
)
def test_whose_price_is_paid(rule: PriceRule, first: Side, price: int, order: MakeOrder) -> None:
    book = Book(rule)
    pair = {SELL: order(SELL, 3_500, 10), BUY: order(BUY, 4_000, 10)}
    book.place(pair.pop(first))
    (fill,) = book.place(pair.popitem()[1])
    assert fill.price_mgtx_per_kwh == price
    assert len(book) == 0


def test_a_better_price_goes_first_and_then_the_older_order(order: MakeOrder) -> None:
    book = Book(PriceRule.MAKER)
    dear, first, second, cheap = (order(SELL, price, 10) for price in (7, 6, 6, 5))
    for sell in (dear, first, second, cheap):
        book.place(sell)
    fills = book.place(order(BUY, 6, 25))
    assert [(f.sell_id, f.quantity_wh, f.price_mgtx_per_kwh) for f in fills] == [
        (cheap.id, 10, 5),
        (first.id, 10, 6),
        (second.id, 5, 6),
    ]
    assert [f.resting_remaining_wh for f in fills] == [0, 0, 5]


def test_an_order_that_does_not_reach_the_other_side_rests(order: MakeOrder) -> None:
    book = Book()
    assert (book.best_bid, book.best_ask, len(book)) == (None, None, 0)
    book.place(order(BUY, 4, 10))
    book.place(order(SELL, 5, 20))
    assert (book.best_bid, book.best_ask, len(book)) == (4, 5, 2)


def test_what_is_left_after_the_whole_other_side_rests(order: MakeOrder) -> None:
    book = Book()
    book.place(order(SELL, 5, 10))
    buy = order(BUY, 6, 15)
    assert len(book.place(buy)) == 1
    assert book.get(buy.id) == Order(buy.id, buy.trader, BUY, 6, 5)
    assert book.best_ask is None


def test_cancelling_answers_what_was_left(order: MakeOrder) -> None:
    book = Book()
    sell = order(SELL, 5, 10)
    book.place(sell)
    book.place(order(BUY, 5, 4))
    assert book.cancel(sell.id) == Order(sell.id, sell.trader, SELL, 5, 6)
    assert book.cancel(sell.id) is None
    assert book.get(sell.id) is None
    assert book.depth(5) == Depth((), ())


def test_cancelling_keeps_the_others_places(order: MakeOrder) -> None:
    book = Book()
    sells = [order(SELL, 5, 1) for _ in range(10)]
    for sell in sells:
        book.place(sell)
    for sell in (sells[0], *sells[3:8]):
        book.cancel(sell.id)
    assert [left.id for left in book.orders()] == [sells[i].id for i in (1, 2, 8, 9)]
    fills = book.place(order(BUY, 5, 10))
    assert [fill.sell_id for fill in fills] == [sells[i].id for i in (1, 2, 8, 9)]


def test_nobody_trades_with_himself(order: MakeOrder) -> None:
    """His own orders are passed over, at one price and at several, and keep their places."""
    book = Book(PriceRule.MAKER)
    own_best = order(SELL, 4, 10, ALICE)
    own_first = order(SELL, 5, 10, ALICE)
    others = order(SELL, 5, 10, BOB)
    dearer = order(SELL, 6, 10, BOB)
    for sell in (own_best, own_first, others, dearer):
        book.place(sell)
    buy = order(BUY, 5, 30, ALICE)
    (fill,) = book.place(buy)
    assert (fill.sell_id, fill.quantity_wh) == (others.id, 10)
    assert [left.id for left in book.orders()] == [buy.id, own_best.id, own_first.id, dearer.id]
    assert (book.best_bid, book.best_ask) == (5, 4), "crossed, by his own orders alone"
    next_buy = book.place(order(BUY, 6, 30, BOB))
    assert [fill.sell_id for fill in next_buy] == [own_best.id, own_first.id]


def test_trading_past_own_orders_may_stop_within_an_order(order: MakeOrder) -> None:
    book = Book()
    own, others = order(SELL, 5, 10, ALICE), order(SELL, 5, 10, BOB)
    book.place(own)
    book.place(others)
    (fill,) = book.place(order(BUY, 5, 3, ALICE))
    assert (fill.sell_id, fill.resting_remaining_wh) == (others.id, 7)
    assert book.depth(1).asks == (PriceLevel(5, 17, 2),)


def test_depth_lists_the_best_levels_of_each_side(order: MakeOrder) -> None:
    book = Book()
    for side, price, quantity in (
        (BUY, 1, 1), (BUY, 3, 2), (BUY, 3, 3), (BUY, 2, 4),
        (SELL, 9, 5), (SELL, 7, 6), (SELL, 8, 7),
    ):  # fmt: skip
        book.place(order(side, price, quantity))
    assert book.depth(2) == Depth(
        bids=(PriceLevel(3, 5, 2), PriceLevel(2, 4, 1)),
        asks=(PriceLevel(7, 6, 1), PriceLevel(8, 7, 1)),
    )
    assert book.depth(0) == Depth((), ())
    assert len(book.depth(100).bids) == 3


def test_resting_does_not_match(order: MakeOrder) -> None:
    """A book that was crossed by one trader's orders must be rebuilt as it was."""
    book = Book()
    book.rest(order(SELL, 4, 10, ALICE))
    book.rest(order(BUY, 5, 10, ALICE))
    assert (book.best_bid, book.best_ask, len(book)) == (5, 4, 2)


@pytest.mark.parametrize("put", [Book.place, Book.rest])
def test_the_ledgers_mistakes_are_asserted(
    put: Callable[[Book, Order], object], order: MakeOrder
) -> None:
    book = Book()
    sell = order(SELL, 5, 10)
    put(book, sell)
    with pytest.raises(AssertionError, match="placed twice"):
        put(book, sell)
    with pytest.raises(AssertionError, match="order of nothing"):
        put(book, order(SELL, 5, 0))
