"""The order book against the obvious one, and its invariants, over random histories."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.market import Book, Fill, Order, PriceRule, Side
from gtxnode.market.ladder import Ladder
from tests.market.naive_book import NaiveBook


class Cancel(NamedTuple):
    """Cancel the order that was placed as number `placed`, be it there or not."""

    placed: int


Action = Order | Cancel


def an_order(number: int, trader: int, side: Side, price: int, quantity: int) -> Order:
    return Order(number.to_bytes(32, "big"), bytes([trader]) * 20, side, price, quantity)


@st.composite
def histories(draw: st.DrawFn) -> list[Action]:
    """Few prices and traders, so that orders meet, queues grow and traders meet themselves."""
    order = st.tuples(
        st.integers(0, 3), st.sampled_from(Side), st.integers(1, 6), st.integers(1, 9)
    )
    actions: list[Action] = []
    for step in draw(st.lists(st.one_of(order, order, st.integers(0, 60)), max_size=60)):
        match step:
            case int():
                actions.append(Cancel(step))
            case _:
                actions.append(an_order(len(actions), *step))
    return actions


def long_history(seed: int, steps: int) -> list[Action]:
    """Two prices and many cancels, so that queues are long and full of gaps."""
    chance = random.Random(seed)
    return [
        Cancel(chance.randrange(steps))
        if chance.random() < 0.4
        else an_order(
            number,
            chance.randrange(5),
            chance.choice(list(Side)),
            chance.randint(1, 2),
            chance.randint(1, 4),
        )
        for number in range(steps)
    ]


def play(book: Book | NaiveBook, action: Action) -> Sequence[Fill] | Order | None:
    if isinstance(action, Cancel):
        return book.cancel(action.placed.to_bytes(32, "big"))
    return tuple(book.place(action))


def check_ladder(ladder: Ladder) -> None:
    """What the ladder's module promises between calls."""
    ranks = [level.rank for level in ladder.levels]
    assert ranks == sorted(set(ranks))
    for level in ladder.levels:
        assert level.queue[0].remaining_wh > 0
        assert level.gone * 2 <= len(level.queue)
        assert level.gone == sum(resting.remaining_wh == 0 for resting in level.queue)
        assert level.quantity_wh == sum(resting.remaining_wh for resting in level.queue)


def check_equal(book: Book, naive: NaiveBook) -> None:
    orders = list(naive.orders())
    assert list(book.orders()) == orders
    assert len(book) == len(orders)
    assert all(book.get(order.id) == order for order in orders)
    bids = [order.price_mgtx_per_kwh for order in orders if order.side is Side.BUY]
    asks = [order.price_mgtx_per_kwh for order in orders if order.side is Side.SELL]
    assert (book.best_bid, book.best_ask) == (max(bids, default=None), min(asks, default=None))
    depth = book.depth(100)
    levels = [(level.price_mgtx_per_kwh, level.orders) for level in (*depth.bids, *depth.asks)]
    assert levels == [
        *sorted(Counter(bids).items(), reverse=True),
        *sorted(Counter(asks).items()),
    ]
    quantities = sum(level.quantity_wh for level in (*depth.bids, *depth.asks))
    assert quantities == sum(order.quantity_wh for order in orders)


@given(histories(), st.sampled_from(PriceRule))
@settings(deadline=None, max_examples=300)
def test_same_as_the_naive_book(history: list[Action], rule: PriceRule) -> None:
    book, naive = Book(rule), NaiveBook(rule)
    for action in history:
        assert play(book, action) == play(naive, action)
        check_equal(book, naive)
        check_ladder(book._bids)
        check_ladder(book._asks)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_same_as_the_naive_book_with_long_queues(seed: int) -> None:
    book, naive = Book(), NaiveBook(PriceRule.ASK)
    for step, action in enumerate(long_history(seed, 3_000)):
        assert play(book, action) == play(naive, action), f"seed {seed}, step {step}"
        check_ladder(book._bids)
        check_ladder(book._asks)
    check_equal(book, naive)


@given(histories())
@settings(deadline=None)
def test_energy_is_conserved(history: list[Action]) -> None:
    """On each side: placed = traded + cancelled + resting."""
    book = Book()
    placed, gone = Counter[Side](), Counter[Side]()
    for action in history:
        match play(book, action):
            case Order() as cancelled:
                gone[cancelled.side] += cancelled.quantity_wh
            case tuple() as fills:
                assert isinstance(action, Order)
                placed[action.side] += action.quantity_wh
                traded = sum(fill.quantity_wh for fill in fills)
                gone.update(dict.fromkeys(Side, traded))
    for side in Side:
        resting = sum(order.quantity_wh for order in book.orders() if order.side is side)
        assert placed[side] == gone[side] + resting


@given(histories())
@settings(deadline=None)
def test_only_a_traders_own_orders_cross(history: list[Action]) -> None:
    """Whoever else could have traded has: two orders that cross are of one trader."""
    book = Book()
    for action in history:
        play(book, action)
        orders = list(book.orders())
        for bid in orders:
            for ask in orders:
                if bid.side is Side.BUY and ask.side is Side.SELL and bid.trader != ask.trader:
                    assert bid.price_mgtx_per_kwh < ask.price_mgtx_per_kwh


@given(histories(), st.sampled_from(PriceRule))
@settings(deadline=None)
def test_no_one_pays_more_or_earns_less_than_he_said(
    history: list[Action], rule: PriceRule
) -> None:
    book = Book(rule)
    orders = {action.id: action for action in history if isinstance(action, Order)}
    for action in history:
        if isinstance(action, Order):
            for fill in book.place(action):
                buy, sell = orders[fill.buy_id], orders[fill.sell_id]
                assert (buy.side, sell.side) == (Side.BUY, Side.SELL)
                assert buy.trader != sell.trader
                assert buy.price_mgtx_per_kwh >= fill.price_mgtx_per_kwh
                assert fill.price_mgtx_per_kwh >= sell.price_mgtx_per_kwh


@given(histories())
@settings(deadline=None)
def test_at_one_price_the_older_order_trades_first(history: list[Action]) -> None:
    """No order trades while an older one of another trader waits at its price or better."""
    book = Book()
    arrival = {action.id: n for n, action in enumerate(history) if isinstance(action, Order)}
    for action in history:
        before = list(book.orders())
        fills = play(book, action)
        if not isinstance(fills, tuple) or not isinstance(action, Order):
            continue
        made = [f.sell_id if action.side is Side.BUY else f.buy_id for f in fills]
        queue = [o for o in before if o.side is not action.side and o.trader != action.trader]
        assert made == [order.id for order in queue[: len(made)]]
        for older, newer in pairwise(queue):
            if older.price_mgtx_per_kwh == newer.price_mgtx_per_kwh:
                assert arrival[older.id] < arrival[newer.id]


@given(histories(), histories())
@settings(deadline=None)
def test_a_rebuilt_book_trades_as_the_old_one(past: list[Action], future: list[Action]) -> None:
    book = Book()
    for action in past:
        play(book, action)
    rebuilt = Book()
    for order in book.orders():
        rebuilt.rest(order)
    for number, action in enumerate(future):
        if isinstance(action, Order):
            action = an_order(
                1_000 + number,
                action.trader[0],
                action.side,
                action.price_mgtx_per_kwh,
                action.quantity_wh,
            )
        assert play(rebuilt, action) == play(book, action)
    assert list(rebuilt.orders()) == list(book.orders())


def test_the_same_history_gives_the_same_fills() -> None:
    history = long_history(seed=4, steps=2_000)
    first, second = Book(), Book()
    assert [play(first, action) for action in history] == [
        play(second, action) for action in history
    ]
    assert list(first.orders()) == list(second.orders())
