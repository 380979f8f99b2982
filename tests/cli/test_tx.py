"""`gtxnode tx` against a real ledger: what is built, what it costs, and how it ends."""

from pathlib import Path

import pytest

from gtxnode.home import write_private_key
from gtxnode.primitives.addresses import format_address
from tests.cli.ledger_node import FRIEND, KEY, OWNER, LedgerChain, running
from tests.cli.running import Ran, gtxnode
from tests.rpc.fake_node import FakeChain

FRIENDS_ADDRESS = format_address(FRIEND)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_private_key(tmp_path / "owner.key", KEY)
    return tmp_path


def tx(home: Path, chain: FakeChain, *words: str) -> Ran:
    """Run `gtxnode tx` with the owner's key against the chain, waiting for the end."""
    key = str(home / "owner.key")
    with running(chain) as url:
        return gtxnode(
            home,
            "tx",
            *words,
            *("--url", url, "--key-file", key, "--wait", "--timeout", "20", "-o", "json"),
        )


def test_a_payment_is_final_and_moves_exactly_its_amount(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "send", FRIENDS_ADDRESS, "1.500001 GTX", "--memo", "for tea")
    assert ran.code == 0, ran.err
    assert ran.answer["status"] == "final"
    assert ran.answer["height"] == 1
    # The fee goes to the proposer, which is the friend here.
    assert chain.held_by(FRIEND) == (1_500_001 + 1_000, 0)
    assert chain.held_by(OWNER) == (100_000_000 - 1_500_001 - 1_000, 20_000)


def test_energy_is_handed_over_whole(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "send", FRIENDS_ADDRESS, "12.3kWh", "--fee", "0.002")
    assert ran.code == 0, ran.err
    assert chain.held_by(FRIEND) == (2_000, 12_300)
    assert chain.held_by(OWNER) == (100_000_000 - 2_000, 7_700)


def test_an_order_holds_its_funds_until_it_is_cancelled(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "order", "buy", "5kWh", "--price", "3.5", "--expires", "24h")
    assert ran.code == 0, ran.err
    assert chain.held_by(OWNER) == (100_000_000 - 17_500_000, 20_000)
    cancelled = tx(home, chain, "cancel", ran.answer["id"])
    assert cancelled.code == 0, cancelled.err
    assert chain.held_by(OWNER) == (100_000_000, 20_000)


def test_an_order_to_sell_holds_the_energy(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "order", "sell", "12.5", "--price", "3.5GTX/kWh")
    assert ran.code == 0, ran.err
    assert chain.held_by(OWNER) == (100_000_000, 7_500)


def test_retired_energy_is_gone(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "retire", "20", "--consumer", FRIENDS_ADDRESS)
    assert ran.code == 0, ran.err
    assert chain.held_by(OWNER) == (100_000_000 - 1_000, 0)


def test_credits_of_retired_energy_are_handed_on_and_used_up(home: Path) -> None:
    chain = LedgerChain()
    assert tx(home, chain, "retire", "20").code == 0
    ran = tx(home, chain, "send", FRIENDS_ADDRESS, "0.25credits")
    assert ran.code == 0, ran.err
    assert (chain.credits_of(OWNER), chain.credits_of(FRIEND)) == (7_500_000, 2_500_000)
    ran = tx(home, chain, "retire-credits", "0.75", "--beneficiary", FRIENDS_ADDRESS)
    assert ran.code == 0, ran.err
    assert chain.credits_of(OWNER) == 0


def test_import_that_no_meter_took_in_is_not_covered(home: Path) -> None:
    ran = tx(home, LedgerChain(), "retire", "20", "--meter", "ab" * 16)
    assert ran.code == 5
    assert ran.error["code"] == "unregistered_meter"


def test_without_wait_the_node_has_it_and_nothing_is_final(home: Path) -> None:
    chain = LedgerChain()
    with running(chain) as url:
        key = str(home / "owner.key")
        ran = gtxnode(home, "tx", "send", FRIENDS_ADDRESS, "1GTX", "--url", url, "--key-file", key)
    assert ran.code == 0, ran.err
    assert "accepted" in ran.out
    assert chain.held_by(FRIEND) == (0, 0)


def test_what_a_block_refuses_ends_with_its_reason(home: Path) -> None:
    ran = tx(home, LedgerChain(), "cancel", "ab" * 32)
    assert ran.code == 5
    assert ran.error["code"] == "unknown_order"
    ran = tx(home, LedgerChain(), "order", "buy", "1", "--price", "0.5")
    assert ran.code == 5
    assert ran.error["code"] == "price_out_of_bounds"


def test_what_the_node_refuses_ends_with_its_reason(home: Path) -> None:
    ran = tx(home, LedgerChain(full=True), "order", "buy", "1", "--price", "3.5")
    assert ran.code == 5
    assert ran.error["code"] == "pool_full"


def test_too_little_is_told_before_anything_is_sent(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "send", FRIENDS_ADDRESS, "1000GTX")
    assert ran.code == 5
    assert ran.error["code"] == "insufficient_funds"
    assert not chain.receipts


def test_what_is_not_final_in_time_ends_with_its_own_code(home: Path) -> None:
    key = str(home / "owner.key")
    with running(LedgerChain(stuck=True)) as url:
        words = ("tx", "send", FRIENDS_ADDRESS, "1GTX", "--url", url, "--key-file", key)
        ran = gtxnode(home, *words, "--wait", "--timeout", "0.5", "-o", "json")
    assert ran.code == 9, ran.err
    assert ran.error["code"] == "not_final"


def test_one_of_several_shards_has_to_be_named(home: Path) -> None:
    key = str(home / "owner.key")
    with running(LedgerChain(), LedgerChain("geo_northern")) as url:
        words = ("tx", "send", FRIENDS_ADDRESS, "1GTX", "--url", url, "--key-file", key)
        ran = gtxnode(home, *words)
        assert ran.code == 2
        assert "geo_northern" in ran.err
        assert gtxnode(home, *words, "--shard", "geo_northern").code == 0
        assert gtxnode(home, *words, environment={"GTX_SHARD": "geo_northern"}).code == 0
        assert gtxnode(home, *words, "--shard", "geo_eastern").code == 4


def test_a_key_of_the_keystore_signs(home: Path) -> None:
    passphrase = {"GTX_PASSPHRASE": "correct horse"}
    imported = gtxnode(
        home, "keys", "import", "owner", "--file", "-", environment=passphrase, given=KEY.hex()
    )
    assert imported.code == 0, imported.err
    chain = LedgerChain()
    with running(chain) as url:
        environment = passphrase | {"GTX_KEY": "owner", "GTX_URL": url}
        words = ("tx", "send", FRIENDS_ADDRESS, "1GTX", "--wait")
        assert gtxnode(home, *words, environment=environment).code == 0
        wrong = gtxnode(home, *words, environment=environment | {"GTX_PASSPHRASE": "x"})
        assert wrong.code == 5
        assert "keystore.wrong_passphrase" in wrong.err
    assert chain.held_by(FRIEND)[0] == 1_001_000


def test_who_signs_has_to_be_said_once(home: Path) -> None:
    words = ("tx", "send", FRIENDS_ADDRESS, "1GTX")
    assert gtxnode(home, *words).code == 2
    both = gtxnode(home, *words, "--key", "a", "--key-file", str(home / "owner.key"))
    assert both.code == 2
    assert gtxnode(home, *words, "--key", "nobody").code == 4
    assert gtxnode(home, *words, "--key-file", str(home / "missing.key")).code == 6
