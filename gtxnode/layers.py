"""Where settings come from, and which wins.

Later layers win: defaults, the authority's profile, `HOME/config.toml`, the environment
(`GTX_<SECTION>_<KEY>`), the command line. Each layer is checked by itself, so that an
error names the layer it stands in; the sum is checked again for what depends on two keys.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from gtxnode.config import Config, Section, check
from gtxnode.schema import Misfit, read_as

PROFILES = ("egat", "erc", "mea", "pea")
MAX_CONFIG_BYTES = 1024 * 1024
DEFAULTS = "defaults"
ENVIRONMENT = "environment"
COMMAND_LINE = "command line"
_PREFIX = "GTX_"

Document = dict[str, Any]


@unique
class ConfigFault(StrEnum):
    """What is wrong with a configuration. The values are stable."""

    UNREADABLE = "config.unreadable"
    MALFORMED = "config.malformed"
    UNKNOWN_KEY = "config.unknown_key"
    BAD_VALUE = "config.bad_value"
    UNKNOWN_PROFILE = "config.unknown_profile"


class InvalidConfig(Exception):
    """Settings that cannot be used: `code`, the layer (`source`), the key's `path`, why."""

    def __init__(self, code: ConfigFault, source: str, path: str, reason: str) -> None:
        super().__init__(f"{source}: {path}: {reason}" if path else f"{source}: {reason}")
        self.code = code
        self.source = source
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Settled:
    """The settings that hold, and for each dotted key the layer that it came from."""

    config: Config
    origins: Mapping[str, str]


def load(
    home: Path, *, environment: Mapping[str, str], command_line: Mapping[str, object] | None = None
) -> Settled:
    """Gather the settings of the node at `home`. `InvalidConfig` says what stands where.

    `environment` is the process's; only `GTX_*` is looked at. `command_line` maps dotted
    keys to values of the key's type, or to text.
    """
    above = [
        (_at(home / "config.toml"), _document(home / "config.toml")),
        (ENVIRONMENT, _from_environment(environment)),
        (COMMAND_LINE, _nested(command_line or {})),
    ]
    profile = ""
    for source, document in above:
        profile = _layer(source, document).profile or profile
    layers = [*_profile_layer(profile, home), *above]

    merged: Document = {}
    origins = dict.fromkeys(known_keys(), DEFAULTS)
    for source, document in layers:
        settled = _explicit(_layer(source, document), document)
        for path, value in settled.items():
            _put(merged, path, value)
            origins[path] = source
    config = _typed("sum of all layers", merged)
    try:
        check(config)
    except Misfit as misfit:
        source = origins.get(misfit.path.partition("[")[0], DEFAULTS)
        raise InvalidConfig(ConfigFault.BAD_VALUE, source, misfit.path, misfit.reason) from misfit
    return Settled(config, origins)


def known_keys() -> tuple[str, ...]:
    """Every dotted key, in the order of the documentation."""
    keys: list[str] = []
    for section in msgspec.structs.fields(Config):
        if isinstance(section.default, Section):
            fields = msgspec.structs.fields(section.default)
            keys.extend(f"{section.name}.{field.name}" for field in fields)
        else:
            keys.append(section.name)
    return tuple(keys)


def variable(key: str) -> str:
    """The environment variable of a dotted key."""
    return _PREFIX + key.replace(".", "_").upper()


def value_at(config: Config, key: str) -> Any:
    """The value under a dotted key of `known_keys`, in plain types."""
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return list(value) if isinstance(value, tuple) else msgspec.to_builtins(value)


def _layer(source: str, document: Document) -> Config:
    return _typed(source, document, text=source in (ENVIRONMENT, COMMAND_LINE))


def _typed(source: str, document: Document, *, text: bool = False) -> Config:
    try:
        return read_as(document, Config, text=text)
    except Misfit as misfit:
        if source == ENVIRONMENT:
            source = f"{ENVIRONMENT} {variable(misfit.path.partition('[')[0])}"
        if not misfit.unknown:
            fault, reason = ConfigFault.BAD_VALUE, misfit.reason
        else:
            near = difflib.get_close_matches(misfit.path, known_keys(), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            fault, reason = ConfigFault.UNKNOWN_KEY, misfit.reason + hint
        raise InvalidConfig(fault, source, misfit.path, reason) from misfit


def _explicit(layer: Config, document: Document) -> dict[str, Any]:
    """The keys that the layer itself gives, with their values in plain types."""
    given: dict[str, Any] = {}
    for key in known_keys():
        section, _, name = key.rpartition(".")
        table = document.get(section, {}) if section else document
        if name in table:
            given[key] = value_at(layer, key)
    return given


def _document(path: Path) -> Document:
    """A TOML file's content, {} when there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise InvalidConfig(ConfigFault.UNREADABLE, _at(path), "", reason) from error
    return _parse(data, _at(path))


def _parse(data: bytes, source: str) -> Document:
    if len(data) > MAX_CONFIG_BYTES:
        reason = f"is over {MAX_CONFIG_BYTES} bytes"
        raise InvalidConfig(ConfigFault.MALFORMED, source, "", reason)
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfig(ConfigFault.MALFORMED, source, "", f"not TOML: {error}") from error
    except (RecursionError, ValueError) as error:
        # Nested without end, or an integer of thousands of digits.
        raise InvalidConfig(ConfigFault.MALFORMED, source, "", "not TOML of ours") from error


def _profile_layer(profile: str, home: Path) -> list[tuple[str, Document]]:
    if not profile:
        return []
    if profile in PROFILES:
        text = resources.files("gtxnode").joinpath("profiles", f"{profile}.toml").read_bytes()
        found = (f"profile {profile}", _parse(text, f"profile {profile}"))
    else:
        path = home / profile
        if not path.is_file():
            reason = f"{profile} is none of {', '.join(PROFILES)}, nor a file in {home}"
            raise InvalidConfig(ConfigFault.UNKNOWN_PROFILE, DEFAULTS, "profile", reason)
        found = (_at(path), _document(path))
    if "profile" in found[1]:
        reason = "a profile cannot name another"
        raise InvalidConfig(ConfigFault.BAD_VALUE, found[0], "profile", reason)
    return [found]


def _from_environment(environment: Mapping[str, str]) -> Document:
    """The settings among the variables.

    A variable that begins like a section's and is no key is kept under its own name, so
    that it is refused as unknown. Other `GTX_*` variables are the command line's.
    """
    names = {variable(key): key for key in known_keys()}
    sections = {key.partition(".")[0] for key in known_keys() if "." in key}
    document: Document = {}
    for name, text in sorted(environment.items()):
        if name in names and not _is_text(text):
            reason = "holds bytes that are not UTF-8"
            source = f"{ENVIRONMENT} {name}"
            raise InvalidConfig(ConfigFault.BAD_VALUE, source, names[name], reason)
        section = name.removeprefix(_PREFIX).partition("_")[0].lower()
        if name in names:
            _put(document, names[name], _value(names[name], text))
        elif name.startswith(_PREFIX) and section in sections:
            rest = name.removeprefix(_PREFIX).partition("_")[2].lower()
            _put(document, f"{section}.{rest}", text)
    return document


def _nested(values: Mapping[str, object]) -> Document:
    document: Document = {}
    for key, value in values.items():
        _put(document, key, _value(key, value) if isinstance(value, str) else value)
    return document


def _value(key: str, text: str) -> str | list[str]:
    """Text for a key: a list's items stand between commas."""
    if key in known_keys() and isinstance(value_at(Config(), key), list):
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def _is_text(value: str) -> bool:
    """Whether it is Unicode; the environment's other bytes come as halves of surrogates."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in value)


def _put(document: Document, key: str, value: object) -> None:
    section, _, name = key.partition(".")
    if not name:
        document[section] = value
        return
    table = document.setdefault(section, {})
    if isinstance(table, dict):
        table[name] = value


def _at(path: Path) -> str:
    return str(path)
