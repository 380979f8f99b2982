"""Who was seen on a chain other than the registry, as a coin of the registry; one for each chain.

Every so many heights of a chain are called: its validators are seen there by their precommits for
the block that is final (roll_calls.py). Invariant: a height is called once, in rising order; what
is counted of a chain in an epoch is no more than the registry's own heights in the same time.
"""

from typing import Annotated

import msgspec

from consensus.encoding import Height, PublicKey
from consensus.hashing import domain
from consensus.presence import OpenHeight
from consensus.reputation import Count
from gtxnode.ledger.registry.validators import MAX_REGISTERED, Epoch
from gtxnode.primitives.zones import REGISTRY, Shard

MAX_OPEN_CALLS = 4
"""Heights of one chain that may be open at a time."""
CALLED_SHARDS = tuple(shard for shard in Shard if shard is not REGISTRY)


class OpenCall(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A height that was called, and may still be signed."""

    place: OpenHeight
    epoch: Epoch
    """Of the committee that voted there."""
    opened: Height
    """The registry's block that called it first."""
    weight: Count
    """How many of the registry's heights it counts as much as."""


class Attendance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the heights that were settled in this epoch have shown of a validator, by weight."""

    public_key: PublicKey
    heights: Count
    signed: Count


class RollCalls(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=60):
    """The calls of one chain."""

    height: Height = 0
    """The last that was called."""
    anchor: Height = 0
    """The registry's height that its header names."""
    open: Annotated[tuple[OpenCall, ...], msgspec.Meta(max_length=MAX_OPEN_CALLS)] = ()
    """Oldest first."""
    seen: Annotated[tuple[Attendance, ...], msgspec.Meta(max_length=MAX_REGISTERED)] = ()
    """By key. It begins anew with every epoch."""


def roll_calls_coin_id(chain_id: str, shard: Shard) -> bytes:
    """The coin of a chain's calls."""
    return domain("coin/roll_calls", chain_id).hash(shard.encode()) + b"\x00\x00"
