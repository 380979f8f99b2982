"""The order book and its trades."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.wire import Address, Amount, EventNumber, Height, Hex


class LevelView(msgspec.Struct, frozen=True, gc=False):
    """All open orders at one price."""

    price_mgtx_per_kwh: Amount
    energy_wh: Amount
    orders: int


class BookView(msgspec.Struct, frozen=True, gc=False):
    """The order book after a block: best prices first, and how many orders rest on each side."""

    shard: str
    height: Height
    bids: tuple[LevelView, ...]
    asks: tuple[LevelView, ...]
    bid_orders: int
    ask_orders: int


class DayTotals(msgspec.Struct, frozen=True, gc=False):
    """What traded on one day in Bangkok, spot and slots; the average is null where nothing did."""

    date: str
    """Such as 2026-11-21."""
    energy_wh: Amount
    turnover_ugtx: Amount
    average_mgtx_per_kwh: Amount | None


class DayView(msgspec.Struct, frozen=True, gc=False):
    """Spot trading of today and yesterday, and the prices that orders may name now."""

    shard: str
    height: Height
    today: DayTotals
    yesterday: DayTotals
    lowest_mgtx_per_kwh: Amount
    highest_mgtx_per_kwh: Amount


class WheelingView(msgspec.Struct, frozen=True, gc=False):
    """What the way of a trade's energy through the grid took; the buyer bears it.

    `lost_wh` of the energy never arrives. `wires_ugtx` is by authority, `premium_ugtx` what a
    conditional trade pays on top, and `paid_ugtx` all of it, beside the trade's cost.
    """

    seller_zone: str
    buyer_zone: str
    lost_wh: Amount
    paid_ugtx: Amount
    premium_ugtx: Amount
    wires_ugtx: dict[str, Amount]


class TradeView(msgspec.Struct, frozen=True, gc=False):
    """A trade. `number` is its event number, by which trades are paged and ordered.

    `taker` is the side whose order came later and made the trade; an all-or-none order that had to
    wait for others counts as the later one.
    """

    id: Hex
    number: EventNumber
    height: Height
    time_ms: int
    sell_order: Hex
    buy_order: Hex
    seller: Address
    buyer: Address
    energy_wh: Amount
    price_mgtx_per_kwh: Amount
    cost_ugtx: Amount
    taker: Literal["sell", "buy"]
    trading_fee_ugtx: Amount
    """Out of the cost; the seller got the rest."""
    wheeling: WheelingView | None = None
    """Null where the chain has no grid."""


class TradePage(msgspec.Struct, frozen=True, gc=False):
    """Trades in order of their numbers; `next` goes into the next call's `after`."""

    height: Height
    trades: tuple[TradeView, ...]
    next: EventNumber | None
