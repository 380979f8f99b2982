"""Child processes that end when they should: asked first, then made to, and never orphaned.

A child runs in a session of its own, so that a Ctrl-C at the terminal reaches this process
alone, which then stops its children in order. Should this process itself be killed, the kernel
kills the child (Linux; `prctl(PR_SET_PDEATHSIG)`, set by `under_parent` before the child's
program replaces it).

What is set for this process in `GTX_*` is not meant for its children, which have settings of
their own, and is kept from them.

Invariant: once `stop` has returned, none of the children runs.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO

import trio

HOST = "127.0.0.1"
# Below the range that Linux takes the ports of outgoing connections from, so that a validator
# that is down for a moment does not find its own port taken by another's connection.
PORTS = range(20_000, 32_000)
LAST_LINES_BYTES = 4_096
_POLL_S = 0.02


class Child:
    """One program, started as often as needed, its output added to one log file."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the present or last run."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the last run ended: None while it runs, -N if by signal N."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the program. `OSError` if it cannot be."""
        assert not self.running, f"{self.name} runs already"
        # Not in a thread: the kernel's watch is on the thread that starts the child.
        with self.log.open("ab") as log:
            self._process = _spawn(self._arguments, log)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing if the program has ended."""
        if self._process is not None:
            self._process.send_signal(number)

    async def exited(self) -> int:
        """Wait for the end of the program: its exit code."""
        while (code := self.exit_code) is None:  # noqa: ASYNC110 - no event tells of it
            await trio.sleep(_POLL_S)
        return code

    def last_lines(self) -> str:
        """The end of the log, for a person to see why the program stopped."""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_LINES_BYTES))
            return log.read().decode("utf-8", "replace").strip()
        return ""


async def stop(children: Collection[Child], *, grace_s: float) -> tuple[str, ...]:
    """SIGTERM to all, SIGKILL after `grace_s` to those left; the names of these.

    Runs to its end even when the task around it is cancelled.
    """
    with trio.CancelScope(shield=True):
        for child in children:
            child.signal(signal.SIGTERM)
            child.signal(signal.SIGCONT)  # one that was paused could not end
        with trio.move_on_after(grace_s):
            for child in children:
                if child.running:
                    await child.exited()
        late = tuple(child for child in children if child.running)
        for child in late:
            child.signal(signal.SIGKILL)
        for child in late:
            await child.exited()
        return tuple(child.name for child in late)


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of loopback on which nothing listens, all different. `OSError` if there are too few."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        for port in _starting_anywhere(PORTS):
            if len(found) == count:
                return tuple(found)
            listener = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                listener.bind((HOST, port))
                found.append(port)
    raise OSError(f"no {count} free ports between {PORTS.start} and {PORTS.stop - 1}")


def _starting_anywhere(ports: range) -> Iterator[int]:
    # from a place of its own, so that two networks started at once do not meet
    start = int.from_bytes(os.urandom(4)) % len(ports)
    yield from ports[start:]
    yield from ports[:start]


def _spawn(arguments: Sequence[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    launcher = (sys.executable, "-m", "gtxnode.devnet.under_parent", str(os.getpid()))
    return subprocess.Popen(
        (*launcher, *arguments),
        env={name: value for name, value in os.environ.items() if not name.startswith("GTX_")},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
