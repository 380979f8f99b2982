"""Refusals as the source raises them: each reason is raised, is tested, and says its limit."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from gtxnode.primitives.errors import Reason

ROOT = Path(__file__).resolve().parents[2]
NAMES_ONLY = ("primitives/errors.py", "ledger/authority/compliance.py")
"""Where reasons are named and none is raised."""
OF_A_LIMIT = re.compile(
    r"TOO_MANY|TOO_SMALL|TOO_LARGE|TOO_LOW|TOO_OLD|OUT_OF_BOUNDS|FULL$|EXCEEDED"
    r"|OVER_CAPACITY|USAGE_LIMIT|NO_LICENCE|NOT_ENOUGH|IN_FUTURE"
)
LIMIT = re.compile(r"at most|at least|between|none of")


@cache
def trees(folder: str) -> tuple[ast.Module, ...]:
    return tuple(
        ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not path.as_posix().endswith(NAMES_ONLY)
    )


def named(folder: str) -> Iterator[str]:
    """Reasons that code names, as `Reason.OVERSPENT` or by their code."""
    codes = {reason.value: reason.name for reason in Reason}
    for tree in trees(folder):
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id="Reason"), attr=name):
                    yield name
                case ast.Constant(value=str(code)) if code in codes:
                    yield codes[code]


def refusals() -> Iterator[tuple[str, str]]:
    """(reason, detail as it is written) of every refusal that names its reason on the spot."""
    for tree in trees("gtxnode"):
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Name(id="Refused"),
                    args=[ast.Attribute(value=ast.Name(id="Reason"), attr=name), *detail],
                ):
                    yield name, " ".join(map(ast.unparse, detail))


def test_every_reason_is_raised_and_tested() -> None:
    every = {reason.name for reason in Reason}
    assert every - set(named("gtxnode")) == set()
    assert every - set(named("tests")) == set()


def test_every_refusal_says_more_than_its_reason() -> None:
    assert [name for name, detail in refusals() if not detail] == []


def test_a_limit_is_named_where_one_is_passed() -> None:
    found = [(name, detail) for name, detail in refusals() if OF_A_LIMIT.search(name)]
    assert len({name for name, _ in found}) > 20
    assert [each for each in found if not LIMIT.search(each[1])] == []
