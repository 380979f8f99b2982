"""Who proposes at each height of a chain: drawn from its set and seed, who rests after all others.

Everything it goes by is final when a height begins: the epoch's set and seed (chain/validators.py),
and the turns up to two heights before (consensus/turns.py).
"""

from collections import OrderedDict
from typing import Final

from consensus.proposers import ProposerSchedule, WeightedSchedule
from consensus.validators import ValidatorSet
from gtxnode.chain.validators import ValidatorSets
from gtxnode.ledger.coin_view import CoinReader, read_coin
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.proposers import MissedTurns, missed_turns_coin_id

CACHED_SCHEDULES: Final = 4


class Proposers:
    """Of one chain. Any thread may ask."""

    def __init__(
        self, chain_id: str, coins: CoinReader, parameters: ChainParameters, sets: ValidatorSets
    ) -> None:
        self._chain_id = chain_id
        self._coins = coins
        self._weights = parameters.proposers
        self._sets = sets
        self._known: OrderedDict[tuple[ValidatorSet, bytes, frozenset[bytes]], ProposerSchedule] = (
            OrderedDict()
        )

    def at(self, height: int) -> ProposerSchedule:
        """Who proposes at the height of the head, or at the next; raises `SetUnknown`."""
        basis = (self._sets.at(height), self._sets.seed(height), self._resting(height))
        known = self._known.get(basis)
        if known is None:
            validators, seed, resting = basis
            known = WeightedSchedule(self._chain_id, validators, seed, self._weights, resting)
            # Threads may both add it; it is the same schedule.
            self._known[basis] = known
            if len(self._known) > CACHED_SCHEDULES:
                self._known.popitem(last=False)
        return known

    def _resting(self, height: int) -> frozenset[bytes]:
        missed = missed_turns(self._chain_id, self._coins)
        return missed.resting(height) if missed is not None else frozenset()


def missed_turns(chain_id: str, coins: CoinReader) -> MissedTurns | None:
    """Who has missed turns in a row on a chain; None while nobody has."""
    missed = read_coin(coins, missed_turns_coin_id(chain_id))
    assert missed is None or isinstance(missed, MissedTurns), "the id holds the turns missed"
    return missed
