"""Call auctions: all orders of a slot meet at once. Three mechanisms, integers, deterministic.

Orders come in order of time; priority is price, then time. Prices are any whole mGTX/kWh, volumes
Wh. No trader's bid may reach an ask of the same trader: the ledger refuses such an order when it
is placed. Then no auction here ever makes a trade with oneself, because what it executes are bids
that reach the asks that it executes.

At a price p the demand D(p) is what bids of p and more ask for, the supply S(p) what asks of p and
less offer; the volume min(D, S) can be executed at p, and D - S is the surplus.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import msgspec

from gtxnode.market.orders import Order
from gtxnode.market.shares import pro_rata


class Mechanism(StrEnum):
    """How the orders of a product meet."""

    CONTINUOUS = "continuous"
    """Each as it comes (book.py)."""
    UNIFORM = "uniform"
    PAY_AS_BID = "pay_as_bid"
    PAY_AS_OFFER = "pay_as_offer"


class Rationing(StrEnum):
    """Who is served of the orders at the price of an auction, where not all can be."""

    PRO_RATA = "pro_rata"
    """Each in proportion to its size, by the largest remainder method (shares.py)."""
    TIME = "time"
    """First come, first served."""


class Match(msgspec.Struct, frozen=True, gc=False):
    """One trade of an auction."""

    buy_id: bytes
    sell_id: bytes
    quantity_wh: int
    price_mgtx_per_kwh: int


class Crossing(NamedTuple):
    """Where demand and supply meet."""

    price_mgtx_per_kwh: int
    volume_wh: int


class _Segment(NamedTuple):
    """Prices between which demand and supply stay as they are."""

    first: int
    last: int
    volume: int
    surplus: int


Auction: TypeAlias = Callable[[Sequence[Order], Sequence[Order], Rationing], tuple[Match, ...]]
"""The trades of bids and asks, each in order of time."""
_Allotted: TypeAlias = list[tuple[Order, int]]

_price = attrgetter("price_mgtx_per_kwh")


def uniform(
    bids: Sequence[Order], asks: Sequence[Order], rationing: Rationing
) -> tuple[Match, ...]:
    """One price for all: `crossing` finds it.

    Every bid above the price and every ask below it is filled; orders at the price are filled as
    far as the other side goes, and shared among by `rationing`. Buyers and sellers are paired by
    priority.

    Worked example. Bids of 60 kWh at 5.0 and 50 at 4.0, asks of 40 kWh at 3.0 and 80 at 4.0 GTX.
    At 4.0 all 110 kWh of demand are met (at 4.001 only 60 would be), so everybody trades at 4.0,
    and of the 80 kWh asked at 4.0, 70 are sold.
    """
    crossed = crossing(bids, asks)
    if crossed is None:
        return ()
    price = crossed.price_mgtx_per_kwh
    bought, sold = _allotments(bids, asks, crossed, rationing)
    return _paired(bought, sold, lambda _: price)


def pay_as_bid(
    bids: Sequence[Order], asks: Sequence[Order], rationing: Rationing
) -> tuple[Match, ...]:
    """The orders that `uniform` executes, and each trade at its buyer's own bid.

    Source: A. Kahn, P. Cramton, R. Porter, R. Tabors, "Uniform Pricing or Pay-as-Bid Pricing",
    The Electricity Journal 14(6), 2001. Here the seller gets all that the buyer pays, so that no
    spread is left over for anyone; the best asks are paired with the best bids.

    Worked example. The orders of `uniform`: 40 kWh trade at 5.0 with the ask of 3.0, then 20 at 5.0
    and 50 at 4.0 with the ask of 4.0.
    """
    crossed = crossing(bids, asks)
    if crossed is None:
        return ()
    bought, sold = _allotments(bids, asks, crossed, rationing)
    return _paired(bought, sold, _price)


def pay_as_offer(
    bids: Sequence[Order], asks: Sequence[Order], rationing: Rationing
) -> tuple[Match, ...]:
    """One-sided: sellers compete, and each trade is at the seller's own offer.

    Demand is served in order of time, not of price: a bid's price is its cap and nothing else. Each
    in turn takes the cheapest offers that are left, as far as its cap goes. Offers of one price are
    taken in order of time, or, pro rata, shared by all that is bought at that price.

    Source: the merit order of procurement, as in the British balancing mechanism since 2001, where
    what is accepted is paid as it was offered.

    Worked example. The orders of `uniform`: the bid of 60 kWh takes 40 at 3.0 and 20 at 4.0, the
    bid of 50 takes 50 at 4.0. With the bids in the other order the one of 50 kWh would take the
    40 kWh at 3.0.
    """
    levels = [_Offers(list(group)) for _, group in groupby(sorted(asks, key=_price), key=_price)]
    best = 0
    for bid in bids:
        wanted = bid.quantity_wh
        while wanted and best < len(levels):
            level = levels[best]
            if level.price > bid.price_mgtx_per_kwh:
                break
            taken = min(wanted, level.left)
            level.bought.append((bid, taken))
            level.left -= taken
            wanted -= taken
            best += not level.left
    matches: list[Match] = []
    for level in levels[: best + 1]:
        sold = _rationed(level.asks, sum(taken for _, taken in level.bought), rationing)
        matches += _paired(level.bought, sold, level.price_of)
    return tuple(matches)


class _Offers:
    """The offers of one price, and who bought how much of them."""

    def __init__(self, asks: list[Order]) -> None:
        self.asks = asks
        self.price = asks[0].price_mgtx_per_kwh
        self.left = sum(ask.quantity_wh for ask in asks)
        self.bought: _Allotted = []

    def price_of(self, _: Order) -> int:
        """Whoever buys."""
        return self.price


AUCTIONS: Mapping[Mechanism, Auction] = MappingProxyType(
    {
        Mechanism.UNIFORM: uniform,
        Mechanism.PAY_AS_BID: pay_as_bid,
        Mechanism.PAY_AS_OFFER: pay_as_offer,
    }
)


def crossing(bids: Iterable[Order], asks: Iterable[Order]) -> Crossing | None:
    """The price of a uniform auction and the volume executed there; None where nothing meets.

    1. Of all prices those with the greatest volume.
    2. Of these, those with the smallest surplus, whichever side it is on.
    3. If demand exceeds supply at any of these, the highest at which it does; else, if supply
       exceeds demand, the lowest; else, as both are equal, the middle of them, rounded down.

    Source: 1, 2 and the two parts of 3 about a surplus are the auction of exchanges (Deutsche
    Börse, "Xetra Market Model"); the middle is what the European day-ahead coupling does with a
    range of prices (EUPHEMIA Public Description). So whoever is better than the price is
    filled whole, and only orders at the price are ever rationed.
    """
    best: list[_Segment] = []
    for segment in _segments(_by_price(bids), _by_price(asks)):
        rank = (segment.volume, -abs(segment.surplus))
        if best and rank < (best[0].volume, -abs(best[0].surplus)):
            continue
        if best and rank > (best[0].volume, -abs(best[0].surplus)):
            best.clear()
        best.append(segment)
    if not best:
        return None
    wanted = [segment.last for segment in best if segment.surplus > 0]
    if wanted:
        price = max(wanted)
    elif best[0].surplus < 0:
        price = best[0].first
    else:
        price = (best[0].first + best[-1].last) // 2
    return Crossing(price, best[0].volume)


def _by_price(orders: Iterable[Order]) -> dict[int, int]:
    """The Wh at each price."""
    totals: defaultdict[int, int] = defaultdict(int)
    for order in orders:
        totals[order.price_mgtx_per_kwh] += order.quantity_wh
    return totals


def _segments(demand_at: Mapping[int, int], supply_at: Mapping[int, int]) -> Iterable[_Segment]:
    """From the lowest ask to the highest bid, where there is a volume; in order of price.

    Going up, supply grows at the price of an ask, and demand falls one above that of a bid.
    """
    if not demand_at or not supply_at:
        return
    lowest, highest = min(supply_at), max(demand_at)
    edges = sorted(
        edge for edge in {*supply_at, *(price + 1 for price in demand_at)} if edge <= highest
    )
    demand, supply = sum(demand_at.values()), 0
    for place, edge in enumerate(edges):
        demand -= demand_at.get(edge - 1, 0)
        supply += supply_at.get(edge, 0)
        if edge >= lowest:
            last = edges[place + 1] - 1 if place + 1 < len(edges) else highest
            yield _Segment(edge, last, min(demand, supply), demand - supply)


def _allotments(
    bids: Sequence[Order], asks: Sequence[Order], crossed: Crossing, rationing: Rationing
) -> tuple[_Allotted, _Allotted]:
    """What each order of the two sides trades, by priority."""
    price, volume = crossed
    reaching = [bid for bid in bids if bid.price_mgtx_per_kwh >= price]
    reached = [ask for ask in asks if ask.price_mgtx_per_kwh <= price]
    reaching.sort(key=_price, reverse=True)
    reached.sort(key=_price)
    return (
        _allotted(reaching, price, volume, rationing),
        _allotted(reached, price, volume, rationing),
    )


def _allotted(orders: list[Order], price: int, volume: int, rationing: Rationing) -> _Allotted:
    """All that is better than the price, then what of it is at the price."""
    better = len(orders)
    while better and orders[better - 1].price_mgtx_per_kwh == price:
        better -= 1
    quantities = [order.quantity_wh for order in orders[:better]]
    left = volume - sum(quantities)
    allotted = list(zip(orders[:better], quantities, strict=True))
    return allotted + _rationed(orders[better:], left, rationing)


def _rationed(orders: Sequence[Order], quantity: int, rationing: Rationing) -> _Allotted:
    """A quantity shared among orders of one price, those that get nothing left out."""
    if rationing is Rationing.PRO_RATA:
        shares = pro_rata(quantity, [order.quantity_wh for order in orders])
        return [(order, share) for order, share in zip(orders, shares, strict=True) if share]
    allotted = []
    for order in orders:
        if not quantity:
            break
        share = min(quantity, order.quantity_wh)
        quantity -= share
        allotted.append((order, share))
    return allotted


def _paired(
    bought: _Allotted, sold: _Allotted, price_of: Callable[[Order], int]
) -> tuple[Match, ...]:
    """Buyers and sellers of equal volume, first with first; `price_of` a bid is the trade's."""
    matches = []
    sellers = iter(sold)
    offered = 0
    ask_id = b""
    for bid, wanted in bought:
        price = price_of(bid)
        while wanted:
            if not offered:
                ask, offered = next(sellers)
                ask_id = ask.id
            traded = min(wanted, offered)
            wanted -= traded
            offered -= traded
            matches.append(Match(bid.id, ask_id, traded, price))
    return tuple(matches)
