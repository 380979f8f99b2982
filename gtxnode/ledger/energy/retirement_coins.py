"""The log of a chain's retirements, as far as the state has it: length and peaks.

consensus/merkle_log.py says what these are. The entries are in the blocks; whoever has one, with
its way to the peaks, needs no block.
"""

from functools import lru_cache
from typing import Annotated

import msgspec

from consensus.encoding import Hash32
from consensus.hashing import domain
from consensus.merkle import MAX_LEAVES, MAX_PATH


class RetirementLog(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=64):
    """How many retirements there were, and the peaks of the tree over them, the largest first.

    There is none before the first.
    """

    total: Annotated[int, msgspec.Meta(ge=1, le=MAX_LEAVES)]
    peaks: Annotated[tuple[Hash32, ...], msgspec.Meta(min_length=1, max_length=MAX_PATH)]


@lru_cache(maxsize=64)
def retirement_log_coin_id(chain_id: str) -> bytes:
    """The coin of a chain's log."""
    return domain("coin/retirements", chain_id).hash() + b"\x00\x00"
