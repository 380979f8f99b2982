"""Finality: from the time that a block names to its being final and executed, on every validator.

Validators as separate processes on two cores, one shard, blocks every second; idle, and under
transfers from a process outside. What the nodes say of each block in their logs is counted, and
the fsyncs of the consensus journal from their metrics. A validator's other fsyncs are one for the
block, and one for the batches of a block that has any, before it is voted for.

References: the goals on such a machine, 400 ms (p50) and 1 s (p99); three fsyncs a height.

    python -m benchmarks.finality [--validators 4 7] [--rates 0 500] [-o json]
"""

import argparse
import json
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from pathlib import Path

import trio

from benchmarks.figure import Figure, add_output_option, show
from benchmarks.load import percentile
from benchmarks.offered import CONNECTIONS, Failed, Offered, offered
from benchmarks.validators import SPLIT, keep_to_two_cores

GOALS_MS = {"p50": (0.5, 400.0), "p99": (0.99, 1_000.0)}
FSYNCS_GOAL = 3.0
METRIC = "gridtokenx_journal_fsync_seconds"


@dataclass(frozen=True, slots=True)
class Syncs:
    """Of all validators together: the fsyncs of their journals, and the seconds in them."""

    count: float
    seconds: float


def syncs(load: Offered) -> Syncs:
    """What the validators' metrics say."""
    found = {"count": 0.0, "sum": 0.0}
    for validator in load.network.validators:
        with urllib.request.urlopen(f"{validator.http}/metrics", timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                name, _, value = line.rpartition(" ")
                kind = name.partition("{")[0].removeprefix(f"{METRIC}_")
                if kind in found:
                    found[kind] += float(value)
    return Syncs(found["count"], found["sum"])


def finality_ms(load: Offered) -> list[list[float]]:
    """Of each validator, in the order of heights."""
    return [
        [
            json.loads(line)["finality_ms"]
            for line in validator.process.log.read_text(encoding="utf-8").splitlines()
            if '"block_final"' in line
        ]
        for validator in load.network.validators
    ]


async def measured(validators: int, rate: float, seconds: float) -> tuple[list[float], Syncs]:
    """The finality of the blocks of a span, sorted, and the fsyncs meanwhile."""
    count = ceil(rate * seconds)
    with tempfile.TemporaryDirectory() as folder:
        async with offered(
            Path(folder), validators=validators, coins=count + 2 * SPLIT, connections=CONNECTIONS
        ) as load:
            await load.transfers(SPLIT, SPLIT)
            before = await trio.to_thread.run_sync(syncs, load)
            seen = [len(each) for each in finality_ms(load)]
            if count:
                result = await load.transfers(count, rate)
                if len(result.finality_s) < count:
                    raise Failed(f"{len(result.finality_s)} of {count} final; {result.refused}")
            else:
                await trio.sleep(seconds)
            after = await trio.to_thread.run_sync(syncs, load)
            blocks = [each[first:] for each, first in zip(finality_ms(load), seen, strict=True)]
    spent = Syncs(after.count - before.count, after.seconds - before.seconds)
    return sorted(chain.from_iterable(blocks)), spent


def figures(validators: Sequence[int], rates: Sequence[float], seconds: float) -> Iterator[Figure]:
    """Measure."""
    for number in validators:
        for rate in rates:
            blocks, spent = trio.run(measured, number, rate, seconds)
            what = f"{number} validators, {f'{rate:.0f} tx/s' if rate else 'idle'}"
            for name, (share, goal_ms) in GOALS_MS.items():
                figure = percentile(blocks, share)
                yield Figure(f"finality {name}, {what}", figure, "ms", goal_ms)
            a_height = spent.count / len(blocks)
            yield Figure(f"journal fsyncs a height, {what}", a_height, "fsyncs", FSYNCS_GOAL)
            in_them = 1_000 * spent.seconds / len(blocks)
            mean_ms = sum(blocks) / len(blocks)
            yield Figure(f"time in them beside finality, {what}", in_them, "ms", mean_ms)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--validators", type=int, nargs="+", default=[4, 7])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.0, 500.0])
    parser.add_argument("--seconds", type=float, default=20.0)
    add_output_option(parser)
    options = parser.parse_args()
    keep_to_two_cores()
    show(figures(options.validators, options.rates, options.seconds), options.output)


if __name__ == "__main__":
    main()
