"""Run the benchmarks, all or those that are named, one after the other.

    python -m benchmarks [NAME ...] [-o json]

Each runs in a process of its own with its usual settings. The exit code is 1 if any failed.
"""

import argparse
import subprocess
import sys

from benchmarks.figure import add_output_option

NAMES = (
    "consensus",
    "book",
    "auction",
    "forwards",
    "trading",
    "passed_over",
    "grid",
    "execution",
    "state_root",
    "storage",
    "network",
    "replay",
    "readings",
    "start",
    "latency",
    "finality",
    "flood",
    "memory",
    "devnet",
)


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    add_output_option(parser)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    failed = False
    for name in options.names or NAMES:
        command = [sys.executable, "-m", f"benchmarks.{name}", "-o", options.output]
        failed |= subprocess.run(command, check=False).returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
