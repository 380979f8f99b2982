"""The grid as trades meet it: what of them is carried, what the way costs, and who gets that.

A book over a grid trades two orders only as far as the grid carries energy from the seller's zone
to the buyer's, and only where the buyer's limit covers the seller's price and the toll. What does
not fit is cut to what does, or passed over; it keeps its place, and trades when an order comes
that it can meet, or when room appears (sweeps.py). The seller's zone is where the energy is
metered, the buyer's is named by its order: only the buyer knows where the energy is to be used, and
what it retires there shows it.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from msgspec.structs import replace

from gtxnode.grid.charges import Toll
from gtxnode.grid.model import SLOT_S
from gtxnode.grid.status import Standing, faults
from gtxnode.ledger.authority.halts import SPOT
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.grid import corridors
from gtxnode.ledger.grid.corridors import Carrier, Filled, Span, carrier_of, pair_of
from gtxnode.ledger.grid.grid_coins import slot_start
from gtxnode.ledger.market.market_rules import is_way_halted
from gtxnode.ledger.outcome import Wheeling
from gtxnode.market.ladder import Resting
from gtxnode.market.orders import Order, Terms
from gtxnode.market.slots import Slot
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Zone

Halted: TypeAlias = Callable[[Zone, Zone], bool]


class GridCarriage:
    """The grid between the orders of one book, whose energy is carried in one span of time."""

    __slots__ = ("_carrier", "_halted", "_span")

    def __init__(self, carrier: Carrier, span: Span, halted: Halted) -> None:
        """`halted` says of two zones whether what is traded here may not go between them."""
        self._carrier = carrier
        self._span = span
        self._halted = halted

    def walk(self) -> "GridWalk":
        """Begin a walk."""
        return GridWalk(self._carrier, self._span, self._halted)

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Those between which it goes."""
        return self._carrier.model.zones

    def covers(self, seller: Zone, buyer: Zone, price: int, limit: int) -> bool:
        """Whether a limit covers a seller's price and what the way costs."""
        return price + self._carrier.toll(seller, buyer, self._span, price).total <= limit

    def carries(self, seller: Zone, buyer: Zone) -> bool:
        """Whether anything goes from the one to the other."""
        has_room = self._carrier.has_room(seller, buyer, self._span)
        return has_room and not self._halted(seller, buyer)

    def toll(self, sell: Order | Resting, buy: Order | Resting) -> int:
        """What the way costs, in mGTX per kWh at the seller's price."""
        zones = _zones_of(sell, buy)
        assert zones is not None, "the two trade, so both are on the grid"
        return self._carrier.toll(*zones, self._span, sell.price_mgtx_per_kwh).total


class GridWalk:
    """The slots' uses as one walk would leave them."""

    __slots__ = ("_carrier", "_filled", "_full", "_halted", "_room_wh", "_span", "_taken", "_uses")

    def __init__(self, carrier: Carrier, span: Span, halted: Halted) -> None:
        self._carrier = carrier
        self._span = span
        self._halted = halted
        self._room_wh = 0
        self._filled: Filled = {}
        """The ways that its own trades have filled, which is so once it is kept."""
        self._uses = carrier.uses_of(span)
        self._taken = False
        self._full: set[int] = set()
        """Ways that carry nothing more, so that many orders behind one are passed over quickly."""

    def room_wh(self, sell: Order | Resting, buy: Order | Resting) -> int:
        """The most that the two can trade."""
        zones = _zones_of(sell, buy)
        # An order from before the chain had a grid names no zone, and waits to be cancelled.
        if zones is None or pair_of(*zones) in self._full:
            return 0
        price = sell.price_mgtx_per_kwh
        if price + self._carrier.toll(*zones, self._span, price).total > buy.price_mgtx_per_kwh:
            return 0
        if self._halted(*zones):
            # Its end is looked for by itself: no room that a trade gives back opens this way.
            self._full.add(pair_of(*zones))
            return 0
        room_wh = self._carrier.room_wh(*zones, self._span, self._uses)
        if not room_wh:
            self._full.add(pair_of(*zones))
            filled = self._filled if self._taken else self._carrier.filled
            filled[pair_of(*zones), self._span] = zones
        self._room_wh = room_wh
        return room_wh

    def take(self, sell: Order | Resting, buy: Order | Resting, quantity_wh: int) -> None:
        """Reckon with a trade."""
        zones = _zones_of(sell, buy)
        assert zones is not None, "what has room has zones"
        self._carrier.take(*zones, self._span, self._uses, quantity_wh)
        self._taken = True
        if quantity_wh == self._room_wh:
            self._filled[pair_of(*zones), self._span] = zones
        # What goes one way may make room for what goes another.
        self._full.clear()

    def keep(self) -> None:
        """Use the slots up."""
        if self._taken:
            self._carrier.keep(self._uses)
            self._carrier.filled.update(self._filled)


def begin(state: BlockState) -> None:
    """Put the grid of the block's time under the book, and drop what is known of slots past."""
    if state.context.parameters.grid is None:
        # A vote may have taken it away: what the book then goes by is what a node that starts has.
        state.orders.book.carriage = None
        return
    corridors.begin(state)
    state.orders.book.carriage = spot_carriage_in(state)


def spot_span(state: BlockState) -> Span:
    """When energy is carried that exists already and is traded now."""
    start_s = slot_start(state.context.time_ms // 1_000)
    return Span(start_s, start_s + SLOT_S)


def carriage_in(state: BlockState, slot: Slot) -> GridCarriage | None:
    """The grid under the book of a delivery slot; None on a chain without one."""
    carrier = carrier_of(state)
    return None if carrier is None else _over(state, carrier, span_of(slot), slot.length_s)


def spot_carriage_in(state: BlockState) -> GridCarriage | None:
    """The grid under the spot book; None on a chain without one."""
    carrier = carrier_of(state)
    return None if carrier is None else _over(state, carrier, spot_span(state), SPOT)


def placed_in(state: BlockState, terms: Terms | None, zone: Zone | None) -> Terms | None:
    """An order's terms with the zone that it is placed in; as they are on a chain without a grid.

    Refuses an order that names no zone of the grid, or whose zone is in no condition to trade. Of a
    buy order `zone` is what it names: a chain of a single zone takes that for granted.
    """
    carrier = carrier_of(state)
    if carrier is None:
        return terms
    served = state.context.parameters.zones
    if zone is None and len(served) == 1:
        (zone,) = served
    if zone is None:
        raise Refused(Reason.NO_DELIVERY_ZONE, "zone: one of the grid's")
    check_stable(carrier, zone, spot_span(state))
    return replace(terms or Terms(), zone=zone)


def check_slot(state: BlockState, zone: Zone, slot: Slot) -> None:
    """Refuse an order for a delivery slot in a zone that cannot bear it."""
    carrier = carrier_of(state)
    if carrier is not None:
        check_stable(carrier, zone, span_of(slot))


def check_stable(carrier: Carrier, zone: Zone, span: Span) -> None:
    """Refuse what is to be traded in no zone of the grid, or in one that cannot bear it."""
    if zone not in carrier.model.zones:
        raise Refused(Reason.WRONG_ZONE, f"the grid has no zone {zone.name}")
    if carrier.standing_of(zone, span) is Standing.REFUSED:
        status = carrier.status_of(zone, span)
        why = faults(carrier.model.status.bearable, status) if status is not None else ()
        raise Refused(Reason.GRID_UNSTABLE, f"{zone.name}: {'; '.join(why) or 'unknown'}")


def span_of(slot: Slot) -> Span:
    """The slots of the grid that a delivery slot covers."""
    return Span(slot.start_s, slot.end_s)


class AuctionWays:
    """The grid as an auction's trades leave it (market/coupling.py)."""

    __slots__ = ("_carrier", "_left_wh", "_span", "_uses")

    def __init__(self, carrier: Carrier, span: Span, most_wh: int = MAX_AMOUNT) -> None:
        """`most_wh` is what may be traded in all."""
        self._carrier = carrier
        self._span = span
        self._uses = carrier.uses_of(span)
        self._left_wh = most_wh

    def room_wh(self, seller: Zone, buyer: Zone) -> int:
        """The most that a trade from the one to the other can have."""
        room_wh = self._carrier.room_wh(seller, buyer, self._span, self._uses)
        return min(room_wh, self._left_wh)

    def take(self, seller: Zone, buyer: Zone, quantity_wh: int) -> None:
        """Use it up, of the block's grid as well."""
        self._carrier.take(seller, buyer, self._span, self._uses, quantity_wh)
        self._carrier.keep(self._uses)
        self._left_wh -= quantity_wh

    def toll(self, seller: Zone, buyer: Zone, price_mgtx_per_kwh: int) -> int:
        """What a kWh costs beside a seller's price."""
        return self._carrier.toll(seller, buyer, self._span, price_mgtx_per_kwh).total

    def relieves(self, seller: Zone, buyer: Zone, other_seller: Zone, other_buyer: Zone) -> bool:
        """Whether a trade between the first two may make room between the others."""
        one = self._carrier.way(seller, buyer)
        other = self._carrier.way(other_seller, other_buyer)
        return one is not None and other is not None and one.relieves(other)


def auction_ways_in(state: BlockState, slot: Slot, most_wh: int) -> AuctionWays | None:
    """The grid between the orders of an auction, which trades no more than that in all; None on a
    chain without one."""
    carrier = carrier_of(state)
    return None if carrier is None else AuctionWays(carrier, span_of(slot), most_wh)


def lost_on(state: BlockState, seller: Zone, buyer: Zone, quantity_wh: int) -> int:
    """What of that much never arrives; nothing without a grid."""
    carrier = carrier_of(state)
    return 0 if carrier is None else carrier.lost_wh(seller, buyer, quantity_wh)


def wheel(
    state: BlockState, seller: Zone, buyer: Zone, span: Span, price: int, quantity_wh: int
) -> Wheeling | None:
    """Owe what a trade at that price of the seller's pays for its way; None without a grid.

    That the grid carries it was found out before, and used up.
    """
    carrier = carrier_of(state)
    if carrier is None:
        return None
    toll = carrier.toll(seller, buyer, span, price)
    _owe(state, toll, quantity_wh)
    return Wheeling(
        seller,
        buyer,
        carrier.lost_wh(seller, buyer, quantity_wh),
        tuple((role, each * quantity_wh) for role, each in toll.wires),
        toll.premium * quantity_wh,
    )


def _over(state: BlockState, carrier: Carrier, span: Span, product: int) -> GridCarriage:
    return GridCarriage(carrier, span, partial(is_way_halted, state, product=product))


def _owe(state: BlockState, toll: Toll, quantity_wh: int) -> None:
    for role, each in toll.wires:
        state.wires_ugtx[role] = state.wires_ugtx.get(role, 0) + each * quantity_wh
    state.premiums_ugtx += toll.premium * quantity_wh


def _zones_of(sell: Order | Resting, buy: Order | Resting) -> tuple[Zone, Zone] | None:
    """The zones of the two; None where either names none."""
    if sell.terms is None or buy.terms is None:
        return None
    if sell.terms.zone is None or buy.terms.zone is None:
        return None
    return sell.terms.zone, buy.terms.zone
