"""Who was there on another chain."""

import msgspec

from consensus.types import Commit, Header
from gtxnode.ledger.registry.validators import Epoch


class RollCall(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=60):
    """A block of another chain, at a height that is called, and precommits for it.

    The first that a height is called with proves the block final; later ones bring precommits that
    were missing, of any round. Any validator may bring it; it pays no fee and earns nothing.
    """

    header: Header
    commit: Commit
    """Of the block; where the height was called already, of as few signers as add to it."""
    epoch: Epoch
    """Of the committee that voted on the block."""
