"""Who votes at each height of a chain, from what is final.

The registry reads its sets from its own coins; every other chain keeps the set of its genesis. A
chain that follows the registry by its headers' anchors is one more class here.
"""

from collections import OrderedDict
from typing import Protocol

from consensus.validators import ValidatorSet
from gtxnode.ledger.coin_view import CoinReader
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.validators import Committee, committee_coin_id, epoch_of, last_height_of

CACHED_EPOCHS = 16


class SetUnknown(Exception):
    """The set of a height that this node's state does not fix yet, or no longer remembers."""

    code = "chain.validators_unknown"

    def __init__(self, height: int) -> None:
        super().__init__(f"who votes at height {height} is not known here")
        self.height = height


class ValidatorSets(Protocol):
    """The sets of one chain, and the seeds that their proposers are drawn from."""

    def at(self, height: int) -> ValidatorSet:
        """Who votes at a height: known for the next two at least. `SetUnknown` otherwise."""

    def seed(self, height: int) -> bytes:
        """What the proposers of a height are drawn from: known for the next height and the one
        before at least. `SetUnknown` otherwise."""

    def epoch(self, height: int) -> int | None:
        """The epoch of a height; None where the chain has no epochs."""

    def until(self, height: int) -> int | None:
        """The last height with the same set for certain; None where it never changes."""


def validator_sets(
    chain_id: str,
    coins: CoinReader,
    parameters: ChainParameters,
    genesis: ValidatorSet,
    genesis_id: bytes,
) -> ValidatorSets:
    """The sets of a chain with these parameters, whose genesis names these validators."""
    if parameters.registry:
        return RegistrySets(chain_id, coins, parameters.staking.epoch_blocks, genesis_id)
    return FixedSets(genesis, genesis_id)


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

    def epoch(self, height: int) -> int | None:
        """There are none."""
        return None

    def until(self, height: int) -> int | None:
        """It never changes."""
        return None


class RegistrySets:
    """The committees in the registry's coins. Any thread may ask.

    A committee's members never change once they are fixed, so what was read is kept.
    """

    def __init__(self, chain_id: str, coins: CoinReader, epoch_blocks: int, seed: bytes) -> None:
        self._seed = seed
        self._chain_id = chain_id
        self._coins = coins
        self._epoch_blocks = epoch_blocks
        self._known: OrderedDict[int, ValidatorSet] = OrderedDict()

    def at(self, height: int) -> ValidatorSet:
        """The committee of the height's epoch; raises `SetUnknown`."""
        epoch = epoch_of(height, self._epoch_blocks)
        known = self._known.get(epoch)
        if known is not None:
            return known
        encoded = self._coins.get(committee_coin_id(self._chain_id, epoch))
        if encoded is None:
            raise SetUnknown(height)
        committee = decode_coin(encoded)
        assert isinstance(committee, Committee), "a committee's id holds the committee"
        # Threads may both add it; it is the same set.
        found = self._known[epoch] = committee.validator_set()
        if len(self._known) > CACHED_EPOCHS:
            self._known.popitem(last=False)
        return found

    def seed(self, height: int) -> bytes:
        """Always the same."""
        return self._seed

    def epoch(self, height: int) -> int | None:
        """Counted from zero."""
        return epoch_of(height, self._epoch_blocks)

    def until(self, height: int) -> int | None:
        """The epoch's last height."""
        return last_height_of(epoch_of(height, self._epoch_blocks), self._epoch_blocks)
