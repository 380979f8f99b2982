"""The grid between the zones, as one chain's coins have it after a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import partial

import trio

from gtxnode.chain.coin_tables import COINS
from gtxnode.chain.store import ChainStore
from gtxnode.grid.corridors import HOUR_S, left_w
from gtxnode.grid.model import SLOT_S, GridModel, Route
from gtxnode.grid.status import faults
from gtxnode.ledger.authority.halts import standing_halts
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.grid.corridors import Carrier, Span
from gtxnode.ledger.grid.grid_coins import (
    GridFund,
    ZoneStatus,
    fund_coin_id,
    slot_start,
    zone_status_coin_id,
)
from gtxnode.ledger.market.market_rules import halts_way
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
from storage.kv import Reader


class GridView:
    """Implements `rpc.backend.Grid`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    def model(self) -> GridModelView:
        """The model in force; raises `NotFound` where there is none."""
        model = self._model()
        return GridModelView(
            self._shard,
            self._store.tip.height,
            SLOT_S,
            tuple(map(_name, model.zones)),
            tuple(
                CorridorModelView(
                    _name(each.first),
                    _name(each.second),
                    each.forward_mw,
                    each.backward_mw,
                    each.factors_ppm,
                )
                for each in model.corridors
            ),
            tuple(map(_route_view, model.routes)),
            model.status.premium_ppm,
            model.status.max_age_s,
        )

    async def corridors(self, time_s: int | None) -> GridSlotView:
        """What is used and left of the slot at a time, without it of the current one."""
        return await trio.to_thread.run_sync(self._corridors, time_s)

    def _corridors(self, time_s: int | None) -> GridSlotView:
        with self._carrier() as (height, time_ms, carrier, _):
            start_s = slot_start(time_ms // 1_000 if time_s is None else time_s)
            use, limits = carrier.use(start_s), carrier.limits(start_s)
        model = carrier.model
        corridors = zip(
            model.corridors,
            limits.forward,
            limits.backward,
            use.flows,
            left_w(use, limits),
            strict=True,
        )
        zones = zip(
            model.zones, use.sold, use.delivered, limits.sold, limits.delivered, strict=True
        )
        return GridSlotView(
            self._shard,
            height,
            start_s,
            start_s + SLOT_S,
            tuple(
                CorridorView(
                    _name(each.first),
                    _name(each.second),
                    forward,
                    backward,
                    Amount(flow // 10**6),
                    *map(Amount, left),
                )
                for each, forward, backward, flow, left in corridors
            ),
            tuple(
                ZoneUseView(_name(zone), Amount(sold), Amount(delivered), sold_mw, delivered_mw)
                for zone, sold, delivered, sold_mw, delivered_mw in zones
            ),
        )

    async def status(self) -> GridStatusView:
        """The zones' conditions."""
        return await trio.to_thread.run_sync(self._status)

    def _status(self) -> GridStatusView:
        with self._carrier() as (height, time_ms, carrier, coins):
            span = _now(time_ms)
            fund = coins.get(fund_coin_id(self._store.chain_id))
            zones = tuple(
                _zone_view(
                    carrier, zone, span, coins.get(zone_status_coin_id(self._store.chain_id, zone))
                )
                for zone in carrier.model.zones
            )
        held = fund.amount_ugtx if isinstance(fund, GridFund) else 0
        return GridStatusView(self._shard, height, time_ms, zones, Amount(held))

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
        """What carrying energy takes, in a delivery slot, without `start_s` at once."""
        if start_s is not None and (HOUR_S % length_s or start_s % length_s):
            raise NotFound(f"slot of {length_s} s from {start_s}")
        with self._carrier() as (height, time_ms, carrier, _):
            if not {seller, buyer} <= set(carrier.model.zones):
                raise NotFound(f"route from {_name(seller)} to {_name(buyer)}")
            span = _now(time_ms) if start_s is None else Span(start_s, start_s + length_s)
            room_wh = carrier.room_wh(seller, buyer, span, carrier.uses_of(span))
            standing = carrier.standing(seller, buyer, span)
            toll = carrier.toll(seller, buyer, span, price_mgtx_per_kwh)
        return GridQuoteView(
            self._shard,
            height,
            _name(seller),
            _name(buyer),
            span.start_s,
            span.end_s - span.start_s,
            _name(standing),
            Amount(room_wh),
            Amount(quantity_wh),
            Amount(carrier.lost_wh(seller, buyer, quantity_wh)),
            Amount(price_mgtx_per_kwh),
            tuple(WiresChargeView(_name(role), Amount(each)) for role, each in toll.wires),
            Amount(toll.premium),
            Amount(price_mgtx_per_kwh + toll.total),
        )

    def _model(self) -> GridModel:
        model = self._store.parameters.grid
        if model is None:
            raise NotFound(f"grid of {self._shard}")
        return model

    @contextmanager
    def _carrier(self) -> Iterator[tuple[int, int, Carrier, CoinView]]:
        """The grid after the last block: its height, its time, the grid, and the coins."""
        model, tip = self._model(), self._store.tip
        with self._store.snapshot() as reader:
            coins = CoinView(_Coins(reader))
            halts = standing_halts(self._store.chain_id, coins, tip.time_ms)
            standing = tuple(halt for halt, _ in halts)
            carrier = Carrier(
                self._store.chain_id, tip.time_ms, coins, model, partial(halts_way, standing)
            )
            yield tip.height, tip.time_ms, carrier, coins


class _Coins:
    """The coins of a snapshot."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def get(self, coin_id: bytes) -> bytes | None:
        """The encoded coin, or None."""
        return self._reader.get(COINS + coin_id)


def _now(time_ms: int) -> Span:
    start_s = slot_start(time_ms // 1_000)
    return Span(start_s, start_s + SLOT_S)


def _zone_view(carrier: Carrier, zone: Zone, span: Span, posted: object) -> ZoneStatusView:
    standing = _name(carrier.standing_of(zone, span))
    status = carrier.status_of(zone, span)
    if status is None or not isinstance(posted, ZoneStatus):
        return ZoneStatusView(_name(zone), standing)
    return ZoneStatusView(
        _name(zone),
        standing,
        status.frequency_mhz,
        status.voltage_index,
        status.balance_ppm,
        status.congestion_ppm,
        status.renewable_ppm,
        status.carbon_g_per_kwh,
        posted.posted_ms,
        faults(carrier.model.status.stable, status),
    )


def _route_view(route: Route) -> RouteModelView:
    return RouteModelView(
        _name(route.seller),
        _name(route.buyer),
        route.loss_ppm,
        tuple(
            WiresChargeView(_name(each.role), Amount(each.mgtx_per_kwh), each.share_ppm)
            for each in route.charges
        ),
    )


def _name(member: object) -> str:
    """A zone's, a role's or a standing's name as the interfaces have it."""
    assert isinstance(member, Enum)
    return member.name.lower()
