"""Forwards as coins: orders for a delivery slot, and the contracts that their trades make.

Every coin holds what it may ever have to pay. A bid holds the payment at its limit; an offer holds
collateral for the worst shortfall; a contract holds its imbalance price for each Wh that is still
open, which is the buyer's payment and the seller's collateral together. A Wh that is delivered
pays that to the seller (its price, and its collateral back), one that is not pays it to the buyer.

Units: energy in Wh, prices in mGTX/kWh, so that a Wh times a price is µGTX; times in seconds.
"""

from typing import Annotated, TypeAlias

import msgspec

from consensus.hashing import domain
from gtxnode.ledger.market.standing import Counted, Standing
from gtxnode.market.slots import Slot
from gtxnode.metering.meters import AddressBytes, MeterId, Seconds
from gtxnode.primitives.sources import Source
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Zone

Positive = Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)]


class ForwardSell(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=25):
    """An open offer of energy that a meter is to export in a slot."""

    trader: AddressBytes
    price_mgtx_per_kwh: Positive
    quantity_wh: Positive
    """What is left to be sold."""
    slot: Slot
    meter: MeterId
    zone: Zone
    source: Source
    """Both of the meter."""
    collateral_mgtx_per_kwh: Counted
    """Locked for each Wh: a shortfall never costs more, whatever the price is."""
    closes_s: Seconds
    """Gate closure."""
    expires_s: Seconds
    """When it ends: at gate closure, if it names nothing earlier."""
    height: Counted
    position: Counted
    """With the height, when it took its place in the queue: what its priority in time goes by."""
    standing: Standing | None = None
    revision: Counted = 0
    """How often it has been amended."""

    @property
    def locked_ugtx(self) -> int:
        """The money inside."""
        return self.quantity_wh * self.collateral_mgtx_per_kwh

    @property
    def sources(self) -> int:
        """What its energy is to come from, as the book has it: one bit."""
        return 1 << self.source


class ForwardBuy(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=26):
    """An open bid for energy in a slot."""

    trader: AddressBytes
    price_mgtx_per_kwh: Positive
    quantity_wh: Positive
    """What is left to be bought."""
    slot: Slot
    zone: Zone
    """Where the energy is to be used."""
    closes_s: Seconds
    expires_s: Seconds
    height: Counted
    position: Counted
    standing: Standing | None = None
    revision: Counted = 0

    @property
    def locked_ugtx(self) -> int:
        """The money inside."""
        return self.quantity_wh * self.price_mgtx_per_kwh


class Contract(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=27):
    """Energy of a slot that is sold and not delivered yet."""

    buyer: AddressBytes
    seller: AddressBytes
    slot: Slot
    meter: MeterId
    """Whose export delivers it."""
    seller_zone: Zone
    buyer_zone: Zone
    price_mgtx_per_kwh: Positive
    imbalance_mgtx_per_kwh: Positive
    """What a Wh comes to that is not delivered; not below the price."""
    sold_wh: Positive
    open_wh: Positive
    """What is still to be delivered."""
    read_to_s: Seconds
    """Up to where readings that count have shown the slot without a gap."""
    due_s: Seconds
    """When it is settled with whatever was delivered by then."""
    height: Counted
    number: Counted
    """With the height, when it was made: among the block's contracts. Oldest is served first."""
    trading_fee_ppm: Counted = 0
    """Of the price of what is delivered, as the rule stood when it was made."""

    @property
    def locked_ugtx(self) -> int:
        """The money inside: the buyer's payment and the seller's collateral."""
        return self.open_wh * self.imbalance_mgtx_per_kwh

    def share_ugtx(self, owner: bytes) -> int:
        """What of it the buyer, or the seller, has put in."""
        paid_ugtx = self.open_wh * self.price_mgtx_per_kwh
        return paid_ugtx if owner == self.buyer else self.locked_ugtx - paid_ugtx


ForwardOrder: TypeAlias = ForwardSell | ForwardBuy


def contract_coin_id(contract_id: bytes) -> bytes:
    """The coin of a contract, which is known by the id of the trade that made it."""
    return contract_id + b"\x00\x00"


def auction_id(chain_id: str, height: int, slot: Slot) -> bytes:
    """Stands for the order in the ids of an auction's trades."""
    return domain("auction", chain_id).hash(
        height.to_bytes(8, "big"), slot.start_s.to_bytes(8, "big"), slot.length_s.to_bytes(8, "big")
    )


def settlement_id(chain_id: str, contract_id: bytes) -> bytes:
    """Stands for a transaction's id in the ids of coins that a shortfall pays out."""
    return domain("settlement", chain_id).hash(contract_id)
