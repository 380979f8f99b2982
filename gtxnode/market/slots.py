"""Delivery slots: a stretch of time whose energy is traded before it begins.

A slot begins at a multiple of its length since 1970 (UTC), and its length divides an hour. Bangkok
is seven whole hours ahead, so that slots begin there on the quarter-hour, the half-hour and the
hour. Slots of different lengths may cover the same time: each is a market of its own, and what is
metered is delivered once (delivery.py).
"""

from typing import Annotated

import msgspec

from gtxnode.market.auction import Mechanism, Rationing
from gtxnode.market.orders import PriceRule

QUARTER_HOUR_S, HALF_HOUR_S, HOUR_S = 900, 1_800, 3_600
MAX_START_S = 2**40
MAX_GATE_CLOSURE_S = 7 * 24 * HOUR_S


class Slot(msgspec.Struct, frozen=True, array_like=True, gc=False, order=True):
    """When energy is delivered. By start, then length, where several are put in order."""

    start_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_START_S)]
    length_s: Annotated[int, msgspec.Meta(gt=0, le=HOUR_S)]

    @property
    def is_aligned(self) -> bool:
        """Whether it begins where slots of its length do."""
        return self.start_s % self.length_s == 0

    @property
    def end_s(self) -> int:
        """The first second after it."""
        return self.start_s + self.length_s

    def capacity_wh(self, capacity_w: int) -> int:
        """The most that a meter of that capacity delivers in it, rounded down."""
        return capacity_w * self.length_s // HOUR_S


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How slots of one length are traded."""

    length_s: int
    """A whole part of an hour: 15, 30 and 60 minutes are usual, less is for trying things out."""
    mechanism: Mechanism
    gate_closure_s: int = 900
    """How long before the slot its trading ends, so that the grid can be made ready for it."""
    price_rule: PriceRule = PriceRule.ASK
    """Of continuous trading."""
    rationing: Rationing = Rationing.PRO_RATA
    """Of auctions."""

    def __post_init__(self) -> None:
        if not 0 < self.length_s <= HOUR_S or HOUR_S % self.length_s:
            raise ValueError(f"length_s is {self.length_s}, and must divide {HOUR_S}")
        if not 0 <= self.gate_closure_s <= MAX_GATE_CLOSURE_S:
            raise ValueError(
                f"gate_closure_s is {self.gate_closure_s}, and must be 0 to {MAX_GATE_CLOSURE_S}"
            )

    def closes_s(self, slot: Slot) -> int:
        """Gate closure: when trading of the slot ends."""
        return slot.start_s - self.gate_closure_s


PRODUCTS = (
    Product(QUARTER_HOUR_S, Mechanism.CONTINUOUS),
    Product(HALF_HOUR_S, Mechanism.CONTINUOUS),
    Product(HOUR_S, Mechanism.UNIFORM),
)
"""Short slots trade up to the last moment, hours in one auction that brings all orders together."""
