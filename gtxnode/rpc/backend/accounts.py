"""What addresses own."""

from __future__ import annotations

from typing import Protocol

from gtxnode.rpc.views.accounts import BalanceView, CoinPage
from gtxnode.rpc.views.orders import LicenceView, OpenOrders


class Accounts(Protocol):
    """What addresses own."""

    async def balance(self, address: bytes) -> BalanceView:
        """What an address owns; all zeros for one that was never seen."""
        ...

    async def coins(self, address: bytes, *, after: bytes | None, limit: int) -> CoinPage:
        """An address's coins whose ids come after `after`, at most `limit`."""
        ...

    async def orders(self, address: bytes) -> OpenOrders:
        """An address's open spot orders, with their terms."""
        ...

    async def licence(self, address: bytes) -> LicenceView:
        """An address's licence for large orders; raises `NotFound`."""
        ...
