"""How an open order stands: its terms, and how far its iceberg has come."""

from typing import Annotated

import msgspec

from gtxnode.market.orders import Terms
from gtxnode.primitives.units import MAX_AMOUNT

Counted = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The terms of an open order, and how far its iceberg has come."""

    terms: Terms
    shown_wh: Counted = 0
    """What is left of the slice that it shows; zero where it has no slices."""
    turn: Counted = 0
    """The trade, within the transaction of its height and position, after which this slice queued;
    zero for the first."""


def standing_with(terms: Terms | None) -> Standing | None:
    """How an order stands that has just been placed with these terms; None where it has none."""
    return None if terms is None else Standing(terms)


def turn_of(standing: Standing | None) -> int:
    """After height and position, what an order's place in time goes by."""
    return 0 if standing is None else standing.turn


def is_conditional(standing: Standing | None) -> bool:
    """Whether others may have to pass the order over."""
    return standing is not None and standing.terms.conditional
