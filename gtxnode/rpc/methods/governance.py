"""Proposals, votes and the parameters that hold."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import OfShard, Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.governance import InForceView, ProposalPage, ProposalView, VotesView

MAX_PROPOSALS = 100
Number = Annotated[
    int, Meta(ge=1, le=2**53 - 1, description="a proposal's number, 1 for the first")
]


class ProposalsBefore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of proposals: those numbered below `before`, or without it the newest."""

    shard: Shard
    before: Number | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_PROPOSALS)] = 20


class OfProposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One proposal."""

    shard: Shard
    number: Number


async def governance_parameters(session: Session, params: OfShard) -> InForceView:
    """The parameters that hold on a chain, and since when; its own, and those that all share."""
    return await session.node.chain(params.shard).governance.in_force()


async def governance_proposals(session: Session, params: ProposalsBefore) -> ProposalPage:
    """Proposals, newest first, in pages; on the registry."""
    return await session.node.chain(params.shard).governance.proposals(
        before=params.before, limit=params.limit
    )


async def governance_proposal(session: Session, params: OfProposal) -> ProposalView:
    """One proposal, with the votes so far."""
    return await session.node.chain(params.shard).governance.proposal(params.number)


async def governance_votes(session: Session, params: OfProposal) -> VotesView:
    """Who may vote on a proposal that is voted on, with which stake, and what they have voted."""
    return await session.node.chain(params.shard).governance.votes(params.number)


ROWS = (
    row("governance.parameters", governance_parameters, ErrorCode.NOT_HOSTED),
    row("governance.proposals", governance_proposals, ErrorCode.NOT_HOSTED),
    row("governance.proposal", governance_proposal, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("governance.votes", governance_votes, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
