"""Every command at once: its help, its place in the tables, its options, and what it imports."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gtxnode.cli import reference, root
from gtxnode.cli.exits import ENDS, Exit
from gtxnode.cli.lazy import LazyGroup
from tests.cli.running import gtxnode

ROOT = Path(__file__).resolve().parents[2]
UNITS = re.compile(r"GTX|kWh|UTC|blocks|_ms|hexadecimal|seconds|no unit")
# These have nothing to measure.
UNITLESS = {"gtxnode completion", "gtxnode start"}
HEAVY = (
    "msgspec",
    "trio",
    "structlog",
    "cryptography",
    "numpy",
    "libp2p",
    "rich",
    "gtxnode.config",
)


def commands(
    command: click.Command = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from commands(inner, (*path, name))


ALL = list(commands())
IDS = [" ".join(("gtxnode", *path)) for path, _ in ALL]


@pytest.mark.parametrize(("path", "command"), ALL, ids=IDS)
def test_every_command_helps(path: tuple[str, ...], command: click.Command, tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, *path, "--help")
    assert ran.code == 0
    assert ran.out.startswith(" ".join(("Usage: gtxnode", *path)))
    assert command.help
    name = " ".join(("gtxnode", *path))
    assert name in UNITLESS or UNITS.search(ran.out), "says no unit"


@pytest.mark.parametrize(("path", "command"), ALL, ids=IDS)
def test_every_option_says_what_it_does(path: tuple[str, ...], command: click.Command) -> None:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in ("limit",):
            assert parameter.help, parameter.name


@pytest.mark.parametrize(
    ("path", "command"),
    [each for each in ALL if not isinstance(each[1], click.Group)],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_every_command_takes_the_form_of_its_output(
    path: tuple[str, ...], command: click.Command
) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    assert {"-o", "--output", "--home"} <= options or path == ("completion",)


def test_the_tables_say_what_the_commands_say() -> None:
    for _, group in ALL:
        if isinstance(group, LazyGroup):
            for name, lazy in group.lazy.items():
                command = group.get_command(click.Context(group), name)
                assert command is not None
                assert command.name == name or name == "status"
                assert (command.help or "").split("\n")[0] == lazy.summary


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from gtxnode.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
    )
    assert ran.stderr.strip() == "[]"


def test_the_module_is_the_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gtxnode", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
    )
    assert "Usage: gtxnode" in ran.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(shell: str, tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, "completion", shell)
    assert ran.code == 0
    assert "_GTXNODE_COMPLETE" in ran.out
    assert f"{shell}_complete" in ran.out


def test_the_shell_is_told_the_commands_and_the_choices(tmp_path: Path) -> None:
    def completed(*words: str) -> set[str]:
        line = " ".join(("gtxnode", *words))
        environment = {
            "_GTXNODE_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words)),
        }
        ran = gtxnode(tmp_path, environment=environment)
        return {each.partition(",")[2] for each in ran.out.split()}

    assert completed("sta") == {"start", "status"}
    assert completed("query", "b") == {"balance", "bill", "block", "book"}
    assert completed("tx", "order", "s") == {"sell"}


@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("cli.md", reference.cli_reference),
        ("configuration.md", reference.configuration_reference),
    ],
)
def test_the_reference_is_current(page: str, made: object) -> None:
    assert callable(made)
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == made(), "run python -m gtxnode.cli.reference docs"


def test_the_errors_in_the_table_are_there() -> None:
    import importlib

    for name in ENDS:
        module, _, class_ = name.rpartition(".")
        found = getattr(importlib.import_module(module), class_)
        assert issubclass(found, Exception)
        assert found.__module__ == module, f"{name} is defined in {found.__module__}"


def test_exit_codes_are_what_scripts_go_by() -> None:
    assert {end.name: int(end) for end in Exit} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "UNREACHABLE": 3,
        "NOT_FOUND": 4,
        "REFUSED": 5,
        "CONFIGURATION": 6,
        "LOCKED": 7,
        "STORAGE": 8,
        "TIMED_OUT": 9,
        "INTERRUPTED": 130,
    }
