"""`docs/cli.md` and `docs/configuration.md`, made from what they describe.

`python -m gtxnode.cli.reference docs` writes both; a test holds them against it.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gtxnode.cli.exits import Exit
from gtxnode.cli.lazy import LazyGroup
from gtxnode.cli.root import root
from gtxnode.config_text import settings
from gtxnode.layers import PROFILES

_MADE = "<!-- Made by `python -m gtxnode.cli.reference docs`. Change the source, not this file. -->"
# The introduction speaks of these, once for all commands.
_SHARED = ("home", "output")

_CLI = """\
# The command line

Every command knows `--help`, `--home` and `-o json|text`, and every option can be given
as an environment variable: `GTX_`, the command's names, the option's, as in
`GTX_START_LOG_LEVEL=debug`. Those that many commands share have short names: `GTX_HOME`,
`GTX_OUTPUT`, `GTX_URL`, `GTX_TIMEOUT`, `GTX_SHARD`, `GTX_KEY`, `GTX_KEY_FILE`,
`GTX_PASSPHRASE`, `GTX_PASSPHRASE_FILE`. A node's settings are variables too; see
[configuration.md](configuration.md).

Amounts are exact decimals with or without their unit: `1.5GTX` (to 0.000001), `12.3kWh`
(to 0.001), `3.5` GTX/kWh (to 0.001). What is finer is refused, never rounded. With
`-o json`, amounts are decimal strings in the smallest unit that the field names.

An error is one line on the standard error, `error[CODE]: MESSAGE`; with `-o json` it is
one object, `{"error": {"code", "message", "exit"}}`. Codes are stable.

Completion, for bash:
`gtxnode completion bash > ~/.local/share/bash-completion/completions/gtxnode`

## Exit codes

| code | name | meaning |
| --- | --- | --- |
"""

_CONFIGURATION = """\
# Configuration

A node's settings concern that node alone. What all nodes must agree on (block intervals,
targets, fees, limits of orders) is in the genesis and changes on chain.

## Which value wins

From the strongest to the weakest:

1. the command line: `--mining`, `--node-type`, `--log-level`, `--set KEY=VALUE`;
2. the environment: `GTX_` and the key, as in `GTX_RPC_PORT=9000`; items of a list have
   commas between them;
3. `HOME/config.toml`;
4. the authority's profile, named by the key `profile`: one of {profiles}, which ship with
   the node, or a TOML file in the home;
5. the defaults below.

`gtxnode config show` prints every value and where it comes from; `gtxnode config check`
checks settings, genesis and key files together. A key that does not exist is refused with
its path and the nearest one that does, in every layer; a value out of its range is
refused, never clamped.

## The home folder

| path | what it is |
| --- | --- |
| `config.toml` | the settings, each explained, written by `gtxnode init` |
| `genesis.json` | the chains that the node belongs to |
| `keys/validator.key` | signs votes; 64 hexadecimal digits, mode 0600 |
| `keys/network.key` | the identity among peers; likewise |
| `keys/authority-*.key` | authorities' keys; `checkpoints.keys` says which sign here |
| `keystore/` | a wallet's keys, encrypted (`gtxnode keys`) |
| `data/<shard>/db` | the shard's database |
| `data/<shard>/journal` | what consensus has done at this height |
| `data/<shard>/signer` | the guard that refuses to sign twice: never restore it from a backup |
| `data/<shard>/authority-*` | the same for an authority's key, by its first digits |

A key file that others may read is refused. `gtxnode init --force` replaces settings and
genesis; it never touches keys or data.

## In a container

Listen on all addresses, and mount the home:
`GTX_P2P_LISTEN=/ip4/0.0.0.0/tcp/4600 GTX_RPC_HOST=0.0.0.0 GTX_HTTP_HOST=0.0.0.0`.

## Keys
"""


def cli_reference() -> str:
    """`docs/cli.md`."""
    lines = [_MADE, "", _CLI.rstrip("\n")]
    lines += [f"| {end:d} | {end.name.lower()} | {end.meaning} |" for end in Exit]
    lines += ["", "## Commands", ""]
    for path, command in _commands(root, "gtxnode"):
        lines += [f"### {path}", "", *_described(path, command), ""]
    return "\n".join(lines).rstrip() + "\n"


def configuration_reference() -> str:
    """`docs/configuration.md`."""
    named = ", ".join(f"`{name}`" for name in PROFILES)
    lines = [_MADE, "", _CONFIGURATION.replace("{profiles}", named).rstrip("\n")]
    section = None
    for setting in settings():
        table = setting.key.rpartition(".")[0]
        if table != section:
            section = table
            title = f"### [{table}]" if table else "### Top level"
            lines += ["", title, "", "| key | type | range | default | meaning |"]
            lines.append("| --- | --- | --- | --- | --- |")
        name = setting.key.rpartition(".")[2]
        lines.append(
            f"| `{name}` | {setting.kind} | {setting.bounds} | `{setting.default}` "
            f"| {setting.description} |"
        )
    return "\n".join(lines) + "\n"


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Each command under its path, parents first."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None, "listed commands exist"
            yield from _commands(inner, f"{path} {name}")


def _described(path: str, command: click.Command) -> Iterator[str]:
    """A command's usage, text and options; click's own layout differs between its releases."""
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    places = [f"[{_name(p)}]" if not p.required else _name(p) for p in arguments]
    group = ["COMMAND"] if isinstance(command, click.Group) else []
    yield "`" + " ".join([path, "[OPTIONS]", *places, *group]) + "`"
    yield ""
    yield inspect.cleandoc(command.help or "")
    if group and isinstance(command, LazyGroup):
        yield ""
        yield from (f"- `{name}`: {lazy.summary}" for name, lazy in command.lazy.items())
    options = [p for p in command.params if isinstance(p, click.Option)]
    own = [p for p in options if p.expose_value or p.name not in _SHARED]
    if own:
        yield ""
        yield "| option | meaning |"
        yield "| --- | --- |"
        yield from (f"| `{_option(p)}` | {_meaning(p)} |" for p in own)


def _name(argument: click.Argument) -> str:
    return (argument.metavar or argument.name or "").upper()


def _option(option: click.Option) -> str:
    names = " / ".join([", ".join(option.opts), *option.secondary_opts])
    if option.is_flag:
        return names
    kind = option.metavar or option.type.name.upper().removesuffix(" RANGE")
    return f"{names} {kind}"


def _meaning(option: click.Option) -> str:
    text = " ".join((option.help or "").split())
    text, _, bracket = text.partition(" [")
    if isinstance(option.type, click.Choice):
        text += " One of " + ", ".join(str(choice) for choice in option.type.choices) + "."
    if isinstance(option.type, (click.IntRange, click.FloatRange)) and option.type.max is not None:
        text += f" At most {int(option.type.max)}."
    if option.show_default:
        value = option.default
        shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        text += f" Default: {shown}."
    if bracket:
        # Written by hand where click cannot know: "default: ...; VARIABLE".
        text += f" {bracket.removesuffix(']').replace('default: ', 'Default: ')}."
    return text


def write(folder: Path) -> None:
    """Write both pages."""
    (folder / "cli.md").write_text(cli_reference(), encoding="utf-8")
    (folder / "configuration.md").write_text(configuration_reference(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
