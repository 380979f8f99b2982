"""Auctions over a grid: against a plain search of all pairs, and what holds of what comes of it."""

from collections import Counter
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.grid.corridors import Limits, SlotUse, ways
from gtxnode.market import Order, Side, Terms, coupling
from gtxnode.market.auction import AUCTIONS, Match, Mechanism, Rationing
from gtxnode.market.coupling import Pairing, couple, zone_of
from gtxnode.primitives.zones import Zone
from tests.grid import little_grid

MODEL = little_grid.model()
WAYS = ways(MODEL)
BANGKOK, CENTRAL, SOUTHERN = little_grid.ZONES
NO_ZONE_LIMITS = (None,) * len(little_grid.ZONES)


class LittleWays:
    """The triangle's corridors, in watts, of which a Wh takes a million: 1 MW carries 1 Wh."""

    def __init__(self, limits_mw: Sequence[int], toll: int = 2) -> None:
        self.limits = Limits(tuple(limits_mw), tuple(limits_mw), NO_ZONE_LIMITS, NO_ZONE_LIMITS)
        self.use = SlotUse.empty(3, 3)
        self.base = toll

    def room_wh(self, seller: Zone, buyer: Zone) -> int:
        return self.use.room(WAYS[seller, buyer], self.limits) // 10**6

    def take(self, seller: Zone, buyer: Zone, quantity_wh: int) -> None:
        self.use.take(WAYS[seller, buyer], quantity_wh * 10**6)
        assert self.use.fits(self.limits)

    def toll(self, seller: Zone, buyer: Zone, price_mgtx_per_kwh: int) -> int:
        return 0 if seller is buyer else self.base + price_mgtx_per_kwh // 10

    def relieves(self, seller: Zone, buyer: Zone, other_seller: Zone, other_buyer: Zone) -> bool:
        return WAYS[seller, buyer].relieves(WAYS[other_seller, other_buyer])


def orders(side: Side, *entries: tuple[int, int, Zone]) -> list[Order]:
    """Wh, price and zone of each, and a trader of its own."""
    made = []
    for number, (wh, price, zone) in enumerate(entries):
        name = bytes([side, number]) * 16
        made.append(Order(name, name[:20], side, price, wh, terms=Terms(zone=zone)))
    return made


def auctioned(
    mechanism: Mechanism, bids: list[Order], asks: list[Order], rationing: Rationing
) -> tuple[Match, ...]:
    return AUCTIONS[mechanism](bids, asks, rationing)


def single_price(mechanism: Mechanism, matches: Sequence[Match]) -> int | None:
    return matches[0].price_mgtx_per_kwh if mechanism is Mechanism.UNIFORM else None


def may_trade(bid: Order, ask: Order, ways: LittleWays, price: int | None) -> bool:
    asked = ask.price_mgtx_per_kwh
    charged = asked if price is None else price
    toll = ways.toll(zone_of(ask), zone_of(bid), asked)
    return asked <= charged and charged + toll <= bid.price_mgtx_per_kwh


def gain(bid: Order, ask: Order, ways: LittleWays) -> int:
    toll = ways.toll(zone_of(ask), zone_of(bid), ask.price_mgtx_per_kwh)
    return bid.price_mgtx_per_kwh - ask.price_mgtx_per_kwh - toll


def naive(
    mechanism: Mechanism,
    bids: list[Order],
    asks: list[Order],
    matches: Sequence[Match],
    ways: LittleWays,
) -> Counter[tuple[bytes, bytes]]:
    """Look at all pairs before each trade."""
    paired: Counter[tuple[bytes, bytes]] = Counter()
    if not matches:
        return paired
    price = single_price(mechanism, matches)
    left = {order.id: order.quantity_wh for order in (*bids, *asks)}
    share: Counter[bytes] = Counter()
    for match in matches:
        share[match.buy_id] += match.quantity_wh
        share[match.sell_id] += match.quantity_wh
    for limit in (dict(share), None):

        def most(bid: Order, ask: Order, limit: dict[bytes, int] | None = limit) -> int:
            held = left if limit is None else limit
            if not may_trade(bid, ask, ways, price):
                return 0
            room = ways.room_wh(zone_of(ask), zone_of(bid))
            return min(held.get(bid.id, 0), held.get(ask.id, 0), room)

        def trade(bid: Order, ask: Order, limit: dict[bytes, int] | None = limit) -> None:
            quantity = most(bid, ask)
            ways.take(zone_of(ask), zone_of(bid), quantity)
            paired[bid.id, ask.id] += quantity
            for order_id in (bid.id, ask.id):
                left[order_id] -= quantity
                if limit is not None:
                    limit[order_id] -= quantity

        if mechanism is Mechanism.PAY_AS_OFFER:
            while any(most(bid, ask) for bid, ask in product(bids, asks)):
                for bid in bids:
                    while open_to := [ask for ask in asks if most(bid, ask)]:
                        trade(bid, max(open_to, key=lambda ask: gain(bid, ask, ways)))
        else:
            while found := [
                (-gain(bid, ask, ways), asks.index(ask), bids.index(bid))
                for bid, ask in product(bids, asks)
                if most(bid, ask)
            ]:
                _, ask_place, bid_place = min(found)
                trade(bids[bid_place], asks[ask_place])
    return paired


sides = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 30), st.sampled_from(little_grid.ZONES)),
    max_size=7,
)
books = st.tuples(
    sides.map(lambda entries: orders(Side.BUY, *entries)),
    sides.map(lambda entries: orders(Side.SELL, *entries)),
)
limits = st.lists(st.integers(0, 12), min_size=3, max_size=3)


@settings(max_examples=500)
@given(
    books, limits, st.integers(0, 6), st.sampled_from(Rationing), st.sampled_from(list(AUCTIONS))
)
def test_same_as_looking_at_all_pairs(
    book: tuple[list[Order], list[Order]],
    limits_mw: list[int],
    toll: int,
    rationing: Rationing,
    mechanism: Mechanism,
) -> None:
    bids, asks = book
    matches = auctioned(mechanism, bids, asks, rationing)
    grid = LittleWays(limits_mw, toll)
    paired = couple(mechanism, bids, asks, matches, grid)
    expected = naive(mechanism, bids, asks, matches, LittleWays(limits_mw, toll))
    assert {(each.buy_id, each.sell_id): each.quantity_wh for each in paired} == expected
    check(bids, asks, paired, grid, single_price(mechanism, matches) if matches else None)


def check(
    bids: list[Order],
    asks: list[Order],
    paired: Sequence[Pairing],
    grid: LittleWays,
    price: int | None,
) -> None:
    """Nobody trades at a loss or too much, no corridor is over, and no two are left that could."""
    order_of = {order.id: order for order in (*bids, *asks)}
    left = {order.id: order.quantity_wh for order in (*bids, *asks)}
    use = SlotUse.empty(3, 3)
    for each in paired:
        bid, ask = order_of[each.buy_id], order_of[each.sell_id]
        assert each.quantity_wh > 0
        assert may_trade(bid, ask, grid, price)
        left[bid.id] -= each.quantity_wh
        left[ask.id] -= each.quantity_wh
        use.take(WAYS[zone_of(ask), zone_of(bid)], each.quantity_wh * 10**6)
    assert use == grid.use
    assert use.fits(grid.limits)
    assert min(left.values(), default=0) >= 0
    for bid, ask in product(bids, asks):
        if left[bid.id] and left[ask.id] and may_trade(bid, ask, grid, price):
            assert not grid.room_wh(zone_of(ask), zone_of(bid))


def test_energy_stays_where_it_need_not_travel() -> None:
    """In one place the best bid would meet the cheapest ask, over the corridor, both ways."""
    bids = orders(Side.BUY, (5, 20, BANGKOK), (5, 19, SOUTHERN))
    asks = orders(Side.SELL, (5, 10, SOUTHERN), (5, 11, BANGKOK))
    matches = auctioned(Mechanism.UNIFORM, bids, asks, Rationing.TIME)
    assert [(m.buy_id, m.sell_id) for m in matches] == [
        (bids[0].id, asks[0].id),
        (bids[1].id, asks[1].id),
    ]
    paired = couple(Mechanism.UNIFORM, bids, asks, matches, LittleWays((0, 0, 0)))
    assert set(paired) == {
        Pairing(bids[0].id, asks[1].id, 5),
        Pairing(bids[1].id, asks[0].id, 5),
    }


def test_who_was_left_out_in_one_place_has_what_others_cannot_reach() -> None:
    """The dear bid is cut off; the cheap one, which had lost to it, has the energy."""
    bids = orders(Side.BUY, (5, 20, SOUTHERN), (5, 15, BANGKOK))
    asks = orders(Side.SELL, (5, 10, BANGKOK))
    matches = auctioned(Mechanism.PAY_AS_BID, bids, asks, Rationing.TIME)
    assert [m.buy_id for m in matches] == [bids[0].id]
    paired = couple(Mechanism.PAY_AS_BID, bids, asks, matches, LittleWays((0, 0, 0)))
    assert paired == (Pairing(bids[1].id, asks[0].id, 5),)


def test_trades_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    bids = orders(Side.BUY, (5, 20, BANGKOK), (5, 19, BANGKOK))
    asks = orders(Side.SELL, (3, 10, BANGKOK), (7, 11, BANGKOK))
    matches = auctioned(Mechanism.PAY_AS_BID, bids, asks, Rationing.TIME)
    assert len(couple(Mechanism.PAY_AS_BID, bids, asks, matches, LittleWays((0, 0, 0)))) == 3
    monkeypatch.setattr(coupling, "MAX_TRADES", 0)
    assert not couple(Mechanism.PAY_AS_BID, bids, asks, matches, LittleWays((0, 0, 0)))
    assert not couple(Mechanism.PAY_AS_OFFER, bids, asks, matches, LittleWays((0, 0, 0)))
