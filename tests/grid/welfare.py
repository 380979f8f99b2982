"""What auctions over the grid reach of the greatest gain that there is, by linear programming.

The gain of a trade is the bid's price less the ask's and the toll: what buyer and seller have of it
together. The program chooses how much of each order trades, and how much goes from each zone to
each, within the corridors, so that it is greatest in all; prices and priorities do not bind it.

Run as a program it prints the figures of docs/decisions/grid.md:

    python -m tests.grid.welfare [--books 200] [--orders 200] [--seed 1]
"""

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
from scipy.optimize import linprog

from gtxnode.grid.build import build_model
from gtxnode.grid.model import GridModel
from gtxnode.grid_data import thai_network
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.grid.carriage import AuctionWays
from gtxnode.ledger.grid.corridors import Carrier, Span
from gtxnode.market.auction import AUCTIONS, Mechanism, Rationing
from gtxnode.market.coupling import Pairing, couple, zone_of
from gtxnode.market.orders import Order, Side, Terms

THAI = build_model(thai_network())
HOUR = Span(1_800_000_000, 1_800_003_600)
SCARCE = (0.02, 0.1, 0.5)
"""Up to which part of all that could be traded a corridor carries."""


class Book(NamedTuple):
    """The orders of an hour, in order of time, and the grid between them."""

    bids: list[Order]
    asks: list[Order]
    model: GridModel

    def ways(self) -> AuctionWays:
        """The grid with nothing used of it."""
        carrier = Carrier(
            "welfare", HOUR.start_s * 1_000, CoinView({}), self.model, lambda *_: False
        )
        return AuctionWays(carrier, HOUR)


Clearing: TypeAlias = Callable[[Book, Mechanism], Sequence[Pairing]]


def random_book(chance: random.Random, count: int, scarce: float) -> Book:
    """Zones with prices of their own, some dear and some cheap, and corridors of random limits."""
    over = {zone: chance.randint(-700, 700) for zone in THAI.zones}

    def orders(side: Side, low: int, high: int) -> list[Order]:
        made = []
        for number in range(count // 2):
            zone = chance.choice(THAI.zones)
            name = bytes([side]) + number.to_bytes(31, "big")
            price, quantity_wh = chance.randint(low, high), chance.randint(10_000, 10_000_000)
            terms = Terms(zone=zone)
            made.append(Order(name, name[:20], side, price + over[zone], quantity_wh, terms=terms))
        return made

    bids, asks = orders(Side.BUY, 2_500, 6_500), orders(Side.SELL, 2_000, 5_000)
    traded_mw = min(sum(order.quantity_wh for order in side) for side in (bids, asks)) / 1e6
    corridors = []
    for each in THAI.corridors:
        limit = int(chance.uniform(0, scarce) * traded_mw)
        corridors.append(msgspec.structs.replace(each, forward_mw=limit, backward_mw=limit))
    return Book(bids, asks, msgspec.structs.replace(THAI, corridors=tuple(corridors)))


def coupled(book: Book, mechanism: Mechanism) -> Sequence[Pairing]:
    """As the chain does."""
    matches = AUCTIONS[mechanism](book.bids, book.asks, Rationing.PRO_RATA)
    return couple(mechanism, book.bids, book.asks, matches, book.ways())


def one_by_one(book: Book, mechanism: Mechanism) -> Sequence[Pairing]:
    """The plainest way: the matches of one place, each as far as it is carried and covered."""
    order_of = {order.id: order for order in (*book.bids, *book.asks)}
    ways, carried = book.ways(), []
    for match in AUCTIONS[mechanism](book.bids, book.asks, Rationing.PRO_RATA):
        buy, sell = order_of[match.buy_id], order_of[match.sell_id]
        zones = (zone_of(sell), zone_of(buy))
        price = sell.price_mgtx_per_kwh
        charged = match.price_mgtx_per_kwh if mechanism is Mechanism.UNIFORM else price
        if charged + ways.toll(*zones, price) <= buy.price_mgtx_per_kwh:
            quantity_wh = min(match.quantity_wh, ways.room_wh(*zones))
            ways.take(*zones, quantity_wh)
            carried.append(Pairing(buy.id, sell.id, quantity_wh))
    return carried


def gain_ugtx(book: Book, pairings: Sequence[Pairing]) -> int:
    """What buyers and sellers have of it together."""
    order_of = {order.id: order for order in (*book.bids, *book.asks)}
    ways = book.ways()
    total = 0
    for pairing in pairings:
        buy, sell = order_of[pairing.buy_id], order_of[pairing.sell_id]
        price = sell.price_mgtx_per_kwh
        toll = ways.toll(zone_of(sell), zone_of(buy), price)
        total += pairing.quantity_wh * (buy.price_mgtx_per_kwh - price - toll)
    return total


def greatest_gain_ugtx(book: Book) -> float:
    """Of all ways to trade within the corridors."""
    zones, ways = book.model.zones, book.ways()
    pairs = list(product(range(len(zones)), repeat=2))
    orders = [*book.bids, *book.asks]
    worth = [order.price_mgtx_per_kwh * (-1 if order.side is Side.BUY else 1) for order in orders]
    tolls = [ways.toll(zones[seller], zones[buyer], 0) for seller, buyer in pairs]
    balance = np.zeros((2 * len(zones), len(orders) + len(pairs)))
    for column, order in enumerate(orders):
        side = 0 if order.side is Side.BUY else len(zones)
        balance[side + zones.index(zone_of(order)), column] = -1
    for column, (seller, buyer) in enumerate(pairs, start=len(orders)):
        balance[buyer, column] = balance[len(zones) + seller, column] = 1
    flows = np.zeros((len(book.model.corridors), len(orders) + len(pairs)))
    for row, corridor in enumerate(book.model.corridors):
        factors = [each / 1e6 for each in corridor.factors_ppm]
        flows[row, len(orders) :] = [factors[seller] - factors[buyer] for seller, buyer in pairs]
    found = linprog(
        [*worth, *tolls],
        A_ub=np.vstack([flows, -flows]),
        b_ub=[
            *(each.forward_mw * 1e6 for each in book.model.corridors),
            *(each.backward_mw * 1e6 for each in book.model.corridors),
        ],
        A_eq=balance,
        b_eq=np.zeros(len(balance)),
        bounds=[*((0, order.quantity_wh) for order in orders), *((0, None) for _ in pairs)],
    )
    assert found.success
    return -float(found.fun)


def shares(
    books: int, orders: int, scarce: float, seed: int, clearing: Clearing
) -> Iterator[tuple[Mechanism, list[float]]]:
    """What each mechanism reaches of the greatest gain, book by book."""
    reached: dict[Mechanism, list[float]] = {mechanism: [] for mechanism in AUCTIONS}
    for number in range(books):
        book = random_book(random.Random(f"{seed} {scarce} {number}"), orders, scarce)
        greatest = greatest_gain_ugtx(book)
        for mechanism, found in reached.items():
            found.append(gain_ugtx(book, clearing(book, mechanism)) / greatest)
    yield from reached.items()


def main() -> None:
    """Print what the chain's way and the plainest reach."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--books", type=int, default=200)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for scarce, clearing in product(SCARCE, (coupled, one_by_one)):
        for mechanism, found in shares(
            options.books, options.orders, scarce, options.seed, clearing
        ):
            print(
                f"up to {scarce:4.0%}  {clearing.__name__:10} {mechanism:12} "
                f"mean {np.mean(found):6.1%}  worst {min(found):6.1%}"
            )


if __name__ == "__main__":
    main()
