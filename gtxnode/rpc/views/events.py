"""What final blocks did, one event after the other."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.views.forwards import (
    AssignmentView,
    CurtailmentView,
    ForwardTradeView,
    SettlementView,
    SlotView,
)
from gtxnode.rpc.views.market import TradeView
from gtxnode.rpc.views.transactions import Refusal
from gtxnode.rpc.wire import Address, Amount, EventNumber, Height, Hex


class BlockEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="block"):
    """Topic `blocks`: a block became final."""

    id: Hex
    time_ms: int
    proposer: Hex
    app_root: Hex
    transactions: int
    refused: int
    trades: int
    minted_wh: Amount
    retired_wh: Amount
    traded_wh: Amount


class TransactionEvent(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="transaction", omit_defaults=True
):
    """Topic `address`: a transaction of one of `addresses` became final or was refused."""

    id: Hex
    addresses: tuple[Address, ...]
    refusal: Refusal | None = None


class TradeEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="trade"):
    """Topics `market`, and `address` of seller and buyer: a trade was made."""

    trade: TradeView


class OrderEvent(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order", omit_defaults=True
):
    """Topics `market`, and `address` of its owner: an order was opened, changed or closed.

    `energy_wh` is what it shows of what is left, zero when it is closed; nothing is said of its
    terms. What an immediate order did not trade is `cancelled`; `displaced` is one that a better
    order has put out of a full slot. `slot` is there for energy to come.
    """

    order: Hex
    owner: Address
    side: Literal["sell", "buy"]
    price_mgtx_per_kwh: Amount
    energy_wh: Amount
    change: Literal["opened", "traded", "filled", "cancelled", "expired", "amended", "displaced"]
    slot: SlotView | None = None


class ContractEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="contract"):
    """Topics `market`, and `address` of seller and buyer: a slot's energy was sold."""

    trade: ForwardTradeView


class SettlementEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="settlement"):
    """Topics `market`, and `address` of seller and buyer: a contract was settled, or a part."""

    settlement: SettlementView


class CurtailmentEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="curtailment"):
    """Topics `market`, and `address` of seller and buyer: the grid cannot carry a contract."""

    curtailment: CurtailmentView


class AssignmentEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="assignment"):
    """Topics `market`, and `address` of seller and both buyers: a contract was handed on."""

    assignment: AssignmentView


class SuspectEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="suspect"):
    """Topics `meters`, and `address` of the owner: a reading is suspect, or was judged.

    `energy_wh` is what it exported: held, released to the owner, or voided. Where that is zero
    there is nothing to judge. `province` says whose utility is to know (`meter.provinces`).
    """

    reading: Hex
    meter: Hex
    owner: Address
    province: str
    energy_wh: Amount
    suspicions: tuple[str, ...]
    became: Literal["held", "released", "voided"]


EventBody = (
    BlockEvent
    | TransactionEvent
    | TradeEvent
    | OrderEvent
    | ContractEvent
    | SettlementEvent
    | CurtailmentEvent
    | AssignmentEvent
    | SuspectEvent
)


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that a final block did, numbered alike on every node."""

    number: EventNumber
    height: Height
    body: EventBody
