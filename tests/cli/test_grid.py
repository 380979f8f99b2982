"""`gtxnode grid build`, and what is asked and said of the grid from the command line."""

import json
from pathlib import Path

import msgspec
import pytest

from gtxnode.genesis_file import read_genesis
from gtxnode.grid.build import build_model
from gtxnode.grid.model import GridModel
from gtxnode.grid_data import thai_network
from tests.cli.ledger_node import running
from tests.cli.running import gtxnode
from tests.rpc.fake_node import FakeChain

LINES = "source,sink,linesus,linemva\na,b,0.1,850\n"
ZONES = "substation,zone\na,bangkok\nb,southern\n"


def model_of(answer: dict[str, object]) -> GridModel:
    return msgspec.convert(answer["grid"], GridModel)


def test_the_thai_model_is_built_unless_another_network_is_given(tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, "grid", "build", "-o", "json")
    assert ran.code == 0, ran.err
    assert model_of(ran.answer) == build_model(thai_network())
    (tmp_path / "lines.csv").write_text(LINES)
    (tmp_path / "zones.csv").write_text(ZONES)
    given = ("--lines", str(tmp_path / "lines.csv"), "--zones", str(tmp_path / "zones.csv"))
    policy = ("--limits", "thermal", "--loss", "2%", "--wheeling", "1.5", "--transmission", "50%")
    ran = gtxnode(tmp_path, "grid", "build", *given, *policy, "-o", "json")
    assert ran.code == 0, ran.err
    model = model_of(ran.answer)
    assert [(each.forward_mw, each.factors_ppm) for each in model.corridors] == [
        (850, (0, -1_000_000))
    ]
    assert [each.loss_ppm for each in model.routes] == [20_000, 20_000]
    assert [each.mgtx_per_kwh for each in model.routes[0].charges] == [750, 375, 375]


def test_a_model_goes_into_a_genesis(tmp_path: Path) -> None:
    assert gtxnode(tmp_path, "init", "--shard", "func_energytrading").code == 0
    genesis = tmp_path / "genesis.json"
    before = read_genesis(genesis)
    assert before.parameters.grid is None
    assert gtxnode(tmp_path, "grid", "build", "--genesis", str(genesis)).code == 0
    after = read_genesis(genesis)
    assert after.parameters.grid == build_model(thai_network())
    assert after.validators == before.validators


@pytest.mark.parametrize(
    ("lines", "zones", "code"),
    [
        (LINES.replace("0.1", "0"), ZONES, "network.bad_value"),
        (LINES + "a,c,1,1\n", ZONES, "network.unknown_substation"),
        (LINES, ZONES.replace("southern", "moon"), "network.bad_value"),
        (LINES, ZONES + "c,central\n", "network.islands"),
    ],
)
def test_a_bad_network_is_refused_by_name(
    lines: str, zones: str, code: str, tmp_path: Path
) -> None:
    (tmp_path / "lines.csv").write_text(lines)
    (tmp_path / "zones.csv").write_text(zones)
    given = ("--lines", str(tmp_path / "lines.csv"), "--zones", str(tmp_path / "zones.csv"))
    ran = gtxnode(tmp_path, "grid", "build", *given, "-o", "json")
    assert (ran.code, ran.error["code"]) == (6, code)


def test_lines_and_zones_go_together(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(LINES)
    ran = gtxnode(tmp_path, "grid", "build", "--lines", str(tmp_path / "lines.csv"))
    assert ran.code == 2


@pytest.mark.parametrize(
    ("words", "expected", "text"),
    [
        (("grid",), {"start_s": 1_800_000_000}, "western"),
        (("grid", "status"), {"fund_ugtx": "35000000"}, "conditional"),
        (("grid", "model"), {"slot_s": 900}, "southern"),
        (("route", "western", "southern"), {"landed_mgtx_per_kwh": "4570"}, "4.57 GTX/kWh"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_question_has_its_answer(
    words: tuple[str, ...], expected: dict[str, object], text: str, tmp_path: Path
) -> None:
    with running(FakeChain()) as url:
        answer = gtxnode(tmp_path, "query", *words, "--url", url, "-o", "json")
        assert answer.code == 0, answer.err
        assert answer.answer | expected == answer.answer
        shown = gtxnode(tmp_path, "query", *words, "--url", url)
    assert shown.code == 0
    assert text in shown.out


def test_a_route_that_the_grid_does_not_have_is_not_found(tmp_path: Path) -> None:
    with running(FakeChain()) as url:
        ran = gtxnode(tmp_path, "query", "route", "eastern", "southern", "--url", url, "-o", "json")
    assert ran.code == 4
    assert json.loads(ran.err)["error"]["code"]
