"""What regulators ask of a chain."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from gtxnode.rpc.views.compliance import (
    ActPage,
    HaltsView,
    MandatesView,
    ReportView,
    UsagesView,
    ViolationPage,
)


class Compliance(Protocol):
    """What regulators ask of a chain."""

    async def mandates(self) -> MandatesView:
        """Who may sign what."""
        ...

    async def halts(self) -> HaltsView:
        """What stands still."""
        ...

    async def acts(self, *, after: int | None, limit: int) -> ActPage:
        """What authorities signed, numbered above `after`."""
        ...

    async def violations(
        self, *, after: int | None, limit: int, address: bytes | None, rule: str | None
    ) -> ViolationPage:
        """What rules refused, numbered above `after`; of one address, by one rule."""
        ...

    async def usage(self, address: bytes) -> UsagesView:
        """How far an address has used up the limits of use."""
        ...

    async def report(self, day: date) -> ReportView:
        """What the chain did in a day of Bangkok; raises `NotFound` for one that has not begun."""
        ...
