"""Meters and their readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gtxnode.rpc.views.meters import MeterView
from gtxnode.rpc.views.transactions import Verdict


class Meters(Protocol):
    """Meters and their readings."""

    async def submit(self, readings: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Like `Transactions.submit`, of encoded readings only; high S is normalised."""
        ...

    async def get(self, id: bytes) -> MeterView:
        """A meter; raises `NotFound`."""
        ...
