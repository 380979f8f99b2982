"""Transactions: sent, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gtxnode.rpc.views.transactions import TransactionProof, TransactionStatus, Verdict


class Transactions(Protocol):
    """Transactions: sent, and what became of them."""

    async def submit(self, transactions: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Check and pool encoded transactions; one verdict each, in their order."""
        ...

    async def status(self, id: bytes) -> TransactionStatus:
        """Where a transaction stands; raises `NotFound`."""
        ...

    async def prove(self, id: bytes) -> TransactionProof:
        """A transaction's way into a final block; raises `NotFound`."""
        ...
