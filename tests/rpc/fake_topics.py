"""Topics of a node in memory that have next to nothing to say."""

from __future__ import annotations

from datetime import date

from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.compliance import (
    ActPage,
    HaltsView,
    MandatesView,
    ReportView,
    UsagesView,
    ViolationPage,
)
from gtxnode.rpc.views.governance import InForceView, ProposalPage, ProposalView, VotesView
from gtxnode.rpc.wire import Address


class FakeGovernance:
    """Implements `backend.Governance`: nothing was ever proposed."""

    async def in_force(self) -> InForceView:
        return InForceView("geo_bangkok", 0, 0, 0, 1, None, {"min_fee_ugtx": "1000"}, ("zones",))

    async def proposals(self, *, before: int | None, limit: int) -> ProposalPage:
        return ProposalPage(0, 0, (), None)

    async def proposal(self, number: int) -> ProposalView:
        raise NotFound(f"proposal {number}")

    async def votes(self, number: int) -> VotesView:
        raise NotFound(f"votes on proposal {number}")


class FakeCompliance:
    """Implements `backend.Compliance`: nobody ever did anything."""

    async def mandates(self) -> MandatesView:
        return MandatesView("geo_bangkok", 0, (), ())

    async def halts(self) -> HaltsView:
        return HaltsView(0, 0, ())

    async def acts(self, *, after: int | None, limit: int) -> ActPage:
        return ActPage(0, (), None)

    async def violations(
        self, *, after: int | None, limit: int, address: bytes | None, rule: str | None
    ) -> ViolationPage:
        return ViolationPage(0, (), None)

    async def usage(self, address: bytes) -> UsagesView:
        return UsagesView(0, Address(address), ())

    async def report(self, day: date) -> ReportView:
        raise NotFound(f"{day}")
