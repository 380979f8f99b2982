"""`gtxnode init`: a home folder with settings, keys and genesis."""

import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from gtxnode.cli.amounts import ADDRESS, GTX
from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.cli.render import emit
from gtxnode.cli.session import session, shared_options
from gtxnode.cli.trust import trusted_block
from gtxnode.config import Config
from gtxnode.config import Role as NodeRole
from gtxnode.config_text import new_config
from gtxnode.genesis import Allocation, Genesis, GenesisValidator, new_genesis
from gtxnode.genesis_file import format_genesis, read_genesis
from gtxnode.home import Home, load_or_create_key
from gtxnode.layers import PROFILES
from gtxnode.primitives.addresses import address_of, format_address
from gtxnode.primitives.units import UGTX_PER_GTX
from gtxnode.primitives.zones import ZONES_OF_SHARD, Role, Shard, Zone
from gtxnode.schema import read_as

STAKE = 10_000 * UGTX_PER_GTX
FUNDS_UGTX = 1_000_000 * UGTX_PER_GTX
"""What the one validator of a new chain gets where nothing else is said."""


class Fund(click.ParamType[tuple[bytes, int]]):
    """ADDRESS=GTX."""

    name = "ADDRESS=GTX"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[bytes, int]:
        """`gtx1...=1.5` as the address's bytes and µGTX."""
        if isinstance(value, tuple):
            return value
        address, _, amount = str(value).partition("=")
        return ADDRESS.convert(address, param, ctx), GTX.convert(amount, param, ctx)


@click.command()
@shared_options
@click.option(
    "--genesis",
    "genesis_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Join the network of this genesis file, instead of a new one of one validator.",
)
@click.option("--network", default="gridtokenx-local", show_default=True, help="Its name, if new.")
@click.option(
    "--shard",
    "shards",
    type=click.Choice([shard.value for shard in Shard]),
    multiple=True,
    default=[Shard.GEO_BANGKOK.value],
    show_default=True,
    help="A chain of the new network; may be given several times.",
)
@click.option(
    "--fund",
    "funds",
    type=Fund(),
    multiple=True,
    help="GTX that exists from the start, on each shard; may be given several times."
    "  [default: 1000000 GTX to the validator's own address]",
)
@click.option("--name", default="gtxnode", show_default=True, help="The node's name.")
@click.option(
    "--profile", type=click.Choice(PROFILES), default=None, help="An authority's settings."
)
@click.option(
    "--node-type",
    type=click.Choice([role.value for role in NodeRole]),
    default=None,
    help="A validator votes where the genesis names its key; a trader follows.",
)
@click.option(
    "--authority",
    "roles",
    type=click.Choice([role.name.lower() for role in Role]),
    multiple=True,
    help="Sign checkpoints as this authority, with a key that is made if it is not there; may be"
    " given several times.  [default: all four of a new network]",
)
@click.option(
    "--trust",
    "trust_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="With --genesis: start from the checkpoint in this file, which `gtxnode -o json query"
    " trust` has printed; may be given once for each shard.",
)
@click.option(
    "--force", is_flag=True, help="Replace settings and genesis that are there; never keys or data."
)
def init(
    genesis_file: Path | None,
    network: str,
    shards: Sequence[str],
    funds: Sequence[tuple[bytes, int]],
    name: str,
    profile: str | None,
    node_type: str | None,
    roles: Sequence[str],
    trust_files: Sequence[Path],
    force: bool,
) -> None:
    """Make a home: settings, keys and genesis.

    Without --genesis it begins a network of its own, of which this node is the one
    validator and holds the authorities' keys. Keys that are there are kept, always.
    """
    if genesis_file is None and node_type == NodeRole.TRADER:
        raise click.UsageError("a trader joins a network that has validators: give --genesis")
    if genesis_file is None and trust_files:
        raise click.UsageError("a checkpoint is of a network that is there: give --genesis")
    home = Home(session().home)
    there = [path for path in (home.config, home.genesis) if path.exists()]
    if there and not force:
        message = f"{there[0]} is there already; --force replaces it"
        raise CommandFailed("home.exists", message, Exit.LOCKED)
    chosen = tuple(dict.fromkeys(Shard(shard) for shard in shards))
    settings: dict[str, object] = {"node.name": name}
    settings |= {"profile": profile} if profile else {}
    settings |= {"node.role": node_type} if node_type else {}
    signs = [role for role in Role if genesis_file is None or role.name.lower() in roles]
    settings |= {"checkpoints.keys": [_authority_key(role) for role in signs]} if signs else {}

    # What can be refused comes before anything is written.
    found = read_genesis(genesis_file) if genesis_file else None
    if found is not None and trust_files:
        trusted = [trusted_block(found, path) for path in trust_files]
        settings |= {"checkpoints.trusted": trusted}
    config = new_config(settings)
    read_as(tomllib.loads(config), Config)
    validator, network_key = _public(home.validator_key), _public(home.network_key)
    authorities = {role: _public(home.path / _authority_key(role)) for role in signs}
    if found is None:
        members = (GenesisValidator(_validator_name(name), validator, STAKE, _region(chosen)),)
        found = new_genesis(
            network=network,
            time_ms=time.time_ns() // 1_000_000,
            shards=chosen,
            validators=members,
            authorities={role: (key,) for role, key in authorities.items()},
            allocations=_allocations(chosen, funds, validator),
        )
    replace_file(home.genesis, format_genesis(found))
    replace_file(home.config, config.encode())
    emit(_summary(home, found, validator, network_key, authorities))


def _summary(
    home: Home,
    genesis: Genesis,
    validator: bytes,
    network_key: bytes,
    authorities: Mapping[Role, bytes],
) -> object:
    from p2p.identity import peer_id_of

    return {
        "home": str(home.path),
        "network": genesis.network,
        "shards": [str(shard.id) for shard in genesis.shards],
        "validator": validator.hex(),
        "votes": any(each.public_key == validator for each in genesis.validators),
        "address": format_address(address_of(validator)),
        "peer_id": peer_id_of(network_key),
        "authorities": {role.name: key.hex() for role, key in authorities.items()},
    }


def _public(path: Path) -> bytes:
    """The public key of a key file, which is made if it is not there."""
    from consensus.signing import public_key

    return public_key(load_or_create_key(path))


def _authority_key(role: Role) -> str:
    """Where an authority's key is, from the home."""
    return f"keys/authority-{role.name.lower()}.key"


def _allocations(
    shards: Sequence[Shard], funds: Sequence[tuple[bytes, int]], validator: bytes
) -> list[Allocation]:
    holders = funds or [(bytes(address_of(validator)), FUNDS_UGTX)]
    return [Allocation(shard, address, amount) for shard in shards for address, amount in holders]


def _region(shards: Sequence[Shard]) -> Zone:
    zones = [zone for shard in shards for zone in ZONES_OF_SHARD[shard]]
    return zones[0] if zones else Zone.BANGKOK


def _validator_name(name: str) -> str:
    """The node's name where it can name a validator."""
    plain = "".join(letter if letter.isalnum() else "-" for letter in name if letter.isascii())
    return plain.strip("-")[:32] or "validator"


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file whole: a crash leaves the old one or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)
