"""`gtxnode start`: run the node of a home until it is told to stop."""

from collections.abc import Sequence

import click

from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.cli.session import session, shared_options
from gtxnode.config import LogLevel, Role


@click.command()
@shared_options
@click.option(
    "--mining/--no-mining",
    default=None,
    help="Seal energy batches with proof of work for clients.  [default: node.mining]",
)
@click.option(
    "--node-type",
    type=click.Choice([role.value for role in Role]),
    default=None,
    help="A validator votes where the genesis names its key; a trader follows and serves."
    "  [default: node.role]",
)
@click.option(
    "--log-level",
    type=click.Choice([level.value for level in LogLevel]),
    default=None,
    help="Least severe level written.  [default: logging.level]",
)
@click.option(
    "--force",
    is_flag=True,
    help="Sign without looking first for signatures of this key that the home does not know of."
    " Only where no other machine has the key.  [consensus.look_first = false]",
)
@click.option(
    "--set",
    "pairs",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting, such as rpc.port=9000; may be given several times.",
)
def start(
    mining: bool | None,
    node_type: str | None,
    log_level: str | None,
    force: bool,
    pairs: Sequence[str],
) -> int:
    """Run the node of a home.

    It writes its log to the standard error, and stops in order on SIGTERM and Ctrl-C.
    """
    given: dict[str, object] = dict(_pair(text) for text in pairs)
    for key, value in (
        ("node.mining", mining),
        ("node.role", node_type),
        ("logging.level", log_level),
        ("consensus.look_first", False if force else None),
    ):
        if value is not None:
            given[key] = value
    config = session().settings(given).config

    from gtxnode import logs
    from gtxnode.genesis_file import read_genesis
    from gtxnode.home import Home
    from gtxnode.node import run

    home = Home(session().home)
    if not home.genesis.exists():
        message = f"{home.path} is no home of a node; make it with gtxnode init"
        raise CommandFailed("home.missing", message, Exit.NOT_FOUND)
    genesis = read_genesis(home.genesis)
    logs.configure(config.logging.level, config.logging.format, config.node.name)
    return run(home.path, config, genesis)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
    return key.strip(), value.strip()
