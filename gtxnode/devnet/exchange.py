"""The market between zones as our clients see it: what was sold ahead, and what came of it.

Everything is counted from the market's numbered events, each once: after a lost connection they go
on where they stopped, on whichever validator answers.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import trio

from gtxnode.primitives.units import WH_PER_KWH
from gtxnode.primitives.zones import Shard
from gtxnode.rpc import wire
from gtxnode.rpc.client import Client, Disconnected, EventsLost, RpcError, connect
from gtxnode.rpc.views.certificates import CertificatePage, CertificateView
from gtxnode.rpc.views.events import ContractEvent, CurtailmentEvent, Event, SettlementEvent
from gtxnode.rpc.views.grid import CorridorView, GridSlotView

SHARD = Shard.FUNC_ENERGYTRADING
CONNECT_S = 10.0
AGAIN_S = 0.5
LOOK_EVERY_S = 2.0
MAX_CERTIFICATES = 100
WATTS_PER_MW = 1_000_000


class Exchange:
    """Follow it with `run`."""

    def __init__(self) -> None:
        self.contracts = 0
        self.sold_wh = 0
        self.delivered_wh = 0
        self.short_wh = 0
        self.cut_wh = 0
        self.fullest: CorridorView | None = None
        """Of the corridors, the one of which least is left in the slot that runs."""

    async def run(self, urls: Sequence[str]) -> None:
        """Follow the market for ever, on the first of these validators that answers."""
        next_number = 0
        for url in cycle(urls):
            try:
                async with connect(url, timeout_s=CONNECT_S) as client:
                    next_number = await self._listen(client, next_number)
            except Disconnected:
                pass
            await trio.sleep(AGAIN_S)

    async def _listen(self, client: Client, from_: int) -> int:
        next_number = from_
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look, client)
            try:
                async with client.subscribe(SHARD, "market", from_=next_number) as events:
                    async for event in events:
                        self.take(event)
                        next_number = event.number + 1
            except EventsLost as lost:
                next_number = lost.resume_from
            except (Disconnected, RpcError):
                pass  # `run` comes back, and goes on from the same number
            nursery.cancel_scope.cancel()
        return next_number

    async def _look(self, client: Client) -> None:
        try:
            while True:
                slot = await client.ask(GridSlotView, "grid.corridors", shard=SHARD)
                self.fullest = max(slot.corridors, key=used_percent, default=None)
                await trio.sleep(LOOK_EVERY_S)
        except (Disconnected, RpcError):
            return  # the listener beside this one notices too

    def take(self, event: Event) -> None:
        """Count what an event tells of."""
        match event.body:
            case ContractEvent(trade):
                self.contracts += 1
                self.sold_wh += trade.energy_wh
            case SettlementEvent(settlement):
                self.delivered_wh += settlement.delivered_wh
                self.short_wh += settlement.short_wh
            case CurtailmentEvent(curtailment):
                self.cut_wh += curtailment.cut_wh

    def as_text(self) -> str:
        """A line for a person."""
        figures = {
            "sold ahead": self.sold_wh,
            "delivered": self.delivered_wh,
            "short": self.short_wh,
            "curtailed": self.cut_wh,
        }
        parts = [f"{self.contracts} contracts"]
        parts += [f"{wh / WH_PER_KWH:.1f} kWh {what}" for what, wh in figures.items()]
        if self.fullest is not None:
            way = f"{self.fullest.first}-{self.fullest.second}"
            parts.append(f"fullest corridor {way} at {used_percent(self.fullest)} %")
        return ", ".join(parts)

    def as_object(self) -> dict[str, Any]:
        """For a program."""
        return {
            "contracts": self.contracts,
            "sold_wh": self.sold_wh,
            "delivered_wh": self.delivered_wh,
            "short_wh": self.short_wh,
            "curtailed_wh": self.cut_wh,
        }


def used_percent(corridor: CorridorView) -> int:
    """How much of a corridor's limit is used, in the direction in which more is; 100 if it is 0."""
    flow_w = int(corridor.flow_w)
    limit_mw = corridor.forward_mw if flow_w >= 0 else corridor.backward_mw
    if not limit_mw:
        return 100
    return abs(flow_w) * 100 // (limit_mw * WATTS_PER_MW)


async def certificates_of(client: Client, owners: Sequence[bytes]) -> list[CertificateView]:
    """What was retired in the name of these addresses, the latest last."""
    found: list[CertificateView] = []
    for owner in owners:
        page = await client.ask(
            CertificatePage,
            "certificate.of_consumer",
            shard=SHARD,
            address=wire.Address(owner),
            limit=MAX_CERTIFICATES,
        )
        found += page.certificates
    return sorted(found, key=lambda each: (each.time_ms, each.id))
