"""`gtxnode tx propose`, `vote`, `halt`, `lift` against a real ledger, and reports as CSV."""

import csv
import io
from pathlib import Path

import pytest

from gtxnode.cli.exits import Exit
from gtxnode.cli.report import summed
from gtxnode.home import Home, write_private_key
from gtxnode.ledger.authority.halts import SPOT, Halts, OfMarket, OfTrader, Scope, halts_coin_id
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.registry.proposals import Proposal, proposal_coin_id
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.zones import REGISTRY, Zone
from tests.cli.ledger_node import FRIEND, KEY, LedgerChain, running
from tests.cli.running import Ran, gtxnode
from tests.rpc.fake_node import FakeChain, FakeNode

FEE = 1_000
DEPOSIT = 50_000_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_private_key(tmp_path / "owner.key", KEY)
    write_private_key(tmp_path / "friend.key", b"\x12" * 32)
    write_private_key(Home(tmp_path).validator_key, b"\x21" * 32)
    return tmp_path


def tx(home: Path, chain: LedgerChain, *words: str, by: str = "owner") -> Ran:
    key = str(home / f"{by}.key")
    with running(chain) as url:
        return gtxnode(
            home,
            "tx",
            *words,
            *("--url", url, "--key-file", key, "--wait", "--timeout", "20", "-o", "json"),
        )


def test_a_proposal_takes_the_chains_deposit(home: Path) -> None:
    chain = LedgerChain(REGISTRY)
    words = ("propose", "--title", "Smaller orders", "orders.max_wh=5000000", "min_fee_ugtx=2000")
    ran = tx(home, chain, *words)
    assert ran.code == 0, ran.err
    coin = decode_coin(chain.coins_now[proposal_coin_id(chain.chain_id, 1)])
    assert isinstance(coin, Proposal)
    assert coin.title == "Smaller orders"
    assert [(each.name, each.value) for each in coin.changes] == [
        ("orders.max_wh", "5000000"),
        ("min_fee_ugtx", "2000"),
    ]
    assert coin.deposit_ugtx == DEPOSIT


def test_a_proposal_that_says_why_it_is_refused(home: Path) -> None:
    chain = LedgerChain(REGISTRY)
    ran = tx(home, chain, "propose", "--title", "No", "staking.epoch_blocks=5")
    assert ran.code == Exit.REFUSED
    assert ran.error["code"] == "fixed_parameter"
    assert tx(home, chain, "propose", "--title", "No", "min_fee_ugtx").code == Exit.USAGE


def test_a_vote_before_voting_is_refused_by_name(home: Path) -> None:
    chain = LedgerChain(REGISTRY)
    assert tx(home, chain, "propose", "--title", "Fee", "min_fee_ugtx=2000").code == 0
    assert tx(home, chain, "vote", "1", "yes").error["code"] == "voting_closed"
    assert tx(home, chain, "vote", "2", "no").error["code"] == "unknown_proposal"
    assert tx(home, chain, "vote", "1", "perhaps").code == Exit.USAGE


def standing(chain: LedgerChain) -> list[object]:
    encoded = chain.coins_now.get(halts_coin_id(chain.chain_id))
    coin = None if encoded is None else decode_coin(encoded)
    return [each.scope for each in coin.standing] if isinstance(coin, Halts) else []


def test_only_an_authority_halts(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "halt", "--for", "1h", "--cause", "a test", by="friend")
    assert ran.error["code"] == "not_authorised"
    assert standing(chain) == []


def test_the_scope_of_a_halt_is_said_by_options(home: Path) -> None:
    both = tx(
        home,
        LedgerChain(),
        *("halt", "--for", "1h", "--cause", "no"),
        *("--trader", format_address(FRIEND), "--zone", "bangkok"),
    )
    assert both.code == Exit.USAGE


SCOPES: list[tuple[tuple[str, ...], Scope]] = [
    ((), OfMarket()),
    (("--zone", "bangkok", "--product", "spot"), OfMarket(Zone.BANGKOK, SPOT)),
    (("--product", "15"), OfMarket(product=900)),
    (("--trader", format_address(FRIEND)), OfTrader(FRIEND)),
]


@pytest.mark.parametrize(("words", "scope"), SCOPES)
def test_the_regulator_halts_and_lifts(
    words: tuple[str, ...], scope: Scope, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The fake chain's clock stands where time began.
    monkeypatch.setattr("gtxnode.cli.compliance.now_ms", lambda: 1)
    chain = LedgerChain()
    halted = tx(home, chain, "halt", *words, "--for", "1h", "--cause", "a test")
    assert halted.code == 0, halted.err
    assert standing(chain) == [scope]
    lifted = tx(home, chain, "lift", *words)
    assert lifted.code == 0, lifted.err
    assert standing(chain) == []


def test_a_report_as_csv_has_a_row_for_each_figure(home: Path) -> None:
    with running(FakeChain()) as url:
        ran = gtxnode(
            home,
            *("query", "report", "2026-11-20", "--until", "2026-11-21", "--csv", "--url", url),
        )
        assert ran.code == 0, ran.err
        ahead = gtxnode(home, "query", "report", "2027-01-01", "--url", url)
        assert ahead.code == Exit.NOT_FOUND
        for words in (("2026-11-32",), ("2026-11-21", "--until", "2026-11-20")):
            wrong = gtxnode(home, "query", "report", *words, "--url", url)
            assert wrong.code == Exit.USAGE
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert {row["day"] for row in rows} == {"2026-11-20", "2026-11-21"}
    first = {(row["section"], row["name"]): row for row in rows if row["day"] == "2026-11-20"}
    assert first["totals", "traded_ugtx"]["value"] == "175000000"
    assert first["totals", "traded_ugtx"]["unit"] == "uGTX"
    assert first["kinds", "place_sell"]["value"] == "3"
    assert first["violations", "halted"]["value"] == "1"
    minted = [int(first[section, "minted_wh"]["value"]) for section in ("opening", "closing")]
    assert minted[1] - minted[0] == int(first["totals", "minted_wh"]["value"])


def test_the_networks_report_is_the_sum_of_its_chains(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeNode, "elsewhere", ("geo_eastern", "geo_southern"))
    bangkok, southern = FakeChain(), FakeChain("geo_southern")
    with running(bangkok) as url, running(southern) as other:
        words = ("query", "report", "2026-11-20", "--network", "--url", url)
        alone = gtxnode(home, *words, "-o", "json")
        both = gtxnode(home, *words, "--also", other, "-o", "json")
        table = gtxnode(home, *words, "--also", other, "--until", "2026-11-21", "--csv")
        shown = gtxnode(home, *words, "--also", other)
        for wrong in (("--shard", "geo_bangkok"), ("--also", other) * 16):
            assert gtxnode(home, *words, *wrong).code == Exit.USAGE
        without = gtxnode(home, "query", "report", "2026-11-20", "--also", other, "--url", url)
        assert without.code == Exit.USAGE
    assert alone.answer["missing"] == ["geo_eastern", "geo_southern"]
    assert both.answer["missing"] == ["geo_eastern"]
    assert [each["shard"] for each in both.answer["chains"]] == ["geo_bangkok", "geo_southern"]
    (one,), sums = alone.answer["chains"], both.answer["network"]
    assert (sums["traded_ugtx"], sums["trades"]) == (str(2 * int(one["traded_ugtx"])), 2)
    assert sums["closing"]["minted_wh"] == str(2 * int(one["closing"]["minted_wh"]))
    assert sums["violations"] == [{"name": "halted", "number": 2}]
    rows = list(csv.DictReader(io.StringIO(table.out)))
    assert {(row["shard"], row["day"]) for row in rows} == {
        (shard, day)
        for shard in ("geo_bangkok", "geo_southern", "network")
        for day in ("2026-11-20", "2026-11-21")
    }
    figures = {(row["shard"], row["section"], row["name"]): row["value"] for row in rows}
    assert figures["network", "totals", "traded_ugtx"] == sums["traded_ugtx"]
    assert "geo_southern" in shown.out
    assert "350 GTX" in shown.out


def test_counts_that_only_some_chains_have_are_kept() -> None:
    one = {"shard": "a", "day": "x", "minted_wh": "5", "kinds": [{"name": "reading", "number": 2}]}
    other = {**one, "shard": "b", "kinds": [{"name": "halt", "number": 1}]}
    assert summed([one, other]) == {
        "minted_wh": "10",
        "kinds": [{"name": "halt", "number": 1}, {"name": "reading", "number": 2}],
    }
