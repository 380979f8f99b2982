"""Start: from a validator's start on an empty home until it says that it is ready.

The home has its settings, keys and genesis, and no data yet; the network is the one validator,
because one of several is ready only when it has found another. Ready is what `node.status` answers
over WebSocket.

The reference is a bare interpreter that imports what a node imports, and ends. Both are started
and watched in the same way, in turns; the median of each counts.

    python -m benchmarks.start [--rounds 7] [-o json]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import trio

from benchmarks.figure import Figure, add_output_option, show
from benchmarks.validators import STOP_S, keep_to_two_cores, prepare, ready
from gtxnode.devnet.processes import Child, stop

IMPORTS = "import gtxnode.cli.start, gtxnode.node"
WITHIN_S = 60.0
WALLETS = 10


async def start_s(folder: Path) -> float:
    """Seconds until a new validator is ready."""
    network = prepare(folder, validators=1, wallets=WALLETS)
    (validator,) = network.validators
    started_s = trio.current_time()
    try:
        validator.process.start()
        with trio.fail_after(WITHIN_S):
            await ready(validator)
        return trio.current_time() - started_s
    finally:
        await stop([validator.process], grace_s=STOP_S)


async def imports_s(folder: Path) -> float:
    """Seconds until an interpreter has imported the same and ended."""
    process = Child("imports", (sys.executable, "-c", IMPORTS), folder / "imports.log")
    started_s = trio.current_time()
    try:
        process.start()
        with trio.fail_after(WITHIN_S):
            code = await process.exited()
        assert code == 0, process.last_lines()
        return trio.current_time() - started_s
    finally:
        await stop([process], grace_s=STOP_S)


async def run(rounds: int) -> tuple[float, float]:
    """The medians of both."""
    ours, references = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            references.append(await imports_s(Path(folder)))
            ours.append(await start_s(Path(folder)))
    return median(ours), median(references)


def figures(rounds: int) -> Iterator[Figure]:
    """Measure."""
    ours, reference = trio.run(run, rounds)
    yield Figure("start to ready", ours, "s", reference)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    add_output_option(parser)
    options = parser.parse_args()
    keep_to_two_cores()
    show(figures(options.rounds), options.output)


if __name__ == "__main__":
    main()
