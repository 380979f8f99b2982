"""The command line `gtxnode`.

Every command stands in its own module and is imported when it is used, so that `--help`
and completion answer at once. Exit codes are a table (`exits.Exit`), errors one line on
the standard error with a stable code, or one JSON object with `-o json`.
"""

from gtxnode.cli.root import root


def main() -> None:
    """The console script."""
    root()


__all__ = ["main", "root"]
