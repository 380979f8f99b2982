"""Votes by stake: the figures they go by, and how they are counted. Pure.

Quorum is a share of all stake that may vote, and abstaining counts towards it; approval is the
share of yes in yes and no. Both are reached when they are met exactly. Nothing rounds: shares are
compared as products of integers.

>>> counted = tally((60, 30, 10), bytes([Choice.YES, Choice.NO, 0]))
>>> counted
Tally(yes_ugtx=60, no_ugtx=30, abstain_ugtx=0, total_ugtx=100)
>>> counted.is_quorate(900_000), counted.is_approved(666_667)
(True, False)
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated

import msgspec

from consensus.validators import MAX_STAKE
from gtxnode.primitives.units import MAX_AMOUNT, UGTX_PER_GTX

PPM = 1_000_000
MAX_OPEN_PROPOSALS = 256

Epochs = Annotated[int, msgspec.Meta(ge=0, le=10**6)]
Share = Annotated[int, msgspec.Meta(gt=0, le=PPM)]
VotingStake = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]


class Choice(IntEnum):
    """What a validator votes. The numbers are on the wire; 0 stands for no vote."""

    YES = 1
    NO = 2
    ABSTAIN = 3


class GovernanceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How parameters are changed. A proposal goes by those of the block that takes it.

    Invariant: whoever holds a third of the stake or less never decides alone.
    """

    deposit_ugtx: Annotated[int, msgspec.Meta(ge=0, le=MAX_STAKE)] = 1_000 * UGTX_PER_GTX
    """Locked while a proposal is voted on; burned where it finds no quorum."""
    max_open: Annotated[int, msgspec.Meta(ge=1, le=MAX_OPEN_PROPOSALS)] = 32
    """Proposals at one time, until they are rejected or have taken effect; beside them, each seat
    in the committee may have one."""
    start_delay_epochs: Epochs = 24
    """Whole epochs between the one that takes a proposal and the first in which it is voted on."""
    voting_epochs: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 72
    execution_delay_epochs: Epochs = 24
    """Whole epochs between the last of voting and the first in which a change holds."""
    max_wait_epochs: Epochs = 8_760
    """How much later than that a proposal may ask to hold: a year of hours."""
    quorum_ppm: Share = 600_000
    """Of all stake that may vote."""
    approval_ppm: Share = 600_000
    """Yes, of yes and no."""

    def __post_init__(self) -> None:
        if 3 * self.quorum_ppm * self.approval_ppm <= PPM**2:
            raise ValueError(
                f"quorum_ppm {self.quorum_ppm} of which approval_ppm {self.approval_ppm} decide "
                "must be over a third of the stake"
            )


class Tally(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Stake by what it voted, in µGTX."""

    yes_ugtx: VotingStake = 0
    no_ugtx: VotingStake = 0
    abstain_ugtx: VotingStake = 0
    total_ugtx: VotingStake = 0
    """Of all that may vote."""

    def is_quorate(self, quorum_ppm: int) -> bool:
        """Whether enough stake has voted."""
        voted_ugtx = self.yes_ugtx + self.no_ugtx + self.abstain_ugtx
        return voted_ugtx * PPM >= quorum_ppm * self.total_ugtx > 0

    def is_approved(self, approval_ppm: int) -> bool:
        """Whether enough of those who decided are for it. Where all abstain, nobody is."""
        decided_ugtx = self.yes_ugtx + self.no_ugtx
        return self.yes_ugtx * PPM >= approval_ppm * decided_ugtx > 0


def tally(stakes: Sequence[int], choices: bytes) -> Tally:
    """Count the choices of stakes in their order. Choices may end early: nobody else voted."""
    sums = [0, 0, 0, 0]
    for stake_ugtx, choice in zip(stakes, choices, strict=False):
        sums[choice] += stake_ugtx
    return Tally(sums[Choice.YES], sums[Choice.NO], sums[Choice.ABSTAIN], sum(stakes))


def with_choice(choices: bytes, place: int, choice: Choice) -> bytes:
    """The choices once the stake at `place` has voted, for the first time or anew."""
    padded = choices.ljust(place + 1, b"\x00")
    return padded[:place] + bytes([choice]) + padded[place + 1 :]
