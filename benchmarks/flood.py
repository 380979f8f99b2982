"""A flood of energy batches: what it costs the flooder, and what it does to everybody else.

Validators as separate processes on two cores, one shard, blocks every second, and a chain whose
busiest normal hour is ten energy batches a second (two cores could not carry a hundred times the
default of fifty). Beside a load of transfers and orders a peer sends batches of rubbish at ten and
at a hundred times that rate, or as fast as it can seal them.

References: for the price, a batch's in normal times; for latencies, the same load without a flood;
for what was sent, what was due.

    python -m benchmarks.flood [--times 10 100] [--seconds 40] [-o json]
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import trio

from benchmarks import flooder, load
from benchmarks.apart import apart
from benchmarks.figure import Figure, add_output_option, show
from benchmarks.load import percentile
from benchmarks.offered import Offered, offered
from benchmarks.validators import CHAIN, SHARD, SPLIT, keep_to_two_cores
from gtxnode.ledger.parameters import AdmissionRules, ChainParameters

NORMAL_PER_S = 10
RULES = AdmissionRules(batch_spacing_ms=1_000 // NORMAL_PER_S)
TRANSFERS_PER_S = 50.0
ORDERS_PER_S = 5.0
CONNECTIONS = 8
SHARES = {"p50": 0.5, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen in one run. Without a flood there is no flooder."""

    transfers: load.Result
    orders: load.Result
    flooder: flooder.Result | None


async def run(validators: int, times: int, seconds: float) -> Run:
    """The load, under a flood of `times` the normal rate."""
    transfers, orders = ceil(TRANSFERS_PER_S * seconds), ceil(ORDERS_PER_S * seconds)
    parameters = ChainParameters(admission=RULES)
    results: list[load.Result] = []
    floods: list[flooder.Result] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        async with offered(
            path,
            validators=validators,
            coins=transfers + orders + 3 * SPLIT,
            connections=CONNECTIONS,
            parameters=parameters,
        ) as running:
            await running.split(ceil((transfers + orders) / SPLIT) + 1)

            async def offer_transfers() -> None:
                results.append(await running.transfers(transfers, TRANSFERS_PER_S))

            async def offer_orders() -> None:
                results.append(await running.orders(orders, ORDERS_PER_S))

            async def flood() -> None:
                floods.append(
                    await apart(path, "benchmarks.flooder", plan(running), flooder.Result)
                )

            def plan(running: Offered) -> flooder.Plan:
                nodes = running.network.validators
                return flooder.Plan(
                    SHARD,
                    CHAIN,
                    nodes[0].websocket,
                    tuple(each.p2p for each in nodes),
                    float(times * NORMAL_PER_S),
                    seconds,
                )

            async with trio.open_nursery() as nursery:
                nursery.start_soon(offer_transfers)
                nursery.start_soon(offer_orders)
                if times:
                    nursery.start_soon(flood)
    first, second = sorted(results, key=lambda each: each.sent, reverse=True)
    return Run(first, second, floods[0] if floods else None)


def figures(validators: int, multiples: Sequence[int], seconds: float) -> Iterator[Figure]:
    """Measure."""
    calm = trio.run(run, validators, 0, seconds)
    for kind, result in (("transfers", calm.transfers), ("orders", calm.orders)):
        for name, share in SHARES.items():
            latency = percentile(result.finality_s, share) * 1_000
            yield Figure(f"no flood: latency of {kind}, {name}", latency, "ms", None)
    for times in multiples:
        flooded = trio.run(run, validators, times, seconds)
        cost = flooded.flooder
        assert cost is not None, "there was a flood"
        what = f"{times} times the rate"
        due = times * NORMAL_PER_S
        yield Figure(f"{what}: sent", cost.sent / cost.seconds, "batches/s", due)
        price = cost.hashes / max(1, cost.sent)
        yield Figure(f"{what}: a batch cost", price, "hashes", RULES.least_hashes)
        yield Figure(f"{what}: in the end", cost.last_price, "hashes", RULES.least_hashes)
        yield Figure(f"{what}: flooder's processor", cost.cpu_s / cost.seconds, "cores", None)
        pairs = (
            ("transfers", flooded.transfers, calm.transfers),
            ("orders", flooded.orders, calm.orders),
        )
        for kind, under, without in pairs:
            final = len(under.finality_s) / under.sent
            yield Figure(f"{what}: {kind} that became final", final, "of 1", 1.0)
            for name, share in SHARES.items():
                latency = percentile(under.finality_s, share) * 1_000
                reference = percentile(without.finality_s, share) * 1_000
                yield Figure(f"{what}: latency of {kind}, {name}", latency, "ms", reference)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--times", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--seconds", type=float, default=40.0)
    add_output_option(parser)
    options = parser.parse_args()
    keep_to_two_cores()
    show(figures(options.validators, options.times, options.seconds), options.output)


if __name__ == "__main__":
    main()
