"""The reference is current, its examples are true, and the catalogues keep their promises."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gtxnode.primitives.errors import Reason
from gtxnode.rpc.errors import CloseCode, ErrorCode
from gtxnode.rpc.methods import METHODS
from gtxnode.rpc.reference import documents, main
from tests.rpc.test_specification import answer

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_reference_is_current(name: str, tmp_path: Path) -> None:
    main(str(tmp_path))
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == (tmp_path / name).read_text(encoding="utf-8"), (
        "run `python -m gtxnode.rpc.reference docs`"
    )


async def test_the_references_examples_of_calls_are_true() -> None:
    text = documents()["rpc.md"]
    pairs = re.findall(r"^--> (.*)\n<-- (.*)$", text, re.MULTILINE)
    assert len(pairs) == 3
    for request, expected in pairs:
        if "subscribe" in request:
            continue  # Its events are abbreviated; tests/rpc/test_subscriptions.py has them whole.
        response = json.loads(expected)
        response.get("error", {}).pop("data", None)
        assert await answer(request) == response


def test_every_method_and_code_is_in_the_reference() -> None:
    rpc, errors = documents()["rpc.md"], documents()["errors.md"]
    assert all(f"### `{name}`" in rpc for name in METHODS)
    assert all(f"| {int(code)} | `{code.name}` |" in errors for code in (*ErrorCode, *CloseCode))
    assert all(f"| `{reason.value}` |" in errors for reason in Reason)


def test_codes_are_where_the_standards_leave_room() -> None:
    own = [code for code in ErrorCode if not -32700 <= code <= -32600]
    assert all(-32099 <= code <= -32000 for code in own)
    assert all(code in (1001, 1009, 1011) or 4000 <= code < 5000 for code in CloseCode)
    assert all(code.meaning for code in (*ErrorCode, *CloseCode))
    assert all(len(code.name.encode()) <= 123 for code in CloseCode), "RFC 6455 section 5.5"
