"""The mechanisms: worked examples, and each against its naive reference over random orders."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.market.auction import (
    AUCTIONS,
    Crossing,
    Match,
    Mechanism,
    Rationing,
    crossing,
    pay_as_bid,
    pay_as_offer,
    uniform,
)
from gtxnode.market.orders import Order, Side
from gtxnode.market.shares import pro_rata
from tests.market import naive_auction

TRADER = bytes(20)


def orders(side: Side, *entries: tuple[int, int]) -> list[Order]:
    """Orders of (kWh or Wh, price), numbered from 1, in order of time."""
    return [
        Order(f"{side.name}{number}".encode(), TRADER, side, price, quantity)
        for number, (quantity, price) in enumerate(entries, 1)
    ]


def bids(*entries: tuple[int, int]) -> list[Order]:
    return orders(Side.BUY, *entries)


def asks(*entries: tuple[int, int]) -> list[Order]:
    return orders(Side.SELL, *entries)


def match(buy: int, sell: int, quantity: int, price: int) -> Match:
    return Match(f"BUY{buy}".encode(), f"SELL{sell}".encode(), quantity, price)


BIDS, ASKS = bids((60, 5_000), (50, 4_000)), asks((40, 3_000), (80, 4_000))


def test_the_example_of_the_uniform_price() -> None:
    assert crossing(BIDS, ASKS) == Crossing(4_000, 110)
    assert uniform(BIDS, ASKS, Rationing.PRO_RATA) == (
        match(1, 1, 40, 4_000),
        match(1, 2, 20, 4_000),
        match(2, 2, 50, 4_000),
    )


def test_the_example_of_pay_as_bid() -> None:
    assert pay_as_bid(BIDS, ASKS, Rationing.PRO_RATA) == (
        match(1, 1, 40, 5_000),
        match(1, 2, 20, 5_000),
        match(2, 2, 50, 4_000),
    )


def test_the_example_of_pay_as_offer() -> None:
    assert pay_as_offer(BIDS, ASKS, Rationing.TIME) == (
        match(1, 1, 40, 3_000),
        match(1, 2, 20, 4_000),
        match(2, 2, 50, 4_000),
    )
    assert pay_as_offer(BIDS[::-1], ASKS, Rationing.TIME)[0] == match(2, 1, 40, 3_000)


@pytest.mark.parametrize(
    ("demanded", "offered", "price"),
    [
        pytest.param([(5, 10)], [(5, 4)], 7, id="equal sides: the middle of 4 to 10"),
        pytest.param([(5, 9)], [(5, 4)], 6, id="the middle of 4 to 9, rounded down"),
        pytest.param([(6, 10)], [(5, 4)], 10, id="demand is over: as high as it goes"),
        pytest.param([(5, 10)], [(6, 4)], 4, id="supply is over: as low as it goes"),
        pytest.param([(5, 10), (2, 6)], [(5, 4), (2, 7)], 6, id="first one over, then the other"),
        pytest.param([(5, 10), (1, 6)], [(5, 4)], 8, id="no surplus from 7 on"),
    ],
)
def test_ties(demanded: list[tuple[int, int]], offered: list[tuple[int, int]], price: int) -> None:
    crossed = crossing(bids(*demanded), asks(*offered))
    assert crossed is not None
    assert crossed.price_mgtx_per_kwh == price


@pytest.mark.parametrize("mechanism", AUCTIONS)
def test_nothing_meets(mechanism: Mechanism) -> None:
    for demanded, offered in (([], ASKS), (BIDS, []), (bids((1, 3)), asks((1, 4)))):
        assert AUCTIONS[mechanism](demanded, offered, Rationing.TIME) == ()


def test_the_margin_by_proportion_and_by_time() -> None:
    offered = asks((30, 4), (10, 4), (20, 4))
    sold = {
        rationing: [m.quantity_wh for m in uniform(bids((30, 5)), offered, rationing)]
        for rationing in Rationing
    }
    assert sold == {Rationing.PRO_RATA: [15, 5, 10], Rationing.TIME: [30]}


entries = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 12)), max_size=12)
books = st.tuples(entries, entries).map(lambda sides: (bids(*sides[0]), asks(*sides[1])))


def naive(
    mechanism: Mechanism, demanded: Sequence[Order], offered: Sequence[Order], rationing: Rationing
) -> list[Match]:
    match mechanism:
        case Mechanism.PAY_AS_OFFER:
            return naive_auction.one_sided(demanded, offered, rationing)
        case _:
            own_bid = mechanism is Mechanism.PAY_AS_BID
            return naive_auction.two_sided(demanded, offered, rationing, own_bid=own_bid)


@given(books, st.sampled_from(Rationing), st.sampled_from(list(AUCTIONS)))
@settings(max_examples=400)
def test_same_as_the_naive_mechanism(
    book: tuple[list[Order], list[Order]], rationing: Rationing, mechanism: Mechanism
) -> None:
    demanded, offered = book
    crossed = crossing(demanded, offered)
    assert crossed == naive_auction.crossing(demanded, offered)
    matches = AUCTIONS[mechanism](demanded, offered, rationing)
    assert list(matches) == naive(mechanism, demanded, offered, rationing)
    check_limits(demanded, offered, matches)
    if mechanism is not Mechanism.PAY_AS_OFFER and crossed is not None:
        assert sum(m.quantity_wh for m in matches) == crossed.volume_wh
        check_better_are_filled(demanded, offered, matches, crossed.price_mgtx_per_kwh)


def check_limits(
    demanded: Sequence[Order], offered: Sequence[Order], matches: Sequence[Match]
) -> None:
    """Nobody trades more than it wants, or at a price beyond its own."""
    order_of = {order.id: order for order in (*demanded, *offered)}
    traded: Counter[bytes] = Counter()
    for each in matches:
        assert each.quantity_wh > 0
        assert each.price_mgtx_per_kwh <= order_of[each.buy_id].price_mgtx_per_kwh
        assert each.price_mgtx_per_kwh >= order_of[each.sell_id].price_mgtx_per_kwh
        traded[each.buy_id] += each.quantity_wh
        traded[each.sell_id] += each.quantity_wh
    assert all(quantity <= order_of[name].quantity_wh for name, quantity in traded.items())


def check_better_are_filled(
    demanded: Sequence[Order], offered: Sequence[Order], matches: Sequence[Match], price: int
) -> None:
    """As the module says: only orders at the price are rationed."""
    traded: Counter[bytes] = Counter()
    for each in matches:
        traded[each.buy_id] += each.quantity_wh
        traded[each.sell_id] += each.quantity_wh
    for order in (*demanded, *offered):
        over = (order.price_mgtx_per_kwh - price) * (1 if order.side is Side.BUY else -1)
        if over > 0:
            assert traded[order.id] == order.quantity_wh
        if over < 0:
            assert traded[order.id] == 0


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 100))
def test_shares_are_whole_and_near_their_proportion(weights: list[int], total: int) -> None:
    total = total if any(weights) else 0
    shares = pro_rata(total, weights)
    assert sum(shares) == total
    assert shares == naive_auction.shares(total, weights)
    for share, weight in zip(shares, weights, strict=True):
        if total:
            assert abs(share * sum(weights) - total * weight) < sum(weights)
        if total <= sum(weights):
            assert share <= weight


def test_the_order_of_the_two_sides_is_their_time_alone() -> None:
    """What a book yields by priority and what a list has by time comes to the same."""
    demanded, offered = bids((3, 7), (4, 9), (5, 7)), asks((4, 6), (4, 5), (4, 6))
    price = attrgetter("price_mgtx_per_kwh")
    sorted_bids = sorted(demanded, key=price, reverse=True)
    for auction in (uniform, pay_as_bid):
        for rationing in Rationing:
            assert auction(demanded, offered, rationing) == auction(
                sorted_bids, sorted(offered, key=price), rationing
            )
