"""What the seeds of epochs are made of, apart from blocks: commitments, and authorities' values.

None pays a fee: each is its signer's duty, and counts once in an epoch. All name their epoch, so
that one that comes late is refused, and means nothing else.
"""

import msgspec

from consensus.encoding import Hash32, PublicKey
from gtxnode.ledger.registry.validators import Epoch


class RenewChain(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=55):
    """A validator commits to a new hash chain, which is used from the next epoch on. Its own key
    signs."""

    validator: PublicKey
    epoch: Epoch
    """The one in which it commits."""
    end: Hash32


class PledgeSeed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=56):
    """An authority commits to a value that it reveals two epochs later."""

    epoch: Epoch
    """The one in which it commits."""
    commitment: Hash32


class RevealSeed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=57):
    """An authority reveals the value that it committed to two epochs before."""

    epoch: Epoch
    """The one in which it reveals."""
    value: Hash32
