"""What auctions over the grid reach of the greatest gain, on seeded books: no less than before."""

from statistics import fmean

import pytest

from gtxnode.market.auction import Mechanism
from tests.grid.welfare import SCARCE, coupled, one_by_one, shares

# A little under what these books reach. One price for all, and demand that is served in order of
# time, cost more than the grid does.
FLOORS = {
    Mechanism.UNIFORM: (0.86, 0.62),
    Mechanism.PAY_AS_BID: (0.95, 0.88),
    Mechanism.PAY_AS_OFFER: (0.83, 0.65),
}
"""Of the mean, and of the worst book."""


@pytest.mark.parametrize("scarce", SCARCE)
def test_auctions_reach_most_of_the_greatest_gain(scarce: float) -> None:
    plain = dict(shares(12, 60, scarce, 7, one_by_one))
    for mechanism, found in shares(12, 60, scarce, 7, coupled):
        mean, worst = FLOORS[mechanism]
        assert fmean(found) > mean
        assert min(found) > worst
        assert max(found) < 1 + 1e-9
        assert fmean(plain[mechanism]) < fmean(found)
