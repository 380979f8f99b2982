"""Delivery slots: books, contracts, settlements."""

from __future__ import annotations

from typing import Protocol

from gtxnode.rpc.views.forwards import (
    ContractPage,
    ForwardRulesView,
    ForwardTradePage,
    SettlementPage,
    SlotBookView,
    SlotPage,
)
from gtxnode.rpc.views.orders import SlotOrders


class Forwards(Protocol):
    """Delivery slots: books, contracts, settlements."""

    def rules(self) -> ForwardRulesView:
        """Which slots are traded, how, and what a shortfall costs."""
        ...

    async def slots(self) -> SlotPage:
        """The slots that have open orders, in order of time."""
        ...

    async def book(self, start_s: int, length_s: int, depth: int) -> SlotBookView:
        """A slot's best `depth` price levels of each side; raises `NotFound` for no slot."""
        ...

    async def orders(self, address: bytes) -> SlotOrders:
        """An address's open orders for slots, in order of ids."""
        ...

    async def contracts(self, address: bytes, *, after: bytes | None, limit: int) -> ContractPage:
        """An address's open contracts, as buyer or seller, whose ids come after `after`."""
        ...

    async def trades(self, *, after: int | None, limit: int) -> ForwardTradePage:
        """Trades numbered above `after`; without it, the latest `limit`. In order."""
        ...

    async def settlements(self, *, after: int | None, limit: int) -> SettlementPage:
        """Settlements numbered above `after`; without it, the latest `limit`. In order."""
        ...
