"""The contract tests run on both networks."""

import pytest

from tests.p2p.worlds import Real, Simulated, World


@pytest.fixture(params=[Simulated, Real], ids=["simulated", "libp2p"])
def world(request: pytest.FixtureRequest) -> World:
    """One of the two networks."""
    made = request.param()
    assert isinstance(made, Simulated | Real)
    return made
