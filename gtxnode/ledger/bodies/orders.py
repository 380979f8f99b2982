"""Orders: placed and taken back."""

from typing import Annotated

import msgspec

from gtxnode.ledger.bodies.fields import OrderId
from gtxnode.ledger.coins import MAX_LOTS, Amount, CoinId
from gtxnode.metering.meters import AddressBytes, Seconds


class PlaceSell(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """Offer energy. The order takes `quantity_wh` from the inputs; what is over goes back."""

    trader: AddressBytes
    inputs: Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_LOTS)]
    quantity_wh: Amount
    price_mgtx_per_kwh: Amount
    """The least that the trader takes."""
    expires_s: Seconds = 0
    """In block time; zero for the chain's usual lifetime."""


class PlaceBuy(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """Ask for energy. The order locks quantity times price; what is over goes back."""

    trader: AddressBytes
    inputs: Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_LOTS)]
    quantity_wh: Amount
    price_mgtx_per_kwh: Amount
    """The most that the trader gives."""
    expires_s: Seconds = 0


class Cancel(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """Take back what is left of an open order."""

    order: OrderId
