"""Where a passphrase comes from: a file, the environment, or the terminal, in this order."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

MAX_PASSPHRASE_BYTES = 4_096


def passphrase_option(command: F) -> F:
    """`--passphrase-file`, and GTX_PASSPHRASE."""
    return click.option(
        "--passphrase-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        envvar="GTX_PASSPHRASE_FILE",
        help="File whose first line is the passphrase.  [default: GTX_PASSPHRASE, then a prompt;"
        " GTX_PASSPHRASE_FILE]",
    )(command)


def read_passphrase(file: Path | None, environment: str | None, *, twice: bool = False) -> str:
    """The passphrase; asked for twice where it is new."""
    if file is not None:
        with file.open("rb") as opened:
            line = opened.read(MAX_PASSPHRASE_BYTES).split(b"\n")[0]
        try:
            return line.decode().rstrip("\r")
        except UnicodeDecodeError as error:
            raise click.UsageError(f"{file} is not UTF-8 text") from error
    if environment is not None:
        return environment
    if not _at_terminal():
        raise click.UsageError(
            "There is no terminal to ask for a passphrase; give --passphrase-file"
            " or GTX_PASSPHRASE."
        )
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))


def _at_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()
