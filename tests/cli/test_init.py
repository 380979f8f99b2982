"""`gtxnode init` and `gtxnode config`: a home that the node can start from."""

import json
import stat
from pathlib import Path

import pytest

from consensus.checkpoints import Checkpoint, SignedCheckpoint, certify, checkpoint_digest
from consensus.signing import public_key, sign
from gtxnode.checkpoints.trust import Trust, encode_trust
from gtxnode.cli.exits import Exit
from gtxnode.cli.init import FUNDS_UGTX
from gtxnode.genesis import chain_id
from gtxnode.genesis_file import format_genesis, read_genesis
from gtxnode.home import Home, read_private_key
from gtxnode.layers import load
from gtxnode.ledger.authority.authorities import all_authorities
from gtxnode.primitives.addresses import address_of, format_address
from gtxnode.primitives.zones import Role
from tests.cli.running import gtxnode

FRIEND = format_address(b"\x07" * 20)


def contents(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


def test_a_new_home_is_a_network_of_one(tmp_path: Path) -> None:
    ran = gtxnode(tmp_path / "h", "init", "--name", "node.1", "-o", "json")
    assert ran.code == 0, ran.err
    home = Home(tmp_path / "h")
    genesis = read_genesis(home.genesis)
    validator = bytes.fromhex(ran.answer["validator"])
    assert [each.public_key for each in genesis.validators] == [validator]
    assert ran.answer["votes"] is True
    assert ran.answer["address"] == format_address(address_of(validator))
    assert [each.role for each in genesis.authorities] == list(Role)
    assert [(a.address, a.amount_ugtx) for a in genesis.allocations] == [
        (address_of(validator), FUNDS_UGTX)
    ]
    config = load(home.path, environment={}).config
    assert config.node.name == "node.1"
    held = [public_key(read_private_key(home.path / key)) for key in config.checkpoints.keys]
    assert held == [each.public_keys[0] for each in genesis.authorities]
    assert ran.answer["authorities"] == {
        each.role.name: each.public_keys[0].hex() for each in genesis.authorities
    }
    checked = gtxnode(home.path, "config", "check", "-o", "json")
    assert checked.code == 0, checked.err
    assert checked.answer["shards"] == ["geo_bangkok"]


def test_an_authority_that_joins_gets_a_key_of_its_own(tmp_path: Path) -> None:
    gtxnode(tmp_path / "first", "init")
    words = ("init", "--genesis", str(tmp_path / "first" / "genesis.json"), "-o", "json")
    ran = gtxnode(tmp_path / "joins", *words, "--authority", "mea")
    assert ran.code == 0, ran.err
    home = Home(tmp_path / "joins")
    (path,) = load(home.path, environment={}).config.checkpoints.keys
    assert ran.answer["authorities"] == {
        "MEA": public_key(read_private_key(home.path / path)).hex()
    }
    follows = gtxnode(tmp_path / "follows", *words)
    assert follows.answer["authorities"] == {}
    (home.path / path).unlink()
    checked = gtxnode(home.path, "config", "check", "-o", "json")
    assert (checked.code, checked.error["code"]) == (6, "home.unusable_key")


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    gtxnode(tmp_path, "init")
    keys = sorted((tmp_path / "keys").iterdir())
    assert [path.name for path in keys] == [
        *(f"authority-{role.name.lower()}.key" for role in sorted(Role, key=lambda r: r.name)),
        "network.key",
        "validator.key",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert len({read_private_key(path) for path in keys}) == len(keys)


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    gtxnode(tmp_path, "init")
    before = contents(tmp_path)
    ran = gtxnode(tmp_path, "init", "-o", "json")
    assert (ran.code, ran.error["code"]) == (7, "home.exists")
    assert contents(tmp_path) == before


def test_force_replaces_settings_and_genesis_and_no_key(tmp_path: Path) -> None:
    gtxnode(tmp_path, "init")
    keys = contents(tmp_path / "keys")
    words = ("init", "--force", "--network", "other", "--shard", "geo_northern", "--profile", "mea")
    ran = gtxnode(tmp_path, *words, "--fund", f"{FRIEND}=2.5", "--node-type", "validator")
    assert ran.code == 0, ran.err
    assert contents(tmp_path / "keys") == keys
    genesis = read_genesis(Home(tmp_path).genesis)
    assert genesis.network == "other"
    assert [(a.address, a.amount_ugtx) for a in genesis.allocations] == [(b"\x07" * 20, 2_500_000)]
    config = load(tmp_path, environment={}).config
    assert (config.profile, config.node.role) == ("mea", "validator")


def test_a_trader_alone_would_wait_for_ever(tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, "init", "--node-type", "trader")
    assert ran.code == Exit.USAGE
    assert "--genesis" in ran.err
    assert contents(tmp_path) == {}


def test_a_node_joins_the_network_of_a_genesis_file(tmp_path: Path) -> None:
    gtxnode(tmp_path / "first", "init", "--network", "joined")
    shared = Home(tmp_path / "first").genesis
    ran = gtxnode(tmp_path / "second", "init", "--genesis", str(shared), "-o", "json")
    assert ran.code == 0, ran.err
    assert (ran.answer["network"], ran.answer["votes"]) == ("joined", False)
    joined = Home(tmp_path / "second")
    assert read_genesis(joined.genesis) == read_genesis(shared)
    assert joined.genesis.read_bytes() == format_genesis(read_genesis(shared))
    assert not list(joined.path.glob("keys/authority-*"))


def checkpoint_file(first: Path, path: Path, *, shard: str = "geo_bangkok") -> str:
    """What `gtxnode -o json query trust` prints of the network that a home began."""
    genesis = read_genesis(Home(first).genesis)
    authorities = all_authorities(genesis.chain_parameters("geo_bangkok"))
    assert authorities is not None
    chain = chain_id(genesis.network, shard)
    stated = Checkpoint(chain, 0, 100, b"\x01" * 32, *[bytes(32)] * 3)
    keys = [read_private_key(each) for each in sorted(first.glob("keys/authority-*"))]
    digest = checkpoint_digest(stated)
    words = [SignedCheckpoint(stated, public_key(key), sign(key, digest)) for key in keys]
    certificate = certify(authorities, words)
    assert certificate is not None
    trust = encode_trust(Trust(chain, (), certificate)).hex()
    document = {"shard": shard, "chain_id": chain, "height": 100, "trust": trust}
    path.write_text(json.dumps(document))
    return str(path)


def test_a_new_node_starts_from_a_checkpoint_that_its_genesis_leads_to(tmp_path: Path) -> None:
    gtxnode(tmp_path / "first", "init", "--network", "joined")
    shared = str(Home(tmp_path / "first").genesis)
    file = checkpoint_file(tmp_path / "first", tmp_path / "trust.json")
    ran = gtxnode(tmp_path / "second", "init", "--genesis", shared, "--trust", file)
    assert ran.code == 0, ran.err
    config = load(tmp_path / "second", environment={}).config
    assert config.checkpoints.trusted == (f"geo_bangkok:100:{'01' * 32}",)

    gtxnode(tmp_path / "other", "init", "--network", "other")
    foreign = str(Home(tmp_path / "other").genesis)
    nowhere = checkpoint_file(tmp_path / "first", tmp_path / "n.json", shard="geo_northern")
    (tmp_path / "rubbish").write_text('{"shard": "geo_bangkok", "trust": "xyz"}')
    for genesis, wrong in (
        (foreign, file),
        (shared, nowhere),
        (shared, str(tmp_path / "rubbish")),
    ):
        ran = gtxnode(
            tmp_path / "third", "init", "--genesis", genesis, "--trust", wrong, "-o", "json"
        )
        assert (ran.code, ran.error["code"]) == (6, "checkpoints.invalid_trust")
        assert contents(tmp_path / "third") == {}
    alone = gtxnode(tmp_path / "third", "init", "--trust", file)
    assert alone.code == Exit.USAGE


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--name", "a b"), 6),
        (("--network", "A b"), 6),
        (("--shard", "geo_moon"), 2),
        (("--fund", "gtx1nobody=1"), 2),
        (("--fund", f"{FRIEND}=0.0000001"), 2),
        (("--fund", f"{FRIEND}=1", "--fund", f"{FRIEND}=1"), 6),
        (("--genesis", "missing.json"), 2),
    ],
)
def test_what_is_refused_leaves_no_half_made_home(
    words: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    ran = gtxnode(tmp_path / "h", "init", *words)
    assert ran.code == code, ran.err
    assert not (tmp_path / "h" / "config.toml").exists()
    assert not (tmp_path / "h" / "genesis.json").exists()


def test_a_wrong_genesis_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "genesis.json").write_text(json.dumps({"network": "x"}))
    words = ("init", "--genesis", str(tmp_path / "genesis.json"), "-o", "json")
    ran = gtxnode(tmp_path / "h", *words)
    assert (ran.code, ran.error["code"]) == (6, "genesis.bad_value")


def test_show_says_where_each_value_comes_from(tmp_path: Path) -> None:
    gtxnode(tmp_path, "init", "--name", "n1", "--profile", "egat")
    environment = {"GTX_RPC_PORT": "7000"}
    shown = gtxnode(tmp_path, "config", "show", "-o", "json", environment=environment).answer
    assert shown["rpc.port"] == {"value": 7000, "from": "environment"}
    assert shown["node.name"] == {"value": "n1", "from": str(tmp_path / "config.toml")}
    assert shown["node.role"] == {"value": "trader", "from": "profile egat"}
    text = gtxnode(tmp_path, "config", "show", environment=environment).out
    assert any(line.split() == ["rpc.port", "7000", "environment"] for line in text.splitlines())


def test_check_finds_what_the_node_would_stumble_over(tmp_path: Path) -> None:
    gtxnode(tmp_path, "init")
    home = Home(tmp_path)
    assert gtxnode(tmp_path, "config", "check").code == 0
    elsewhere = {"GTX_NODE_SHARDS": "geo_northern"}
    ran = gtxnode(tmp_path, "config", "check", environment=elsewhere)
    assert ran.code == 6
    assert "node.shards[0]" in ran.err
    home.network_key.chmod(0o644)
    ran = gtxnode(tmp_path, "config", "check", "-o", "json")
    assert (ran.code, ran.error["code"]) == (6, "home.unusable_key")
    home.network_key.chmod(0o600)
    home.genesis.unlink()
    assert gtxnode(tmp_path, "config", "check").code == 6
