"""Call auctions: the time that each mechanism takes to clear one slot with 100,000 orders.

Half of the orders are bids and half are asks, at random prices between 1 and 10 GTX/kWh that
overlap, from a seed; made before the clock starts. Clearing comes to the full list of trades. The
reference is numpy's own sort of the same orders by side, price and time: the least that any
mechanism by priority has to do.

    python -m benchmarks.auction [--orders 100000] [--rounds 5] [--seed 1] [-o json]
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.figure import Figure, add_output_option, show
from gtxnode.market import Order, Side
from gtxnode.market.auction import AUCTIONS, Mechanism, Rationing

BID_PRICES = (1_000, 7_000)
ASK_PRICES = (3_000, 10_000)
QUANTITIES = (100, 10_000)


def random_orders(count: int, side: Side, prices: tuple[int, int], seed: int) -> list[Order]:
    """Orders in order of time."""
    chance = random.Random(f"{seed} {side}")
    return [
        Order(
            chance.randbytes(32),
            chance.randbytes(20),
            side,
            chance.randint(*prices),
            chance.randint(*QUANTITIES),
        )
        for _ in range(count)
    ]


def sorting(bids: list[Order], asks: list[Order]) -> Callable[[], object]:
    """The reference, over arrays that are made beforehand."""
    prices = np.array([-each.price_mgtx_per_kwh for each in bids]
                      + [each.price_mgtx_per_kwh for each in asks])  # fmt: skip
    sides = np.array([0] * len(bids) + [1] * len(asks))
    times = np.arange(len(prices))
    return lambda: np.lexsort((times, prices, sides))


def best_ms(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of the best round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1_000


def figures(count: int, rounds: int, seed: int) -> Iterator[Figure]:
    """Each mechanism with each rationing."""
    bids = random_orders(count // 2, Side.BUY, BID_PRICES, seed)
    asks = random_orders(count - count // 2, Side.SELL, ASK_PRICES, seed)
    reference = best_ms(sorting(bids, asks), rounds)
    for mechanism, auction in AUCTIONS.items():
        for rationing in Rationing if mechanism is Mechanism.UNIFORM else (Rationing.PRO_RATA,):
            work = partial(auction, bids, asks, rationing)
            name = f"auction, {mechanism}, {rationing}"
            yield Figure(name, best_ms(work, rounds), "ms", reference)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    add_output_option(parser)
    options = parser.parse_args()
    show(figures(options.orders, options.rounds, options.seed), options.output)


if __name__ == "__main__":
    main()
