"""Both stores, so that every test of the contract runs on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.kv import KeyValue
from storage.leveldb import LevelDB
from storage.memory import MemoryStore


@pytest.fixture(params=["leveldb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValue]:
    """An empty store."""
    opened: KeyValue
    opened = LevelDB.open(tmp_path / "db") if request.param == "leveldb" else MemoryStore()
    yield opened
    opened.close()
