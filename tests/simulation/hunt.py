"""`python -m tests.simulation.hunt rounds traces ...`: what catches the library on the path?

Started with a mutated copy of `consensus` first on the path. Prints one JSON object: for each
catcher what it found, null for nothing.
"""

import json
import sys
import traceback
from collections.abc import Callable, Mapping

import consensus
from consensus.round import apply
from tests.consensus.test_round import IDLE, ROWS
from tests.simulation.exhaustive import Reduced
from tests.simulation.explorer import Case
from tests.simulation.staged import deserted
from tests.simulation.world import BYZANTINE, FAULTS, Plan, simulate
from tests.vectors.test_tendermint_itf import TRACES, replay

RUNS = 100
HONEST = tuple(each for each in FAULTS if each not in BYZANTINE)
PLANS = (FAULTS, (*HONEST, "flood"), ("loss", "crash"), HONEST, ("deaf", "equivocate"))


def rounds() -> None:
    """Every row of the round's table."""
    for lines, state, event, expected, outputs in ROWS:
        assert apply(state, event) == (expected, outputs), f"lines {lines}"
    for state, event in IDLE:
        assert apply(state, event) == (state, ()), f"{event} in {state}"


def traces() -> None:
    """Every trace, the short ones first."""
    for path in sorted(TRACES, key=lambda path: path.stat().st_size):
        assert replay(path) > 0, path.name


def simulation() -> None:
    """Plans of every kind. Six validators, since two thirds of four are no whole number."""
    for seed in range(RUNS):
        nodes = (4, 6, 4, 3)[seed % 4]
        faults = PLANS[seed // 4 % len(PLANS)]
        simulate(Plan(seed, heights=3, nodes=nodes, faults=faults))
    for seed in range(RUNS // 4):
        simulate(Plan(seed, heights=5, nodes=(4, 7)[seed % 2], faults=("mute",), weighted=True))
    deserted(1).run()
    for seed in range(RUNS // 2):
        simulate(Plan(seed, heights=8, faults=("loss", "delay", "duplicate", "starve")))


def exhaustive() -> None:
    """Every interleaving of two rounds, one of four validators faulty, and never the proposer."""
    explorer = Reduced(Case((1, 1, 1, 1), frozenset({3}), rounds=2))
    explorer.explore()
    explorer.agree()


HUNTERS: Mapping[str, Callable[[], None]] = {
    "rounds": rounds,
    "traces": traces,
    "simulation": simulation,
    "exhaustive": exhaustive,
}


def main() -> int:
    """Whatever goes wrong in a mutant is a catch, an error of any kind as well."""
    found: dict[str, str | None] = {"library": consensus.__file__}
    for name in sys.argv[1:]:
        try:
            HUNTERS[name]()
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            found[name] = f"{type(error).__name__} {str(error)[:120]} ({last.name}:{last.lineno})"
        else:
            found[name] = None
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
