"""Who trades with whom in an auction whose orders are in several zones, over what the grid carries.

An auction clears as if all were in one place (auction.py), and so says how much of each order is to
trade. That much is paired here within what the grid carries; then whatever is left of all orders
is, until no two are left that may trade and between which something could be carried.

Two orders may trade where the ask's price, with one price for all that price, and the toll come to
no more than the bid's limit, and the ask's price is not above that one price. So nobody trades at a
loss.

In a two-sided auction the pair goes first that gains most: the bid's price less the ask's and the
toll. Within a zone that is the best bid and the cheapest ask, by price, then time; of pairs that
gain the same, the one with the older ask goes first, then the one with the older bid. So energy
stays where the way costs least, and a scarce corridor serves those to whom it is worth most. In a
one-sided one each bid in order of time takes what comes cheapest to it, toll included.

It is not the optimum. That is a linear program, whose answer every node would have to reproduce to
the Wh; how near this comes is measured in docs/decisions/grid.md. A trade fills an order or a way;
as trades the other way open ways again, `MAX_TRADES` bounds their number.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple, Protocol, TypeAlias

from gtxnode.market.auction import Match, Mechanism
from gtxnode.market.orders import Order
from gtxnode.primitives.zones import Zone

MAX_TRADES: Final = 8
"""For each order of an auction, all together. What is left of them after that stays so."""


class Ways(Protocol):
    """The grid between zones, as what was paired so far leaves it."""

    def room_wh(self, seller: Zone, buyer: Zone) -> int:
        """The most that a trade from the one to the other can have."""
        ...

    def take(self, seller: Zone, buyer: Zone, quantity_wh: int) -> None:
        """Use it up."""
        ...

    def toll(self, seller: Zone, buyer: Zone, price_mgtx_per_kwh: int) -> int:
        """What a kWh costs beside a seller's price. It does not fall where that rises."""
        ...

    def relieves(self, seller: Zone, buyer: Zone, other_seller: Zone, other_buyer: Zone) -> bool:
        """Whether a trade between the first two may make room between the others."""
        ...


class Pairing(NamedTuple):
    """A bid and an ask that trade this much."""

    buy_id: bytes
    sell_id: bytes
    quantity_wh: int


def couple(
    mechanism: Mechanism,
    bids: Sequence[Order],
    asks: Sequence[Order],
    matches: Sequence[Match],
    ways: Ways,
) -> tuple[Pairing, ...]:
    """The trades of an auction of orders in order of time, whose zones their terms name.

    `matches` are the auction's as if all were in one place.
    """
    if not matches:
        return ()  # No bid reaches an ask.
    price = matches[0].price_mgtx_per_kwh if mechanism is Mechanism.UNIFORM else None
    allotted_wh: defaultdict[bytes, int] = defaultdict(int)
    for match in matches:
        allotted_wh[match.buy_id] += match.quantity_wh
        allotted_wh[match.sell_id] += match.quantity_wh
    meeting = _Meeting(bids, asks, ways, price)
    pair = meeting.pair_in_turn if mechanism is Mechanism.PAY_AS_OFFER else meeting.pair_by_gain
    pair(allotted_wh)
    pair(meeting.left_wh)
    return tuple(Pairing(*sides, wh) for sides, wh in meeting.paired_wh.items())


_Way: TypeAlias = tuple[int, int]
"""The places of the seller's zone and the buyer's. Places, as zones are slow to hash."""
_Rank: TypeAlias = tuple[int, int, int]
"""What a pair of orders goes by, lowest first: what it loses, and the places of the two in time."""


class _Queue:
    """Orders of one side in one zone by priority; those in front leave as they are done."""

    def __init__(self, orders: list[tuple[int, Order]]) -> None:
        """`orders` with their places in time."""
        self._orders = orders
        self._first = 0

    def head(self, share_wh: Mapping[bytes, int]) -> tuple[int, Order] | None:
        """The first that has a share."""
        while self._first < len(self._orders):
            found = self._orders[self._first]
            if share_wh.get(found[1].id, 0):
                return found
            self._first += 1
        return None


class _Meeting:
    """The orders of an auction, and what they have come to."""

    def __init__(
        self, bids: Sequence[Order], asks: Sequence[Order], ways: Ways, price: int | None
    ) -> None:
        """`price` is the one for all; None where each trade has its own."""
        self.left_wh = {order.id: order.quantity_wh for order in (*bids, *asks)}
        self.paired_wh: defaultdict[tuple[bytes, bytes], int] = defaultdict(int)
        self._bids, self._asks = bids, asks
        self._ways, self._price = ways, price
        self._zones = sorted({zone_of(order) for order in (*bids, *asks)})
        self._places = range(len(self._zones))
        self._full: set[_Way] = set()
        self._relieved: dict[_Way, set[_Way]] = {}
        self._trades_left = MAX_TRADES * len(self.left_wh)

    def pair_by_gain(self, share_wh: dict[bytes, int]) -> None:
        """What gains most trades first, of each order no more than its share."""
        buying = self._queues(self._bids, lambda order: -order.price_mgtx_per_kwh)
        selling = self._queues(self._asks, lambda order: order.price_mgtx_per_kwh)
        heads: dict[_Way, tuple[_Rank, Order, Order]] = {}
        changed = list(product(self._places, self._places))
        while self._trades_left:
            for way in changed:
                bid, ask = buying[way[1]].head(share_wh), selling[way[0]].head(share_wh)
                rank = bid and ask and self._rank(bid, ask, way)
                if bid and ask and rank:
                    heads[way] = (rank, bid[1], ask[1])
                else:
                    heads.pop(way, None)
            open_ways = heads.keys() - self._full
            if not open_ways:
                return
            way = min(open_ways, key=lambda each: heads[each][0])
            changed = []
            _, buy, sell = heads[way]
            if self._trade(buy, sell, way, share_wh):
                if not share_wh[buy.id]:
                    changed += [(seller, way[1]) for seller in self._places]
                if not share_wh[sell.id]:
                    changed += [(way[0], buyer) for buyer in self._places]

    def pair_in_turn(self, share_wh: dict[bytes, int]) -> None:
        """Each bid in its turn takes what comes cheapest to it, of each no more than its share."""
        again = True
        while again:
            again = False
            selling = self._queues(self._asks, lambda order: order.price_mgtx_per_kwh)
            for turn in enumerate(self._bids):
                # What it trades may make room for those before it.
                again |= self._serve(turn, selling, share_wh)

    def _serve(
        self, turn: tuple[int, Order], selling: list[_Queue], share_wh: dict[bytes, int]
    ) -> bool:
        """Let one bid buy; whether it did."""
        bid, buyer = turn[1], self._zones.index(zone_of(turn[1]))
        traded = False
        while share_wh.get(bid.id, 0) and self._trades_left:
            offers = []
            for seller in self._places:
                ask = selling[seller].head(share_wh)
                if ask is not None and (seller, buyer) not in self._full:
                    rank = self._rank(turn, ask, (seller, buyer))
                    if rank is not None:
                        offers.append((rank, seller, ask[1]))
            if not offers:
                break
            _, seller, offer = min(offers)
            traded |= self._trade(bid, offer, (seller, buyer), share_wh)
        return traded

    def _rank(self, bid: tuple[int, Order], ask: tuple[int, Order], way: _Way) -> _Rank | None:
        """What two orders go by; None where they may not trade."""
        buy, sell = bid[1], ask[1]
        price = sell.price_mgtx_per_kwh
        toll = self._ways.toll(*self._between(way), price)
        charged = price if self._price is None else self._price
        if price > charged or charged + toll > buy.price_mgtx_per_kwh or buy.trader == sell.trader:
            return None
        return price + toll - buy.price_mgtx_per_kwh, ask[0], bid[0]

    def _trade(self, buy: Order, sell: Order, way: _Way, share_wh: dict[bytes, int]) -> bool:
        """Pair two orders as far as the grid carries it; whether it carries anything."""
        zones = self._between(way)
        room_wh = self._ways.room_wh(*zones)
        if not room_wh:
            self._full.add(way)
            return False
        quantity_wh = min(room_wh, share_wh[buy.id], share_wh[sell.id])
        self._ways.take(*zones, quantity_wh)
        self._trades_left -= 1
        self.paired_wh[buy.id, sell.id] += quantity_wh
        for order_id in (buy.id, sell.id):
            share_wh[order_id] -= quantity_wh
            if share_wh is not self.left_wh:
                self.left_wh[order_id] -= quantity_wh
        self._full -= self._relieved_by(way)
        return True

    def _relieved_by(self, way: _Way) -> set[_Way]:
        """The ways that what goes this way may open."""
        known = self._relieved.get(way)
        if known is None:
            zones = self._between(way)
            known = self._relieved[way] = {
                other
                for other in product(self._places, self._places)
                if self._ways.relieves(*zones, *self._between(other))
            }
        return known

    def _between(self, way: _Way) -> tuple[Zone, Zone]:
        return self._zones[way[0]], self._zones[way[1]]

    def _queues(self, orders: Sequence[Order], priority: Callable[[Order], int]) -> list[_Queue]:
        """One for each zone."""
        by_zone: list[list[tuple[int, Order]]] = [[] for _ in self._places]
        for turn in enumerate(orders):
            by_zone[self._zones.index(zone_of(turn[1]))].append(turn)
        return [_Queue(sorted(each, key=lambda turn: priority(turn[1]))) for each in by_zone]


def zone_of(order: Order) -> Zone:
    """Where an order's energy enters the grid, or leaves it."""
    assert order.terms is not None, "an order that is carried names its zone"
    assert order.terms.zone is not None, "an order that is carried names its zone"
    return order.terms.zone
