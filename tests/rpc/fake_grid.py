"""A grid as the interfaces' tests need it: one of everything, always the same."""

from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.grid import (
    CorridorModelView,
    CorridorView,
    GridModelView,
    GridQuoteView,
    GridSlotView,
    GridStatusView,
    RouteModelView,
    WiresChargeView,
    ZoneStatusView,
    ZoneUseView,
)
from gtxnode.rpc.wire import Amount

START_S = 1_800_000_000
WIRES = (WiresChargeView("egat", Amount(428)), WiresChargeView("pea", Amount(642)))


class FakeGrid:
    """Implements `backend.Grid`."""

    def __init__(self, shard: str) -> None:
        self.shard = shard

    def model(self) -> GridModelView:
        return GridModelView(
            self.shard,
            1,
            900,
            ("western", "southern"),
            (CorridorModelView("western", "southern", 3_243, 3_243, (0, -1_000_000)),),
            (RouteModelView("western", "southern", 27_800, WIRES),),
            100_000,
            1_800,
        )

    async def corridors(self, time_s: int | None) -> GridSlotView:
        start_s = START_S if time_s is None else time_s - time_s % 900
        left = (Amount(3_000_000_000), Amount(3_486_000_000))
        return GridSlotView(
            self.shard,
            1,
            start_s,
            start_s + 900,
            (CorridorView("western", "southern", 3_243, 3_243, Amount(243_000_000), *left),),
            (ZoneUseView("southern", Amount(0), Amount(243_000_000), None, 500),),
        )

    async def status(self) -> GridStatusView:
        strained = ZoneStatusView(
            *("southern", "conditional", 49_700, 92, 900_000, 100_000, 150_000, 475, 999),
            ("frequency 49700 mHz, between 49800 and 50200",),
        )
        zones = (ZoneStatusView("western", "normal"), strained)
        return GridStatusView(self.shard, 1, 1_000, zones, Amount(35_000_000))

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
        if Zone.EASTERN in (seller, buyer):
            raise NotFound("route from eastern")
        return GridQuoteView(
            self.shard,
            1,
            seller.name.lower(),
            buyer.name.lower(),
            START_S if start_s is None else start_s,
            length_s,
            "normal",
            Amount(750_000_000),
            Amount(quantity_wh),
            Amount(quantity_wh * 278 // 10_000),
            Amount(price_mgtx_per_kwh),
            WIRES,
            Amount(0),
            Amount(price_mgtx_per_kwh + 1_070),
        )
