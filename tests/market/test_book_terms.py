"""Order types by example: immediate, all-or-none, iceberg, preferences, and orders that shrink."""

from itertools import count

import pytest
from msgspec import structs

import gtxnode.market.book as book_module
from gtxnode.market import Book, Fill, Order, PriceRule, Side, Terms, plan

BUY, SELL = Side.BUY, Side.SELL
ALICE, BOB, CAROL = (name * 20 for name in (b"a", b"b", b"c"))
SOLAR, COAL = 1 << 1, 1 << 9
WHOLE = Terms(all_or_none=True)
NUMBERS = count(1)


def order(
    side: Side, price: int, quantity: int, terms: Terms | None = None, trader: bytes = b""
) -> Order:
    number = next(NUMBERS)
    trader = trader or number.to_bytes(20, "big")
    return Order(number.to_bytes(32, "big"), trader, side, price, quantity, terms=terms)


def placed(book: Book, *orders: Order) -> list[Fill]:
    return [fill for each in orders for fill in book.place(each)]


def quantities(fills: list[Fill] | tuple[Fill, ...]) -> list[tuple[bytes, int]]:
    return [(fill.sell_id, fill.quantity_wh) for fill in fills]


def test_what_is_left_of_an_immediate_order_is_dropped() -> None:
    book = Book()
    sell = order(SELL, 3, 10)
    placed(book, sell)
    buy = order(BUY, 3, 15)
    assert book.tradable_wh(buy) == 10
    (fill,) = book.place(buy, immediate=True)
    assert fill.quantity_wh == 10
    assert len(book) == 0


def test_fill_or_kill_fills_or_does_nothing() -> None:
    book = Book()
    placed(book, order(SELL, 3, 10), order(SELL, 4, 10), order(SELL, 5, 10))
    before = list(book.orders())
    too_much = order(BUY, 4, 21, WHOLE)
    assert book.tradable_wh(too_much) == 0
    assert book.place(too_much, immediate=True) == ()
    assert list(book.orders()) == before
    fits = order(BUY, 4, 20, WHOLE)
    assert book.tradable_wh(fits) == 20
    assert [fill.quantity_wh for fill in book.place(fits, immediate=True)] == [10, 10]


def test_a_resting_all_or_none_order_is_passed_over_until_one_takes_it_whole() -> None:
    book = Book()
    whole, behind = order(SELL, 3, 10, WHOLE), order(SELL, 3, 5)
    placed(book, whole, behind)
    assert quantities(book.place(order(BUY, 3, 4))) == [(behind.id, 4)]
    assert quantities(book.place(order(BUY, 3, 11))) == [(whole.id, 10), (behind.id, 1)]


def test_an_all_or_none_order_trades_when_what_rests_comes_to_enough() -> None:
    """Nobody has 10 alone; when a second 5 comes to rest the two fill it, oldest first."""
    book = Book(PriceRule.MAKER)
    whole = order(BUY, 5, 10, WHOLE)
    first, second = order(SELL, 3, 5), order(SELL, 4, 7)
    assert placed(book, whole, first) == []
    assert (book.best_bid, book.best_ask) == (5, 3), "crossed: it waits for more"
    fills = book.place(second)
    assert fills == (
        Fill(whole.id, first.id, 5, 3, 0, taker=BUY),
        Fill(whole.id, second.id, 5, 4, 2, taker=BUY),
    )
    assert [left.id for left in book.orders()] == [second.id]


def test_the_better_all_or_none_order_is_looked_at_first_then_the_older() -> None:
    book = Book()
    older, better, newer = (order(BUY, price, 10, WHOLE) for price in (4, 5, 4))
    placed(book, older, better, newer)
    for expected in (better, older, newer):
        placed(book, order(SELL, 3, 6))
        fills = book.place(order(SELL, 3, 4))
        assert {fill.buy_id for fill in fills} == {expected.id}


@pytest.mark.parametrize(("room_wh", "traded"), [(None, [8, 8]), (16, [8, 8]), (15, [8]), (7, [])])
def test_one_order_that_rests_may_bring_several_to_trade_within_the_room_there_is(
    room_wh: int | None, traded: list[int]
) -> None:
    """Each has some that is for it alone; the seven that come are enough for what both lack."""
    book = Book()
    first, second = order(BUY, 5, 8, WHOLE, ALICE), order(BUY, 4, 8, WHOLE, BOB)
    for_first, for_second = (
        order(SELL, 3, quantity, Terms(partner=partner))
        for quantity, partner in ((3, ALICE), (6, BOB))
    )
    assert placed(book, first, second, for_first, for_second) == []
    fills = book.place(order(SELL, 3, 7), room_wh=room_wh)
    by_buyer = [sum(f.quantity_wh for f in fills if f.buy_id == o.id) for o in (first, second)]
    assert [each for each in by_buyer if each] == traded


def test_the_walk_is_greedy_and_does_not_search_for_a_combination() -> None:
    """Six of ten come from the first in the queue; the ten behind it would be just right alone."""
    book = Book()
    placed(book, order(SELL, 3, 6, WHOLE), order(SELL, 3, 10, WHOLE))
    assert book.tradable_wh(order(BUY, 3, 10, WHOLE)) == 0


def test_a_walk_that_must_fill_its_order_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_VISITS", 3)
    book = Book()
    placed(book, *(order(SELL, 3, 1) for _ in range(4)))
    assert book.tradable_wh(order(BUY, 3, 3, WHOLE)) == 3
    assert book.tradable_wh(order(BUY, 3, 4, WHOLE)) == 0
    assert book.tradable_wh(order(BUY, 3, 4)) == 4


def test_an_order_looks_at_so_many_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_LOOKS", 1)
    book = Book()
    first, second = order(BUY, 5, 100, WHOLE), order(BUY, 4, 6, WHOLE)
    placed(book, first, second, order(SELL, 3, 5))
    assert book.place(order(SELL, 3, 5)) == (), "the second is not looked at"
    assert placed(book, structs.replace(order(SELL, 3, 1), trader=first.trader)) != []


def test_an_iceberg_shows_a_slice_and_queues_anew_with_each() -> None:
    book = Book()
    iceberg, other = order(SELL, 3, 25, Terms(display_wh=10)), order(SELL, 3, 10)
    placed(book, iceberg, other)
    assert [(level.quantity_wh, level.orders) for level in book.depth(1).asks] == [(20, 2)]
    assert quantities(book.place(order(BUY, 3, 12))) == [(iceberg.id, 10), (other.id, 2)]
    left = book.get(iceberg.id)
    assert left is not None
    assert (left.quantity_wh, left.shown_wh) == (15, 10)
    # The other's 8 are before its second slice now; its third slice is what is left, 5.
    fills = book.place(order(BUY, 3, 30))
    assert quantities(fills) == [(other.id, 8), (iceberg.id, 10), (iceberg.id, 5)]
    assert [fill.resting_remaining_wh for fill in fills] == [0, 5, 0]


def test_an_iceberg_that_comes_trades_with_all_of_itself() -> None:
    book = Book()
    placed(book, order(SELL, 3, 18))
    (fill,) = book.place(iceberg := order(BUY, 3, 25, Terms(display_wh=5)))
    assert fill.quantity_wh == 18
    left = book.get(iceberg.id)
    assert left is not None
    assert (left.quantity_wh, left.shown_wh) == (7, 5)


def test_a_buyer_may_name_sources_and_a_partner_and_a_seller_a_partner() -> None:
    book = Book()
    coal = structs.replace(order(SELL, 2, 10, trader=ALICE), sources=COAL)
    solar = structs.replace(order(SELL, 3, 10, trader=BOB), sources=SOLAR)
    for_carol = order(SELL, 4, 10, Terms(partner=CAROL), trader=ALICE)
    placed(book, coal, solar, for_carol)
    assert quantities(book.place(order(BUY, 5, 4, Terms(sources=SOLAR)))) == [(solar.id, 4)]
    assert quantities(book.place(order(BUY, 5, 4, Terms(partner=BOB)))) == [(solar.id, 4)]
    fills = book.place(order(BUY, 4, 13))
    assert quantities(fills) == [(coal.id, 10), (solar.id, 2)]
    rest = order(BUY, 4, 15, Terms(partner=ALICE), trader=CAROL)
    assert quantities(book.place(rest)) == [(for_carol.id, 10)]
    assert book.conditional(BUY) == 1
    # A picky order that rests is passed over by whom it does not want, and keeps its place.
    other = order(SELL, 4, 5, trader=BOB)
    assert quantities(book.place(other)) == [(other.id, 1)], "the one order without terms"
    (fill,) = book.place(order(SELL, 4, 5, trader=ALICE))
    assert fill.buy_id == rest.id


def test_shrinking_keeps_the_place_and_takes_the_reserve_first() -> None:
    book = Book()
    first, second = order(SELL, 3, 10), order(SELL, 3, 10, Terms(display_wh=4))
    placed(book, first, second)
    assert book.shrink(first.id, 2) == ()
    book.shrink(second.id, 7)
    assert book.depth(1).asks[0].quantity_wh == 2 + 4
    book.shrink(second.id, 3)
    assert book.depth(1).asks[0].quantity_wh == 2 + 3
    assert quantities(book.place(order(BUY, 3, 10))) == [(first.id, 2), (second.id, 3)]


def test_an_all_or_none_order_may_trade_for_wanting_less() -> None:
    book = Book()
    whole, sell = order(BUY, 4, 10, WHOLE), order(SELL, 3, 6)
    placed(book, whole, sell)
    assert book.shrink(whole.id, 7) == ()
    (fill,) = book.shrink(whole.id, 5)
    assert (fill.sell_id, fill.quantity_wh, fill.taker) == (sell.id, 5, BUY)
    assert book.get(whole.id) is None


def test_an_order_does_not_grow_in_its_place() -> None:
    book = Book()
    sell = order(SELL, 3, 10)
    placed(book, sell)
    with pytest.raises(AssertionError, match="shrinks"):
        book.shrink(sell.id, 11)
