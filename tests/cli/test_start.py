"""`gtxnode start` and `gtxnode devnet`: what they hand on, and how they end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from gtxnode import node
from gtxnode.cli import devnet as devnet_module
from gtxnode.config import Config, LogLevel, Role
from gtxnode.genesis import Genesis
from storage.errors import Locked
from tests.cli.running import gtxnode


class Started:
    """Stands for the node: what it was started with, and what it ends with."""

    def __init__(self) -> None:
        self.config = Config()
        self.genesis: Genesis | None = None
        self.home = Path()
        self.end: int | Exception = 0

    def run(self, home: Path, config: Config, genesis: Genesis) -> int:
        self.home, self.config, self.genesis = home, config, genesis
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    made = Started()
    monkeypatch.setattr(node, "run", made.run)
    monkeypatch.setattr("gtxnode.logs.configure", lambda *words, **more: None)
    yield made
    structlog.reset_defaults()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert gtxnode(tmp_path, "init", "--name", "n1").code == 0
    return tmp_path


def test_the_node_gets_home_settings_and_genesis(started: Started, home: Path) -> None:
    ran = gtxnode(home, "start")
    assert ran.code == 0, ran.err
    assert started.home == home
    assert started.config.node.name == "n1"
    assert started.genesis is not None
    assert started.genesis.network == "gridtokenx-local"


def test_the_command_line_is_the_strongest(started: Started, home: Path) -> None:
    environment = {"GTX_NODE_ROLE": "validator", "GTX_RPC_PORT": "1", "GTX_LOGGING_LEVEL": "error"}
    words = ("--no-mining", "--node-type", "trader", "--log-level", "debug", "--set", "rpc.port=2")
    assert gtxnode(home, "start", *words, environment=environment).code == 0
    strong = started.config
    assert (strong.node.mining, strong.node.role) == (False, Role.TRADER)
    assert (strong.logging.level, strong.rpc.port) == (LogLevel.DEBUG, 2)
    assert gtxnode(home, "start", environment=environment).code == 0
    weak = started.config
    assert (weak.node.mining, weak.node.role) == (True, Role.VALIDATOR)
    assert (weak.logging.level, weak.rpc.port) == (LogLevel.ERROR, 1)


def test_every_option_is_a_variable_too(started: Started, home: Path) -> None:
    environment = {"GTX_START_MINING": "false", "GTX_START_NODE_TYPE": "trader"}
    assert gtxnode(home, "start", environment=environment).code == 0
    assert (started.config.node.mining, started.config.node.role) == (False, "trader")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--set", "rpc.prot=1"), 6),
        (("--set", "rpc.port=many"), 6),
        (("--set", "rpc.port"), 2),
        (("--node-type", "king"), 2),
    ],
)
def test_wrong_settings_start_nothing(
    words: tuple[str, ...], code: int, started: Started, home: Path
) -> None:
    assert gtxnode(home, "start", *words).code == code
    assert started.genesis is None


def test_without_a_home_there_is_nothing_to_start(started: Started, tmp_path: Path) -> None:
    ran = gtxnode(tmp_path / "none", "start", "-o", "json")
    assert (ran.code, ran.error["code"]) == (4, "home.missing")


def test_the_nodes_end_is_the_commands(started: Started, home: Path) -> None:
    started.end = 1
    assert gtxnode(home, "start").code == 1
    started.end = Locked(home / "lock", 7)
    ran = gtxnode(home, "start", "-o", "json")
    assert (ran.code, ran.error["code"]) == (7, "storage.locked")


def test_the_devnet_gets_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(**options: Any) -> int:
        seen.update(options)
        return 1

    monkeypatch.setattr(devnet_module, "run", run)
    words = ("--validators", "7", "--shards", "geo_bangkok, geo_eastern", "--duration", "2m")
    more = ("--speed", "60", "--home", str(tmp_path / "net"), "--port-base", "20000", "-o", "json")
    assert gtxnode(tmp_path, "devnet", *words, *more, "--blackout").code == 1
    assert seen == {
        "validators": 7,
        "shards": ("geo_bangkok", "geo_eastern"),
        "duration_s": 120.0,
        "speed": 60,
        "home": tmp_path / "net",
        "port_base": 20_000,
        "as_json": True,
        "blackout": True,
    }
    assert gtxnode(tmp_path, "devnet", "--duration", "30").code == 1
    assert (seen["duration_s"], seen["home"], seen["as_json"]) == (30.0, None, False)


@pytest.mark.parametrize(
    "words",
    [
        ("--validators", "0"),
        ("--shards", "geo_moon"),
        ("--shards", ","),
        ("--speed", "0"),
        ("--duration", "soon"),
        ("--port-base", "80"),
    ],
)
def test_a_devnet_that_cannot_be_is_a_usage_error(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, "devnet", *words)
    assert ran.code == 2, ran.err
