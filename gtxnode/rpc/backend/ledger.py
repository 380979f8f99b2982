"""The chain's totals."""

from __future__ import annotations

from typing import Protocol

from gtxnode.rpc.views.ledger import SupplyView


class Ledger(Protocol):
    """The chain's totals."""

    async def supply(self) -> SupplyView:
        """What was minted, retired and issued."""
        ...
