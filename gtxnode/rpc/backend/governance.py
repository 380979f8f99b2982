"""Proposals and the parameters that hold."""

from __future__ import annotations

from typing import Protocol

from gtxnode.rpc.views.governance import InForceView, ProposalPage, ProposalView, VotesView


class Governance(Protocol):
    """Proposals and the parameters that hold."""

    async def in_force(self) -> InForceView:
        """What the next block goes by."""
        ...

    async def proposals(self, *, before: int | None, limit: int) -> ProposalPage:
        """Proposals numbered below `before`, or all, newest first."""
        ...

    async def proposal(self, number: int) -> ProposalView:
        """One proposal; raises `NotFound`."""
        ...

    async def votes(self, number: int) -> VotesView:
        """Who may vote on a proposal, and what they voted; `NotFound` unless it is voted on."""
        ...
