"""Who proposes in which round. The driver takes any schedule as an input.

Every node of a height must go by the same schedule, so it depends on final data alone: the
epoch's set and seed, and who rests. Votes count in stake alone, whatever is drawn here.

Invariant: of n validators any n rounds in a row of a height are each another's, so where f of them
propose nothing, at most f rounds in a row are lost to it, whatever the weights and the seed.
"""

from collections import defaultdict
from collections.abc import Sequence, Set
from functools import lru_cache
from typing import Annotated, Final, Protocol

import msgspec

from consensus.hashing import Domain
from consensus.sampling import WeightedDraw
from consensus.validators import Validator, ValidatorSet

SHARE_UNIT: Final = 2**64
"""The whole of a component, which its members share in integers. Above the largest total stake,
so that whoever has stake has a share."""


ORDERED_HEIGHTS: Final = 4
"""Of so many heights a schedule remembers its order."""


class ProposerSchedule(Protocol):
    """The choice of proposers of one height."""

    def proposer(self, height: int, round: int) -> bytes:
        """The public key of the proposer of this round."""


Weight = Annotated[int, msgspec.Meta(ge=0, le=10**6)]


class ProposerWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each component counts for, against the sum of the four."""

    stake: Weight = 40
    reputation: Weight = 35
    region: Weight = 15
    chance: Weight = 10

    def __post_init__(self) -> None:
        if self.stake + self.reputation + self.region + self.chance == 0:
            raise ValueError("the weights of the proposers' components are all zero")


def proposer_weights(
    validators: ValidatorSet,
    weights: ProposerWeights,
    resting: Set[bytes] = frozenset(),
) -> tuple[int, ...]:
    """Each validator's integer weight in the draw, in the set's order.

    A weight is the sum of four components times their weights. In each component the validators
    share `SHARE_UNIT`, every share rounded down once (so a component may come out short by a
    unit a validator, 2**-54 of it at most):

    - *stake*: by stake;
    - *reputation*: by stake times reputation, so that nothing is gained by splitting a stake
      over several keys; by stake as long as nobody has a reputation;
    - *region*: every region in the set has the same, and its validators share it by stake;
    - *chance*: every validator has the same.

    Who rests has weight zero, and the others share as if it were not there. Where all rest,
    nobody does.
    """
    active = [each for each in validators if each.public_key not in resting]
    shares = dict(_shares(active or list(validators), weights))
    return tuple(shares.get(each.public_key, 0) for each in validators)


class WeightedSchedule:
    """Draws the proposers of one chain's heights by `proposer_weights`.

    A height's first round is drawn among all, each later one among those that have not had a turn
    at this height. Who rests comes after all others, for if it never came and all others were
    down, nobody would ever propose. When everybody has had a turn, they come again in the order of
    before: drawn anew, the last f of one order and the first f of the next could be the same f.
    """

    def __init__(
        self,
        chain_id: str,
        validators: ValidatorSet,
        seed: bytes,
        weights: ProposerWeights,
        resting: Set[bytes] = frozenset(),
    ) -> None:
        self._keys = tuple(each.public_key for each in validators)
        shares = proposer_weights(validators, weights, resting)
        self._draw = WeightedDraw(shares, Domain("proposer", chain_id), seed)
        self._order = lru_cache(maxsize=ORDERED_HEIGHTS)(self._draw.order)

    def proposer(self, height: int, round: int) -> bytes:
        """The public key of the proposer of this round."""
        if round == 0:
            # Nearly every height needs this one only: a hash, where an order takes one for each.
            return self._keys[self._draw.index(height, 0)]
        return self._keys[self._order(height)[round % len(self._keys)]]


def _shares(active: Sequence[Validator], weights: ProposerWeights) -> list[tuple[bytes, int]]:
    total = sum(each.stake for each in active)
    earned = sum(each.stake * each.reputation for each in active)
    in_region: defaultdict[int, int] = defaultdict(int)
    for each in active:
        in_region[each.region] += each.stake

    def share(each: Validator) -> int:
        by_stake = SHARE_UNIT * each.stake // total
        by_reputation = SHARE_UNIT * each.stake * each.reputation // earned if earned else by_stake
        by_region = SHARE_UNIT * each.stake // (in_region[each.region] * len(in_region))
        return (
            weights.stake * by_stake
            + weights.reputation * by_reputation
            + weights.region * by_region
            + weights.chance * (SHARE_UNIT // len(active))
        )

    return [(each.public_key, share(each)) for each in active]
