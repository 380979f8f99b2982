"""Running `node_process` from a test."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 30


class NodeProcess:
    """A running node, and the lines that it says."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._said = b""

    @property
    def pid(self) -> int:
        return self.process.pid

    async def line(self) -> dict[str, Any]:
        """The next line it says."""
        assert self.process.stdout is not None
        while b"\n" not in self._said:
            chunk = await self.process.stdout.receive_some()
            assert chunk, "the process has ended"
            self._said += chunk
        line, _, self._said = self._said.partition(b"\n")
        decoded = json.loads(line)
        assert isinstance(decoded, dict)
        return decoded

    def kill(self) -> None:
        """End it without warning."""
        self.process.kill()


@asynccontextmanager
async def node_process(
    number: int, *bootstrap: str, listen: str = "/ip4/127.0.0.1/tcp/0"
) -> AsyncIterator[tuple[NodeProcess, str]]:
    """A node process that listens, and its address; killed at the end."""
    command = [sys.executable, "-m", "tests.p2p.node_process", str(number), listen, *bootstrap]
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, cwd=ROOT)
        node = NodeProcess(process)
        try:
            with trio.fail_after(START_S):
                address = (await node.line())["listening"][0]
            yield node, address
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()
            nursery.cancel_scope.cancel()
