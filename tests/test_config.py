"""Settings: layers in their order, errors that name layer and key, garbage refused by name."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gtxnode.config import Config, LogLevel, Role, TrustedBlock, hosted_shards, trusted_blocks
from gtxnode.config_text import new_config, settings, toml_value
from gtxnode.layers import (
    PROFILES,
    ConfigFault,
    InvalidConfig,
    Settled,
    known_keys,
    load,
    value_at,
    variable,
)
from gtxnode.schema import Misfit, read_as

ROOT = Path(__file__).resolve().parent.parent
SHARED_FOLDER = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def settled(
    home: Path,
    text: str = "",
    environment: dict[str, str] | None = None,
    command_line: dict[str, object] | None = None,
) -> Settled:
    (home / "config.toml").write_text(text, encoding="utf-8")
    return load(home, environment=environment or {}, command_line=command_line)


def refusal(home: Path, text: str, environment: dict[str, str] | None = None) -> InvalidConfig:
    with pytest.raises(InvalidConfig) as caught:
        settled(home, text, environment)
    return caught.value


def outcome(attempt: Callable[[], Settled]) -> Settled | InvalidConfig:
    """What came of it; any other error than the one we promise fails the test."""
    try:
        return attempt()
    except InvalidConfig as error:
        return error


def test_a_home_without_settings_has_the_defaults(tmp_path: Path) -> None:
    found = load(tmp_path, environment={"GTX_HOME": "/x", "PATH": "/bin"})
    assert found.config == Config()
    assert set(found.origins.values()) == {"defaults"}


def test_each_layer_wins_over_the_ones_below(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[rpc]\nport = 1\n[node]\nname = 'p'\nmining = false")
    text = "profile = 'own.toml'\n[rpc]\nport = 2"
    environment = {"GTX_RPC_PORT": "3"}
    assert settled(tmp_path, "profile = 'own.toml'").config.rpc.port == 1
    assert settled(tmp_path, text).config.rpc.port == 2
    assert settled(tmp_path, text, environment).config.rpc.port == 3
    found = settled(tmp_path, text, environment, {"rpc.port": "4", "node.mining": True})
    assert found.config.rpc.port == 4
    assert found.config.node.mining is True
    assert found.config.node.name == "p"
    assert found.origins["rpc.port"] == "command line"
    assert found.origins["node.name"] == str(tmp_path / "own.toml")
    assert found.origins["http.port"] == "defaults"


def test_the_profile_may_be_named_in_any_layer(tmp_path: Path) -> None:
    assert settled(tmp_path, "profile = 'erc'").config.logging.level is LogLevel.DEBUG
    assert settled(tmp_path, "", {"GTX_PROFILE": "egat"}).config.node.role is Role.TRADER
    found = settled(tmp_path, "profile = 'erc'", {"GTX_PROFILE": "mea"})
    assert found.config.profile == "mea"
    assert found.config.node.shards == ("geo_bangkok",)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_that_ships_can_be_used(profile: str, tmp_path: Path) -> None:
    assert settled(tmp_path, f"profile = {profile!r}").config.node.name == profile


def test_every_key_can_be_set_from_the_environment(tmp_path: Path) -> None:
    for key in known_keys():
        if key == "profile":
            continue
        value = value_at(Config(), key)
        text = ",".join(value) if isinstance(value, list) else str(value)
        found = settled(tmp_path, "", {variable(key): text})
        assert found.config == Config(), key
        assert found.origins[key] == "environment"


def test_a_list_in_the_environment_has_commas(tmp_path: Path) -> None:
    environment = {"GTX_P2P_LISTEN": "/ip4/0.0.0.0/tcp/1, /ip6/::1/tcp/2,"}
    found = settled(tmp_path, "", environment).config.p2p.listen
    assert found == ("/ip4/0.0.0.0/tcp/1", "/ip6/::1/tcp/2")
    assert settled(tmp_path, "", {"GTX_NODE_SHARDS": ""}).config.node.shards == ()


WRONG = [
    ("[rpc]\nprot = 1", ConfigFault.UNKNOWN_KEY, "rpc.prot", "did you mean rpc.port?"),
    ("[rcp]\nport = 1", ConfigFault.UNKNOWN_KEY, "rcp", "unknown key"),
    ("[rpc]\nport = 65536", ConfigFault.BAD_VALUE, "rpc.port", "<= 65535"),
    ("[rpc]\nport = '1'", ConfigFault.BAD_VALUE, "rpc.port", "expected int, got str"),
    ("[rpc]\nport = true", ConfigFault.BAD_VALUE, "rpc.port", "expected int, got bool"),
    ("rpc = 1", ConfigFault.BAD_VALUE, "rpc", "expected object"),
    ("[node]\nname = 'a b'", ConfigFault.BAD_VALUE, "node.name", "regex"),
    ("[node]\nrole = 'king'", ConfigFault.BAD_VALUE, "node.role", "king"),
    ("[node]\nshards = ['a', 'a']", ConfigFault.BAD_VALUE, "node.shards", "twice"),
    ("[p2p]\nlisten = ['x']", ConfigFault.BAD_VALUE, "p2p.listen[0]", "regex"),
    ("[checkpoints]\ntrusted = ['a:1']", ConfigFault.BAD_VALUE, "checkpoints.trusted[0]", "regex"),
    (
        f"[checkpoints]\ntrusted = ['a:1:{'00' * 32}', 'a:1:{'11' * 32}']",
        ConfigFault.BAD_VALUE,
        "checkpoints.trusted",
        "twice",
    ),
    (
        "[p2p]\nlisten = ['/ip4/127.0.0.1/tcp/99999']",
        ConfigFault.BAD_VALUE,
        "p2p.listen[0]",
        "65535",
    ),
    ("[p2p]\nbootstrap = ['/ip4/1.1.1.1/tcp/1']", ConfigFault.BAD_VALUE, "p2p.bootstrap[0]", ""),
    ("[rpc]\nport = 9\n[http]\nport = 9", ConfigFault.BAD_VALUE, "http.port", "rpc.port"),
    (
        "[pool]\nmax_bytes = 65536\n[batches]\nmax_bytes = 60000",
        ConfigFault.BAD_VALUE,
        "pool.max_bytes",
        "two batches",
    ),
    ("profile = 'nobody'", ConfigFault.UNKNOWN_PROFILE, "profile", "egat"),
    ("port = ?", ConfigFault.MALFORMED, "", "line 1"),
    ("a = 1\na = 2", ConfigFault.MALFORMED, "", ""),
    ("a = " + "[" * 10_000, ConfigFault.MALFORMED, "", ""),
    ("a = " + "9" * 10_000, ConfigFault.MALFORMED, "", ""),
]


@pytest.mark.parametrize(
    ("text", "fault", "path", "reason"), WRONG, ids=[case[0][:40] for case in WRONG]
)
def test_an_error_names_file_key_and_reason(
    text: str, fault: ConfigFault, path: str, reason: str, tmp_path: Path
) -> None:
    error = refusal(tmp_path, text)
    assert (error.code, error.path) == (fault, path)
    assert reason in error.reason
    if fault is not ConfigFault.UNKNOWN_PROFILE:
        assert error.source == str(tmp_path / "config.toml")


def test_an_error_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    error = refusal(tmp_path, "", {"GTX_RPC_PORT": "tcp://10.0.0.1:80"})
    assert (error.source, error.path) == ("environment GTX_RPC_PORT", "rpc.port")
    error = refusal(tmp_path, "", {"GTX_RPC_PROT": "1"})
    assert (error.code, error.path) == (ConfigFault.UNKNOWN_KEY, "rpc.prot")


def test_variables_of_the_command_line_are_left_alone(tmp_path: Path) -> None:
    environment = {"GTX_HOME": "x", "GTX_START_LOG_LEVEL": "debug", "GTX_PASSPHRASE": "secret"}
    assert settled(tmp_path, "", environment).config == Config()


def test_a_profile_names_no_other(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("profile = 'erc'")
    assert refusal(tmp_path, "profile = 'own.toml'").path == "profile"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(InvalidConfig) as caught:
        load(tmp_path, environment={})
    assert caught.value.code is ConfigFault.UNREADABLE


toml_values: st.SearchStrategy[Any] = st.recursive(
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@SHARED_FOLDER
@given(st.binary(max_size=300))
@example(b"\xff\xfe")
def test_garbage_in_the_file_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(data)
    found = outcome(lambda: load(tmp_path, environment={}))
    if isinstance(found, InvalidConfig):
        assert found.code in ConfigFault
        assert found.source
    else:
        assert found.config == Config()  # blank lines and comments


@SHARED_FOLDER
@given(st.sampled_from(known_keys()), toml_values)
def test_any_value_is_taken_as_it_is_or_refused_by_its_path(
    tmp_path: Path, key: str, value: Any
) -> None:
    table, _, name = key.rpartition(".")
    head = f"[{table}]\n" if table else ""
    found = outcome(lambda: settled(tmp_path, f"{head}{name} = {toml_value(value)}\n"))
    if isinstance(found, InvalidConfig):
        assert found.path.partition("[")[0] in (key, "http.port", "pool.max_bytes")
    else:
        assert value_at(found.config, key) == value


@SHARED_FOLDER
@given(st.sampled_from(known_keys()), st.text(st.characters(exclude_characters="\0")))
def test_any_variable_is_taken_or_refused_by_its_path(tmp_path: Path, key: str, text: str) -> None:
    found = outcome(lambda: settled(tmp_path, "", {variable(key): text}))
    if isinstance(found, InvalidConfig):
        assert found.path.partition("[")[0] in (key, "http.port", "pool.max_bytes")


def test_every_setting_is_read_somewhere() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "gtxnode").rglob("*.py")
        if path.name not in ("config.py", "layers.py", "config_text.py")
    )
    unread = [
        key
        for key in known_keys()
        if key != "profile" and not re.search(rf"\b{re.escape(key)}\b", source)
    ]
    assert not unread, "a setting that nothing reads promises what is not so"


def test_a_new_file_says_every_key_and_changes_nothing() -> None:
    text = new_config({})
    assert read_as(tomllib.loads(text), Config) == Config()
    uncommented = "\n".join(
        line.removeprefix("# ") if " = " in line.partition("`")[0] else line
        for line in text.splitlines()
    )
    assert read_as(tomllib.loads(uncommented), Config) == Config()
    assert len(list(settings())) == len(known_keys())


def test_a_new_file_holds_what_was_chosen() -> None:
    found = read_as(tomllib.loads(new_config({"node.name": "n1", "rpc.port": 7})), Config)
    assert (found.node.name, found.rpc.port) == ("n1", 7)


def test_a_node_hosts_what_is_named_or_everything() -> None:
    known = ("geo_bangkok", "geo_northern")
    assert hosted_shards(Config(), known) == known
    one = read_as({"node": {"shards": ["geo_northern"]}}, Config)
    assert hosted_shards(one, known) == ("geo_northern",)
    governed = (*known, "func_governance")
    assert hosted_shards(one, governed) == ("geo_northern", "func_governance")
    with pytest.raises(Misfit) as caught:
        hosted_shards(read_as({"node": {"shards": ["x"]}}, Config), known)
    assert caught.value.path == "node.shards[0]"
    trusting = read_as({"checkpoints": {"trusted": [f"x:1:{'00' * 32}"]}}, Config)
    with pytest.raises(Misfit) as caught:
        hosted_shards(trusting, known)
    assert caught.value.path == "checkpoints.trusted[0]"
    (trusted,) = trusted_blocks(trusting.checkpoints.trusted)
    assert trusted == TrustedBlock("x", 1, bytes(32))
