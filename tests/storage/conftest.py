"""Both stores, so that every test of the contract runs on both, and a way to run code elsewhere."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.kv import KeyValue
from storage.leveldb import LevelDB
from storage.memory import MemoryStore

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["leveldb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValue]:
    """An empty store."""
    opened: KeyValue
    opened = LevelDB.open(tmp_path / "db") if request.param == "leveldb" else MemoryStore()
    yield opened
    opened.close()


@pytest.fixture
def elsewhere() -> Callable[..., str]:
    """Runs a piece of Python in another process: what only another process can show."""
    return _run


def _run(program: str, *arguments: str, file_limit_bytes: int | None = None) -> str:
    """What `program` prints. No file it writes can grow past `file_limit_bytes`.

    The limit stands in for a full disk: a write takes what fits and the next one fails.
    """
    limit = ""
    if file_limit_bytes is not None:
        pair = (file_limit_bytes, file_limit_bytes)
        limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, {pair})\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
