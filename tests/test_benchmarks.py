"""Every benchmark runs, in a tiny setting, and prints figures in their JSON form.

Smoke alone: nothing is concluded from what was measured.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES

ROOT = Path(__file__).resolve().parent.parent
WITHIN_S = 100

TINY = {
    "forwards": ("--orders", "40", "--rounds", "1"),
    "auction": ("--orders", "50", "--rounds", "1"),
    "trading": ("--orders", "20", "--rounds", "1"),
    "passed_over": ("--orders", "20", "--rounds", "1"),
    "grid": ("--trades", "20", "--rounds", "1"),
    "execution": ("--transfers", "20", "--rounds", "1"),
    "replay": ("--transfers", "60", "--rounds", "1"),
    "readings": ("--meters", "2", "--readings", "3"),
    "start": ("--rounds", "1"),
    "latency": ("--validators", "1", "--connections", "2", "--rate", "20", "--seconds", "0.5"),
    "finality": ("--validators", "1", "--rates", "0", "20", "--seconds", "1.5"),
    "flood": ("--validators", "1", "--times", "10", "--seconds", "2"),
    "memory": ("--validators", "1", "--coins", "500", "--quiet-blocks", "1"),
    "devnet": (
        *("--validators", "1", "--connections", "2"),
        *("--start", "20", "--step", "20", "--most", "20", "--seconds", "0.5"),
    ),
}
KEYS = {"name", "figure", "unit", "reference", "ratio"}


def run(name: str, *arguments: str) -> list[dict[str, object]]:
    command = (sys.executable, "-m", f"benchmarks.{name}", *arguments, "-o", "json")
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True, timeout=WITHIN_S
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", TINY)
def test_prints_each_figure_beside_its_reference(name: str) -> None:
    figures = run(name, *TINY[name])
    assert figures
    for figure in figures:
        assert set(figure) == KEYS
        assert isinstance(figure["figure"], float | int)
        assert figure["unit"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(TINY)))
def test_says_what_it_measures(name: str) -> None:
    command = (sys.executable, "-m", f"benchmarks.{name}", "--help")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    assert "--output" in done.stdout


def test_all_refuse_a_name_that_is_none() -> None:
    command = (sys.executable, "-m", "benchmarks", "nothing")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode != 0
    assert "replay" in done.stderr
