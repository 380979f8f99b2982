"""What all commands share: the home folder and the form of their output."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gtxnode.layers import Settled

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_HOME = Path("~/.gtxnode")


@dataclass(slots=True)
class Session:
    """One run of the command line. The last `--home` and `-o` given count."""

    home: Path
    as_json: bool = False

    def settings(self, command_line: dict[str, object] | None = None) -> "Settled":
        """The settings of the home, the environment's and the command line's over them."""
        from gtxnode.layers import load

        return load(self.home, environment=os.environ, command_line=command_line)


def session() -> Session:
    """The session of the command that runs."""
    return _session_of(click.get_current_context())


def output_option(command: F) -> F:
    """`-o json|text`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        envvar="GTX_OUTPUT",
        expose_value=False,
        is_eager=True,
        callback=_set_output,
        help="Form of the output.  [default: text; GTX_OUTPUT]",
    )(command)


def shared_options(command: F) -> F:
    """`--home` and `-o`, for the root and for each command."""
    home = click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="GTX_HOME",
        expose_value=False,
        is_eager=True,
        callback=_set_home,
        help="Folder of the node.  [default: ~/.gtxnode; GTX_HOME]",
    )
    return home(output_option(command))


def _session_of(ctx: click.Context) -> Session:
    root = ctx.find_root()
    if root.obj is None:
        root.obj = Session(home=DEFAULT_HOME.expanduser())
    assert isinstance(root.obj, Session), "only this module sets it"
    return root.obj


def _set_home(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    if value is not None and _given(ctx, parameter):
        _session_of(ctx).home = value.expanduser()


def _set_output(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None and _given(ctx, parameter):
        _session_of(ctx).as_json = value == "json"


def _given(ctx: click.Context, parameter: click.Parameter) -> bool:
    """Whether this value counts: the environment's does at the root, where it is read first."""
    assert parameter.name is not None, "options have names"
    source = ctx.get_parameter_source(parameter.name)
    return ctx.parent is None or source is click.core.ParameterSource.COMMANDLINE
