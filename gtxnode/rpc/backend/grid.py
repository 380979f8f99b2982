"""The grid between the zones."""

from __future__ import annotations

from typing import Protocol

from gtxnode.primitives.zones import Zone
from gtxnode.rpc.views.grid import GridModelView, GridQuoteView, GridSlotView, GridStatusView


class Grid(Protocol):
    """The grid between the zones. All raise `NotFound` on a chain without one."""

    def model(self) -> GridModelView:
        """The model in force."""
        ...

    async def corridors(self, time_s: int | None) -> GridSlotView:
        """What is used and left of the slot at a time, without it of the current one."""
        ...

    async def status(self) -> GridStatusView:
        """The zones' conditions."""
        ...

    async def quote(
        self,
        seller: Zone,
        buyer: Zone,
        *,
        quantity_wh: int,
        price_mgtx_per_kwh: int,
        start_s: int | None,
        length_s: int,
    ) -> GridQuoteView:
        """What carrying energy takes, in a delivery slot, without `start_s` at once.

        Raises `NotFound` for zones or slots that there are none of.
        """
        ...
