"""`gtxnode query` and `gtxnode status`: what the node answers, as JSON and as text."""

import json
from pathlib import Path

import pytest

from gtxnode.primitives.addresses import format_address
from tests.cli.ledger_node import running
from tests.cli.running import gtxnode
from tests.rpc.fake_node import ALICE, FakeChain, FakeNode, a_trade

ADDRESS = format_address(ALICE)


def chain() -> FakeChain:
    made = FakeChain()
    made.make_block(a_trade(1, 1))
    return made


@pytest.mark.parametrize(
    ("words", "expected", "text"),
    [
        (("balance", ADDRESS), {"money_ugtx": str(2**60 + 1)}, "1152921504606.846977 GTX"),
        (("coins", ADDRESS, "--limit", "2"), {"height": 1}, "cash"),
        (("block",), {"height": 1}, "1970-01-01 00:00:01.000 UTC"),
        (("block", "1"), {"height": 1}, "overspent"),
        (("book", "--depth", "3"), {"ask_orders": 1}, "3.5 GTX/kWh"),
        (("trades",), {"height": 1}, "175 GTX"),
        (("meter", "05" * 16), {"counter": 3}, "9 kWh"),
        (("supply",), {"minted_wh": "7"}, "0.007 kWh"),
        (("validators",), {"height": 2, "epoch": 0}, "100 GTX"),
        (("seeds",), {"epoch": 2}, "withheld"),
        (("validators", "1"), {"height": 1, "total_power_ugtx": "100000000"}, "jailed"),
        (("proposals", "--shard", "geo_bangkok"), {"epoch": 2}, "Twice the fee"),
        (("proposal", "1", "--shard", "geo_bangkok"), {"status": "voting"}, "60 GTX"),
        (("in-force",), {"version": 0}, "0.001 GTX"),
        (("report", "2026-11-21"), {"traded_wh": "50000"}, "175 GTX"),
        (("violations", "--rule", "halted"), {"height": 1}, "by EGAT"),
        (("violations", "--rule", "usage_limit"), {"violations": []}, "none"),
        (("acts",), {"height": 1}, "halt"),
        (("halts",), {"time_ms": 1_000}, "Blackout"),
        (("mandates",), {"height": 1}, "EGAT"),
        (("usage", ADDRESS), {"height": 1}, "evening_peak"),
        (("status",), {"ready": True}, "geo_bangkok"),
        (("tariff",), {"height": 0}, "energy_charges"),
        (
            ("quote", "--at", "2026-11-23T12:00", "--price", "3.5"),
            {"buyer_total_uthb_per_kwh": "4570000", "feed_in_uthb_per_kwh": "2200000"},
            "4.57 THB/kWh",
        ),
        (("quote", "--at", "2026-11-23T23:00"), {"calendar_known": True}, "2.995144 THB/kWh"),
        (("bill", ADDRESS, "1970-01"), {"here_satang": "0", "meters": 0}, "No meter was read"),
        (("carbon", "bangkok", "2026-11-23"), {"grid_gco2e_per_kwh": 475}, "2026-11-23"),
        (("certificates", "--consumer", ADDRESS), {"certificates": []}, "certificates"),
        (("certificates", "--meter", "05" * 16, "--to", "2026-11-23"), {"more": False}, "no"),
    ],
    ids=lambda value: " ".join(value)[:20] if isinstance(value, tuple) else "",
)
def test_a_question_has_its_answer(
    words: tuple[str, ...], expected: dict[str, object], text: str, tmp_path: Path
) -> None:
    with running(chain()) as url:
        asked = ("query", *words, "--url", url)
        answer = gtxnode(tmp_path, *asked, "-o", "json")
        assert answer.code == 0, answer.err
        assert answer.answer | expected == answer.answer
        shown = gtxnode(tmp_path, *asked)
    assert shown.code == 0
    assert text in shown.out


def test_peers_and_parameters_are_lists(tmp_path: Path) -> None:
    with running(chain()) as url:
        for words in (("peers",), ("parameters",)):
            answer = gtxnode(tmp_path, "query", *words, "--url", url, "-o", "json").answer
            assert len(answer) == 1
        assert "0.001 GTX" in gtxnode(tmp_path, "query", "parameters", "--url", url).out


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (("block", "99"), 4, "rpc.not_found"),
        (("meter", "06" * 16), 4, "rpc.not_found"),
        (("tx", "ab" * 32), 4, "rpc.not_found"),
        (("supply", "--shard", "geo_eastern"), 4, "rpc.not_hosted"),
        (("coins", ADDRESS, "--after", "zz"), 2, "rpc.invalid_params"),
    ],
)
def test_what_the_node_cannot_answer_has_its_code(
    words: tuple[str, ...], code: int, name: str, tmp_path: Path
) -> None:
    with running(chain()) as url:
        ran = gtxnode(tmp_path, "query", *words, "--url", url, "-o", "json")
    assert (ran.code, ran.error["code"]) == (code, name)


def test_an_account_may_be_a_keys_name(tmp_path: Path) -> None:
    environment = {"GTX_PASSPHRASE": "correct horse"}
    made = gtxnode(tmp_path, "keys", "new", "alice", "-o", "json", environment=environment)
    with running(chain()) as url:
        ran = gtxnode(tmp_path, "query", "balance", "alice", "--url", url, "-o", "json")
        assert ran.answer["address"] == made.answer["address"]
        assert gtxnode(tmp_path, "query", "balance", "bob", "--url", url).code == 4


def test_the_node_of_the_home_is_asked_where_its_settings_say(tmp_path: Path) -> None:
    with running(chain()) as url:
        port = url.rpartition(":")[2].strip("/")
        (tmp_path / "config.toml").write_text(f"[rpc]\nhost = '0.0.0.0'\nport = {port}")
        assert gtxnode(tmp_path, "status").code == 0
        asked = {"GTX_URL": url, "GTX_RPC_PORT": "1"}
        assert gtxnode(tmp_path, "status", environment=asked).code == 0
    free = gtxnode(tmp_path, "status", environment={"GTX_RPC_PORT": "0"})
    assert free.code == 2
    assert "rpc.port" in free.err


def test_a_node_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with running(chain()) as url:
        pass
    ran = gtxnode(tmp_path, "status", "--url", url, "-o", "json")
    assert (ran.code, ran.error["code"]) == (3, "rpc.unreachable")
    assert url in ran.error["message"]
    assert ran.out == ""


@pytest.mark.parametrize(
    "url", ["nonsense", "http://127.0.0.1:1", "ws://127.0.0.1:99999", "ws://[::1", "ws://:1", ""]
)
def test_a_url_that_is_none_is_a_usage_error(url: str, tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, "status", "--url", url)
    assert ran.code == 2, ran.err
    assert ran.err.count("\n") == 1


def test_a_node_that_is_not_ready_fails_only_who_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = FakeNode.__init__

    def catching_up(self: FakeNode, *chains: FakeChain) -> None:
        made(self, *chains)
        self.reasons = ("geo_bangkok is 5 blocks behind",)

    monkeypatch.setattr(FakeNode, "__init__", catching_up)
    with running(chain()) as url:
        assert gtxnode(tmp_path, "status", "--url", url).code == 0
        ran = gtxnode(tmp_path, "status", "--ready", "--url", url, "-o", "json")
    assert ran.code == 1
    assert json.loads(ran.out)["ready"] is False
    assert "5 blocks behind" in ran.error["message"]
