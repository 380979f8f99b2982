"""Networks of real processes, and chance that can be repeated."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.harness import Cluster, running, seeded


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Four validators of one chain, started and ready."""
    async with running(tmp_path) as started:
        yield started


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Its seed is printed when the test fails."""
    return seeded(request)
