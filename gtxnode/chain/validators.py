"""Who votes at each height of a chain, from what is final.

The registry reads its sets from its own committees. Every other chain of a network that has one
goes by the registry's block that its headers name (`anchor`); without a registry a chain keeps the
set of its genesis. Whatever an epoch fixes goes this way: `FollowedSets.place` is the registry's
height that a chain's height goes by, and what holds there holds here.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from consensus.hashing import ZERO_HASH
from consensus.types import Anchor
from consensus.validators import ValidatorSet
from gtxnode.chain.committees import read_committee
from gtxnode.ledger.registry.validators import Committee, epoch_of, last_height_of
from gtxnode.primitives.zones import REGISTRY, Shard
from storage.kv import Reader

CACHED_SETS = 16 * len(Shard)
CACHED_HEIGHTS = 16


class SetUnknown(Exception):
    """The set of a height that this node's state does not fix yet."""

    code = "chain.validators_unknown"

    def __init__(self, height: int) -> None:
        super().__init__(f"who votes at height {height} is not known here")
        self.height = height


class ValidatorSets(Protocol):
    """The sets of one chain, and the seeds that their proposers are drawn from.

    Any thread may ask.
    """

    def at(self, height: int) -> ValidatorSet:
        """Who votes at a height: known for the head's and the next. `SetUnknown` otherwise."""

    def after(self, height: int, anchor: Anchor) -> ValidatorSet:
        """Who votes after a block at a height that goes by this anchor; `SetUnknown`."""

    def seed(self, height: int) -> bytes:
        """What the proposers of a height are drawn from: known for the next height and the one
        before at least. `SetUnknown` otherwise."""

    def epoch(self, height: int) -> int | None:
        """The epoch of a height; None where the chain has no epochs. `SetUnknown`."""

    def until(self, height: int) -> int | None:
        """The last height with the same set, where that follows from heights alone."""


class FixedSets:
    """One set and one seed for all heights."""

    def __init__(self, validators: ValidatorSet, seed: bytes) -> None:
        self._validators = validators
        self._seed = seed

    def at(self, height: int) -> ValidatorSet:
        """Always the same."""
        return self._validators

    def seed(self, height: int) -> bytes:
        """Always the same."""
        return self._seed

    def after(self, height: int, anchor: Anchor) -> ValidatorSet:
        """Always the same."""
        return self._validators

    def epoch(self, height: int) -> int | None:
        """There are none."""
        return None

    def until(self, height: int) -> int | None:
        """It never changes."""
        return None


class RegistrySets:
    """The registry's own.

    A committee's members never change once they are fixed, nor does its seed, so what was read is
    kept.
    """

    def __init__(self, database: Reader, epoch_blocks: int) -> None:
        self._database = database
        self._epoch_blocks = epoch_blocks
        self._known: OrderedDict[tuple[int, Shard], ValidatorSet] = OrderedDict()
        self._seeds: OrderedDict[int, bytes] = OrderedDict()

    def at(self, height: int, shard: Shard = REGISTRY) -> ValidatorSet:
        """The committee of the height's epoch, or those of it that vote on another chain there;
        raises `SetUnknown`."""
        epoch = epoch_of(height, self._epoch_blocks)
        known = self._known.get((epoch, shard))
        if known is not None:
            return known
        # Threads may both add it; it is the same set.
        found = self._known[epoch, shard] = self._committee(height).validator_set(shard)
        if len(self._known) > CACHED_SETS:
            self._known.popitem(last=False)
        return found

    def seed(self, height: int) -> bytes:
        """Of the height's epoch, once the one before has ended; raises `SetUnknown`."""
        epoch = epoch_of(height, self._epoch_blocks)
        known = self._seeds.get(epoch)
        if known is not None:
            return known
        seed = self._committee(height).seed
        if seed == ZERO_HASH:
            raise SetUnknown(height)
        self._seeds[epoch] = seed
        if len(self._seeds) > CACHED_SETS:
            self._seeds.popitem(last=False)
        return seed

    def after(self, height: int, anchor: Anchor) -> ValidatorSet:
        """That of the next height."""
        return self.at(height + 1)

    def epoch(self, height: int) -> int:
        """Counted from zero."""
        return epoch_of(height, self._epoch_blocks)

    def until(self, height: int) -> int | None:
        """The epoch's last height."""
        return last_height_of(epoch_of(height, self._epoch_blocks), self._epoch_blocks)

    def _committee(self, height: int) -> Committee:
        committee = read_committee(self._database, epoch_of(height, self._epoch_blocks))
        if committee is None:
            raise SetUnknown(height)
        return committee


class FollowedSets:
    """Those of a chain that goes by the registry, as its headers name it.

    A block that names the registry's block at height a is followed by those who vote on this chain
    out of the set that votes on the registry at a + 1: so the set changes where the reference comes
    to an epoch's last block. `anchor_of` gives the reference of a final block of this chain, that
    of genesis at height 0.
    """

    def __init__(
        self, registry: RegistrySets, shard: Shard, anchor_of: Callable[[int], Anchor]
    ) -> None:
        self._registry = registry
        self._shard = shard
        self._anchor_of = anchor_of
        self._places: OrderedDict[int, int] = OrderedDict()

    def place(self, height: int) -> int:
        """The registry's height that a height goes by; raises `SetUnknown`."""
        known = self._places.get(height)
        if known is not None:
            return known
        try:
            place = self._anchor_of(max(0, height - 1)).height + 1
        except KeyError as error:
            raise SetUnknown(height) from error
        self._places[height] = place
        if len(self._places) > CACHED_HEIGHTS:
            self._places.popitem(last=False)
        return place

    def at(self, height: int) -> ValidatorSet:
        """As the block before it says; raises `SetUnknown`."""
        return self._registry.at(self.place(height), self._shard)

    def after(self, height: int, anchor: Anchor) -> ValidatorSet:
        """As the block says; raises `SetUnknown`."""
        return self._registry.at(anchor.height + 1, self._shard)

    def seed(self, height: int) -> bytes:
        """The registry's, there; the chain's id goes into what is drawn from it."""
        return self._registry.seed(self.place(height))

    def epoch(self, height: int) -> int:
        """The registry's, there."""
        return self._registry.epoch(self.place(height))

    def until(self, height: int) -> int | None:
        """Heights of this chain do not tell."""
        return None
