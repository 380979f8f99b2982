"""What is written for a new network is what its nodes will read."""

import json
import stat
from pathlib import Path

import pytest

from consensus import signing
from gtxnode import layers
from gtxnode.devnet import homes
from gtxnode.devnet.communities import HOMES_EACH, SLOT_S
from gtxnode.devnet.fleet import ALLOCATION_UGTX, Fleet, prepare
from gtxnode.genesis_file import read_genesis
from gtxnode.home import read_private_key
from gtxnode.market.slots import Slot
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import REGISTRY, Role, Shard, Zone
from p2p.identity import peer_id_of

SHARDS = (Shard.GEO_BANGKOK, Shard.GEO_NORTHERN)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return prepare(tmp_path, validators=4, shards=SHARDS, port_base=None, now_ms=1_700_000_000_000)


def test_every_node_reads_its_settings_and_one_genesis(fleet: Fleet) -> None:
    for validator in fleet.validators:
        config = layers.load(validator.home.path, environment={}).config
        assert config.node.name == validator.name
        assert config.p2p.listen == (f"/ip4/127.0.0.1/tcp/{validator.ports.p2p}",)
        assert config.rpc.port == validator.ports.rpc
        assert config.http.port == validator.ports.http
        others = {each.p2p for each in fleet.validators if each is not validator}
        assert set(config.p2p.bootstrap) == others
        assert read_genesis(validator.home.genesis) == fleet.genesis


def test_addresses_carry_the_identity_that_the_node_will_have(fleet: Fleet) -> None:
    for validator in fleet.validators:
        key = read_private_key(validator.home.network_key)
        assert validator.p2p.endswith(f"/p2p/{peer_id_of(signing.public_key(key))}")


def test_the_first_validators_sign_checkpoints_for_all_authorities(fleet: Fleet) -> None:
    held = []
    for validator in fleet.validators:
        config = layers.load(validator.home.path, environment={}).config
        held.append(
            [read_private_key(validator.home.path / key) for key in config.checkpoints.keys]
        )
    assert held == [[fleet.authorities[role]] for role in Role]


def test_fewer_validators_hold_several_authorities_keys(tmp_path: Path) -> None:
    fleet = prepare(tmp_path, validators=3, shards=SHARDS, port_base=None, now_ms=1)
    configs = [layers.load(each.home.path, environment={}).config for each in fleet.validators]
    assert [len(config.checkpoints.keys) for config in configs] == [2, 1, 1]


def test_every_validator_votes_with_its_own_key_on_every_shard(fleet: Fleet) -> None:
    keys = {
        signing.public_key(read_private_key(each.home.validator_key)) for each in fleet.validators
    }
    assert len(keys) == 4
    for shard in SHARDS:
        voters = fleet.genesis.validator_set(shard)
        assert all(voters.get(key) is not None for key in keys)


def test_homes_are_dealt_out_and_have_money_where_they_live(fleet: Fleet) -> None:
    assert len(fleet.households) == homes.HOMES
    assert {each.zone for each in fleet.households} == {Zone.BANGKOK, Zone.NORTHERN}
    for household in fleet.households:
        amounts = {
            each.address: each.amount_ugtx for each in fleet.genesis.allocations_on(household.shard)
        }
        assert amounts[household.owner] == ALLOCATION_UGTX


def test_a_meter_is_registered_by_the_utility_of_its_territory(fleet: Fleet) -> None:
    for household in fleet.households:
        assert household.utility is (Role.MEA if household.zone is Zone.BANGKOK else Role.PEA)
        parameters = fleet.genesis.chain_parameters(household.shard)
        key = signing.public_key(fleet.authorities[household.utility])
        assert key in parameters.keys_of(frozenset({household.utility}))
        assert household.zone in parameters.zones


def test_shards_without_a_zone_have_no_homes(tmp_path: Path) -> None:
    shards = (Shard.FUNC_GOVERNANCE,)
    fleet = prepare(tmp_path, validators=1, shards=shards, port_base=None, now_ms=1)
    assert fleet.households == ()


def test_keys_are_readable_by_their_owner_alone(fleet: Fleet) -> None:
    keys = list(fleet.folder.rglob("*.key"))
    assert len(keys) == 4 * 2 + len(Role) + 2 * homes.HOMES
    assert all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys)


def test_ports_follow_from_the_base(tmp_path: Path) -> None:
    fleet = prepare(tmp_path, validators=2, shards=SHARDS, port_base=25_000, now_ms=1)
    assert [each.websocket for each in fleet.validators] == [
        "ws://127.0.0.1:25001",
        "ws://127.0.0.1:25011",
    ]
    assert fleet.validators[1].http == "http://127.0.0.1:25012"


def test_without_a_base_all_ports_are_different(fleet: Fleet) -> None:
    ports = [p for v in fleet.validators for p in (v.ports.p2p, v.ports.rpc, v.ports.http)]
    assert len(set(ports)) == len(ports)


def test_what_is_told_of_a_running_network(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, validator in enumerate(fleet.validators):
        monkeypatch.setattr(type(validator.process), "pid", 100 + number)
    told = json.loads(fleet.describe(99))
    assert told["pid"] == 99
    assert told["shards"] == ["geo_bangkok", "geo_northern"]
    assert [set(each) for each in told["validators"]] == [
        {"name", "pid", "home", "websocket", "http", "p2p"}
    ] * 4


def test_communities_trade_between_zones_over_a_grid(tmp_path: Path) -> None:
    shards = (Shard.GEO_BANGKOK, Shard.FUNC_ENERGYTRADING)
    fleet = prepare(tmp_path, validators=1, shards=shards, port_base=None, now_ms=1)
    trading = [each for each in fleet.households if each.shard is Shard.FUNC_ENERGYTRADING]
    assert len({each.zone for each in trading}) > 1
    assert {each.homes for each in fleet.households} == {1, HOMES_EACH}
    parameters = fleet.genesis.parameters
    assert parameters.grid is not None
    assert parameters.forwards.product_of(Slot(0, SLOT_S)) is not None
    held = {each.address: each.amount_ugtx for each in fleet.genesis.allocations}
    assert {held[each.owner] for each in trading} == {ALLOCATION_UGTX * HOMES_EACH}


def test_validators_have_what_proposing_costs(tmp_path: Path) -> None:
    shards = (Shard.GEO_BANGKOK, REGISTRY)
    fleet = prepare(tmp_path, validators=2, shards=shards, port_base=None, now_ms=1)
    genesis = fleet.genesis
    held = {each.address: each.amount_ugtx for each in genesis.allocations_on(REGISTRY)}
    owners = {address_of(each.public_key) for each in genesis.validators}
    assert set(held) == owners
    assert min(held.values()) > genesis.parameters.governance.deposit_ugtx
