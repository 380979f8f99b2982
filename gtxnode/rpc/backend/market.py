"""The order book and its trades."""

from __future__ import annotations

from typing import Protocol

from gtxnode.rpc.views.market import BookView, DayView, TradePage


class Market(Protocol):
    """The order book and its trades."""

    async def book(self, depth: int) -> BookView:
        """The best `depth` price levels of each side."""
        ...

    async def day(self) -> DayView:
        """What traded today and yesterday, and the bounds of prices that follow."""
        ...

    async def trades(self, *, after: int | None, limit: int) -> TradePage:
        """Trades numbered above `after`; without it, the latest `limit` trades. In order."""
        ...
