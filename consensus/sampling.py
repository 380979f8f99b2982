"""Drawing one of many in proportion to integer weights, from a seed that all nodes share.

A draw is a tagged hash over (place, attempt, seed), read as a big-endian integer. What lies past
the last whole multiple of the total weight is drawn again, so nobody gains by the remainder of
the division: rejection sampling, which needs a second hash about once in 2**256 / total draws.

Invariant: the same seed, weights and place give the same index on every machine, and the chance
of each index is exactly its weight over the total of those there are to draw from, for hashes that
are uniform.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from consensus.hashing import Domain

_HASHES = 2**256


class WeightedDraw:
    """Weights summed up once; a draw is a hash and a bisection.

    The weights must not all be zero.
    """

    __slots__ = ("_bounds", "_domain", "_seed")

    def __init__(self, weights: Sequence[int], domain: Domain, seed: bytes) -> None:
        assert all(weight >= 0 for weight in weights), "weights are not negative"
        assert 0 < sum(weights) <= _HASHES, "there is something to draw from"
        self._bounds = tuple(accumulate(weights))
        self._domain = domain
        self._seed = seed

    def index(self, *place: int) -> int:
        """The index drawn at a place: numbers of at most 64 bits, always equally many.

        One of weight zero is never drawn.
        """
        return bisect_right(self._bounds, self._below(self._bounds[-1], place))

    def order(self, *place: int) -> tuple[int, ...]:
        """Every index once: the one drawn at (*place, 0), then at (*place, 1) among the others,
        and so on. Those of weight zero come last, drawn evenly.

        For 100 indices 0.3 ms, for 1,000 of them 10 ms: whoever asks again keeps it.
        """
        left, bounds = list(range(len(self._bounds))), list(self._bounds)
        drawn: list[int] = []
        while left:
            if not bounds[-1]:
                bounds = list(range(1, len(left) + 1))
            chosen = bisect_right(bounds, self._below(bounds[-1], (*place, len(drawn))))
            weight = bounds[chosen] - (bounds[chosen - 1] if chosen else 0)
            bounds[chosen:] = [bound - weight for bound in bounds[chosen + 1 :]]
            drawn.append(left.pop(chosen))
        return tuple(drawn)

    def _below(self, total: int, place: Sequence[int]) -> int:
        """A number of 0 to `total` - 1, all equally likely."""
        prefix = b"".join(number.to_bytes(8, "big") for number in place)
        fair = _HASHES - _HASHES % total
        attempt, drawn = 0, fair
        while drawn >= fair:
            drawn = int.from_bytes(
                self._domain.hash(prefix, attempt.to_bytes(8, "big"), self._seed), "big"
            )
            attempt += 1
        return drawn % total
