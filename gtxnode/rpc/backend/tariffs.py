"""Tariffs, quotes and bills."""

from __future__ import annotations

from typing import Protocol

from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.views.tariffs import BillView, QuoteView, TablesView


class Tariffs(Protocol):
    """Tariffs, quotes and bills."""

    async def tables(self, at_s: int | None) -> TablesView:
        """All tables, and which are in force at a time, the head's if none is given."""
        ...

    async def quote(
        self,
        *,
        source: Source,
        from_zone: Zone,
        to_zone: Zone,
        at_s: int | None,
        price_mgtx_per_kwh: int | None,
        customer: str,
        capacity_w: int,
    ) -> QuoteView:
        """A kWh at a price, the reference price if none is given; raises `BadValue`."""
        ...

    async def bill(self, address: bytes, month: str, customer: str) -> BillView:
        """A month of an address as a customer of a class; raises `BadValue`, and `NotFound` for a
        month that was over when the chain began."""
        ...
