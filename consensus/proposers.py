"""Who proposes in which round. The driver takes any schedule as an input.

Every node of a height must go by the same schedule, so it depends on final data alone.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Protocol

from consensus.hashing import Domain
from consensus.validators import ValidatorSet

_DIGEST_RANGE = 2**256


class ProposerSchedule(Protocol):
    """The choice of proposers of one height."""

    def proposer(self, height: int, round: int) -> bytes:
        """The public key of the proposer of this round."""


class StakeSchedule:
    """Draws each round's proposer by stake, from a seed that all nodes share.

    The draw is a hash over (seed, height, round, attempt) taken as an integer; what lies
    past the last whole multiple of the total stake is drawn again, so no validator gains
    by the remainder.
    """

    def __init__(self, validators: ValidatorSet, seed: bytes) -> None:
        self._keys = tuple(each.public_key for each in validators)
        self._bounds = tuple(accumulate(each.stake for each in validators))
        self._seed = seed
        self._domain = Domain("proposer")

    def proposer(self, height: int, round: int) -> bytes:
        """The public key of the proposer of this round."""
        total = self._bounds[-1]
        fair = _DIGEST_RANGE - _DIGEST_RANGE % total
        attempt, drawn = 0, fair
        while drawn >= fair:
            place = b"".join(number.to_bytes(8, "big") for number in (height, round, attempt))
            drawn = int.from_bytes(self._domain.hash(place, self._seed), "big")
            attempt += 1
        return self._keys[bisect_right(self._bounds, drawn % total)]
