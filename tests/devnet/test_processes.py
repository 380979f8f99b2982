"""Child processes: started, asked to stop, made to stop, and gone when their parent is."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from gtxnode.devnet import processes
from gtxnode.devnet.processes import Child, free_ports, stop
from tests.waiting import until

READY = "print('ready', flush=True)\n"
OBEDIENT = f"import signal\n{READY}signal.pause()\n"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{READY}" + (
    "while True: signal.pause()\n"
)


def child(tmp_path: Path, script: str, name: str = "child") -> Child:
    return Child(name, (sys.executable, "-c", script), tmp_path / f"{name}.log")


async def ready(*children: Child) -> None:
    await until(lambda: all("ready" in one.last_lines() for one in children))


async def test_a_child_ends_when_asked(tmp_path: Path) -> None:
    one = child(tmp_path, OBEDIENT)
    one.start()
    await ready(one)
    assert await stop([one], grace_s=20) == ()
    assert one.exit_code == -signal.SIGTERM
    assert not one.running


async def test_one_that_does_not_listen_is_killed_and_named(tmp_path: Path) -> None:
    good, bad = child(tmp_path, OBEDIENT, "good"), child(tmp_path, STUBBORN, "bad")
    good.start()
    bad.start()
    await ready(good, bad)
    assert await stop([good, bad], grace_s=0.5) == ("bad",)
    assert bad.exit_code == -signal.SIGKILL


async def test_one_that_was_paused_ends_too(tmp_path: Path) -> None:
    one = child(tmp_path, OBEDIENT)
    one.start()
    await ready(one)
    one.signal(signal.SIGSTOP)
    assert await stop([one], grace_s=20) == ()


async def test_stopping_goes_on_when_the_caller_is_cancelled(tmp_path: Path) -> None:
    one = child(tmp_path, OBEDIENT)
    one.start()
    await ready(one)
    with trio.CancelScope() as scope:
        scope.cancel()
        await stop([one], grace_s=20)
    assert not one.running


async def test_a_child_starts_again_and_adds_to_its_log(tmp_path: Path) -> None:
    one = child(tmp_path, "import sys; print('ran'); sys.exit(3)")
    for _ in range(2):
        one.start()
        with trio.fail_after(30):
            assert await one.exited() == 3
    assert one.last_lines().split() == ["ran", "ran"]


def test_stopping_what_never_started_is_nothing(tmp_path: Path) -> None:
    assert trio.run(lambda: stop([child(tmp_path, OBEDIENT)], grace_s=1)) == ()


PARENT = """
import sys
from pathlib import Path
from gtxnode.devnet.processes import Child
one = Child("child", (sys.executable, "-c", sys.argv[2]), Path(sys.argv[1]))
one.start()
print(one.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a wish that only Linux knows")
async def test_no_child_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parent = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a moment only
        (sys.executable, "-c", PARENT, str(log), STUBBORN),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        await until(lambda: log.exists() and b"ready" in log.read_bytes())
        parent.kill()
    await until(lambda: not runs(pid))


def runs(pid: int) -> bool:
    """Whether there is such a process, one that ended and was not collected left out."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.split()[0] != "Z"


def test_the_launcher_refuses_when_its_parent_has_gone(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "gtxnode.devnet.under_parent", "1", "true")
    done = subprocess.run(command, capture_output=True, check=False)
    if sys.platform == "linux" and os.getpid() != 1:
        assert done.returncode == 1
        assert b"process 1 is gone" in done.stderr


def test_free_ports_are_different_and_can_be_taken() -> None:
    ports = free_ports(12)
    assert len(set(ports)) == 12
    for port in ports:
        with socket.socket() as listener:
            listener.bind((processes.HOST, port))


def test_a_port_in_use_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    (taken,) = free_ports(1)
    with socket.socket() as listener:
        listener.bind((processes.HOST, taken))
        monkeypatch.setattr(processes, "PORTS", range(taken, taken + 1))
        with pytest.raises(OSError, match="no 1 free ports"):
            free_ports(1)
