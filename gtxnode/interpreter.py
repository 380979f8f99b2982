"""How the interpreter runs a node: when it looks for garbage, and when it hands its lock on.

Measured with `benchmarks/replay.py` in alternating rounds: the two together are worth 7 %.
"""

import gc
import sys

SWITCH_S = 0.0005
"""A worker that comes back from checking a signature waits at most this long for the lock while
another thread executes a block; with Python's 5 ms the workers stood still meanwhile."""
THRESHOLDS = (10_000, 20, 50)
"""Most of what a node makes is no garbage in cycles. At Python's own thresholds full collections
held the event loop for 60 to 100 ms each, and found a few hundred objects."""


def settle() -> None:
    """To be called once, when all that stays for the process's life has been made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(SWITCH_S)
