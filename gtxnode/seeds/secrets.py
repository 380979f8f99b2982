"""What a node contributes to the seeds, derived from its keys.

Nothing is kept on disk: a validator's chain is a function of its key and of the epoch that the
chain begins in, an authority's value of its key and the epoch of its commitment. Which value is due
follows from final state. So a restart loses nothing, and a home that was restored from a copy
reveals what the home itself would: as long as it is behind, what it reveals is known already.
"""

from collections import OrderedDict
from typing import Final

from consensus import signing
from consensus.hash_chain import MAX_CHAIN_LENGTH, HashChain, OwnChain
from consensus.hashing import Domain

LEAST_LENGTH: Final = 2**16
"""Reveals of one chain: two days of blocks every three seconds by a validator that makes them all.
Its values take two megabytes, and 0.1 s to work out."""
KEPT_CHAINS: Final = 2
"""The one in use, and the one that takes over."""


class OwnChains:
    """The chains of one validator on one registry. Any thread may ask."""

    def __init__(self, chain_id: str, private_key: bytes, length: int) -> None:
        self.length = length
        self.public_key = signing.public_key(private_key)
        self._chain_id = chain_id
        self.private_key = private_key
        self._known: OrderedDict[int, OwnChain] = OrderedDict()

    def end(self, since: int) -> bytes:
        """What to commit to for the chain that is used from an epoch on."""
        return self._chain(since).end

    def next_reveal(self, chain: HashChain) -> bytes | None:
        """What is to be revealed next; None where the chain is used up, or none of ours."""
        return self._chain(chain.since).next_reveal(chain)

    def left(self, chain: HashChain) -> int:
        """How many reveals there are left of a chain, 0 of one that is none of ours."""
        return self._chain(chain.since).left(chain) if chain.tip is not None else 0

    def _chain(self, since: int) -> OwnChain:
        known = self._known.get(since)
        if known is None:
            secret = Domain("seed/secret", self._chain_id).hash(_number(since), self.private_key)
            known = OwnChain(self._chain_id, self.public_key, secret, self.length)
            # Threads may both add it; it is the same chain.
            self._known[since] = known
            if len(self._known) > KEPT_CHAINS:
                self._known.popitem(last=False)
        return known


def chain_length(epoch_blocks: int) -> int:
    """How long chains are made: half of one outlasts an epoch, as long as that can be."""
    return min(max(LEAST_LENGTH, 4 * epoch_blocks), MAX_CHAIN_LENGTH)


def authority_value(chain_id: str, private_key: bytes, epoch: int) -> bytes:
    """What an authority that commits in an epoch commits to, 32 bytes."""
    return Domain("seed/value", chain_id).hash(_number(epoch), private_key)


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")
