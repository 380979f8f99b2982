"""Devnet: the most transfers a second that running validators finalise under load from outside.

Validators as separate processes on two cores, one shard, blocks every second. A process outside
submits signed transfers over WebSocket, open loop: each is sent when it is due, over many
connections to all validators. The rate goes up step by step, and counts while every transfer of the
step takes effect and the 99th percentile of the time from when a transfer was due to its final
event stays under two seconds. The load shares the two cores.

References: the signatures that one thread checks a second with nothing else to do; and what two
cores could check if each of the validators checks every signature once.

    python -m benchmarks.devnet [--validators 4] [--start 250] [--step 250] [-o json]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import trio

from benchmarks.figure import Figure, add_output_option, show
from benchmarks.load import Result, percentile
from benchmarks.offered import CONNECTIONS, Offered, offered
from benchmarks.validators import CORES, SPLIT, keep_to_two_cores
from consensus import signing

FINALITY_S = 2.0
CHECKS = 2_000
CHECK_ROUNDS = 5
ATTEMPTS = 2
"""A step that fails is tried again before it counts: others may use the machine."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The rates to try, in transfers a second, and how long each is held."""

    start: int
    step: int
    most: int
    seconds: float

    @property
    def rates(self) -> range:
        return range(self.start, self.most + 1, self.step)

    @property
    def coins(self) -> int:
        """Enough for every step and its repetition, in whole splits."""
        each = sum(ceil(rate * self.seconds) + SPLIT for rate in self.rates)
        return self.start + SPLIT + ATTEMPTS * each


def checks_per_s() -> float:
    """Signatures that one thread checks a second."""
    key = (1_000).to_bytes(32, "big")
    checks = [
        (signing.public_key(key), digest, signing.sign(key, digest))
        for digest in (number.to_bytes(32, "big") for number in range(1, CHECKS + 1))
    ]
    fastest = float("inf")
    for _ in range(CHECK_ROUNDS):
        started = time.perf_counter()
        assert all(signing.verify_slice(checks)), "a good signature did not verify"
        fastest = min(fastest, time.perf_counter() - started)
    return CHECKS / fastest


def holds(result: Result, count: int) -> bool:
    """Whether all of a step took effect in time."""
    return len(result.finality_s) == count and percentile(result.finality_s, 0.99) < FINALITY_S


async def highest(load: Offered, steps: Steps) -> tuple[float, Result | None]:
    """The highest rate that held, in transfers a second, and what it came to."""
    await load.transfers(steps.start, steps.start)  # a second's warm-up
    best: tuple[float, Result | None] = (0.0, None)
    for rate in steps.rates:
        count = ceil(rate * steps.seconds)
        for _ in range(ATTEMPTS):
            result = await load.transfers(count, rate)
            tell(rate, result)
            if holds(result, count):
                best = (count / steps.seconds, result)
                break
        else:
            break
    return best


def tell(rate: float, result: Result) -> None:
    """One step for whoever watches."""
    p50, p99 = (percentile(result.finality_s, share) for share in (0.5, 0.99))
    print(
        f"offered {rate:,.0f} tx/s: {len(result.finality_s):,} of {result.sent:,} final, p50"
        f" {p50:.3f} s, p99 {p99:.3f} s; refused {result.refused or 'none'}; load late by"
        f" {percentile(result.late_s, 0.99):.3f} s (p99), {result.cpu_s:.1f} s of processor time",
        file=sys.stderr,
        flush=True,
    )


async def run(validators: int, connections: int, steps: Steps) -> tuple[float, Result | None]:
    """Start the validators and step the rate up."""
    with tempfile.TemporaryDirectory() as folder:
        async with offered(
            Path(folder), validators=validators, coins=steps.coins, connections=connections
        ) as load:
            return await highest(load, steps)


def figures(validators: int, connections: int, steps: Steps) -> Iterator[Figure]:
    """Measure."""
    checks = checks_per_s()
    rate, result = trio.run(run, validators, connections, steps)
    yield Figure("devnet, beside raw checks, 1 thread", rate, "tx/s", checks)
    shared = CORES * checks / validators
    yield Figure(f"devnet, beside {CORES} cores / {validators}", rate, "tx/s", shared)
    if result is not None:
        p99 = percentile(result.finality_s, 0.99) * 1_000
        yield Figure("devnet, p99 of finality at that rate", p99, "ms", FINALITY_S * 1_000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--start", type=int, default=250)
    parser.add_argument("--step", type=int, default=250)
    parser.add_argument("--most", type=int, default=3_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    add_output_option(parser)
    options = parser.parse_args()
    keep_to_two_cores()
    steps = Steps(options.start, options.step, options.most, options.seconds)
    show(figures(options.validators, options.connections, steps), options.output)


if __name__ == "__main__":
    main()
