"""The grid between zones: its model, what is left of it, its condition, and what a way costs."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.wire import Amount, Height


class CorridorModelView(msgspec.Struct, frozen=True, gc=False):
    """All lines between two zones.

    Limits hold where no authority has set another; `factors_ppm` has a factor for each zone, and
    of a trade the difference of its two zones' goes from `first` to `second`.
    """

    first: str
    second: str
    forward_mw: int
    backward_mw: int
    factors_ppm: tuple[int, ...]


class WiresChargeView(msgspec.Struct, frozen=True, gc=False):
    """What an authority gets for its wires."""

    role: str
    amount_mgtx_per_kwh: Amount
    share_ppm: int = 0
    """Of the price, beside it."""


class RouteModelView(msgspec.Struct, frozen=True, gc=False):
    """What a trade between two zones loses and pays."""

    seller: str
    buyer: str
    loss_ppm: int
    charges: tuple[WiresChargeView, ...]


class GridModelView(msgspec.Struct, frozen=True, gc=False):
    """The grid model in force. `slot_s` is the length of the slots that limits are for."""

    shard: str
    height: Height
    slot_s: int
    zones: tuple[str, ...]
    corridors: tuple[CorridorModelView, ...]
    routes: tuple[RouteModelView, ...]
    premium_ppm: int
    max_status_age_s: int


class CorridorView(msgspec.Struct, frozen=True, gc=False):
    """What a corridor carries in a slot, and what is left of it either way.

    The flow is that from `first` to `second`, netted; what is left is below zero where a limit has
    fallen below what is used already.
    """

    first: str
    second: str
    forward_mw: int
    backward_mw: int
    flow_w: Amount
    left_forward_w: Amount
    left_backward_w: Amount


class ZoneUseView(msgspec.Struct, frozen=True, gc=False):
    """What is sold out of a zone and delivered in it in a slot; limits are null where none is."""

    zone: str
    sold_w: Amount
    delivered_w: Amount
    sold_limit_mw: int | None
    delivered_limit_mw: int | None


class GridSlotView(msgspec.Struct, frozen=True, gc=False):
    """What is used and left of one slot, after a block."""

    shard: str
    height: Height
    start_s: int
    end_s: int
    corridors: tuple[CorridorView, ...]
    zones: tuple[ZoneUseView, ...]


class ZoneStatusView(msgspec.Struct, frozen=True, gc=False):
    """A zone's condition as last posted, and what trades there are by it.

    `standing` is normal, conditional or refused; where no condition is known, or it is too old, the
    rest is null.
    """

    zone: str
    standing: str
    frequency_mhz: int | None = None
    voltage_index: int | None = None
    balance_ppm: int | None = None
    congestion_ppm: int | None = None
    renewable_ppm: int | None = None
    carbon_g_per_kwh: int | None = None
    posted_ms: int | None = None
    outside: tuple[str, ...] = ()
    """The figures outside the stable band, with their limits."""


class GridStatusView(msgspec.Struct, frozen=True, gc=False):
    """The zones' conditions after a block, and the fund that curtailment is compensated from."""

    shard: str
    height: Height
    time_ms: int
    zones: tuple[ZoneStatusView, ...]
    fund_ugtx: Amount


class GridQuoteView(msgspec.Struct, frozen=True, gc=False):
    """What it would take to carry energy from one zone into another in a slot.

    At `price_mgtx_per_kwh` to the seller a buyer pays `landed_mgtx_per_kwh` in all: the lowest
    limit that trades. Of `quantity_wh`, `lost_wh` does not arrive.
    """

    shard: str
    height: Height
    seller: str
    buyer: str
    start_s: int
    length_s: int
    standing: str
    room_wh: Amount
    """The most that can be carried now."""
    quantity_wh: Amount
    lost_wh: Amount
    price_mgtx_per_kwh: Amount
    wires: tuple[WiresChargeView, ...]
    premium_mgtx_per_kwh: Amount
    landed_mgtx_per_kwh: Amount
