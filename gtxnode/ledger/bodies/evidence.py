"""Signed messages that contradict."""

from typing import Annotated

import msgspec

from consensus.checkpoints import SignedCheckpoint
from consensus.types import MAX_CHAIN_ID_LENGTH, Commit, Header, Proposal, Vote
from gtxnode.ledger.registry.validators import Epoch

ChainId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHAIN_ID_LENGTH)]


class VotePair(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """Two votes of one validator."""

    first: Vote
    second: Vote


class ProposalPair(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """Two proposals of one validator."""

    first: Proposal
    second: Proposal


class CheckpointPair(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """Two checkpoints of this chain signed by one authority, with whichever of its keys."""

    first: SignedCheckpoint
    second: SignedCheckpoint


class Elsewhere(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The place of two votes or proposals that were signed on another chain of the network.

    What the block before them names says in which epoch they were signed; its commit says that
    it is final. Both are None at a chain's first height.
    """

    chain_id: ChainId
    parent: Header | None
    commit: Commit | None
    epoch: Epoch
    """Of the committee whose commit that is."""


class Evidence(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """Two signed messages that contradict. Anyone may bring it; it pays no fee."""

    proof: VotePair | ProposalPair | CheckpointPair
    place: Elsewhere | None = None
    """None where they were signed on this very chain."""
