"""What the choice of proposers goes by, as coins: turns missed, and who rests for that.

Every chain counts its own turns. Invariant: a validator that has missed none of late has no record,
and while nobody has one there is no coin.
"""

from functools import lru_cache
from typing import Annotated

import msgspec

from consensus.encoding import PublicKey
from consensus.hashing import Domain
from consensus.turns import Misses, resting
from consensus.types import MAX_VALIDATORS


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


@lru_cache(maxsize=64)
def missed_turns_coin_id(chain_id: str) -> bytes:
    """The coin of turns missed."""
    return Domain("coin/missed_turns", chain_id).hash() + b"\x00\x00"
