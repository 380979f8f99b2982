"""Carbon reports."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from gtxnode.primitives.zones import Zone
from gtxnode.rpc.views.carbon import CarbonReportView


class Carbon(Protocol):
    """Carbon reports."""

    async def report(self, zone: Zone, day: date) -> CarbonReportView:
        """A zone's day in Bangkok."""
        ...
