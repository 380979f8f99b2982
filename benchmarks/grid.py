"""The grid: what its check costs a trade, and what it takes to make the factors.

A check of one trade between two of seven zones is what the ledger does for it: the toll at the
seller's price, the room on every corridor and zone that it loads, and using that up. Its reference
is the room alone, by numpy, over the same corridors as arrays. The factors of Thailand's 262
substations and 371 lines are beside numpy's own pseudo-inverse of the same matrix.

    python -m benchmarks.grid [--trades 20000] [--rounds 5] [--seed 1] [-o json]
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.figure import Figure, add_output_option, show
from gtxnode.grid.build import build_model
from gtxnode.grid.corridors import ways
from gtxnode.grid.factors import zonal_flows
from gtxnode.grid.model import SLOT_S, GridModel
from gtxnode.grid_data import thai_network
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.grid.corridors import Carrier, Span
from gtxnode.primitives.zones import Zone

START_S = 1_800_000_000
SPAN = Span(START_S, START_S + SLOT_S)
PRICES = (3_000, 3_500, 4_000, 4_500)
TIMES = 12
"""That the factors are made in a round, so that the slowest says what a busy machine does to it."""


class NoCoins:
    """Before the first trade of a chain."""

    def get(self, coin_id: bytes) -> bytes | None:
        """None."""
        return None


def trades(count: int, seed: int) -> list[tuple[Zone, Zone, int, int]]:
    """Seller, buyer, price and Wh: between two zones each."""
    chance = random.Random(seed)
    placed = []
    for _ in range(count):
        seller, buyer = chance.sample(list(Zone), 2)
        placed.append((seller, buyer, chance.choice(PRICES), chance.randint(100, 10_000)))
    return placed


def check_all(model: GridModel, placed: list[tuple[Zone, Zone, int, int]]) -> None:
    """What the book asks of the grid for one trade after the other."""
    carrier = Carrier("benchmark", START_S * 1_000, CoinView(NoCoins()), model, lambda *_: False)
    uses = carrier.uses_of(SPAN)
    for seller, buyer, price, quantity_wh in placed:
        carrier.toll(seller, buyer, SPAN, price)
        room_wh = carrier.room_wh(seller, buyer, SPAN, uses)
        carrier.take(seller, buyer, SPAN, uses, min(room_wh, quantity_wh))


def numpy_rooms(
    model: GridModel, placed: list[tuple[Zone, Zone, int, int]]
) -> Callable[[], object]:
    """The reference: corridors as arrays, made beforehand."""
    place = {zone: number for number, zone in enumerate(model.zones)}
    factors = np.array([each.factors_ppm for each in model.corridors], dtype=np.float64)
    limits = np.array([each.forward_mw for each in model.corridors]) * 1e12
    pairs = [(place[seller], place[buyer], wh * 4.0) for seller, buyer, _, wh in placed]

    def run() -> None:
        flows = np.zeros(len(limits))
        for seller, buyer, power in pairs:
            loads = factors[:, seller] - factors[:, buyer]
            with np.errstate(divide="ignore", invalid="ignore"):
                room = (limits - np.sign(loads) * flows) / np.abs(loads)
            flows += loads * min(power, float(np.nanmin(room)))

    return run


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each round, the best first."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)


def susceptances() -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """The matrix whose pseudo-inverse a power flow by the textbook takes."""
    network = thai_network()
    place = {name: number for number, name in enumerate(network.substations)}
    matrix = np.zeros((len(place), len(place)))
    for line in network.lines:
        i, j = place[line.first], place[line.second]
        matrix[[i, j], [i, j]] += line.susceptance
        matrix[[i, j], [j, i]] -= line.susceptance
    return matrix


def figures(count: int, rounds: int, seed: int) -> Iterator[Figure]:
    """All of them."""
    model, network, matrix = build_model(thai_network()), thai_network(), susceptances()
    placed = trades(count, seed)
    assert len(ways(model)) == len(Zone) ** 2
    check_us = timed(lambda: check_all(model, placed), rounds)[0] / count * 1e6
    numpy_us = timed(numpy_rooms(model, placed), rounds)[0] / count * 1e6
    yield Figure("grid check of a trade, 7 zones", check_us, "us", numpy_us)
    factors = timed(lambda: zonal_flows(network), TIMES * rounds)
    pinv = timed(lambda: np.linalg.pinv(matrix, hermitian=True), TIMES * rounds)
    yield Figure("262 substations to factors", factors[0] * 1e3, "ms", pinv[0] * 1e3)
    yield Figure("  the slowest time", factors[-1] * 1e3, "ms", pinv[-1] * 1e3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trades", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    add_output_option(parser)
    options = parser.parse_args()
    show(figures(options.trades, options.rounds, options.seed), options.output)


if __name__ == "__main__":
    main()
