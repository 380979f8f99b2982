"""What a command prints: JSON as the node gave it, or text for people.

The interface names units in its field names, so that text can be made of any answer: a
field that ends in `_wh` is shown in kWh, one in `_ugtx` in GTX, one in `_ms` as a time.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from gtxnode.cli.session import session
from gtxnode.primitives.units import (
    MG_PER_CREDIT,
    MGTX_PER_GTX,
    SATANG_PER_THB,
    UGTX_PER_GTX,
    UTHB_PER_THB,
    WH_PER_KWH,
    format_decimal,
)

_SCALES = (
    ("_mgtx_per_kwh", MGTX_PER_GTX, "GTX/kWh"),
    ("_ugtx", UGTX_PER_GTX, "GTX"),
    ("_wh", WH_PER_KWH, "kWh"),
    ("_mgco2e", MG_PER_CREDIT, "credits"),
    ("_uthb_per_kwh", UTHB_PER_THB, "THB/kWh"),
    ("_satang", SATANG_PER_THB, "THB"),
)


def emit(document: Any) -> None:
    """Print an answer in the form that was asked for."""
    if session().as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        click.echo("\n".join(text_lines(document)))


def text_lines(document: Any, indent: str = "") -> Iterator[str]:
    """An answer as lines: `name: value`, tables for lists of objects."""
    if isinstance(document, Mapping):
        yield from _object(document, indent)
    elif isinstance(document, (list, tuple)):
        yield from _list(document, indent)
    else:
        yield indent + _word("", document)


def _object(document: Mapping[str, Any], indent: str) -> Iterator[str]:
    deep = {k for k, v in document.items() if isinstance(v, (Mapping, list, tuple)) and v}
    width = max((len(_label(name)) for name in document if name not in deep), default=0) + 2
    for name, value in document.items():
        if name in deep:
            yield f"{indent}{_label(name)}:"
            yield from text_lines(value, indent + "  ")
        else:
            yield f"{indent}{_label(name) + ':':<{width}}{_word(name, value)}"


def _list(items: Sequence[Any], indent: str) -> Iterator[str]:
    if not items:
        yield f"{indent}none"
    elif all(isinstance(item, Mapping) and _fits_a_row(item) for item in items):
        yield from _table(items, indent)
    else:
        for index, item in enumerate(items):
            if index and isinstance(item, Mapping):
                yield ""
            yield from text_lines(item, indent)


def _fits_a_row(item: Mapping[str, Any]) -> bool:
    """Whether no value is deeper than an object or list of simple values."""
    return not any(
        isinstance(inner, (Mapping, list, tuple))
        for value in item.values()
        if isinstance(value, (Mapping, list, tuple))
        for inner in (value.values() if isinstance(value, Mapping) else value)
    )


def _table(rows: Sequence[Mapping[str, Any]], indent: str) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_label(name) for name in names]]
    cells += [[_word(name, row.get(name)) for name in names] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield (indent + "  ".join(padded)).rstrip()


def _label(name: str) -> str:
    for suffix, _, _ in _SCALES:
        name = name.removesuffix(suffix)
    return name.removesuffix("_ms").replace("_", " ")


def _word(name: str, value: Any) -> str:
    """One value in one line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_label(k)} {_word(k, v)}" for k, v in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(_word("", item) for item in value) or "none"
    for suffix, scale, unit in _SCALES:
        if name.endswith(suffix):
            return f"{format_decimal(int(value), scale)} {unit}"
    if name in ("time_ms", "started_ms"):
        return _time(int(value))
    if name.endswith("_ms"):
        return f"{value} ms"
    return str(value)


def _time(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_ms % 1000:03} UTC"
