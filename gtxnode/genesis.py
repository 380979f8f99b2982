"""The genesis: what all nodes of a network agree on before the first block.

Invariant: a `Genesis` that `check` passed has one canonical encoding, whatever order its
file is written in: validators by name, shards and allocations by id, authorities by role.
Every chain's block 1 has that encoding's tagged hash as its parent, so nodes with different
genesis files never accept one another's blocks. Pure; `gtxnode/genesis_file.py` reads and
writes the JSON.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum, unique
from typing import Annotated

import msgspec

from consensus.authorities import MAX_KEYS_PER_ROLE
from consensus.encoding import Codec, PublicKey
from consensus.errors import InvalidAuthoritySet, InvalidValidatorSet
from consensus.hashing import Domain
from consensus.validators import MAX_STAKE, Validator, ValidatorSet
from gtxnode.ledger.authority.authorities import all_authorities
from gtxnode.ledger.parameters import DERIVED, Authority, ChainParameters
from gtxnode.ledger.registry.validators import Serving
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import REGISTRY, ZONES_OF_SHARD, Role, Shard, Zone

GENESIS_VERSION = 1
MAX_GENESIS_BYTES = 16 * 1024 * 1024
MAX_TIME_MS = 2**53 - 1
NETWORK_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}$"
NAME_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z_-]{0,31}$"

BANGKOK_INTERVAL_MS = 1_000
OTHER_INTERVAL_MS = 3_000

PUBLIC_KEY_BYTES = 33
# The prime of secp256k1's field (SEC 2, section 2.4.1).
_FIELD = 2**256 - 2**32 - 977

Milliseconds = Annotated[int, msgspec.Meta(ge=1, le=600_000)]
Interval = Annotated[int, msgspec.Meta(ge=100, le=600_000)]
NetworkName = Annotated[str, msgspec.Meta(pattern=NETWORK_PATTERN)]
Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
Stake = Annotated[int, msgspec.Meta(ge=1, le=MAX_STAKE)]
AddressBytes = Annotated[bytes, msgspec.Meta(min_length=20, max_length=20)]
AmountUgtx = Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)]


@unique
class GenesisFault(StrEnum):
    """What is wrong with a genesis. The values are stable."""

    UNREADABLE = "genesis.unreadable"
    MALFORMED = "genesis.malformed"
    UNKNOWN_KEY = "genesis.unknown_key"
    BAD_VALUE = "genesis.bad_value"
    BAD_KEY = "genesis.bad_key"
    BAD_ADDRESS = "genesis.bad_address"
    DUPLICATE = "genesis.duplicate"
    UNKNOWN_VALIDATOR = "genesis.unknown_validator"
    UNKNOWN_SHARD = "genesis.unknown_shard"
    EMPTY = "genesis.empty"
    TOO_MUCH = "genesis.too_much"


class InvalidGenesis(Exception):
    """A genesis that no chain can start from: `code`, the dotted `path` of the key, why."""

    def __init__(self, code: GenesisFault, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.code = code
        self.path = path
        self.reason = reason


class Timeouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long a shard's validators wait: the base of each step, `delta_ms` more per round."""

    propose_ms: Milliseconds = 1_000
    prevote_ms: Milliseconds = 500
    precommit_ms: Milliseconds = 500
    delta_ms: Milliseconds = 250
    rebroadcast_ms: Milliseconds = 1_000


class GenesisValidator(msgspec.Struct, frozen=True, array_like=True):
    """Whoever votes from the first block on. Its stake is in µGTX.

    On the registry the stake exists, beside the allocations, and belongs to the key's own address.
    """

    name: Name
    public_key: PublicKey
    stake: Stake
    region: Zone


class GenesisShard(msgspec.Struct, frozen=True, array_like=True):
    """One chain."""

    id: Shard
    block_interval_ms: Interval
    timeouts: Timeouts
    validators: tuple[Name, ...]


class GenesisAuthority(msgspec.Struct, frozen=True, array_like=True):
    """A utility or the regulator, and the keys that it signs with."""

    role: Role
    public_keys: tuple[PublicKey, ...]


class Allocation(msgspec.Struct, frozen=True, array_like=True):
    """GTX that exists from the start, on one shard."""

    shard: Shard
    address: AddressBytes
    amount_ugtx: AmountUgtx


class Genesis(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A network's beginning. Make it with `arranged`, which sorts and checks."""

    version: Annotated[int, msgspec.Meta(ge=GENESIS_VERSION, le=GENESIS_VERSION)] = GENESIS_VERSION
    network: NetworkName
    time_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME_MS)]
    shards: tuple[GenesisShard, ...]
    validators: tuple[GenesisValidator, ...]
    authorities: tuple[GenesisAuthority, ...]
    allocations: tuple[Allocation, ...]
    parameters: ChainParameters
    """Without zones, authorities and registry, which follow from the shard and `authorities`."""

    def shard(self, shard: str) -> GenesisShard:
        """The chain of that id. `KeyError` if the network has none."""
        for each in self.shards:
            if each.id == shard:
                return each
        raise KeyError(shard)

    def validator_set(self, shard: str) -> ValidatorSet:
        """Who votes on the shard from block 1 on."""
        named = set(self.shard(shard).validators)
        return ValidatorSet(
            Validator(each.public_key, each.stake, region=each.region)
            for each in self.validators
            if each.name in named
        )

    def chain_parameters(self, shard: str) -> ChainParameters:
        """The ledger's parameters on the shard at block 1."""
        authorities = tuple(
            Authority(each.role, key) for each in self.authorities for key in each.public_keys
        )
        name = self.shard(shard).id
        return msgspec.structs.replace(
            self.parameters,
            zones=ZONES_OF_SHARD[name],
            authorities=authorities,
            registry=name is REGISTRY,
        )

    def stakes_on(self, shard: str) -> ValidatorSet | None:
        """Whose stakes the shard holds from the start; None where it is not the registry."""
        if self.shard(shard).id is not REGISTRY:
            return None
        start = self.parameters.staking.reputation.start
        return ValidatorSet(
            msgspec.structs.replace(each, reputation=start) for each in self.validator_set(shard)
        )

    def serving(self) -> tuple[Serving, ...]:
        """The validators that vote on some chains only, as the registry has them."""
        names = {shard.id: set(shard.validators) for shard in self.shards}
        found = []
        for each in self.validators:
            shards = tuple(sorted(shard for shard, named in names.items() if each.name in named))
            if shards and len(shards) < len(names):
                found.append(Serving(each.public_key, shards))
        return tuple(found)

    def allocations_on(self, shard: str) -> tuple[Allocation, ...]:
        """What exists on the shard from the start, by address."""
        return tuple(each for each in self.allocations if each.shard == shard)


_CODEC = Codec(Genesis, max_bytes=MAX_GENESIS_BYTES)


def chain_id(network: str, shard: str) -> str:
    """The name of one chain, which goes into all its hashes."""
    return f"{network}/{shard}"


def genesis_id(genesis: Genesis, shard: str) -> bytes:
    """The parent id of the shard's block 1, 32 bytes."""
    domain = Domain("genesis", chain_id(genesis.network, genesis.shard(shard).id))
    return domain.hash(_CODEC.encode(genesis))


def new_genesis(
    *,
    network: str,
    time_ms: int,
    shards: Iterable[Shard],
    validators: Iterable[GenesisValidator],
    authorities: Mapping[Role, tuple[bytes, ...]],
    allocations: Iterable[Allocation] = (),
    parameters: ChainParameters | None = None,
) -> Genesis:
    """A network whose validators all vote on every shard, with the usual times."""
    members = tuple(validators)
    names = tuple(each.name for each in members)
    return arranged(
        Genesis(
            network=network,
            time_ms=time_ms,
            shards=tuple(
                GenesisShard(shard, usual_interval_ms(shard), Timeouts(), names) for shard in shards
            ),
            validators=members,
            authorities=tuple(GenesisAuthority(role, keys) for role, keys in authorities.items()),
            allocations=tuple(allocations),
            parameters=parameters or ChainParameters(),
        )
    )


def usual_interval_ms(shard: Shard) -> int:
    """The time between blocks where nothing else is said."""
    return BANGKOK_INTERVAL_MS if shard is Shard.GEO_BANGKOK else OTHER_INTERVAL_MS


def arranged(genesis: Genesis) -> Genesis:
    """The same genesis in canonical order, checked. `InvalidGenesis` names the key."""
    ordered = msgspec.structs.replace(
        genesis,
        shards=tuple(
            msgspec.structs.replace(each, validators=tuple(sorted(each.validators)))
            for each in sorted(genesis.shards, key=lambda each: each.id)
        ),
        validators=tuple(sorted(genesis.validators, key=lambda each: each.name)),
        authorities=tuple(sorted(genesis.authorities, key=lambda each: each.role)),
        allocations=tuple(sorted(genesis.allocations, key=lambda each: (each.shard, each.address))),
    )
    check(ordered)
    return ordered


def check(genesis: Genesis) -> None:
    """What must hold of a genesis. `InvalidGenesis` with the path of the first offending key."""
    _check_types(genesis)
    _check_validators(genesis.validators)
    _check_shards(genesis)
    _check_authorities(genesis)
    _check_allocations(genesis)


def is_public_key(key: bytes) -> bool:
    """Whether 33 bytes are a compressed point: 2 or 3, then an x with x³ + 7 a square."""
    x = int.from_bytes(key[1:], "big")
    if len(key) != PUBLIC_KEY_BYTES or key[0] not in (2, 3) or x >= _FIELD:
        return False
    return pow(x**3 + 7, (_FIELD - 1) // 2, _FIELD) == 1


def _check_types(genesis: Genesis) -> None:
    """Limits of single fields, for a genesis that was built rather than read."""
    for name in DERIVED:
        if getattr(genesis.parameters, name):
            reason = "follows from shards and authorities, and is not set here"
            raise InvalidGenesis(GenesisFault.BAD_VALUE, f"parameters.{name}", reason)
    try:
        _CODEC.decode(_CODEC.encode(genesis))
    except (ValueError, OverflowError) as error:  # the latter for what no 64 bits hold
        raise InvalidGenesis(GenesisFault.BAD_VALUE, "", str(error)) from error


def _check_validators(validators: tuple[GenesisValidator, ...]) -> None:
    if not validators:
        raise InvalidGenesis(GenesisFault.EMPTY, "validators", "there must be one at least")
    _refuse_twice("validators", [each.name for each in validators])
    holders: dict[bytes, str] = {}
    for each in validators:
        _check_key(f"validators.{each.name}.public_key", each.public_key, holders)


def _check_shards(genesis: Genesis) -> None:
    if not genesis.shards:
        raise InvalidGenesis(GenesisFault.EMPTY, "shards", "there must be one at least")
    _refuse_twice("shards", [each.id for each in genesis.shards])
    known = {each.name for each in genesis.validators}
    staked = next((set(each.validators) for each in genesis.shards if each.id is REGISTRY), None)
    for shard in genesis.shards:
        path = f"shards.{shard.id}"
        _refuse_twice(f"{path}.validators", shard.validators)
        for name in shard.validators:
            if name not in known:
                reason = f"{name} is not among the validators"
                raise InvalidGenesis(GenesisFault.UNKNOWN_VALIDATOR, f"{path}.validators", reason)
        try:
            genesis.validator_set(shard.id)
        except InvalidValidatorSet as error:
            fault = GenesisFault.BAD_VALUE if shard.validators else GenesisFault.EMPTY
            raise InvalidGenesis(fault, f"{path}.validators", str(error)) from error
        seats = genesis.parameters.staking.max_validators
        if staked is not None and not set(shard.validators) <= staked:
            outside = ", ".join(sorted(set(shard.validators) - staked))
            reason = f"{outside} would have no stake on {REGISTRY}"
            raise InvalidGenesis(GenesisFault.UNKNOWN_VALIDATOR, f"{path}.validators", reason)
        if shard.id is REGISTRY and len(shard.validators) > seats:
            reason = f"{len(shard.validators)} of them, and max_validators is {seats}"
            raise InvalidGenesis(GenesisFault.TOO_MUCH, f"{path}.validators", reason)


def _check_authorities(genesis: Genesis) -> None:
    _refuse_twice("authorities", [each.role.name for each in genesis.authorities])
    holders: dict[bytes, str] = {}
    for each in genesis.authorities:
        path = f"authorities.{each.role.name}.public_keys"
        if not each.public_keys:
            raise InvalidGenesis(GenesisFault.EMPTY, path, "there must be one at least")
        if len(each.public_keys) > MAX_KEYS_PER_ROLE:
            reason = f"{len(each.public_keys)} of them, and a role has {MAX_KEYS_PER_ROLE} at most"
            raise InvalidGenesis(GenesisFault.TOO_MUCH, path, reason)
        for index, key in enumerate(each.public_keys):
            _check_key(f"{path}[{index}]", key, holders)
    try:
        all_authorities(genesis.chain_parameters(genesis.shards[0].id))
    except InvalidAuthoritySet as error:
        path = "parameters.checkpoints.threshold"
        raise InvalidGenesis(GenesisFault.BAD_VALUE, path, str(error)) from error


def _check_allocations(genesis: Genesis) -> None:
    shards = {each.id for each in genesis.shards}
    stakes = genesis.stakes_on(REGISTRY) if REGISTRY in shards else None
    total = stakes.total_stake if stakes is not None else 0
    seen: set[tuple[Shard, bytes]] = set()
    for each in genesis.allocations:
        path = f"allocations.{each.shard}"
        if each.shard not in shards:
            raise InvalidGenesis(GenesisFault.UNKNOWN_SHARD, path, "is not among the shards")
        path += f".{format_address(each.address)}"
        if (each.shard, each.address) in seen:
            raise InvalidGenesis(GenesisFault.DUPLICATE, path, "stands twice")
        seen.add((each.shard, each.address))
        total += each.amount_ugtx
        if total > MAX_AMOUNT:
            reason = f"brings the sum over {MAX_AMOUNT} µGTX"
            raise InvalidGenesis(GenesisFault.TOO_MUCH, path, reason)


def _check_key(path: str, key: bytes, holders: dict[bytes, str]) -> None:
    if not is_public_key(key):
        reason = "is not a compressed point of secp256k1"
        raise InvalidGenesis(GenesisFault.BAD_KEY, path, reason)
    if key in holders:
        raise InvalidGenesis(GenesisFault.DUPLICATE, path, f"is also that of {holders[key]}")
    holders[key] = path


def _refuse_twice(path: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidGenesis(GenesisFault.DUPLICATE, path, f"{name} stands twice")
        seen.add(name)
