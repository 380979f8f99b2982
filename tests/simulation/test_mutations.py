"""Bugs put into copies of the library, each caught by what is said to catch it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.mutants import CATCHERS, MUTANTS, Mutant
from tests.vectors.test_tendermint_itf import TRACES

ROOT = Path(__file__).resolve().parents[2]
AVAILABLE = tuple(each for each in CATCHERS if TRACES or each != "traces")


def hunt(folder: Path, mutant: Mutant, catchers: tuple[str, ...]) -> dict[str, str | None]:
    """What each catcher has to say about the mutated copy, in a process of its own."""
    copy = folder / "consensus"
    shutil.copytree(ROOT / "consensus", copy, ignore=shutil.ignore_patterns("__pycache__"))
    mutant.apply(copy)
    done = subprocess.run(
        [sys.executable, "-B", "-m", "tests.simulation.hunt", *catchers],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    found: dict[str, str | None] = json.loads(done.stdout)
    assert found.pop("library") == str(copy / "__init__.py"), "the copy was not what ran"
    return found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    """By every catcher that the table names."""
    catchers = tuple(each for each in AVAILABLE if each in mutant.caught_by)
    found = hunt(tmp_path, mutant, catchers)
    assert all(found[each] for each in catchers), found


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_table_says_no_less_than_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    """Where the table names no catcher, that one finds nothing."""
    found = hunt(tmp_path, mutant, AVAILABLE)
    assert {each for each in AVAILABLE if found[each]} == mutant.caught_by & set(AVAILABLE)


def test_the_library_as_it_is_passes(tmp_path: Path) -> None:
    """So what catches a mutant is not the copy."""
    assert hunt(tmp_path, Mutant("none", frozenset(), ()), ("rounds", "simulation")) == {
        "rounds": None,
        "simulation": None,
    }
