"""`gtxnode config`: which settings hold, where each comes from, and whether they can be used."""

import click

from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.render import emit
from gtxnode.cli.session import session, shared_options
from gtxnode.config import Role, hosted_shards
from gtxnode.genesis_file import read_genesis
from gtxnode.home import Home, read_private_key
from gtxnode.layers import known_keys, value_at

COMMANDS = {
    "show": Lazy("gtxnode.cli.settings:show", "Print the settings that hold."),
    "check": Lazy("gtxnode.cli.settings:check", "Check settings, genesis and keys."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def config() -> None:
    """Show and check the settings.

    The command line is stronger than GTX_* in the environment, that is stronger than
    HOME/config.toml, then come the authority's profile and the defaults. Keys end in
    their unit: _ms, _s, _bytes.
    """


@click.command()
@shared_options
def show() -> None:
    """Print the settings that hold.

    Each with the layer that it comes from. Units are in the keys: _ms, _s, _bytes.
    """
    settled = session().settings()
    if session().as_json:
        emit(
            {
                key: {"value": value_at(settled.config, key), "from": settled.origins[key]}
                for key in known_keys()
            }
        )
        return
    emit(
        [
            {"key": key, "value": value_at(settled.config, key), "from": settled.origins[key]}
            for key in known_keys()
        ]
    )


@click.command()
@shared_options
def check() -> None:
    """Check settings, genesis and keys.

    Exit code 6 names the key or file that cannot be used. Units are in the keys: _ms,
    _s, _bytes.
    """
    settled = session().settings()
    home = Home(session().home)
    genesis = read_genesis(home.genesis)
    shards = hosted_shards(settled.config, tuple(shard.id for shard in genesis.shards))
    read_private_key(home.network_key)
    if settled.config.node.role is Role.VALIDATOR:
        read_private_key(home.validator_key)
    for key in settled.config.checkpoints.keys:
        read_private_key(home.path / key)
    emit({"home": str(home.path), "network": genesis.network, "shards": list(shards), "ok": True})
