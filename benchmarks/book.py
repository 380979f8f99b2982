"""The order book: orders a second, time per order, and how both hold with a million orders.

The stream is 50,000 random limit orders (prices 1 to 200, quantities 1 to 4, from a seed), each of
a trader of its own, made before the clock starts. The reference is the PyPI package
`limit-order-book`, C++ called through its Python class, on the same stream in the same run; for
throughput also `lightmatchingengine`, which is Python. They take turns, so that none has the
quieter machine; throughput and percentiles are those of each one's best round. The reference of
the last figure is our own book with 10,000 resting orders.

The C++ package answers no fills, ours and the Python one do;
tests/market/test_book_against_native.py has all three trade alike. What orders cost that
nobody can trade with is measured with as many of them at the best prices as a chain lets rest.

    python -m benchmarks.book [--orders 50000] [--rounds 7] [--seed 1] [-o json]
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.figure import Figure, add_output_option, show
from gtxnode.market import Book, Order, PriceRule, Side, Terms

PRICES = (1, 200)
QUANTITIES = (1, 4)
PERCENTILES = ("50", "99", "99.9")
SHALLOW, DEEP = 10_000, 1_000_000
# As many as a chain lets rest on each side.
IN_THE_WAY = 1_000
WHOLE_IN_THE_WAY = 100
WHOLE = Terms(all_or_none=True)
FOR_NOBODY = Terms(partner=b"\xff" * 20)
SLICE = 1_000
SLICES = 100


class Stream:
    """Random orders from a seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def order(self) -> Order:
        """An order anywhere in the range of prices, as likely to trade as not."""
        return self._order(self._chance.choice((Side.BUY, Side.SELL)), *PRICES)

    def resting(self) -> Order:
        """An order of its side's half of the range, which trades with no other such order."""
        middle = sum(PRICES) // 2
        if self._chance.random() < 0.5:
            return self._order(Side.BUY, PRICES[0], middle)
        return self._order(Side.SELL, middle + 1, PRICES[1])

    def _order(self, side: Side, low: int, high: int) -> Order:
        chance = self._chance
        return Order(
            chance.randbytes(32),
            chance.randbytes(20),
            side,
            chance.randint(low, high),
            chance.randint(*QUANTITIES),
        )


def ours(orders: list[Order]) -> float:
    """Seconds that our book takes for the stream."""
    place = Book(PriceRule.MAKER).place
    start = time.perf_counter()
    for order in orders:
        place(order)
    return time.perf_counter() - start


def native(orders: list[Order]) -> float:
    """Seconds that the package takes for the stream."""
    from limit_order_book import LimitOrderBook

    limit = LimitOrderBook().limit
    calls = native_calls(orders)
    start = time.perf_counter()
    for call in calls:
        limit(*call)
    return time.perf_counter() - start


def light(orders: list[Order]) -> float:
    """Seconds that the package in Python takes for the stream."""
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine

    add = LightMatchingEngine().add_order
    calls = [(o.price_mgtx_per_kwh, o.quantity_wh, int(o.side)) for o in orders]
    start = time.perf_counter()
    for price, quantity, side in calls:
        add("KWH", price, quantity, side)
    return time.perf_counter() - start


def native_calls(orders: list[Order]) -> list[tuple[bool, int, int, int]]:
    """The stream as the package takes it: buying, number, quantity, price."""
    return [
        (order.side is Side.BUY, number, order.quantity_wh, order.price_mgtx_per_kwh)
        for number, order in enumerate(orders, 1)
    ]


def percentiles(nanoseconds: list[int]) -> list[float]:
    """Microseconds at each of `PERCENTILES`."""
    ordered = sorted(nanoseconds)
    last = len(ordered) - 1
    return [ordered[round(last * float(p) / 100)] / 1_000 for p in PERCENTILES]


def our_times(orders: list[Order]) -> list[int]:
    """Nanoseconds of each order, the clock's own share included."""
    place = Book(PriceRule.MAKER).place
    clock = time.perf_counter_ns
    times = []
    for order in orders:
        start = clock()
        place(order)
        times.append(clock() - start)
    return times


def native_times(orders: list[Order]) -> list[int]:
    """The same of the package."""
    from limit_order_book import LimitOrderBook

    limit = LimitOrderBook().limit
    clock = time.perf_counter_ns
    times = []
    for buying, number, quantity, price in native_calls(orders):
        start = clock()
        limit(buying, number, quantity, price)
        times.append(clock() - start)
    return times


class Depth:
    """A book that is kept at a number of resting orders while its cost per order is measured."""

    def __init__(self, resting: int, seed: int) -> None:
        self._resting = resting
        self._stream = Stream(seed)
        self._book = Book(PriceRule.MAKER)
        self._slices_us: list[float] = []
        self._fill()

    def measure(self) -> None:
        """Time a slice of orders, then restore the book."""
        orders = [self._stream.order() for _ in range(SLICE)]
        place = self._book.place
        start = time.perf_counter()
        for order in orders:
            place(order)
        elapsed = time.perf_counter() - start
        self._slices_us.append(elapsed / SLICE * 1e6)
        for order in orders:
            self._book.cancel(order.id)
        self._fill()

    def obstruct(self) -> None:
        """Put orders at the best prices that none of the stream can trade with."""
        for number in range(IN_THE_WAY):
            for side, price in ((Side.BUY, PRICES[1]), (Side.SELL, PRICES[0])):
                identity = bytes(20) + (2 * number + side).to_bytes(12, "big")
                terms = WHOLE if number < WHOLE_IN_THE_WAY else FOR_NOBODY
                # All of one trader, who does not trade with himself either.
                self._book.rest(Order(identity, bytes(20), side, price, 10**6, terms=terms))
        self._resting += 2 * IN_THE_WAY

    @property
    def cost_us(self) -> float:
        """The mean time of an order in the median slice."""
        return median(self._slices_us)

    def _fill(self) -> None:
        while len(self._book) < self._resting:
            self._book.rest(self._stream.resting())


def figures(count: int, rounds: int, seed: int) -> Iterator[Figure]:
    """All figures, each as soon as it is known."""
    stream = Stream(seed)
    orders = [stream.order() for _ in range(count)]
    throughputs = [(ours(orders), native(orders), light(orders)) for _ in range(rounds)]
    fastest, reference, python = (min(seconds) for seconds in zip(*throughputs, strict=True))
    yield Figure("book, orders placed", count / fastest, "orders/s", count / reference)
    yield Figure("book, orders placed, beside Python", count / fastest, "orders/s", count / python)

    times = [
        (percentiles(our_times(orders)), percentiles(native_times(orders))) for _ in range(rounds)
    ]
    for index, name in enumerate(PERCENTILES):
        figure, reference = (
            min(side[index] for side in sides) for sides in zip(*times, strict=True)
        )
        yield Figure(f"book, time per order p{name}", figure, "us", reference)

    shallow, deep, blocked = Depth(SHALLOW, seed), Depth(DEEP, seed), Depth(SHALLOW, seed)
    blocked.obstruct()
    for _ in range(SLICES):
        for depth in (shallow, deep, blocked):
            depth.measure()
    yield Figure(
        f"book, time per order, {IN_THE_WAY:,} in the way", blocked.cost_us, "us", shallow.cost_us
    )
    yield Figure(f"book, time per order, {DEEP:,} resting", deep.cost_us, "us", shallow.cost_us)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    add_output_option(parser)
    options = parser.parse_args()
    try:
        import lightmatchingengine  # noqa: F401
        import limit_order_book  # noqa: F401
    except ModuleNotFoundError:
        sys.exit("the references are not installed: pip install '.[bench]'")
    show(figures(options.orders, options.rounds, options.seed), options.output)


if __name__ == "__main__":
    main()
