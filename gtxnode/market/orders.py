"""What goes into the order book and what comes out of it.

Units: energy in watt-hours, prices in milli-GTX per kWh, so that quantity times price is
micro-GTX exactly. All types are frozen; `gc=False` keeps a million of them out of the garbage
collector's sight (they hold only bytes and integers, so no cycle can pass through them).
"""

from enum import IntEnum, StrEnum

import msgspec


class Side(IntEnum):
    """Which way energy goes for the trader who placed the order."""

    BUY = 1
    SELL = 2


class PriceRule(StrEnum):
    """At whose price two orders trade in the continuous market."""

    ASK = "ask"
    """The sell order's price, whichever of the two came first."""
    MAKER = "maker"
    """The price of the order that was resting in the book."""


class Order(msgspec.Struct, frozen=True, gc=False):
    """A limit order: this quantity, or part of it, at this price or a better one."""

    id: bytes
    """32 bytes, unique in the book."""
    trader: bytes
    """The 20-byte address that placed it. Two orders of one trader never trade."""
    side: Side
    price_mgtx_per_kwh: int
    quantity_wh: int
    """What is still to be traded; above zero."""


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One trade between the order being placed and one that rested in the book."""

    buy_id: bytes
    sell_id: bytes
    quantity_wh: int
    price_mgtx_per_kwh: int
    resting_remaining_wh: int
    """What is left of the resting order after this trade; zero if it has left the book."""


class PriceLevel(msgspec.Struct, frozen=True, gc=False):
    """All resting orders of one side at one price."""

    price_mgtx_per_kwh: int
    quantity_wh: int
    orders: int


class Depth(msgspec.Struct, frozen=True):
    """The book in price levels, the best level of each side first."""

    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
