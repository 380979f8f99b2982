"""Orders for a delivery slot, which are amended and cancelled as any order is, and contracts."""

from typing import Annotated

import msgspec

from gtxnode.ledger.bodies.fields import Change, Inputs, OrderId
from gtxnode.ledger.coins import MAX_LOTS, Amount, CoinId
from gtxnode.market.orders import Terms
from gtxnode.market.slots import Slot
from gtxnode.metering.meters import AddressBytes, MeterId, Seconds
from gtxnode.primitives.zones import Zone


class ForwardOffer(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=25):
    """Offer what a meter of the trader's is to export in a slot. Collateral is locked."""

    trader: AddressBytes
    inputs: Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_LOTS)]
    """Cash; what is over goes back."""
    slot: Slot
    meter: MeterId
    quantity_wh: Amount
    price_mgtx_per_kwh: Amount
    """The least that the trader takes."""
    expires_s: Seconds = 0
    """In block time, at gate closure at the latest; zero for that."""
    immediate: bool = False
    """Whether what does not trade at once goes back instead of resting."""
    terms: Terms | None = None
    """Without a zone: that is the meter's."""


class ForwardBid(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=26):
    """Ask for energy in a slot. Quantity times price is locked."""

    trader: AddressBytes
    inputs: Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_LOTS)]
    """Cash; what is over goes back."""
    slot: Slot
    zone: Zone
    """Where the energy is to be used."""
    quantity_wh: Amount
    price_mgtx_per_kwh: Amount
    """The most that the trader gives."""
    expires_s: Seconds = 0
    immediate: bool = False
    terms: Terms | None = None
    """Without a zone: it is named above."""


class AssignContract(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=62):
    """Hand a contract on: somebody else is its buyer from here on."""

    contract: OrderId
    """By the id of the trade that made it."""
    to: AddressBytes
    inputs: Inputs
    """For the fee."""
    outputs: Change = ()
