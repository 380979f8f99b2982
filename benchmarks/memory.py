"""Memory: a validator's resident size, idle and with a million coins in its state.

Idle: ready and with its peers connected for some blocks, before anything was sent to it. Loaded:
after it has executed the blocks that made the coins, sent to it over WebSocket as transfers of one
coin to 250, and has been left in peace for some blocks. The largest of the validators counts.

The reference is a process that imports libp2p and trio and does nothing.

    python -m benchmarks.memory [--coins 1000000] [-o json]
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import trio

from benchmarks.figure import Figure, add_output_option, show
from benchmarks.offered import CONNECTIONS, SPLITS_PER_S, Offered, offered
from benchmarks.validators import SHARD, SPLIT, keep_to_two_cores, resident_mib
from gtxnode.rpc.client import connect
from gtxnode.rpc.views.blocks import HeadView

WITHIN_S = 120.0
POLL_S = 0.1
REFERENCE = """
import libp2p, trio
status = open("/proc/self/status").read()
print(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])
"""


def reference_mib() -> float:
    """What libp2p and trio take by themselves."""
    command = [sys.executable, "-c", REFERENCE]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) / 1_024


async def quiet(load: Offered, blocks: int) -> None:
    """Wait for some blocks on every validator."""
    for validator in load.network.validators:
        async with connect(validator.websocket) as client:
            head = await client.ask(HeadView, "chain.head", shard=SHARD)
            goal = head.height + blocks
            with trio.fail_after(WITHIN_S):
                while head.height < goal:
                    await trio.sleep(POLL_S)
                    head = await client.ask(HeadView, "chain.head", shard=SHARD)


def largest_mib(load: Offered) -> float:
    """The largest validator."""
    return max(resident_mib(each.process.pid) for each in load.network.validators)


async def run(validators: int, coins: int, rate: float, blocks: int) -> tuple[float, float]:
    """The largest resident size before and after the coins were made, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        async with offered(
            Path(folder), validators=validators, coins=coins, connections=CONNECTIONS
        ) as load:
            await quiet(load, blocks)
            idle = largest_mib(load)
            await load.split(ceil(coins / SPLIT), rate)
            await quiet(load, blocks)
            return idle, largest_mib(load)


def figures(validators: int, coins: int, rate: float, blocks: int) -> Iterator[Figure]:
    """Measure."""
    reference = reference_mib()
    idle, loaded = trio.run(run, validators, coins, rate, blocks)
    yield Figure("memory, idle", idle, "MiB", reference)
    yield Figure(f"memory, {coins:,} coins", loaded, "MiB", reference)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--coins", type=int, default=1_000_000)
    parser.add_argument("--splits-per-s", type=float, default=SPLITS_PER_S)
    parser.add_argument("--quiet-blocks", type=int, default=5)
    add_output_option(parser)
    options = parser.parse_args()
    keep_to_two_cores()
    show(
        figures(options.validators, options.coins, options.splits_per_s, options.quiet_blocks),
        options.output,
    )


if __name__ == "__main__":
    main()
