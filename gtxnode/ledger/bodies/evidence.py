"""Signed messages that contradict."""

import msgspec

from consensus.checkpoints import SignedCheckpoint
from consensus.types import Proposal, Vote


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


class Evidence(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """Two signed messages that contradict. Anyone may bring it; it pays no fee."""

    proof: VotePair | ProposalPair | CheckpointPair
