"""Commands run as a person would, in a home of their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from gtxnode.cli import root


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The one JSON document that it printed."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The one JSON error that it printed."""
        found: dict[str, Any] = json.loads(self.err)["error"]
        return found


def gtxnode(
    home: Path,
    *words: str,
    environment: Mapping[str, str] | None = None,
    given: str | bytes | None = None,
) -> Ran:
    """Run a command. Only `environment` is in its environment, and the home."""
    scrubbed: dict[str, str | None] = {"GTX_HOME": str(home)}
    result = CliRunner().invoke(
        root, list(words), env=scrubbed | dict(environment or {}), input=given
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)
