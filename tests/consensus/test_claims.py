"""docs/consensus.md makes no claim without a test that tries to break it."""

import ast
import re
from pathlib import Path

from tests.simulation.mutants import CATCHERS, MUTANTS

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "consensus.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def claims(page: str) -> list[str]:
    """The list items, with the lines that belong to them, and the tables' rows."""
    body = page.partition("\n## What is open")[0]
    items = re.findall(r"^- .*(?:\n  .*)*", body, re.MULTILINE)
    tables = re.findall(r"^\|.*\|\n\| --- .*\n((?:\|.*\n)+)", body, re.MULTILINE)
    return items + [row for rows in tables for row in rows.splitlines()]


def bugs() -> list[str]:
    """The table of mutants as it must stand in the page."""
    return [
        f"| {mutant.name} | {', '.join(each for each in CATCHERS if each in mutant.caught_by)} |"
        for mutant in MUTANTS
    ]


def test_every_claim_names_a_test() -> None:
    """Rows of mutants name their catchers instead."""
    unproved = [each for each in claims(PAGE) if not NAMED.search(each) and each not in bugs()]
    assert not unproved
    assert len(claims(PAGE)) > 40


def test_every_named_test_exists() -> None:
    """By file and function."""
    for file, name in set(NAMED.findall(PAGE)):
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        defined = {node.name for node in tree.body if isinstance(node, functions)}
        assert name in defined, f"{file} has no {name}"


def test_the_list_of_bugs_is_the_one_that_is_tried() -> None:
    """Each mutant with all its catchers, in their order."""
    table = PAGE.partition("| the bug | caught by |\n| --- | --- |\n")[2].partition("\n\n")[0]
    assert table.splitlines() == bugs()


def test_a_claim_without_a_test_is_seen() -> None:
    """In a list and in a table."""
    page = "- True.\n  Indeed.\n\n| a | b |\n| --- | --- |\n| c | d |\n"
    assert claims(page) == ["- True.\n  Indeed.", "| c | d |"]
