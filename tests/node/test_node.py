"""The node as a whole, in this process: what it needs of its home, what it answers, how it ends."""

import resource
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consensus.signing import public_key
from gtxnode.config import Config, HttpConfig, NodeConfig, P2PConfig, Role, RpcConfig, StorageConfig
from gtxnode.genesis import Genesis
from gtxnode.home import Home, UnusableKey, write_private_key
from gtxnode.node import open_node, take_open_files
from gtxnode.rpc.client import connect
from storage.leveldb import LevelDB
from tests.node.harness import SHARD, key, quick_genesis, utility_key


@pytest.fixture
def genesis() -> Genesis:
    return quick_genesis(1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the key that names the node among its peers, and no other."""
    made = Home(tmp_path)
    write_private_key(made.network_key, key(3))
    return made


def config(role: Role) -> Config:
    """Settings of a node that listens where there is room."""
    return Config(
        node=NodeConfig(role=role),
        p2p=P2PConfig(listen=("/ip4/127.0.0.1/tcp/0",)),
        rpc=RpcConfig(port=0),
        http=HttpConfig(port=0),
    )


async def test_a_node_that_only_follows_needs_no_validators_key(
    home: Home, genesis: Genesis
) -> None:
    async with open_node(home, config(Role.TRADER), genesis) as node:
        (chain,) = node.status().chains
        assert chain.validator is None


async def test_a_validator_without_its_key_does_not_start(home: Home, genesis: Genesis) -> None:
    with pytest.raises(UnusableKey, match=r"validator\.key"):
        async with open_node(home, config(Role.VALIDATOR), genesis):
            pass


async def test_parameters_are_answered_as_people_write_them(home: Home, genesis: Genesis) -> None:
    async with (
        open_node(home, config(Role.TRADER), genesis) as node,
        connect(node.addresses["rpc"]) as client,
    ):
        (chain,) = await client.call("node.parameters")
    assert chain["shard"] == SHARD
    parameters = chain["parameters"]
    assert parameters["zones"] == ["bangkok"]
    mea = {"role": "mea", "public_key": public_key(utility_key()).hex()}
    assert mea in parameters["authorities"]
    assert parameters["min_fee_ugtx"] == "1000"
    assert parameters["orders"]["max_price_mgtx_per_kwh"] == "10000"
    assert parameters["orders"]["max_open_per_trader"] == 100


def test_a_node_may_open_as_many_files_as_the_system_lets_it() -> None:
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, usual), most))
        take_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


async def test_the_settings_of_storage_reach_the_database(
    home: Home, genesis: Genesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[dict[str, object]] = []
    open_database = LevelDB.open

    def recorded(path: Path, **options: Any) -> LevelDB:
        opened.append(options)
        return open_database(path, **options)

    monkeypatch.setattr(LevelDB, "open", recorded)
    chosen = StorageConfig(cache_bytes=3_000_000, write_buffer_bytes=100_000)
    settings = msgspec.structs.replace(config(Role.TRADER), storage=chosen)
    async with open_node(home, settings, genesis):
        pass
    assert opened == [{"cache_bytes": 3_000_000, "write_buffer_bytes": 100_000}]
