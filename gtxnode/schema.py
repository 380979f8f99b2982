"""Text that people write, read into types: what does not fit, where, and why.

msgspec checks types and ranges; this gives its errors a dotted path, such as `rpc.port`,
that a person finds again in the file.
"""

import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_AT = re.compile(r"^(?P<reason>.*?)(?: - at `\$?(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<key>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<key>.*)`$", re.DOTALL)


class Misfit(ValueError):
    """Data that is not of its type.

    `path` is the dotted path of the offending key ("" for the whole), `unknown` says that
    the key is not one of ours.
    """

    code = "config.bad_value"

    def __init__(self, path: str, reason: str, *, unknown: bool = False) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason
        self.unknown = unknown


def read_as(data: Any, type_: type[T], *, at: str = "", text: bool = False) -> T:
    """`data`, from a TOML or JSON document, as a `type_`; `Misfit` otherwise.

    `at` is the path of the data in its document. With `text`, numbers and booleans may
    be given as strings, as in the environment.
    """
    try:
        return msgspec.convert(data, type_, strict=not text)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), at) from error
    except UnicodeEncodeError as error:
        # Half of a surrogate pair: JSON can spell it, and an environment can hold it.
        raise Misfit(at, "holds a character that is no text") from error


def _misfit(message: str, at: str) -> Misfit:
    found = _AT.match(message)
    assert found is not None, "the pattern takes any text"
    reason = found["reason"]
    path = _join(at, (found["path"] or "").removeprefix("."))
    if unknown := _UNKNOWN.match(reason):
        return Misfit(_join(path, unknown["key"]), "unknown key", unknown=True)
    if missing := _MISSING.match(reason):
        return Misfit(_join(path, missing["key"]), "missing")
    return Misfit(path, reason.replace("`", "").replace("Expected", "expected", 1))


def _join(path: str, key: str) -> str:
    """The path of `key` under `path`."""
    return f"{path}.{key}" if path and key and not key.startswith("[") else path + key
