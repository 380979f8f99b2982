"""A book over a grid: what is not carried is passed over or cut, and no limit price is exceeded."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gtxnode.market.book as book_module
from gtxnode.market import Book, Fill, Order, PriceRule, Side, Terms, plan
from gtxnode.market.ladder import Resting
from gtxnode.market.orders import Mark
from gtxnode.primitives.zones import Zone
from tests.market.naive_book import Grid, NaiveBook

ZONES = (Zone.BANGKOK, Zone.SOUTHERN)
PAIRS = [(seller, buyer) for seller in ZONES for buyer in ZONES]
NORTH, SOUTH = ZONES
MAX_VISITS, MAX_LOOKS = 4, 2
"""Small, so that short histories reach the bounds."""


@pytest.fixture(autouse=True, scope="module")
def small_bounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "MAX_VISITS", MAX_VISITS)
        patch.setattr(book_module, "MAX_LOOKS", MAX_LOOKS)
        yield


class FakeWalk:
    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.left = dict(grid.left)

    def room_wh(self, sell: Order | Resting, buy: Order | Resting) -> int:
        pair = between(sell, buy)
        if sell.price_mgtx_per_kwh + self.grid.tolls[pair] > buy.price_mgtx_per_kwh:
            return 0
        return self.left[pair]

    def take(self, sell: Order | Resting, buy: Order | Resting, quantity_wh: int) -> None:
        self.left[between(sell, buy)] -= quantity_wh

    def keep(self) -> None:
        self.grid.left = self.left


class FakeCarriage:
    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def walk(self) -> FakeWalk:
        return FakeWalk(self.grid)

    def toll(self, sell: Order | Resting, buy: Order | Resting) -> int:
        return self.grid.tolls[between(sell, buy)]


def between(sell: Order | Resting, buy: Order | Resting) -> tuple[Zone | None, Zone | None]:
    assert sell.terms is not None
    assert buy.terms is not None
    return sell.terms.zone, buy.terms.zone


def order(
    number: int,
    side: Side,
    price: int,
    quantity: int,
    zone: Zone,
    *,
    trader: int = 0,
    **how: object,
) -> Order:
    terms = Terms(zone=zone, **how)  # type: ignore[arg-type]
    who = bytes([trader or 100 + number]) * 20
    return Order(number.to_bytes(32, "big"), who, side, price, quantity, terms=terms)


def book_over(grid: Grid, rule: PriceRule = PriceRule.ASK) -> Book:
    book = Book(rule)
    book.carriage = FakeCarriage(grid)
    return book


def a_grid(left: int = 1_000, toll: int = 0) -> Grid:
    tolls = {pair: 0 if pair[0] == pair[1] else toll for pair in PAIRS}
    return Grid(dict.fromkeys(PAIRS, left), tolls)  # type: ignore[arg-type]


def amounts(fills: tuple[Fill, ...]) -> list[tuple[int, int]]:
    return [(fill.quantity_wh, fill.price_mgtx_per_kwh) for fill in fills]


def test_what_fits_is_traded_and_the_rest_waits() -> None:
    grid = a_grid(left=30)
    book = book_over(grid)
    book.place(order(1, Side.SELL, 5, 100, NORTH))
    assert amounts(book.place(order(2, Side.BUY, 6, 80, SOUTH))) == [(30, 5)]
    left = book.get(order(2, Side.BUY, 6, 80, SOUTH).id)
    assert left is not None
    assert left.quantity_wh == 50
    assert grid.left[NORTH, SOUTH] == 0


def test_what_the_grid_does_not_carry_is_passed_over_and_keeps_its_place() -> None:
    book = book_over(Grid({**dict.fromkeys(PAIRS, 99), (NORTH, SOUTH): 0}, dict.fromkeys(PAIRS, 0)))
    book.place(order(1, Side.SELL, 5, 10, NORTH))
    book.place(order(2, Side.SELL, 6, 10, SOUTH))
    assert amounts(book.place(order(3, Side.BUY, 7, 10, SOUTH))) == [(10, 6)]
    assert amounts(book.place(order(4, Side.BUY, 7, 10, NORTH))) == [(10, 5)]


def test_a_limit_is_all_that_a_buyer_pays() -> None:
    book = book_over(a_grid(toll=2))
    book.place(order(1, Side.SELL, 5, 10, NORTH))
    assert book.place(order(2, Side.BUY, 6, 10, SOUTH)) == ()
    assert amounts(book.place(order(3, Side.BUY, 7, 10, SOUTH))) == [(10, 5)]


def test_at_the_makers_price_the_seller_gets_what_the_way_leaves() -> None:
    book = book_over(a_grid(toll=2), PriceRule.MAKER)
    book.place(order(1, Side.BUY, 10, 10, SOUTH))
    assert amounts(book.place(order(2, Side.SELL, 5, 10, NORTH))) == [(10, 8)]


def test_all_or_none_is_all_that_is_carried_or_none() -> None:
    grid = a_grid(left=30)
    book = book_over(grid)
    book.place(order(1, Side.SELL, 5, 40, NORTH, all_or_none=True))
    assert book.place(order(2, Side.BUY, 6, 40, SOUTH)) == ()
    assert book.place(order(3, Side.BUY, 6, 35, SOUTH, all_or_none=True)) == ()
    assert book.tradable_wh(order(4, Side.BUY, 6, 40, NORTH)) == 0
    assert grid.left == a_grid(left=30).left
    grid.left[NORTH, NORTH] = 40
    assert amounts(book.place(order(5, Side.BUY, 6, 40, NORTH))) == [(40, 5)]


# An order that trades whole shows all of itself.
ways_to_trade = st.sampled_from(({}, {}, {"all_or_none": True}, {"display_wh": 3}))
orders = st.builds(
    lambda how, **fields: lambda n: order(n, **fields, **how),
    ways_to_trade,
    side=st.sampled_from(Side),
    price=st.integers(1, 5),
    quantity=st.integers(1, 12),
    zone=st.sampled_from(ZONES),
    trader=st.integers(1, 4),
)
rooms = st.fixed_dictionaries({pair: st.integers(0, 40) for pair in PAIRS})
grids = st.builds(
    Grid,
    st.fixed_dictionaries({pair: st.integers(0, 40) for pair in PAIRS}),
    st.fixed_dictionaries({pair: st.integers(0, 2) for pair in PAIRS}),
)


@settings(max_examples=300)
@given(grids, st.lists(st.tuples(orders, st.booleans()), max_size=30), st.sampled_from(PriceRule))
def test_over_a_grid_the_book_does_what_the_naive_one_does(
    grid: Grid, placed: list[tuple[object, bool]], rule: PriceRule
) -> None:
    naive = NaiveBook(rule, MAX_VISITS, MAX_LOOKS, deepcopy(grid))
    book = book_over(grid, rule)
    for number, (make, immediate) in enumerate(placed, start=1):
        each = make(number)  # type: ignore[operator]
        assert book.tradable_wh(each) == sum(f.quantity_wh for f in deepcopy(naive).take(each))
        assert list(book.place(each, immediate=immediate)) == naive.place(each, immediate)
        assert list(book.orders()) == list(naive.orders())
        assert naive.grid is not None
        assert grid.left == naive.grid.left


def the_younger_took(buy_id: bytes, sell_id: bytes) -> Side:
    return Side.BUY if buy_id > sell_id else Side.SELL


@settings(max_examples=300)
@given(
    grids,
    st.lists(orders, max_size=20),
    rooms,
    st.sampled_from(PriceRule),
    st.integers(1, 60),
)
def test_what_was_passed_over_trades_as_in_the_naive_book(
    grid: Grid,
    placed: list[object],
    room: dict[tuple[Zone | None, Zone | None], int],
    rule: PriceRule,
    most_wh: int,
) -> None:
    naive = NaiveBook(rule, MAX_VISITS, MAX_LOOKS, deepcopy(grid))
    book = book_over(grid, rule)
    for number, make in enumerate(placed, start=1):
        each = make(number)  # type: ignore[operator]
        assert list(book.place(each)) == naive.place(each)
    assert naive.grid is not None
    grid.left.update(room)
    naive.grid.left.update(room)
    crossing = [each.id for each in book.crossing()]
    assert crossing == naive.crossing()
    for order_id in crossing:
        if order_id in book:
            found = book.revisit(order_id, most_wh, the_younger_took)
            assert list(found.fills) == naive.revisit(order_id, most_wh)
            assert found.met <= MAX_VISITS
        assert list(book.orders()) == list(naive.orders())
        assert grid.left == naive.grid.left


def behind(order: Order, mark: Mark) -> bool:
    """Whether an order comes no earlier than those of the mark's price."""
    if order.side is not mark.side:
        return order.side is Side.SELL
    over = order.price_mgtx_per_kwh - mark.price_mgtx_per_kwh
    return over <= 0 if order.side is Side.BUY else over >= 0


@given(grids, st.lists(orders, max_size=20), st.integers(0, 20))
def test_a_book_is_gone_through_from_where_it_was_left(
    grid: Grid, placed: list[object], place: int
) -> None:
    book = book_over(Grid(dict.fromkeys(PAIRS, 0), grid.tolls))
    for number, make in enumerate(placed, start=1):
        book.place(make(number))  # type: ignore[operator]
    crossing = list(book.crossing())
    if place < len(crossing):
        since = crossing[place]
        mark = Mark(since.side, since.price_mgtx_per_kwh, since.id)
        assert list(book.crossing(mark)) == crossing[place:]
        # Where its order is gone, from the first that has its price.
        book.cancel(since.id)
        rest = list(book.crossing())
        first = next(
            (n for n, each in enumerate(rest) if behind(each, mark)),
            len(rest),
        )
        assert list(book.crossing(mark)) == rest[first:]
