"""What people and programs are shown: the table, its lines, and the final object."""

import io
import json

import pytest
import trio
import trio.testing

from gtxnode.devnet import report, table
from gtxnode.devnet.audit import INVARIANTS, KEPT, Audit
from gtxnode.devnet.table import COLUMNS, Rates, as_line, as_table, row
from gtxnode.devnet.watch import Watch


def busy() -> Watch:
    watch = Watch("geo_bangkok")
    watch.height, watch.tip = 41, "ab" * 32
    watch.transactions, watch.refused, watch.trades = 300, 2, 7
    watch.minted_wh, watch.traded_wh, watch.retired_wh = 12_300, 4_560, 1_000
    watch.last_price_mgtx_per_kwh = 3_050
    watch.latencies_ms.extend(range(1, 101))
    return watch


def audited(**broken: bool) -> Audit:
    holds = dict.fromkeys(INVARIANTS, True) | broken
    faults = tuple(f"{name}: because" for name, held in holds.items() if not held)
    return Audit(gtx_supply_ugtx=5_000, holds=holds, faults=faults)


def test_the_final_object_has_its_shape() -> None:
    watch = busy()
    summary = report.summarise(
        duration_s=60.04,
        validators=4,
        watches={"geo_bangkok": watch},
        audits={"geo_bangkok": audited()},
    )
    assert json.loads(report.as_line(summary)) == {
        "duration_s": 60.0,
        "validators": 4,
        "shards": {
            "geo_bangkok": {
                "height": 41,
                "tip": "ab" * 32,
                "finality_ms": {"p50": 50, "p99": 99},
                "transactions": 300,
                "refused": 2,
                "trades": 7,
                "minted_wh": 12_300,
                "traded_wh": 4_560,
                "retired_wh": 1_000,
                "gtx_supply_ugtx": 5_000,
                "state_roots_agree": True,
            }
        },
        "invariants": dict.fromkeys(INVARIANTS, True),
        "ok": True,
    }


def test_one_broken_invariant_of_one_shard_is_enough() -> None:
    watches = {"geo_bangkok": busy(), "geo_northern": Watch("geo_northern")}
    audits = {"geo_bangkok": audited(), "geo_northern": audited(**{KEPT: False})}
    summary = report.summarise(duration_s=1, validators=4, watches=watches, audits=audits)
    assert summary["ok"] is False
    assert [name for name, held in summary["invariants"].items() if not held] == [KEPT]
    text = report.as_text(summary, audits)
    assert "BROKEN  no acknowledged transaction lost" in text
    assert f"geo_northern: {KEPT}: because" in text


def test_a_shard_that_could_not_be_checked_holds_nothing() -> None:
    watches = {"geo_bangkok": busy()}
    summary = report.summarise(duration_s=1, validators=4, watches=watches, audits={})
    assert summary["ok"] is False
    assert not any(summary["invariants"].values())
    assert summary["shards"]["geo_bangkok"]["gtx_supply_ugtx"] is None


def test_a_row_shows_every_figure() -> None:
    cells = row(busy(), 12.34).cells()
    assert cells == (
        "geo_bangkok", "41", "50 ms", "99 ms", "12.3", "0", "7", "12.3", "4.6", "1.0", "3.05",
    )  # fmt: skip
    assert len(cells) == len(COLUMNS)
    assert as_table([row(busy(), 0.0)]).row_count == 1


def test_what_is_not_known_yet_is_a_dash() -> None:
    assert row(Watch("geo_bangkok"), 0.0).cells()[2:4] == ("-", "-")
    assert as_line(row(Watch("geo_bangkok"), 0.0)).endswith("GTX/kWh -")


def test_rates_are_over_the_last_seconds() -> None:
    rates = Rates()
    assert rates.per_s("a", 0.0, 0) == 0.0
    assert rates.per_s("a", 5.0, 100) == 20.0
    assert rates.per_s("a", 12.0, 170) == pytest.approx(10.0)  # what was at 0 s has gone
    assert rates.per_s("b", 12.0, 9) == 0.0


async def test_without_a_terminal_there_are_plain_lines(
    autojump_clock: trio.testing.MockClock,
) -> None:
    output = io.StringIO()
    with trio.move_on_after(3 * table.LINES_EVERY_S + 1):
        await table.show({"geo_bangkok": busy()}, output)
    lines = output.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("geo_bangkok: height 41, final p50 50 ms")
