"""`genesis.json`: the genesis as people read and write it.

Validators, shards and authorities are objects under their names, keys are lower-case
hex, addresses `gtx1...`, amounts decimal strings in µGTX. Reading checks
everything and raises `InvalidGenesis` with the path of the offending key.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gtxnode.genesis import (
    GENESIS_VERSION,
    MAX_GENESIS_BYTES,
    PUBLIC_KEY_BYTES,
    Allocation,
    Genesis,
    GenesisAuthority,
    GenesisFault,
    GenesisShard,
    GenesisValidator,
    Interval,
    InvalidGenesis,
    Name,
    NetworkName,
    Stake,
    Timeouts,
    arranged,
)
from gtxnode.ledger.parameters import DERIVED, ChainParameters
from gtxnode.primitives.addresses import InvalidAddress, format_address, parse_address
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Role, Shard, Zone
from gtxnode.schema import Misfit, read_as

T = TypeVar("T")


class _Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An object of the file."""


class _GenesisText(_Text, frozen=True):
    version: int
    network: NetworkName
    time_ms: int
    shards: dict[str, Any]
    validators: dict[str, Any]
    authorities: dict[str, Any] = {}
    allocations: dict[str, Any] = {}
    parameters: dict[str, Any] = {}


class _ShardText(_Text, frozen=True):
    block_interval_ms: Interval
    validators: tuple[Name, ...]
    timeouts: Timeouts = Timeouts()


class _ValidatorText(_Text, frozen=True):
    public_key: str
    stake: Stake
    region: str


class _AuthorityText(_Text, frozen=True):
    public_keys: tuple[str, ...]


def read_genesis(path: Path) -> Genesis:
    """The genesis in a file. `InvalidGenesis` says what is wrong with it."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_GENESIS_BYTES + 1)
    except OSError as error:
        reason = f"{path}: {error.strerror or 'cannot be read'}"
        raise InvalidGenesis(GenesisFault.UNREADABLE, "", reason) from error
    return parse_genesis(data)


def parse_genesis(data: bytes) -> Genesis:
    """The genesis in a JSON text. `InvalidGenesis` says what is wrong with it."""
    text = _as(_document(data), _GenesisText, "")
    if text.version != GENESIS_VERSION:
        reason = f"is {text.version}, and {GENESIS_VERSION} is known here"
        raise InvalidGenesis(GenesisFault.BAD_VALUE, "version", reason)
    return arranged(
        Genesis(
            network=text.network,
            time_ms=text.time_ms,
            shards=tuple(_shard(name, data) for name, data in text.shards.items()),
            validators=tuple(_validator(name, data) for name, data in text.validators.items()),
            authorities=tuple(_authority(name, data) for name, data in text.authorities.items()),
            allocations=tuple(
                each for name, data in text.allocations.items() for each in _allocations(name, data)
            ),
            parameters=_parameters(text.parameters),
        )
    )


def format_genesis(genesis: Genesis) -> bytes:
    """The JSON text of a genesis, every default written out."""
    allocations: dict[str, dict[str, str]] = {}
    for each in genesis.allocations:
        amounts = allocations.setdefault(each.shard, {})
        amounts[format_address(each.address)] = str(each.amount_ugtx)
    document = {
        "version": genesis.version,
        "network": genesis.network,
        "time_ms": genesis.time_ms,
        "shards": {
            each.id: {
                "block_interval_ms": each.block_interval_ms,
                "timeouts": msgspec.to_builtins(each.timeouts),
                "validators": each.validators,
            }
            for each in genesis.shards
        },
        "validators": {
            each.name: {
                "public_key": each.public_key.hex(),
                "stake": each.stake,
                "region": each.region.name.lower(),
            }
            for each in genesis.validators
        },
        "authorities": {
            each.role.name: {"public_keys": [key.hex() for key in each.public_keys]}
            for each in genesis.authorities
        },
        "allocations": allocations,
        "parameters": {
            name: value
            for name, value in msgspec.to_builtins(genesis.parameters).items()
            if name not in DERIVED
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _document(data: bytes) -> Any:
    if len(data) > MAX_GENESIS_BYTES:
        raise InvalidGenesis(GenesisFault.MALFORMED, "", f"is over {MAX_GENESIS_BYTES} bytes")
    try:
        return json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InvalidGenesis(GenesisFault.MALFORMED, "", f"not JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members. JSON would let the last of two equal keys win without a word."""
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidGenesis(GenesisFault.DUPLICATE, twice, "stands twice in one object")
    return members


def _shard(name: str, data: Any) -> GenesisShard:
    path = f"shards.{name}"
    text = _as(data, _ShardText, path)
    return GenesisShard(
        id=_shard_id(name, path),
        block_interval_ms=text.block_interval_ms,
        timeouts=text.timeouts,
        validators=text.validators,
    )


def _validator(name: str, data: Any) -> GenesisValidator:
    path = f"validators.{name}"
    text = _as(data, _ValidatorText, path)
    zones = {zone.name.lower(): zone for zone in Zone}
    if text.region not in zones:
        reason = f"{text.region} is none of {', '.join(zones)}"
        raise InvalidGenesis(GenesisFault.BAD_VALUE, f"{path}.region", reason)
    return GenesisValidator(
        name=_as(name, Name, path),
        public_key=_hex(text.public_key, PUBLIC_KEY_BYTES, f"{path}.public_key"),
        stake=text.stake,
        region=zones[text.region],
    )


def _authority(name: str, data: Any) -> GenesisAuthority:
    path = f"authorities.{name}"
    text = _as(data, _AuthorityText, path)
    roles = {role.name: role for role in Role}
    if name not in roles:
        raise InvalidGenesis(GenesisFault.UNKNOWN_KEY, path, f"is none of {', '.join(roles)}")
    keys = tuple(
        _hex(key, PUBLIC_KEY_BYTES, f"{path}.public_keys[{index}]")
        for index, key in enumerate(text.public_keys)
    )
    return GenesisAuthority(roles[name], keys)


def _allocations(name: str, data: Any) -> list[Allocation]:
    path = f"allocations.{name}"
    shard = _shard_id(name, path)
    amounts = _as(data, dict[str, Any], path)
    return [
        Allocation(shard, _address(text, f"{path}.{text}"), _amount(amount, f"{path}.{text}"))
        for text, amount in amounts.items()
    ]


def _parameters(data: dict[str, Any]) -> ChainParameters:
    for name in DERIVED:
        if name in data:
            reason = "follows from shards and authorities, and is not set here"
            raise InvalidGenesis(GenesisFault.UNKNOWN_KEY, f"parameters.{name}", reason)
    return _as(data, ChainParameters, "parameters")


def _shard_id(name: str, path: str) -> Shard:
    if name not in {shard.value for shard in Shard}:
        reason = f"is none of {', '.join(Shard)}"
        raise InvalidGenesis(GenesisFault.UNKNOWN_SHARD, path, reason)
    return Shard(name)


def _address(text: str, path: str) -> bytes:
    try:
        return parse_address(text)
    except InvalidAddress as error:
        raise InvalidGenesis(GenesisFault.BAD_ADDRESS, path, str(error)) from error


def _amount(text: Any, path: str) -> int:
    digits = _as(text, str, path)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_AMOUNT))):
        reason = "is not a whole number of µGTX, as a string"
        raise InvalidGenesis(GenesisFault.BAD_VALUE, path, reason)
    amount = int(digits)
    if not 1 <= amount <= MAX_AMOUNT:
        raise InvalidGenesis(GenesisFault.BAD_VALUE, path, f"is not within 1 to {MAX_AMOUNT}")
    return amount


def _hex(text: str, length: int, path: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise InvalidGenesis(GenesisFault.BAD_KEY, path, "is not hexadecimal") from error
    if len(data) != length or data.hex() != text:
        reason = f"is not {2 * length} lower-case hexadecimal digits"
        raise InvalidGenesis(GenesisFault.BAD_KEY, path, reason)
    return data


def _as(data: Any, type_: type[T], path: str) -> T:
    try:
        return read_as(data, type_, at=path)
    except Misfit as misfit:
        fault = GenesisFault.UNKNOWN_KEY if misfit.unknown else GenesisFault.BAD_VALUE
        raise InvalidGenesis(fault, misfit.path, misfit.reason) from misfit
