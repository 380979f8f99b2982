"""Text for people: units by the fields' names, tables for lists, nothing lost."""

from typing import Any

import pytest

from gtxnode.cli.render import text_lines


def shown(document: Any) -> list[str]:
    return list(text_lines(document))


def test_units_are_by_the_names_of_fields() -> None:
    document = {
        "money_ugtx": "1500000",
        "energy_wh": "12300",
        "min_price_mgtx_per_kwh": "3500",
        "time_ms": 1_767_225_600_001,
        "propose_ms": 500,
        "ready": False,
        "next": None,
    }
    assert shown(document) == [
        "money:     1.5 GTX",
        "energy:    12.3 kWh",
        "min price: 3.5 GTX/kWh",
        "time:      2026-01-01 00:00:00.001 UTC",
        "propose:   500 ms",
        "ready:     no",
        "next:      -",
    ]


def test_a_list_of_objects_is_a_table() -> None:
    rows = [{"id": "a", "energy_wh": "1000"}, {"id": "bcd", "origin": {"zone": "bangkok"}}]
    assert shown(rows) == [
        "id   energy  origin",
        "a    1 kWh   -",
        "bcd  -       zone bangkok",
    ]


def test_what_is_deeper_than_a_row_is_written_out() -> None:
    rows = [{"shard": "x", "parameters": {"orders": {"min_wh": 100}}}, {"shard": "y"}]
    assert shown(rows) == [
        "shard: x",
        "parameters:",
        "  orders:",
        "    min: 0.1 kWh",
        "",
        "shard: y",
    ]


@pytest.mark.parametrize(
    ("document", "lines"),
    [([], ["none"]), (["a", "b"], ["a", "b"]), ({"refused": []}, ["refused: none"]), (3, ["3"])],
)
def test_simple_things_are_simple(document: Any, lines: list[str]) -> None:
    assert shown(document) == lines
