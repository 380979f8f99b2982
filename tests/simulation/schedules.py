"""Who proposes in the simulation: all in turn, or drawn as a chain draws them, with rests."""

from collections.abc import Mapping, Sequence

from consensus.messages import CommitMessage
from consensus.proposers import ProposerSchedule, ProposerWeights, WeightedSchedule
from consensus.turns import Misses, RestRule, after_turns, resting, turns_of
from consensus.validators import ValidatorSet
from tests.simulation.blocks import CHAIN


class Rotation:
    """Proposers in turn."""

    def __init__(self, keys: Sequence[bytes], begun: int) -> None:
        self._keys = keys
        self._begun = begun

    def proposer(self, height: int, round: int) -> bytes:
        """The key of the round's proposer."""
        return self._keys[(self._begun + height + round) % len(self._keys)]


class Drawn:
    """By the weights, and by who rests for the turns that one node's final blocks show."""

    def __init__(
        self,
        validators: ValidatorSet,
        seed: bytes,
        rest: RestRule,
        blocks: Mapping[int, CommitMessage],
    ) -> None:
        self._validators = validators
        self._seed = seed
        self._rest = rest
        self._blocks = blocks
        self._misses: dict[bytes, Misses] = {}
        self._heights: list[ProposerSchedule] = []

    def proposer(self, height: int, round: int) -> bytes:
        """The key of the round's proposer; past the next height, as it stands at that."""
        while len(self._heights) < height and self._is_next_known():
            self._add()
        return self._heights[min(height, len(self._heights)) - 1].proposer(height, round)

    def _is_next_known(self) -> bool:
        # Turns count two heights later, when the commit that shows them is in a final block.
        return len(self._heights) < 2 or len(self._heights) in self._blocks

    def _add(self) -> None:
        height = len(self._heights) + 1
        if height > 2:
            counted = height - 2
            author = self._blocks[counted].block.header.proposer
            commit = self._blocks[counted + 1].block.last_commit
            assert commit is not None, "only the first block has none"
            turns = turns_of(self._heights[counted - 1], counted, commit.round, author)
            self._misses |= after_turns(self._misses, turns, counted, self._rest)
        at_rest = resting(self._misses.items(), height)
        self._heights.append(
            WeightedSchedule(CHAIN, self._validators, self._seed, ProposerWeights(), at_rest)
        )
