"""Eight real days of twelve homes: what each used and what its panels made, hour by hour.

Source: `PROVENANCE.md` beside this file. Run as a program, this module cuts the slice that is
shipped out of the year it was taken from, so that the cut can be repeated and checked.

Invariant: every home has one row for every hour, in order, and all homes the same hours.
"""

import csv
import gzip
import io
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

HOMES = 12
HOUR_S = 3_600
# Runs of whole days: first and last hour of each, as the source counts them.
DAYS: tuple[tuple[int, int], ...] = ((1, 48), (193, 264), (3481, 3552))
HOURS = sum(last - first + 1 for first, last in DAYS)
COLUMNS = ("hour", "home", "load_wh", "solar_wh")
# What the panels of these homes can make at most.
CAPACITY_W = 5_000
# What flows through one home's connection at most, either way: the usual 45 A at 230 V.
CONNECTION_W = 10_350


@dataclass(frozen=True, slots=True)
class Hour:
    """What one home used and made in one hour, in Wh."""

    load_wh: int
    solar_wh: int

    @property
    def import_wh(self) -> int:
        """What came in from the grid: the load that its own panels did not cover."""
        return max(0, self.load_wh - self.solar_wh)

    @property
    def export_wh(self) -> int:
        """What went out to the grid: what the panels made beyond the load."""
        return max(0, self.solar_wh - self.load_wh)

    def times(self, homes: int, plants: int = 1) -> "Hour":
        """The same of so many homes together, with so many times the plant that they have."""
        return Hour(self.load_wh * homes, self.solar_wh * homes * plants)


def load() -> tuple[tuple[Hour, ...], ...]:
    """For each home in order, its hours in order. `ValueError` if the slice is not whole."""
    packed = resources.files("gtxnode.devnet").joinpath("homes.csv.gz").read_bytes()
    return parse(gzip.decompress(packed).decode("ascii"))


def parse(text: str) -> tuple[tuple[Hour, ...], ...]:
    """The homes of a table with the columns `COLUMNS`, sorted by hour, then home."""
    rows = csv.reader(io.StringIO(text))
    if tuple(next(rows)) != COLUMNS:
        raise ValueError(f"the columns are not {', '.join(COLUMNS)}")
    homes: list[list[Hour]] = [[] for _ in range(HOMES)]
    expected = ((hour, home) for hour in _hours() for home in range(1, HOMES + 1))
    for row, place in zip(rows, expected, strict=True):
        hour, home, load_wh, solar_wh = map(int, row)
        if (hour, home) != place:
            raise ValueError(f"home {home} in hour {hour} stands where {place} should")
        homes[home - 1].append(Hour(load_wh=load_wh, solar_wh=solar_wh))
    return tuple(tuple(hours) for hours in homes)


def cut(year: bytes) -> bytes:
    """The slice, compressed, out of the compressed year."""
    wanted = frozenset(_hours())
    header, *lines = gzip.decompress(year).decode("ascii").splitlines()
    kept = [line for line in lines if int(line.partition(",")[0]) in wanted]
    text = "\n".join((header, *kept)) + "\n"
    return gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)


def _hours() -> list[int]:
    return [hour for first, last in DAYS for hour in range(first, last + 1)]


if __name__ == "__main__":
    source, target = sys.argv[1:]
    Path(target).write_bytes(cut(Path(source).read_bytes()))
