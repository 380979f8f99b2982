"""`gtxnode tx stake`, `unstake`, `unjail` against a real ledger."""

from pathlib import Path

import pytest

from consensus import signing
from gtxnode.cli.exits import Exit
from gtxnode.home import Home, write_private_key
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.registry.validators import Validator, validator_coin_id
from gtxnode.primitives.zones import REGISTRY, Zone
from tests.cli.ledger_node import FOUNDER, KEY, OWNER, LedgerChain, running
from tests.cli.running import Ran, gtxnode

NODE_KEY = b"\x21" * 32
FEE = 1_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a validator's key, and its owner's beside it."""
    write_private_key(tmp_path / "owner.key", KEY)
    write_private_key(Home(tmp_path).validator_key, NODE_KEY)
    return tmp_path


def tx(home: Path, chain: LedgerChain, *words: str) -> Ran:
    """Run `gtxnode tx` with the owner's key, on a node that hosts another chain as well."""
    key = str(home / "owner.key")
    with running(LedgerChain(), chain) as url:
        return gtxnode(
            home,
            "tx",
            *words,
            *("--url", url, "--key-file", key, "--wait", "--timeout", "20", "-o", "json"),
        )


def staked(chain: LedgerChain, node_key: bytes = NODE_KEY) -> Validator:
    public = signing.public_key(node_key)
    coin = decode_coin(chain.coins_now[validator_coin_id(chain.chain_id, public)])
    assert isinstance(coin, Validator)
    return coin


def test_a_validator_is_registered_staked_more_and_unstaked(home: Path) -> None:
    chain = LedgerChain(REGISTRY)
    commitment = "ab" * 32
    ran = tx(home, chain, "stake", "20", "--register", "northern", "--seed-commitment", commitment)
    assert ran.code == 0, ran.err
    assert ran.answer["shard"] == REGISTRY
    made = staked(chain)
    assert (made.owner, made.region, made.stake_ugtx) == (OWNER, Zone.NORTHERN, 20_000_000)
    assert made.seed_commitment.hex() == commitment
    assert chain.held_by(OWNER) == (80_000_000 - FEE, 20_000)

    assert tx(home, chain, "stake", "5 GTX").code == 0
    validator = signing.public_key(NODE_KEY).hex()
    taken = tx(home, chain, "unstake", "15", "--validator", validator, "--fee", "0.002")
    assert taken.code == 0, taken.err
    left = staked(chain)
    assert left.stake_ugtx == 10_000_000
    assert [each.amount_ugtx for each in left.unbonding] == [15_000_000]
    assert chain.held_by(OWNER) == (75_000_000 - 2 * FEE - 2_000, 20_000)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("stake", "20"), "unknown_validator"),
        (("stake", "5", "--register", "bangkok"), "stake_too_small"),
        (("unstake", "1", "--validator", FOUNDER.hex()), "not_owner"),
        (("unjail",), "unknown_validator"),
        (("serve", "geo_bangkok"), "unknown_validator"),
        (("serve", "--shard", "geo_bangkok"), "not_registry"),
        (("unjail", "--shard", "geo_bangkok"), "not_registry"),
    ],
    ids=lambda value: " ".join(value)[:24] if isinstance(value, tuple) else value,
)
def test_a_refusal_has_its_reason(home: Path, words: tuple[str, ...], reason: str) -> None:
    ran = tx(home, LedgerChain(REGISTRY), *words)
    assert ran.code == Exit.REFUSED
    assert ran.error["code"] == reason


@pytest.mark.parametrize(
    "words",
    [
        ("stake", "20", "--seed-commitment", "ab" * 32),
        ("stake", "20", "--register", "bangkok", "--validator", FOUNDER.hex()),
        ("stake", "20", "--register", "moon"),
        ("stake", "20", "--validator", "ab"),
        ("stake", "0"),
        ("stake", "20", "--serves", "geo_bangkok"),
        ("stake", "20", "--register", "bangkok", "--serves", "geo_moon"),
        ("serve", "geo_moon"),
    ],
)
def test_options_that_make_no_sense_are_refused(home: Path, words: tuple[str, ...]) -> None:
    assert tx(home, LedgerChain(REGISTRY), *words).code == 2


def test_a_home_without_a_validator_says_so(home: Path) -> None:
    Home(home).validator_key.unlink()
    ran = tx(home, LedgerChain(REGISTRY), "stake", "20")
    assert ran.error["code"] == "home.unusable_key"


def test_the_registry_beside_a_chain_is_not_what_is_meant(home: Path) -> None:
    with running(LedgerChain(), LedgerChain(REGISTRY)) as url:
        ran = gtxnode(home, "query", "supply", "--url", url, "-o", "json")
    assert (ran.code, ran.answer["shard"]) == (0, "geo_bangkok"), ran.err
    chains = (LedgerChain(), LedgerChain("geo_central"), LedgerChain(REGISTRY))
    with running(*chains) as url:
        ran = gtxnode(home, "query", "supply", "--url", url, "-o", "json")
    assert (ran.code, ran.error["code"]) == (2, "usage")
