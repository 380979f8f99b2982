"""Meters and their readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gtxnode.rpc.views.meters import (
    HeldPage,
    HomeView,
    JudgementView,
    MeterView,
    ProvinceView,
    RecordView,
)
from gtxnode.rpc.views.transactions import Verdict


class Meters(Protocol):
    """Meters and their readings."""

    async def submit(self, readings: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Like `Transactions.submit`, of encoded readings only; high S is normalised."""
        ...

    async def get(self, id: bytes) -> MeterView:
        """A meter; raises `NotFound`."""
        ...

    async def held(self, utility: str | None, *, after: bytes | None, limit: int) -> HeldPage:
        """What suspect readings exported, in one utility's territory or in both."""
        ...

    async def home(self, public_key: bytes, curve: str | None, serial: str | None) -> HomeView:
        """Where a key counts; raises `NotFound`, and `BadValue` for what is no key."""
        ...

    async def provinces(self) -> tuple[ProvinceView, ...]:
        """All provinces, by their numbers."""
        ...

    async def verdict(self, record: bytes, public_key: str) -> JudgementView:
        """What is made of a foreign meter's record, held against a key."""
        ...

    async def record(self, transaction: bytes) -> RecordView:
        """The record that a transaction brought; raises `NotFound`."""
        ...
