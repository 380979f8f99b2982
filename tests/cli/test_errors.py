"""How errors leave: one line or one object, the right code, and a traceback only for bugs."""

import errno
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from gtxnode.cli import devnet as devnet_module
from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.devnet import DevnetError
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.rpc.listener import CannotListen, ListeningAddress
from p2p.errors import AddressInUse, ListenFailed
from storage.errors import DiskFull, Locked
from tests.cli.running import Ran, gtxnode

NOWHERE = ListeningAddress("ws", "127.0.0.1", 1)


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], Ran]:
    """Runs a command whose inside raises."""

    def run(error: BaseException, *words: str) -> Ran:
        def fail(**options: object) -> int:
            raise error

        monkeypatch.setattr(devnet_module, "run", fail)
        return gtxnode(tmp_path, "devnet", "-o", "json")

    return run


@pytest.mark.parametrize(
    ("error", "code", "end"),
    [
        (CommandFailed("x.y", "why", Exit.REFUSED), "x.y", 5),
        (Refused(Reason.OVERSPENT, "in 1 < out 2"), "overspent", 5),
        (DevnetError("speed"), "devnet.invalid", 2),
        (Locked("/x", 7), "storage.locked", 7),
        (DiskFull("journal", "no space"), "storage.disk_full", 8),
        (OSError(errno.EADDRINUSE, "in use"), "os.eaddrinuse", 7),
        (PermissionError(errno.EACCES, "denied"), "os.eacces", 8),
        (CannotListen(NOWHERE, OSError(errno.EADDRINUSE, "in use")), "os.eaddrinuse", 7),
        (CannotListen(NOWHERE, OSError(errno.EADDRNOTAVAIL, "not ours")), "os.eaddrnotavail", 6),
        (AddressInUse("/ip4/127.0.0.1/tcp/1"), "address_in_use", 7),
        (ListenFailed("/ip4/192.0.2.1/tcp/1"), "listen_failed", 6),
        (ExceptionGroup("", [ExceptionGroup("", [DevnetError("x")])]), "devnet.invalid", 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_named_error_has_its_code(
    error: Exception, code: str, end: int, failing: Callable[[BaseException], Ran]
) -> None:
    ran = failing(error)
    assert ran.code == end
    assert ran.error["code"] == code
    assert ran.error["exit"] == end
    assert ran.out == ""


def test_a_bug_keeps_its_traceback(failing: Callable[[BaseException], Ran]) -> None:
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())


def test_ctrl_c_has_its_code(failing: Callable[[BaseException], Ran]) -> None:
    assert failing(KeyboardInterrupt()).code == 130
    assert failing(click.Abort()).code == 130


def test_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[rpc]\nprot = 1")
    ran = gtxnode(tmp_path, "config", "check")
    assert ran.code == 6
    assert ran.err.startswith("error[config.unknown_key]: ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("nothing",),
        ("tx", "nothing"),
        ("query", "balance"),
        ("query", "block", "-3"),
        ("tx", "order", "sell", "1.0001kWh", "--price", "3"),
        ("status", "--no-such-option"),
    ],
)
def test_a_wrong_command_line_is_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, "-o", "json", *words)
    assert ran.code == 2
    assert ran.error["code"] == "usage"
    assert "--help" in ran.error["message"]


@pytest.mark.parametrize("words", [(), ("tx",), ("query",), ("keys",), ("config",)])
def test_a_group_without_a_command_shows_its_help(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, *words)
    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


@pytest.mark.parametrize(
    "words", [("-o", "json"), ("-ojson",), ("--output", "json"), ("--output=json",)]
)
def test_json_may_be_asked_for_anywhere(words: tuple[str, ...], tmp_path: Path) -> None:
    assert gtxnode(tmp_path, *words, "keys", "show", "x").error["code"] == "keystore.unknown_key"
    assert gtxnode(tmp_path, "keys", "show", "x", *words).error["exit"] == 4
    environment = {"GTX_OUTPUT": "json"}
    assert gtxnode(tmp_path, "keys", "show", "x", environment=environment).error["exit"] == 4
    over = gtxnode(tmp_path, "keys", "show", "x", "-o", "text", environment=environment)
    assert over.err.startswith("error[")


def test_the_home_of_the_command_line_is_stronger_than_the_environments(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "config.toml").write_text("[node]\nname = 'one'")
    two = tmp_path / "two"
    shown = gtxnode(tmp_path / "one", "config", "show", "-o", "json").answer
    assert shown["node.name"]["value"] == "one"
    for words in (("--home", str(two), "config", "show"), ("config", "show", "--home", str(two))):
        shown = gtxnode(tmp_path / "one", *words, "-o", "json").answer
        assert shown["node.name"] == {"value": "gtxnode", "from": "defaults"}
