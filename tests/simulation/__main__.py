"""`python -m tests.simulation`: one run, or a soak of many, printed with its hash."""

import argparse
import json
import sys
from dataclasses import asdict

from tests.simulation.checker import Violation
from tests.simulation.world import FAULTS, Plan, Report, simulate


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 where a property does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="this many seeds, from --seed on")
    parser.add_argument("--heights", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--faults", default="all", help=f"all, none or some of {','.join(FAULTS)}")
    parser.add_argument(
        "--weighted", action="store_true", help="draw proposers by weights instead of in turn"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args(arguments)
    faults = parse_faults(parser, options.faults)
    for seed in range(options.seed, options.seed + options.seeds):
        plan = Plan(seed, options.heights, options.nodes, faults, options.weighted)
        try:
            show(simulate(plan), options.output)
        except Violation as violation:
            sys.stderr.write(f"{plan}: {type(violation).__name__}: {violation}\n")
            return 1
    return 0


def parse_faults(parser: argparse.ArgumentParser, text: str) -> tuple[str, ...]:
    """The kinds of faults, in the order of `FAULTS`."""
    if text in ("all", "none"):
        return FAULTS if text == "all" else ()
    named = text.split(",")
    if unknown := sorted(set(named) - set(FAULTS)):
        parser.error(f"unknown faults {unknown}; known: {', '.join(FAULTS)}")
    return tuple(each for each in FAULTS if each in named)


def show(report: Report, output: str) -> None:
    """One line per run."""
    if output == "json":
        sys.stdout.write(json.dumps(asdict(report)) + "\n")
        return
    sys.stdout.write(
        f"seed {report.plan.seed}: {report.heights} heights, at most round {report.most_rounds}, "
        f"{report.messages} messages, {report.lost} lost, {report.crashes} crashes, "
        f"{report.evidence} evidence, {report.time_ms} ms, hash {report.hash[:16]}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
