"""Orders: placed, amended and taken back."""

from typing import Annotated

import msgspec

from gtxnode.ledger.bodies.fields import OrderId
from gtxnode.ledger.coins import MAX_LOTS, Amount, CoinId
from gtxnode.market.orders import Terms
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
    immediate: bool = False
    """Whether what does not trade at once goes back instead of resting."""
    terms: Terms | None = None


class PlaceBuy(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """Ask for energy. The order locks quantity times price; what is over goes back."""

    trader: AddressBytes
    inputs: Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_LOTS)]
    quantity_wh: Amount
    price_mgtx_per_kwh: Amount
    """The most that the trader gives."""
    expires_s: Seconds = 0
    immediate: bool = False
    terms: Terms | None = None


class Cancel(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """Take back what is left of an open order."""

    order: OrderId


class Amend(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=20):
    """Change what is left of an open order of either market, which keeps its id, expiry and terms.

    It keeps its time only if the price stays and the quantity does not grow.
    """

    order: OrderId
    quantity_wh: Amount
    """What is to be left of it."""
    price_mgtx_per_kwh: Amount
    inputs: Annotated[tuple[CoinId, ...], msgspec.Meta(max_length=MAX_LOTS)] = ()
    """What it takes beyond what it holds: energy to sell, GTX to buy. What is over goes back."""
    revision: Amount = 1
    """The order's plus one, so that no amendment can be sent again after another."""
