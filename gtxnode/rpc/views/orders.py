"""A trader's open orders and licence, as they are shown to whoever asks for the account."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.views.compliance import OriginName
from gtxnode.rpc.views.forwards import SlotView
from gtxnode.rpc.wire import Address, Amount, Height, Hex


class OpenOrderView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An open order. `energy_wh` is all that is left of it, `shown_wh` an iceberg's slice.

    `sources` and `partner` are there where the order names any. `locked_ugtx` is the money inside a
    buy order; a sell order holds the energy. `height` is that of its place in the queue. An
    amendment names `revision` and one.
    """

    id: Hex
    side: Literal["sell", "buy"]
    price_mgtx_per_kwh: Amount
    energy_wh: Amount
    locked_ugtx: Amount
    expires_s: int
    height: Height
    revision: int
    all_or_none: bool = False
    shown_wh: Amount | None = None
    slice_wh: Amount | None = None
    sources: tuple[str, ...] = ()
    partner: Address | None = None


class OpenOrders(msgspec.Struct, frozen=True, gc=False):
    """All spot orders of an address that are open, by id."""

    shard: str
    height: Height
    orders: tuple[OpenOrderView, ...]


class SlotOrderView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An open order for a delivery slot, with what it holds. It ends at `expires_s`.

    `zone` is where the energy is to be used, or where the `meter` is that is to export it. The rest
    is as in an order of the spot market.
    """

    id: Hex
    side: Literal["sell", "buy"]
    slot: SlotView
    price_mgtx_per_kwh: Amount
    energy_wh: Amount
    locked_ugtx: Amount
    zone: str
    expires_s: int
    height: Height
    revision: int
    meter: Hex | None = None
    all_or_none: bool = False
    shown_wh: Amount | None = None
    slice_wh: Amount | None = None
    sources: tuple[str, ...] = ()
    partner: Address | None = None


class SlotOrders(msgspec.Struct, frozen=True, gc=False):
    """All orders of an address for delivery slots that are open, by id."""

    shard: str
    height: Height
    orders: tuple[SlotOrderView, ...]


class LicenceView(msgspec.Struct, frozen=True, gc=False):
    """The regulator's leave to place orders up to `max_wh`, until `expires_s` in block time. One of
    `origin` `registry` counts on every chain and is revoked on the registry, another on this chain.
    """

    shard: str
    height: Height
    holder: Address
    max_wh: Amount
    expires_s: int
    origin: OriginName
