"""`gtxnode devnet` as a person or a program runs it."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from gtxnode.devnet.audit import INVARIANTS
from gtxnode.rpc.client import Disconnected, connect
from tests.waiting import until, until_true

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STARTS_WITHIN_S = 90
STOPS_WITHIN_S = 5
ENDS_WITHIN_S = 150
SHARD_FIGURES = {
    "height",
    "tip",
    "finality_ms",
    "transactions",
    "refused",
    "trades",
    "minted_wh",
    "traded_wh",
    "retired_wh",
    "gtx_supply_ugtx",
    "state_roots_agree",
}


@contextmanager
def devnet(home: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """The command, started; killed in the end if it still runs."""
    command = (sys.executable, "-m", "gtxnode", "devnet", "--home", str(home), *options)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def described(home: Path) -> dict[str, Any]:
    """What devnet.json says, once it is there."""
    path = home / "devnet.json"
    await until(path.exists, within_s=STARTS_WITHIN_S)
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


def runs(pid: int) -> bool:
    """Whether there is such a process, one that ended and was not collected left out."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.split()[0] != "Z"


async def output(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Everything that it printed, once it has ended."""
    await until(lambda: process.poll() is not None, within_s=ENDS_WITHIN_S)
    return process.communicate()


async def test_its_last_line_is_the_object_and_everything_holds(tmp_path: Path) -> None:
    home = tmp_path / "net"
    options = ("--duration", "40", "--speed", "3600", "-o", "json")
    with devnet(home, *options) as process:
        told = await described(home)
        assert [set(each) for each in told["validators"]] == [
            {"name", "pid", "home", "websocket", "http", "p2p"}
        ] * 4
        assert all(runs(each["pid"]) for each in told["validators"])
        out, err = await output(process)
    assert process.returncode == 0, err
    summary = json.loads(out.splitlines()[-1])
    assert set(summary) == {"duration_s", "validators", "shards", "invariants", "ok"}
    assert summary["ok"] is True
    assert summary["validators"] == 4
    assert summary["duration_s"] >= 40
    assert summary["invariants"] == dict.fromkeys(INVARIANTS, True)
    assert set(summary["shards"]) == {"geo_bangkok", "geo_northern"}
    for shard in summary["shards"].values():
        assert set(shard) == SHARD_FIGURES
        assert shard["state_roots_agree"] is True
        assert shard["minted_wh"] > 0
        assert shard["finality_ms"]["p50"] <= shard["finality_ms"]["p99"]
    assert sum(shard["trades"] for shard in summary["shards"].values()) > 0
    assert sum(shard["retired_wh"] for shard in summary["shards"].values()) > 0
    assert not any(runs(each["pid"]) for each in told["validators"])
    assert not (home / "devnet.json").exists()
    assert (home / "validator-1").is_dir()  # a home that was named is kept


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_stops_all_children_within_five_seconds(
    tmp_path: Path, number: signal.Signals
) -> None:
    home = tmp_path / "net"
    with devnet(home, "--validators", "2", "--shards", "geo_bangkok") as process:
        told = await described(home)
        process.send_signal(number)
        pids = [each["pid"] for each in told["validators"]]
        await until(lambda: not any(map(runs, pids)), within_s=STOPS_WITHIN_S)
        out, err = await output(process)
    assert process.returncode in (0, 1), err
    assert "validators ran for" in out


async def test_nothing_is_left_when_the_command_itself_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "net"
    with devnet(home, "--validators", "2", "--shards", "geo_bangkok") as process:
        told = await described(home)
        process.kill()
        pids = [each["pid"] for each in told["validators"]]
        await until(lambda: not any(map(runs, pids)))
        await output(process)


async def test_a_validator_may_be_killed_and_started_again_by_somebody_else(
    tmp_path: Path,
) -> None:
    home = tmp_path / "net"
    options = ("--shards", "geo_bangkok", "--duration", "25", "-o", "json")
    with devnet(home, *options) as process:
        told = await described(home)
        killed = told["validators"][1]
        os.kill(killed["pid"], signal.SIGKILL)
        await until(lambda: not runs(killed["pid"]))
        again = (sys.executable, "-m", "gtxnode", "start", "--home", killed["home"])
        async with connect(told["validators"][0]["websocket"]) as client:
            before = (await client.call("chain.head", shard="geo_bangkok"))["height"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(trio.run_process, again, stderr=subprocess.DEVNULL))
            await until_true(partial(has, killed["websocket"], before + 2), within_s=60)
            out, err = await output(process)
            nursery.cancel_scope.cancel()
    assert process.returncode == 0, err + out
    assert "validator-2 was stopped" in err
    assert json.loads(out.splitlines()[-1])["ok"] is True


async def has(url: str, height: int) -> bool:
    """Whether a validator answers, and has a block."""
    try:
        async with connect(url) as client:
            head = await client.call("chain.head", shard="geo_bangkok")
    except Disconnected:
        return False
    return bool(head["height"] >= height)


async def test_a_validator_that_ends_by_itself_is_a_fault_with_its_last_words(
    tmp_path: Path,
) -> None:
    home = tmp_path / "net"
    with devnet(home, "--shards", "geo_bangkok", "-o", "json") as process:
        told = await described(home)
        ended = told["validators"][1]["pid"]
        resource.prlimit(ended, resource.RLIMIT_FSIZE, (1, 1))  # its disk is full from now on
        await until(lambda: not runs(ended), within_s=ENDS_WITHIN_S)
        process.send_signal(signal.SIGINT)
        out, err = await output(process)
    assert process.returncode == 1
    assert "validator-2 stopped (exit code 8)" in err
    summary = json.loads(out.splitlines()[-1])
    assert summary["ok"] is False
    assert summary["invariants"] == dict.fromkeys(INVARIANTS, True)  # the others are well
