"""The settings as text: a new home's `config.toml`, and the rows of the reference.

Both come from the types in `gtxnode/config.py`, so neither can say what is not so.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msgspec import inspect

from gtxnode.config import Config
from gtxnode.layers import known_keys, value_at, variable

_HEADER = """\
# Settings of this node. A key left out has the default that stands behind its #.
# Stronger than this file: GTX_<SECTION>_<KEY> in the environment, then the command line.
# Weaker: the profile, then the defaults. `gtxnode config show` says what holds and why.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the reference. `default` is TOML, `bounds` is words ("" where there are none)."""

    key: str
    kind: str
    bounds: str
    default: str
    description: str
    variable: str


def settings() -> Iterator[Setting]:
    """Every key, in order."""
    fields = _fields()
    for key in known_keys():
        type_ = fields[key]
        yield Setting(
            key=key,
            kind=_kind(type_),
            bounds=_bounds(type_),
            default=toml_value(value_at(Config(), key)),
            description=_description(type_),
            variable=variable(key),
        )


def new_config(chosen: Mapping[str, object]) -> str:
    """A `config.toml` in which the chosen keys are set, and all others explained."""
    lines = [_HEADER]
    section = ""
    for setting in settings():
        table, _, name = setting.key.rpartition(".")
        if table != section:
            section = table
            lines.append(f"\n[{section}]")
        value = toml_value(chosen[setting.key]) if setting.key in chosen else setting.default
        mark = "" if setting.key in chosen else "# "
        lines.append(f"# {setting.description}")
        lines.append(f"{mark}{name} = {value}")
    return "\n".join(lines) + "\n"


def toml_value(value: object) -> str:
    """A value as TOML: for our types that is what JSON writes."""
    return json.dumps(value, ensure_ascii=False)


def _fields() -> dict[str, inspect.Type]:
    found: dict[str, inspect.Type] = {}
    for section in _struct(inspect.type_info(Config)).fields:
        inner = _plain(section.type)
        if isinstance(inner, inspect.StructType):
            found |= {f"{section.name}.{field.name}": field.type for field in inner.fields}
        else:
            found[section.name] = section.type
    return found


def _struct(type_: inspect.Type) -> inspect.StructType:
    assert isinstance(type_, inspect.StructType), "settings are structs"
    return type_


def _plain(type_: inspect.Type) -> inspect.Type:
    """The type under its notes."""
    while isinstance(type_, inspect.Metadata):
        type_ = type_.type
    return type_


def _description(type_: inspect.Type) -> str:
    while isinstance(type_, inspect.Metadata):
        if type_.extra_json_schema and "description" in type_.extra_json_schema:
            return str(type_.extra_json_schema["description"])
        type_ = type_.type
    raise AssertionError("every key is described")


def _kind(type_: inspect.Type) -> str:
    match _plain(type_):
        case inspect.BoolType():
            return "boolean"
        case inspect.IntType():
            return "integer"
        case inspect.VarTupleType():
            return "list of strings"
        case _:
            return "string"


def _bounds(type_: inspect.Type) -> str:
    match _plain(type_):
        case inspect.IntType(ge=low, le=high):
            return f"{low} to {high}"
        case inspect.EnumType(cls=choices):
            return ", ".join(each.value for each in choices)
        case inspect.LiteralType(values=values):
            return ", ".join(str(value) for value in values)
        case inspect.VarTupleType(max_length=int(most)):
            return f"at most {most}"
        case _:
            return ""
