"""Latency: from submitting a transfer to its final event, at a steady load well below the limit.

Validators as separate processes on two cores, one shard, blocks every second; a process outside
submits transfers over WebSocket, open loop, and counts from when each was due.

References: the block interval, of which a transfer waits half on average before its block begins;
and the idle round trip of one small call over the same WebSocket.

    python -m benchmarks.latency [--rate 200] [--seconds 30] [-o json]
"""

import argparse
import tempfile
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import trio

from benchmarks.figure import Figure, add_output_option, show
from benchmarks.load import Result, percentile
from benchmarks.offered import CONNECTIONS, Failed, offered
from benchmarks.validators import SPLIT, keep_to_two_cores
from gtxnode.genesis import BANGKOK_INTERVAL_MS

SHARES = {"p50": 0.5, "p99": 0.99}


async def run(validators: int, connections: int, rate: float, seconds: float) -> Result:
    """Offer the load, after a short one that warms up."""
    count = ceil(rate * seconds)
    warm_up = ceil(rate)
    with tempfile.TemporaryDirectory() as folder:
        async with offered(
            Path(folder),
            validators=validators,
            coins=warm_up + count + 2 * SPLIT,
            connections=connections,
        ) as load:
            await load.transfers(warm_up, rate)
            result = await load.transfers(count, rate)
            if len(result.finality_s) < count:
                raise Failed(f"{len(result.finality_s)} of {count} final; {result.refused}")
            return result


def figures(validators: int, connections: int, rate: float, seconds: float) -> Iterator[Figure]:
    """Measure."""
    result = trio.run(run, validators, connections, rate, seconds)
    for name, share in SHARES.items():
        latency = percentile(result.finality_s, share) * 1_000
        idle = percentile(result.idle_s, share) * 1_000
        what = f"latency {name} at {rate:.0f} tx/s"
        yield Figure(f"{what}, beside the interval", latency, "ms", BANGKOK_INTERVAL_MS)
        yield Figure(f"{what}, beside an idle call", latency, "ms", idle)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    add_output_option(parser)
    options = parser.parse_args()
    keep_to_two_cores()
    show(
        figures(options.validators, options.connections, options.rate, options.seconds),
        options.output,
    )


if __name__ == "__main__":
    main()
