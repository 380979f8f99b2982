"""What the choice of proposers goes by, as coins: who rests, and what the seeds come from.

Every chain counts its own turns. Invariant: a validator that has missed none of late has no record,
and while nobody has one there is no coin. Only the registry has the others, and all chains draw
from its seeds (docs/decisions/seed.md).
"""

from functools import lru_cache
from typing import Annotated

import msgspec

from consensus.encoding import PublicKey
from consensus.hash_chain import HashChain
from consensus.hashing import Domain
from consensus.seed import SeedState
from consensus.turns import Misses, resting
from consensus.types import MAX_VALIDATORS
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.validators import epoch_of


class MissRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One validator's."""

    public_key: PublicKey
    misses: Misses


class MissedTurns(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=55):
    """Who has missed turns in a row, and who rests for it, by key."""

    records: Annotated[
        tuple[MissRecord, ...], msgspec.Meta(min_length=1, max_length=MAX_VALIDATORS)
    ]

    def by_key(self) -> dict[bytes, Misses]:
        """The records as `consensus.turns` takes them."""
        return {each.public_key: each.misses for each in self.records}

    def resting(self, height: int) -> frozenset[bytes]:
        """Who rests at the height of the head, or at the next."""
        return resting(((each.public_key, each.misses) for each in self.records), height)


class Seeds(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=56):
    """What the seeds of this epoch and the next two come from."""

    state: SeedState


class RevealChain(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=57):
    """A validator's hash chain, as far as it is known."""

    chain: HashChain


def reveal_due(parameters: ChainParameters, height: int) -> bool:
    """Whether a block without a reveal withholds it. In the first epoch nobody can have a chain:
    a commitment counts from the epoch after."""
    return parameters.registry and epoch_of(height, parameters.staking.epoch_blocks) > 0


@lru_cache(maxsize=64)
def seeds_coin_id(chain_id: str) -> bytes:
    """The coin that the seeds come from."""
    return Domain("coin/seeds", chain_id).hash() + b"\x00\x00"


def chain_coin_id(chain_id: str, public_key: bytes) -> bytes:
    """The coin of a validator's hash chain."""
    return Domain("coin/reveal_chain", chain_id).hash(public_key) + b"\x00\x00"


@lru_cache(maxsize=64)
def missed_turns_coin_id(chain_id: str) -> bytes:
    """The coin of turns missed."""
    return Domain("coin/missed_turns", chain_id).hash() + b"\x00\x00"
