"""One measured figure beside its reference, and how a benchmark prints its figures."""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, and the same unit measured of a reference in the same run.

    `reference` is None only where nothing comparable exists.
    """

    name: str
    figure: float
    unit: str
    reference: float | None = None

    @property
    def ratio(self) -> float | None:
        """The figure over its reference."""
        return self.figure / self.reference if self.reference else None


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark its `-o json`."""
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def show(figures: Iterable[Figure], output: str) -> None:
    """Print figures as a table, or as one JSON object a line."""
    for figure in figures:
        if output == "json":
            print(json.dumps({**asdict(figure), "ratio": figure.ratio}), flush=True)
            continue
        beside = ""
        if figure.reference is not None:
            beside = f"   reference {figure.reference:>14,.3f}   ratio {figure.ratio:.3f}"
        print(f"{figure.name:<40} {figure.figure:>14,.3f} {figure.unit:<8}{beside}", flush=True)
