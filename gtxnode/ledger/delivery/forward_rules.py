"""What forwards go by: which slots are traded and how, and what a shortfall costs."""

from typing import Annotated

import msgspec

from gtxnode.market.imbalance import ImbalanceRule
from gtxnode.market.slots import HOUR_S, PRODUCTS, Product, Slot
from gtxnode.metering.readings import DAY_S, Duration

Count = Annotated[int, msgspec.Meta(gt=0, le=10**6)]


class ForwardRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a chain's parameters."""

    products: tuple[Product, ...] = PRODUCTS
    """At most one for each length of slot; a length that is not named is not traded."""
    horizon_s: Annotated[int, msgspec.Meta(ge=HOUR_S, le=30 * DAY_S)] = 2 * DAY_S
    """How far ahead a slot may begin."""
    grace_s: Duration = DAY_S
    """How long after its slot a contract waits for readings. What is missing then was not
    delivered, because nobody else could tell, and a buyer must not wait on a seller's goodwill."""
    max_orders_per_slot: Count = 10_000
    """It bounds the time of an auction, which runs inside a block."""
    max_open_per_trader: Count = 200
    imbalance: ImbalanceRule = ImbalanceRule()

    def __post_init__(self) -> None:
        lengths = [product.length_s for product in self.products]
        if len(set(lengths)) != len(lengths):
            raise ValueError(f"products name a length twice: {lengths}")

    def product_of(self, slot: Slot) -> Product | None:
        """How a slot is traded; None where it is not."""
        for product in self.products:
            if product.length_s == slot.length_s:
                return product
        return None
