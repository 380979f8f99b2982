"""Messages as the driver's inputs, and what stands for a signer."""

from hashlib import sha256

import msgspec

from consensus.events import (
    CommitReceived,
    Input,
    PolkaReceived,
    ProposalReceived,
    ProposalSigned,
    VerifiedCommit,
    VerifiedPolka,
    VerifiedProposal,
    VerifiedVote,
    VoteReceived,
    VoteSigned,
)
from consensus.messages import CommitMessage, PolkaMessage, ProposalMessage, VoteMessage
from consensus.types import Proposal, Vote, proposal_digest, vote_digest
from tests.simulation.blocks import CHAIN


def height_of(message: object) -> int:
    """The height that a consensus message is about."""
    match message:
        case VoteMessage(vote):
            return vote.height
        case ProposalMessage(proposal):
            return proposal.height
        case PolkaMessage(polka):
            return polka.height
        case CommitMessage(commit):
            return commit.height
    raise AssertionError(f"unknown message {message}")


def verified(message: object) -> Input:
    """The driver's input. Nobody here can sign for another, so there is nothing to verify."""
    match message:
        case VoteMessage(vote):
            return VoteReceived(VerifiedVote(vote))
        case ProposalMessage(proposal, block, polka):
            return ProposalReceived(VerifiedProposal(proposal, block, polka))
        case PolkaMessage(polka):
            return PolkaReceived(VerifiedPolka(polka))
        case CommitMessage(commit, block):
            return CommitReceived(VerifiedCommit(commit, block))
    raise AssertionError(f"unknown message {message}")


def signed(unsigned: Vote | Proposal) -> VoteSigned | ProposalSigned:
    """The signer's answer."""
    if isinstance(unsigned, Vote):
        return VoteSigned(signed_vote(unsigned))
    return ProposalSigned(signed_proposal(unsigned))


def signed_vote(unsigned: Vote) -> Vote:
    """The vote with what stands for a signature: bytes that depend on the key and the digest."""
    signature = sha256(unsigned.validator + vote_digest(CHAIN, unsigned)).digest() * 2
    return msgspec.structs.replace(unsigned, signature=signature)


def signed_proposal(unsigned: Proposal) -> Proposal:
    """The proposal with what stands for a signature."""
    signature = sha256(unsigned.proposer + proposal_digest(CHAIN, unsigned)).digest() * 2
    return msgspec.structs.replace(unsigned, signature=signature)
