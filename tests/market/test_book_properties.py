"""The order book against the obvious one, and its invariants, over random histories."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import gtxnode.market.book as book_module
from gtxnode.market import ANY_SOURCE, Book, Fill, Order, PriceRule, Side, Terms, plan
from gtxnode.market.ladder import Ladder
from tests.market.naive_book import NaiveBook

SOLAR, WIND = 2, 4
"""Bits of sources: what the book knows of them."""
MAX_VISITS, MAX_LOOKS = 4, 2
"""Small, so that short histories reach the bounds."""


@pytest.fixture(autouse=True, scope="module")
def small_bounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "MAX_VISITS", MAX_VISITS)
        patch.setattr(book_module, "MAX_LOOKS", MAX_LOOKS)
        yield


class Cancel(NamedTuple):
    """Cancel the order that was placed as number `placed`, be it there or not."""

    placed: int


class Shrink(NamedTuple):
    """Leave the order that was placed as number `placed`, if it is there, this much less."""

    placed: int
    cut: int


class Place(NamedTuple):
    """Place an order, with what the ledger says about it."""

    order: Order
    immediate: bool = False
    room_wh: int | None = None


Action = Place | Cancel | Shrink
Step = Callable[[int], Action]
"""What happens at a place of a history, which numbers the order that is placed there."""


def an_order(
    number: int,
    trader: int,
    side: Side,
    price: int,
    quantity: int,
    source: int = SOLAR,
    terms: Terms | None = None,
) -> Order:
    sources = source if side is Side.SELL else ANY_SOURCE
    return Order(order_id(number), address(trader), side, price, quantity, sources, terms)


def order_id(number: int) -> bytes:
    return number.to_bytes(32, "big")


def address(trader: int) -> bytes:
    return bytes([trader]) * 20


# Few prices and traders, so that orders meet, queues grow and traders meet themselves.
plain = st.builds(
    partial,
    st.just(an_order),
    trader=st.integers(0, 3),
    side=st.sampled_from(Side),
    price=st.integers(1, 6),
    quantity=st.integers(1, 9),
)
some_terms = st.one_of(
    st.just(Terms(all_or_none=True)),
    st.builds(Terms, display_wh=st.integers(1, 3)),
    st.builds(Terms, partner=st.integers(0, 3).map(address)),
    st.builds(Terms, sources=st.sampled_from((SOLAR, WIND))),
    st.builds(
        Terms,
        st.sampled_from((SOLAR, WIND, ANY_SOURCE)),
        st.one_of(st.none(), st.integers(0, 3).map(address)),
        st.booleans(),
    ),
)
with_terms = st.builds(
    partial,
    st.just(an_order),
    trader=st.integers(0, 3),
    side=st.sampled_from(Side),
    price=st.integers(1, 4),
    quantity=st.integers(1, 12),
    source=st.sampled_from((SOLAR, WIND)),
    terms=st.one_of(st.none(), some_terms),
)
placed_number = st.integers(0, 60)


def placing(
    orders: st.SearchStrategy[Callable[[int], Order]], *how: st.SearchStrategy[Any]
) -> st.SearchStrategy[Step]:
    return st.builds(lambda make, *how: lambda at: Place(make(at), *how), orders, *how)


def histories_of(*steps: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Action]]:
    return st.lists(st.one_of(*steps), max_size=60).map(
        lambda drawn: [step(number) for number, step in enumerate(drawn)]
    )


cancelling: st.SearchStrategy[Step] = placed_number.map(lambda placed: lambda _: Cancel(placed))
shrinking: st.SearchStrategy[Step] = st.builds(
    lambda *what: lambda _: Shrink(*what), placed_number, st.integers(1, 4)
)
histories = partial(histories_of, placing(plain), placing(plain), cancelling)
histories_with_terms = partial(
    histories_of,
    placing(with_terms),
    placing(with_terms),
    placing(with_terms),
    placing(with_terms, st.booleans(), st.one_of(st.none(), st.integers(0, 20))),
    cancelling,
    shrinking,
)


def long_history(seed: int, steps: int, icebergs: float = 0.0) -> list[Action]:
    """Two prices and many cancels, so that queues are long and full of gaps."""
    chance = random.Random(seed)
    return [
        Cancel(chance.randrange(steps))
        if chance.random() < 0.4
        else Place(
            an_order(
                number,
                chance.randrange(5),
                chance.choice(list(Side)),
                chance.randint(1, 2),
                chance.randint(1, 4),
                terms=Terms(display_wh=1) if chance.random() < icebergs else None,
            )
        )
        for number in range(steps)
    ]


def play(book: Book | NaiveBook, action: Action) -> Sequence[Fill] | Order | None:
    match action:
        case Cancel(placed):
            return book.cancel(order_id(placed))
        case Shrink(placed, cut):
            for order in book.orders():
                if order.id == order_id(placed) and order.quantity_wh > cut:
                    return tuple(book.shrink(order.id, order.quantity_wh - cut))
            return ()
        case Place(order, immediate, room_wh):
            return tuple(book.place(order, immediate=immediate, room_wh=room_wh))


def check_ladder(ladder: Ladder) -> None:
    """What the ladder's module promises between calls."""
    ranks = [level.rank for level in ladder.levels]
    assert ranks == sorted(set(ranks))
    for level in ladder.levels:
        assert level.queue[0].remaining_wh > 0
        assert level.gone * 2 <= len(level.queue)
        assert level.gone == sum(resting.remaining_wh == 0 for resting in level.queue)
        assert level.quantity_wh == sum(resting.remaining_wh for resting in level.queue)
    terms = {resting.id: resting.terms for resting in ladder if resting.terms is not None}
    assert ladder.conditional == sum(each.conditional for each in terms.values())
    assert set(ladder.all_or_none) == {i for i, each in terms.items() if each.all_or_none}


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
    shown = sum(level.quantity_wh for level in (*depth.bids, *depth.asks))
    assert shown == sum(order.shown_wh or order.quantity_wh for order in orders)


@given(st.one_of(histories(), histories_with_terms()), st.sampled_from(PriceRule))
@settings(max_examples=600)
def test_same_as_the_naive_book(history: list[Action], rule: PriceRule) -> None:
    book, naive = Book(rule), NaiveBook(rule, MAX_VISITS, MAX_LOOKS)
    for action in history:
        if isinstance(action, Place):
            whole = action.order.terms is not None and action.order.terms.all_or_none
            traded = sum(f.quantity_wh for f in NaiveBook.take(deepcopy(naive), action.order))
            assert book.tradable_wh(action.order) == traded
            assert not whole or traded in (0, action.order.quantity_wh)
        assert play(book, action) == play(naive, action)
        check_equal(book, naive)
        check_ladder(book._bids)
        check_ladder(book._asks)


@pytest.mark.parametrize(("seed", "icebergs"), [(1, 0.0), (2, 0.0), (3, 0.2)])
def test_same_as_the_naive_book_with_long_queues(seed: int, icebergs: float) -> None:
    book, naive = Book(), NaiveBook(PriceRule.ASK, MAX_VISITS, MAX_LOOKS)
    for step, action in enumerate(long_history(seed, 1_500, icebergs)):
        assert play(book, action) == play(naive, action), f"seed {seed}, step {step}"
        check_ladder(book._bids)
        check_ladder(book._asks)
    check_equal(book, naive)


def crowded_history(seed: int, steps: int) -> list[Action]:
    """Large all-or-none orders and icebergs among small orders, all at two prices."""
    chance = random.Random(seed)
    actions: list[Action] = []
    for number in range(steps):
        kind = chance.random()
        if kind < 0.1:
            actions.append(Cancel(chance.randrange(max(0, number - 40), number + 1)))
        elif kind < 0.25:
            actions.append(
                Shrink(chance.randrange(max(0, number - 40), number + 1), chance.randint(1, 3))
            )
        else:
            whole = chance.random() < 0.4
            small = Terms(display_wh=2) if chance.random() < 0.3 else None
            order = an_order(
                number,
                chance.randrange(20),
                chance.choice(list(Side)),
                chance.randint(1, 2),
                chance.randint(2, 10) if whole else chance.randint(1, 5),
                terms=Terms(all_or_none=True) if whole else small,
            )
            room_wh = chance.randint(0, 15) if chance.random() < 0.3 else None
            actions.append(Place(order, chance.random() < 0.05, room_wh))
    return actions


@pytest.mark.parametrize("seed", range(6))
def test_same_as_the_naive_book_where_all_or_none_orders_wait(seed: int) -> None:
    book, naive = Book(), NaiveBook(PriceRule.ASK, MAX_VISITS, MAX_LOOKS)
    for step, action in enumerate(crowded_history(seed, 600)):
        assert play(book, action) == play(naive, action), f"seed {seed}, step {step}"
        assert list(book.orders()) == list(naive.orders()), f"seed {seed}, step {step}"
    check_equal(book, naive)


@given(histories_with_terms())
def test_energy_is_conserved(history: list[Action]) -> None:
    """On each side: placed = traded + dropped, cancelled or cut + resting."""
    book = Book()
    placed, gone = Counter[Side](), Counter[Side]()
    for action in history:
        before = {order.id: order for order in book.orders()}
        match play(book, action), action:
            case ((Order() as cancelled), _):
                gone[cancelled.side] += cancelled.quantity_wh
            case tuple() as fills, _:
                traded = Counter[bytes]()
                for fill in fills:
                    traded.update({fill.buy_id: fill.quantity_wh, fill.sell_id: fill.quantity_wh})
                gone.update(dict.fromkeys(Side, sum(fill.quantity_wh for fill in fills)))
                if isinstance(action, Place):
                    placed[action.order.side] += action.order.quantity_wh
                    before[action.order.id] = action.order
                for changed, order in before.items():
                    after = book.get(changed)
                    left = after.quantity_wh if after is not None else 0
                    gone[order.side] += order.quantity_wh - traded[changed] - left
    for side in Side:
        resting = sum(order.quantity_wh for order in book.orders() if order.side is side)
        assert placed[side] == gone[side] + resting


@given(histories_with_terms())
def test_orders_cross_only_for_a_reason(history: list[Action]) -> None:
    """Whoever else could have traded has: orders that cross are one trader's, or have terms."""
    book = Book()
    for action in history:
        play(book, action)
        orders = list(book.orders())
        for bid in orders:
            for ask in orders:
                crossed = bid.price_mgtx_per_kwh >= ask.price_mgtx_per_kwh
                if bid.side is Side.BUY and ask.side is Side.SELL and crossed:
                    whole = any(o.terms is not None and o.terms.all_or_none for o in (bid, ask))
                    assert whole or not accept_each_other(bid, ask)


def accept_each_other(one: Order, other: Order) -> bool:
    if one.trader == other.trader:
        return False
    for order, counterpart in ((one, other), (other, one)):
        terms = order.terms or Terms()
        if terms.partner not in (None, counterpart.trader):
            return False
        if not terms.sources & counterpart.sources:
            return False
    return True


@given(histories_with_terms(), st.sampled_from(PriceRule))
def test_everyone_gets_what_he_said(history: list[Action], rule: PriceRule) -> None:
    """No one pays more, earns less, meets whom he ruled out, or gets a part of all or none."""
    book = Book(rule)
    orders = {action.order.id: action.order for action in history if isinstance(action, Place)}
    for action in history:
        before = {order.id: order.quantity_wh for order in book.orders()}
        fills = play(book, action)
        if not isinstance(fills, tuple):
            continue
        if isinstance(action, Place):
            before[action.order.id] = action.order.quantity_wh
        traded = Counter[bytes]()
        for fill in fills:
            buy, sell = orders[fill.buy_id], orders[fill.sell_id]
            assert (buy.side, sell.side) == (Side.BUY, Side.SELL)
            assert accept_each_other(buy, sell)
            assert buy.price_mgtx_per_kwh >= fill.price_mgtx_per_kwh
            assert fill.price_mgtx_per_kwh >= sell.price_mgtx_per_kwh
            traded.update({buy.id: fill.quantity_wh, sell.id: fill.quantity_wh})
        for each, quantity in traded.items():
            terms = orders[each].terms
            if terms is not None and terms.all_or_none and not isinstance(action, Shrink):
                assert quantity == before[each]


@given(histories())
def test_at_one_price_the_older_order_trades_first(history: list[Action]) -> None:
    """No order trades while an older one of another trader waits at its price or better."""
    book = Book()
    arrival = {a.order.id: n for n, a in enumerate(history) if isinstance(a, Place)}
    for action in history:
        before = list(book.orders())
        fills = play(book, action)
        if not isinstance(fills, tuple) or not isinstance(action, Place):
            continue
        placed = action.order
        made = [f.sell_id if placed.side is Side.BUY else f.buy_id for f in fills]
        queue = [o for o in before if o.side is not placed.side and o.trader != placed.trader]
        assert made == [order.id for order in queue[: len(made)]]
        for older, newer in pairwise(queue):
            if older.price_mgtx_per_kwh == newer.price_mgtx_per_kwh:
                assert arrival[older.id] < arrival[newer.id]


@given(histories_with_terms(), histories_with_terms())
def test_a_rebuilt_book_trades_as_the_old_one(past: list[Action], future: list[Action]) -> None:
    book = Book()
    for action in past:
        play(book, action)
    rebuilt = Book()
    for order in book.orders():
        rebuilt.rest(order)
    assert list(rebuilt.orders()) == list(book.orders())
    for number, action in enumerate(future):
        if isinstance(action, Place):
            renamed = structs.replace(action.order, id=order_id(1_000 + number))
            action = action._replace(order=renamed)
        assert play(rebuilt, action) == play(book, action)
    assert list(rebuilt.orders()) == list(book.orders())


def test_the_same_history_gives_the_same_fills() -> None:
    history = long_history(seed=4, steps=2_000, icebergs=0.1)
    first, second = Book(), Book()
    assert [play(first, action) for action in history] == [
        play(second, action) for action in history
    ]
    assert list(first.orders()) == list(second.orders())
