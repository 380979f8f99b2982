"""Drawing one of many in proportion to integer weights, from a seed that all nodes share.

A draw is a tagged hash over (place, attempt, seed), read as a big-endian integer. What lies past
the last whole multiple of the total weight is drawn again, so nobody gains by the remainder of
the division: rejection sampling, which needs a second hash about once in 2**256 / total draws.

Invariant: the same seed, weights and place give the same index on every machine, and the chance
of each index is exactly its weight over the total, for hashes that are uniform.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from consensus.hashing import Domain

_HASHES = 2**256


class WeightedDraw:
    """Weights summed up once; a draw is a hash and a bisection.

    Indices of weight zero are never drawn. The weights must not all be zero.
    """

    __slots__ = ("_bounds", "_domain", "_fair", "_seed")

    def __init__(self, weights: Sequence[int], domain: Domain, seed: bytes) -> None:
        assert all(weight >= 0 for weight in weights), "weights are not negative"
        assert 0 < sum(weights) <= _HASHES, "there is something to draw from"
        self._bounds = tuple(accumulate(weights))
        self._fair = _HASHES - _HASHES % self._bounds[-1]
        self._domain = domain
        self._seed = seed

    def index(self, *place: int) -> int:
        """The index drawn at a place: numbers of at most 64 bits, always equally many."""
        prefix = b"".join(number.to_bytes(8, "big") for number in place)
        attempt, drawn = 0, self._fair
        while drawn >= self._fair:
            drawn = int.from_bytes(
                self._domain.hash(prefix, attempt.to_bytes(8, "big"), self._seed), "big"
            )
            attempt += 1
        return bisect_right(self._bounds, drawn % self._bounds[-1])
