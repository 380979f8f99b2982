"""Reads Informal Trace Format files into plain Python values.

`#bigint` becomes int, `#tup` and lists tuples, `#set` frozenset, `#map` a dict; a variant
{tag, value} becomes (tag, value) and a record a `Record`, which hashes.
"""

import json
import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Record(Mapping[str, Any]):
    """An immutable, hashable record."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __hash__(self) -> int:
        return hash(frozenset((name, _frozen(value)) for name, value in self._fields.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._fields == other._fields

    def __repr__(self) -> str:
        return repr(self._fields)


def read_states(path: Path) -> list[Record]:
    """The states of a trace, from `.itf.json` or `.itf.json.xz`."""
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    return [_value(state) for state in json.loads(data)["states"]]


def _value(raw: Any) -> Any:
    if isinstance(raw, list):
        return tuple(_value(each) for each in raw)
    if not isinstance(raw, dict):
        return raw
    if "#bigint" in raw:
        return int(raw["#bigint"])
    if "#tup" in raw:
        return tuple(_value(each) for each in raw["#tup"])
    if "#set" in raw:
        return frozenset(_value(each) for each in raw["#set"])
    if "#map" in raw:
        return {_value(key): _value(value) for key, value in raw["#map"]}
    if set(raw) == {"tag", "value"}:
        return raw["tag"], _value(raw["value"])
    return Record({name: _value(value) for name, value in raw.items() if name != "#meta"})


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((key, _frozen(each)) for key, each in value.items())
    return value
