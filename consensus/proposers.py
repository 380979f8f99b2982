"""Who proposes in which round. The driver takes any schedule as an input.

Every node of a height must go by the same schedule, so it depends on final data alone: the
epoch's set and seed, and who rests. Votes count in stake alone, whatever is drawn here.
"""

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import Annotated, Final, Protocol

import msgspec

from consensus.hashing import Domain
from consensus.sampling import WeightedDraw
from consensus.validators import Validator, ValidatorSet

SHARE_UNIT: Final = 2**64
"""The whole of a component, which its members share in integers. Above the largest total stake,
so that whoever has stake has a share."""


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
    nobody does: there is always somebody to propose.
    """
    active = [each for each in validators if each.public_key not in resting]
    shares = dict(_shares(active or list(validators), weights))
    return tuple(shares.get(each.public_key, 0) for each in validators)


class WeightedSchedule:
    """Draws each round's proposer of one chain by `proposer_weights`."""

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

    def proposer(self, height: int, round: int) -> bytes:
        """The public key of the proposer of this round."""
        return self._keys[self._draw.index(height, round)]


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
