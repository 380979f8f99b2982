"""What goes into the order book and what comes out of it.

Units: energy in watt-hours, prices in milli-GTX per kWh, so that quantity times price is
micro-GTX exactly. All types are frozen; `gc=False` keeps a million of them out of the garbage
collector's sight (they hold only bytes, integers and terms, so no cycle can pass through them).
"""

from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec

from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Zone

ANY_SOURCE: Final = 2**16 - 1
"""All the bits that a mask of sources has: bit n is the source of number n."""

Sources = Annotated[int, msgspec.Meta(gt=0, le=ANY_SOURCE)]


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


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an order holds to besides its price and its quantity."""

    sources: Sources = ANY_SOURCE
    """What the energy that it meets may come from, a bit for each source."""
    partner: Annotated[bytes, msgspec.Meta(min_length=20, max_length=20)] | None = None
    """The only trader with whom it trades, if it names one."""
    all_or_none: bool = False
    """It trades its whole quantity in one step, or nothing."""
    display_wh: Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)] = 0
    """An iceberg's slice: what it shows at a time, and what trades before it queues anew. Zero
    for an order that shows all of itself."""
    zone: Zone | None = None
    """Where the energy enters the grid, or leaves it. None where there is no grid in between."""

    @property
    def conditional(self) -> bool:
        """Whether it may have to be passed over by an order that reaches its price."""
        return self.all_or_none or self.partner is not None or self.sources != ANY_SOURCE


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
    sources: int = ANY_SOURCE
    """What the energy on offer comes from, by its bit; all bits in a buy order, which has none."""
    terms: Terms | None = None
    """None where it has none, as nearly all have: the book is fastest with those."""
    shown_wh: int = 0
    """What is left of an iceberg's slice; zero where it is all of the slice, or of the order."""


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One trade between the order that takes and one that rested in the book."""

    buy_id: bytes
    sell_id: bytes
    quantity_wh: int
    price_mgtx_per_kwh: int
    resting_remaining_wh: int
    """What is left of the resting order after this trade; zero if it has left the book. Of two that
    rested, that is the one that the other met."""
    taker: Side
    """The side of the order that takes: the one being placed, an all-or-none order whose time has
    come, or the later of two that both rested."""


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A place in a book, by the order that stands there."""

    side: Side
    price_mgtx_per_kwh: Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)]
    id: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class Revisit(NamedTuple):
    """What came of letting an order that rests trade again."""

    fills: tuple[Fill, ...]
    met: int
    """Orders that it looked at."""


WhoTook: TypeAlias = Callable[[bytes, bytes], Side]
"""Of a buy and a sell order that both rested, by id: the side that counts as the taker."""


class PriceLevel(msgspec.Struct, frozen=True, gc=False):
    """All resting orders of one side at one price, by what they show."""

    price_mgtx_per_kwh: int
    quantity_wh: int
    orders: int


class Depth(msgspec.Struct, frozen=True):
    """The book in price levels, the best level of each side first."""

    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
