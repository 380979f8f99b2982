"""The root of the command line: its commands, and how a command's errors leave it."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click

from gtxnode.cli.exits import CommandFailed, Exit, code_of, end_of, innermost
from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.session import shared_options

COMMANDS = {
    "init": Lazy("gtxnode.cli.init:init", "Make a home: settings, keys and genesis."),
    "start": Lazy("gtxnode.cli.start:start", "Run the node of a home."),
    "devnet": Lazy("gtxnode.cli.devnet:devnet", "Run a network of several nodes on this machine."),
    "status": Lazy("gtxnode.cli.status:status", "Ask the running node how it is."),
    "keys": Lazy("gtxnode.cli.keys:keys", "Keep a wallet's keys, encrypted."),
    "tx": Lazy("gtxnode.cli.tx:tx", "Sign and send transactions."),
    "query": Lazy("gtxnode.cli.query:query", "Ask a node what is final."),
    "certificate": Lazy("gtxnode.cli.certificate:certificate", "Check certificates of origin."),
    "grid": Lazy("gtxnode.cli.grid:grid", "Make the model of the grid that a chain goes by."),
    "tariff": Lazy("gtxnode.cli.calendar:tariff", "Write tables of tariffs."),
    "db": Lazy("gtxnode.cli.database:db", "Look after what the node keeps on its disk."),
    "config": Lazy("gtxnode.cli.settings:config", "Show and check the settings."),
    "completion": Lazy("gtxnode.cli.completion:completion", "Print a shell's completion script."),
}


class Root(LazyGroup):
    """The group that turns named errors into one line and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and leave the process with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        as_json = _wants_json(words)
        try:
            end = super().main(words, prog_name or "gtxnode", complete_var, False, **extra)
        except click.exceptions.Exit as error:
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(Exit.INTERRUPTED)
        except click.exceptions.NoArgsIsHelpError as error:
            # A group without a command: the help is the answer, and it is still a usage error.
            error.show()
            sys.exit(Exit.USAGE)
        except click.ClickException as error:
            _report(_usage(error), as_json)
            sys.exit(Exit.USAGE)
        except BrokenPipeError:
            _write_no_more(sys.stdout)  # the reader of a pipe has seen enough
            sys.exit(Exit.OK)
        except Exception as error:
            # Every command is supervised here: what is named is told, the rest is a bug of
            # ours and keeps its traceback.
            named = innermost(error)
            if (known := end_of(named)) is None:
                raise
            _report(CommandFailed(code_of(named), str(named), known), as_json)
            sys.exit(known)
        sys.exit(end if isinstance(end, int) else Exit.OK)


def _usage(error: click.ClickException) -> CommandFailed:
    message = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message += f" See {error.ctx.command_path} --help."
    return CommandFailed("usage", message, Exit.USAGE)


def _report(failure: CommandFailed, as_json: bool) -> None:
    """One line on the standard error."""
    message = " ".join(str(failure).split())
    line = f"error[{failure.code}]: {message}"
    if as_json:
        document = {"code": failure.code, "message": message, "exit": int(failure.end)}
        line = json.dumps({"error": document}, ensure_ascii=False)
    try:
        click.echo(line, err=True)
    except OSError:
        # A log on the disk that is full: the exit code is what is left to say it.
        _write_no_more(sys.stderr)


def _write_no_more(stream: TextIO) -> None:
    """Let what is written from now on go nowhere, at exit too, where a failure changes the code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _wants_json(words: Sequence[str]) -> bool:
    """Whether JSON is asked for, also where the command line cannot be parsed."""
    found = os.environ.get("GTX_OUTPUT", "text")
    for word, following in zip(words, [*words, "text"][1:], strict=True):
        if word in ("-o", "--output"):
            found = following
        elif word.startswith(("-ojson", "-otext")):
            found = word[2:]
        elif word.startswith("--output="):
            found = word.partition("=")[2]
    return found == "json"


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"gtxnode {version('gridtokenx')}")
    except PackageNotFoundError:
        click.echo("gtxnode, run from its source and not installed")
    ctx.exit()


@click.group(
    name="gtxnode",
    cls=Root,
    lazy=COMMANDS,
    context_settings={"auto_envvar_prefix": "GTX", "help_option_names": ["-h", "--help"]},
    epilog="Amounts are decimal and exact: GTX (to 0.000001), kWh (to 0.001), GTX/kWh (to 0.001).",
)
@shared_options
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def root() -> None:
    """The GridTokenX node: peer-to-peer trade of electricity."""
