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


class TradeView(msgspec.Struct, frozen=True, gc=False):
    """A trade. `number` is its event number, by which trades are paged and ordered.

    `taker` is the side whose order came later and made the trade.
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


class TradePage(msgspec.Struct, frozen=True, gc=False):
    """Trades in order of their numbers; `next` goes into the next call's `after`."""

    height: Height
    trades: tuple[TradeView, ...]
    next: EventNumber | None
