"""A peer in another language takes part: js-libp2p dials, gossips and asks for blocks."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from p2p.identity import PeerId
from p2p.libp2p_host import Libp2pNetwork, open_network
from tests.p2p.worlds import config

SOURCE = Path(__file__).parent / "js"
BLOCKS = "/gtx/test/blocks/1"
IN_TIME_S = 60


@pytest.fixture(scope="session")
def js_peer() -> Path:
    """The script beside its installed packages, in a cache outside the tree."""
    npm = shutil.which("npm")
    if npm is None and "CI" not in os.environ:
        pytest.skip("npm is not installed")
    assert npm is not None, "CI needs npm"
    lock = (SOURCE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gridtokenx"
    installed = cache / f"js-peer-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not installed.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _staging(cache) as staging:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SOURCE / name, staging)
            command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=staging, check=True, capture_output=True, timeout=300)
            staging.rename(installed)
    # Node resolves packages from where a script is.
    script = installed / "peer.mjs"
    script.write_bytes((SOURCE / "peer.mjs").read_bytes())
    return script


@contextmanager
def _staging(cache: Path) -> Iterator[Path]:
    staging = Path(tempfile.mkdtemp(dir=cache))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class JsPeer:
    """The lines that a running js peer prints."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._said = b""

    async def line(self, *fields: str) -> dict[str, Any]:
        """The next line, which must have one of these fields."""
        assert self._process.stdout is not None
        while b"\n" not in self._said:
            chunk = await self._process.stdout.receive_some()
            assert chunk, f"ended before it said {fields}"
            self._said += chunk
        line, _, self._said = self._said.partition(b"\n")
        decoded = json.loads(line)
        assert isinstance(decoded, dict)
        assert decoded.keys() & set(fields), decoded
        return decoded

    async def end(self) -> int:
        """Its exit code."""
        return await self._process.wait()


async def start(nursery: trio.Nursery, script: Path, *arguments: str) -> JsPeer:
    command = ["node", str(script), *arguments]
    run = partial(trio.run_process, command, stdout=subprocess.PIPE, check=False)
    process = await nursery.start(run)
    assert isinstance(process, trio.Process)
    return JsPeer(process)


def serve_blocks(node: Libp2pNetwork) -> None:
    async def blocks(peer: PeerId, payload: bytes) -> bytes:
        first, last = payload
        return b"".join(bytes([height]) * 100_000 for height in range(first, last + 1))

    node.serve(BLOCKS, blocks)


async def test_a_js_peer_gossips_and_asks_for_a_range_of_blocks(js_peer: Path) -> None:
    async with open_network(config(1)) as node, node.subscribe("t") as received:
        serve_blocks(node)
        arguments = (
            *("--dial", node.addresses()[0], "--topic", "t", "--publish", "sunshine"),
            *("--expect", "2", "--request", BLOCKS, "--payload", "0309"),
        )
        async with trio.open_nursery() as nursery:
            with trio.fail_after(IN_TIME_S):
                js = await start(nursery, js_peer, *arguments)
                name = (await js.line("peer"))["peer"]
                assert (await js.line("connected"))["connected"] == node.peer_id
                answer = bytes.fromhex((await js.line("answer"))["answer"])
                assert answer == b"".join(bytes([height]) * 100_000 for height in range(3, 10))
                await js.line("subscribed")
                assert (await js.line("published"))["recipients"] == 1
                gossip = await received.receive()
                assert (gossip.sender, gossip.data) == (name, b"sunshine")
                for text in ("rain", "wind"):
                    await node.publish("t", text.encode())
                    assert await js.line("gossip") == {"gossip": text, "from": node.peer_id}
                assert await js.end() == 0
        assert not node.counters.offences


async def test_a_js_peer_is_dialled_and_refused_what_is_not_served(js_peer: Path) -> None:
    async with open_network(config(1)) as node:
        async with trio.open_nursery() as nursery:
            with trio.fail_after(IN_TIME_S):
                js = await start(nursery, js_peer, "--request", "/gtx/none/1")
                await node.dial((await js.line("peer"))["addresses"][0])
                await js.line("connected")
                await js.line("error")
                assert await js.end() == 1
        assert not node.counters.offences
