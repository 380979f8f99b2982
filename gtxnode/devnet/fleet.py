"""The validators of a development network: their homes on disk, their genesis, their processes.

`prepare` writes everything that the processes need and starts nothing: for each validator a home
with configuration, keys and the genesis; the authorities' keys; for each simulated home a wallet
and a meter. `Fleet` starts and stops the processes.

    HOME/validator-1 ...     homes of the validators (gtxnode/home.py), with node.log
    HOME/authorities/*.key   EGAT, MEA, PEA, ERC, for which the first validators sign checkpoints
    HOME/homes/*.key         wallets and meters of the simulated homes
    HOME/devnet.json         while it runs: where everything is
"""

import json
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from consensus import signing
from gtxnode import home as node_home
from gtxnode.carbon.credits import CarbonRules
from gtxnode.config_text import new_config
from gtxnode.devnet import homes
from gtxnode.devnet.communities import FORWARDS, as_community
from gtxnode.devnet.household import Household
from gtxnode.devnet.meter import LIMITS
from gtxnode.devnet.processes import HOST, Child, free_ports, stop
from gtxnode.genesis import Allocation, Genesis, GenesisValidator, new_genesis
from gtxnode.genesis_file import format_genesis
from gtxnode.grid.build import build_model
from gtxnode.grid_data import thai_network
from gtxnode.home import Home
from gtxnode.ledger.parameters import ChainParameters, CheckpointRules
from gtxnode.metering.meters import MAX_OPEN_MONTHS
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.units import UGTX_PER_GTX
from gtxnode.primitives.zones import REGISTRY, ZONES_OF_SHARD, Role, Shard, Zone
from p2p.identity import peer_id_of

NETWORK = "devnet"
STAKE = 10_000 * UGTX_PER_GTX
ALLOCATION_UGTX = 1_000 * UGTX_PER_GTX
TO_GOVERN_UGTX = 5_000 * UGTX_PER_GTX
"""What a home has to spend at first: about 300 kWh."""
PORTS_EACH = 3
PORTS_APART = 10
CHECKPOINT_BLOCKS = 10
"""Often enough that one is seen in a short run."""
STOP_GRACE_S = 4.0
"""Well within the five seconds in which a development network has to be gone."""
DRAIN_S = 1
"""What a node may take to stop in order, as the whole network has five seconds."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one validator listens."""

    p2p: int
    rpc: int
    http: int


class Validator:
    """One validator: its home, its addresses, its process."""

    def __init__(self, name: str, home: Home, ports: Ports, peer_id: str) -> None:
        self.name = name
        self.home = home
        self.ports = ports
        self.peer_id = peer_id
        command = (sys.executable, "-m", "gtxnode", "start", "--home", str(home.path))
        self.process = Child(name, command, home.path / "node.log")

    @property
    def websocket(self) -> str:
        return f"ws://{HOST}:{self.ports.rpc}"

    @property
    def http(self) -> str:
        return f"http://{HOST}:{self.ports.http}"

    @property
    def p2p(self) -> str:
        return f"/ip4/{HOST}/tcp/{self.ports.p2p}/p2p/{self.peer_id}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """A prepared network."""

    folder: Path
    genesis: Genesis
    shards: tuple[Shard, ...]
    validators: tuple[Validator, ...]
    authorities: dict[Role, bytes]
    """The private key of each."""
    households: tuple[Household, ...]

    def start(self) -> None:
        """Start every validator's process."""
        for validator in self.validators:
            validator.process.start()

    async def stop(self, grace_s: float = STOP_GRACE_S) -> tuple[str, ...]:
        """Stop every process; the names of those that had to be killed."""
        return await stop([each.process for each in self.validators], grace_s=grace_s)

    def describe(self, pid: int) -> str:
        """The text of devnet.json."""
        document = {
            "pid": pid,
            "network": self.genesis.network,
            "started_ms": self.genesis.time_ms,
            "shards": list(self.shards),
            "validators": [
                {
                    "name": each.name,
                    "pid": each.process.pid,
                    "home": str(each.home.path),
                    "websocket": each.websocket,
                    "http": each.http,
                    "p2p": each.p2p,
                }
                for each in self.validators
            ],
        }
        return json.dumps(document, indent=2) + "\n"


def prepare(
    folder: Path, *, validators: int, shards: Sequence[Shard], port_base: int | None, now_ms: int
) -> Fleet:
    """Write the homes of a new network into an empty folder. `OSError` if that fails."""
    names = tuple(f"validator-{number}" for number in range(1, validators + 1))
    keys = {name: _new_key(Home(folder / name).validator_key) for name in names}
    authorities = {role: _new_key(folder / _authority_key(role)) for role in Role}
    households = _households(folder, shards)
    genesis = new_genesis(
        network=NETWORK,
        time_ms=now_ms,
        shards=shards,
        validators=[
            GenesisValidator(name, signing.public_key(key), STAKE, _region(shards))
            for name, key in keys.items()
        ],
        authorities={role: (signing.public_key(key),) for role, key in authorities.items()},
        allocations=[
            *_to_govern(shards, keys.values()),
            *(
                Allocation(each.shard, each.owner, ALLOCATION_UGTX * each.homes)
                for each in households
            ),
        ],
        parameters=_parameters(shards),
    )
    return Fleet(
        folder=folder,
        genesis=genesis,
        shards=tuple(shards),
        validators=write_homes(
            folder,
            genesis,
            names,
            _ports(validators, port_base),
            roles=dict(zip(names, _dealt(tuple(Role), validators), strict=True)),
        ),
        authorities=authorities,
        households=households,
    )


def _to_govern(shards: Sequence[Shard], keys: Iterable[bytes]) -> Iterator[Allocation]:
    """What validators' owners propose, vote and stake with, where there is a registry."""
    if REGISTRY in shards:
        for key in keys:
            owner = address_of(signing.public_key(key))
            yield Allocation(REGISTRY, owner, TO_GOVERN_UGTX)


def _parameters(shards: Sequence[Shard]) -> ChainParameters:
    parameters = ChainParameters(
        readings=LIMITS,
        carbon=CarbonRules(open_months=MAX_OPEN_MONTHS),
        checkpoints=CheckpointRules(interval_blocks=CHECKPOINT_BLOCKS),
    )
    if Shard.FUNC_ENERGYTRADING not in shards:
        return parameters
    grid = build_model(thai_network())
    return msgspec.structs.replace(parameters, forwards=FORWARDS, grid=grid)


def write_homes(
    folder: Path,
    genesis: Genesis,
    names: Sequence[str],
    ports: Sequence[Ports],
    bootstrap: Sequence[str] = (),
    roles: Mapping[str, Sequence[Role]] = MappingProxyType({}),
) -> tuple[Validator, ...]:
    """Write configuration, genesis and network key of nodes that know one another's addresses.

    `roles` says for which authorities a node signs checkpoints.
    """
    made = []
    for name, own in zip(names, ports, strict=True):
        home = Home(folder / name)
        peer_id = peer_id_of(signing.public_key(_new_key(home.network_key)))
        made.append(Validator(name, home, own, peer_id))
        home.genesis.write_bytes(format_genesis(genesis))
    for one in made:
        others = [each.p2p for each in made if each is not one]
        text = configuration(one, [*bootstrap, *others], roles.get(one.name, ()))
        one.home.config.write_text(text, encoding="utf-8")
    return tuple(made)


def configuration(node: Validator, bootstrap: Sequence[str], roles: Sequence[Role]) -> str:
    """The text of a node's config.toml."""
    return new_config(
        {
            "node.name": node.name,
            "node.drain_s": DRAIN_S,
            "p2p.listen": [f"/ip4/{HOST}/tcp/{node.ports.p2p}"],
            "p2p.bootstrap": list(bootstrap),
            "rpc.port": node.ports.rpc,
            "http.port": node.ports.http,
            "checkpoints.keys": [f"../{_authority_key(role)}" for role in roles],
            "logging.format": "json",
        }
    )


def _authority_key(role: Role) -> str:
    """Where an authority's key is, from the network's folder."""
    return f"authorities/{role.name.lower()}.key"


def _dealt(roles: Sequence[Role], nodes: int) -> list[Sequence[Role]]:
    """The authorities of each node, the first nodes first."""
    return [roles[node::nodes] for node in range(nodes)]


def _ports(validators: int, port_base: int | None) -> list[Ports]:
    if port_base is None:
        found = free_ports(PORTS_EACH * validators)
        return [Ports(*found[at : at + PORTS_EACH]) for at in range(0, len(found), PORTS_EACH)]
    bases = [port_base + PORTS_APART * number for number in range(validators)]
    return [Ports(p2p=base, rpc=base + 1, http=base + 2) for base in bases]


def _households(folder: Path, shards: Sequence[Shard]) -> tuple[Household, ...]:
    """The homes of the data, dealt out over the shards that have a zone."""
    regional = [shard for shard in shards if ZONES_OF_SHARD[shard]]
    made = []
    for number in range(homes.HOMES if regional else 0):
        shard = regional[number % len(regional)]
        name = f"home-{number + 1:02d}"
        household = Household(
            name=name,
            shard=shard,
            zone=ZONES_OF_SHARD[shard][0],
            number=number,
            wallet_key=_new_key(folder / "homes" / f"{name}-wallet.key"),
            meter_key=_new_key(folder / "homes" / f"{name}-meter.key"),
        )
        if shard is Shard.FUNC_ENERGYTRADING:
            household = as_community(household, number // len(regional))
        made.append(household)
    return tuple(made)


def _region(shards: Sequence[Shard]) -> Zone:
    """Where the validators are said to be: in the first zone that is served."""
    zones = [zone for shard in shards for zone in ZONES_OF_SHARD[shard]]
    return zones[0] if zones else Zone.BANGKOK


def _new_key(path: Path) -> bytes:
    """A new private key, kept in a file."""
    key = secrets.token_bytes(node_home.PRIVATE_KEY_BYTES)
    node_home.write_private_key(path, key)
    return key
