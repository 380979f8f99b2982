"""Delivery slots, their books, the contracts that trades make, and how contracts are settled."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.views.market import LevelView
from gtxnode.rpc.wire import Address, Amount, EventNumber, Height, Hex


class SlotView(msgspec.Struct, frozen=True, gc=False):
    """When energy is delivered: from `start_s` (Unix seconds), a multiple of `length_s`, on."""

    start_s: int
    length_s: int


class ProductView(msgspec.Struct, frozen=True, gc=False):
    """How slots of one length are traded, and how long before the slot their gate closes."""

    length_s: int
    mechanism: str
    price_rule: str
    rationing: str
    gate_closure_s: int


class ForwardRulesView(msgspec.Struct, frozen=True, gc=False):
    """What forwards go by. `time_ms` is that of the last block, by which gates close.

    A shortfall costs the utility's price, or the contract's with the premium if that is more. An
    offer locks what that can be over its price, which is the most at one end of the prices from
    its own to `max_price_mgtx_per_kwh`.
    """

    shard: str
    height: Height
    time_ms: int
    products: tuple[ProductView, ...]
    horizon_s: int
    grace_s: int
    utility_mgtx_per_kwh: Amount
    premium_ppm: int
    max_price_mgtx_per_kwh: Amount


class SlotSummary(msgspec.Struct, frozen=True, gc=False):
    """A slot with open orders: its best prices, null where a side has none."""

    slot: SlotView
    mechanism: str
    closes_s: int
    bid_orders: int
    ask_orders: int
    best_bid_mgtx_per_kwh: Amount | None
    best_ask_mgtx_per_kwh: Amount | None


class SlotPage(msgspec.Struct, frozen=True, gc=False):
    """The slots that have open orders after a block, in order of time."""

    shard: str
    height: Height
    slots: tuple[SlotSummary, ...]


class IndicationView(msgspec.Struct, frozen=True, gc=False):
    """What a two-sided auction would come to if the gate closed now and all were in one place. Over
    a grid less is traded where it is not carried, or where a limit does not cover the way."""

    price_mgtx_per_kwh: Amount
    energy_wh: Amount


class SlotBookView(msgspec.Struct, frozen=True, gc=False):
    """A slot's open orders by price. `indication` is null in continuous trading."""

    shard: str
    height: Height
    slot: SlotView
    mechanism: str
    closes_s: int
    bids: tuple[LevelView, ...]
    asks: tuple[LevelView, ...]
    bid_orders: int
    ask_orders: int
    indication: IndicationView | None


class ForwardTradeView(msgspec.Struct, frozen=True, gc=False):
    """A trade of a slot's energy, and the contract that it made; both have the same id.

    What is not delivered costs the seller `imbalance_mgtx_per_kwh`. Beside the cost the buyer pays
    `toll_ugtx` for the way through the grid, which loses `lost_wh` of all that is delivered.
    """

    id: Hex
    number: EventNumber
    height: Height
    time_ms: int
    slot: SlotView
    sell_order: Hex
    buy_order: Hex
    seller: Address
    buyer: Address
    meter: Hex
    energy_wh: Amount
    price_mgtx_per_kwh: Amount
    imbalance_mgtx_per_kwh: Amount
    cost_ugtx: Amount
    toll_ugtx: Amount
    lost_wh: Amount
    trading_fee_ppm: int
    """Of the price of what is delivered; the seller bears it."""


class ForwardTradePage(msgspec.Struct, frozen=True, gc=False):
    """Trades in order of their numbers; `next` goes into the next call's `after`."""

    height: Height
    trades: tuple[ForwardTradeView, ...]
    next: EventNumber | None


class ContractView(msgspec.Struct, frozen=True, gc=False):
    """Energy that is sold and not delivered yet.

    `open_wh` of `sold_wh` is missing; `locked_ugtx` is the buyer's payment for it and the seller's
    collateral. At `due_s` it is settled with what was delivered by then.
    """

    id: Hex
    slot: SlotView
    seller: Address
    buyer: Address
    meter: Hex
    seller_zone: str
    buyer_zone: str
    sold_wh: Amount
    open_wh: Amount
    price_mgtx_per_kwh: Amount
    imbalance_mgtx_per_kwh: Amount
    locked_ugtx: Amount
    due_s: int
    trading_fee_ppm: int
    """Of the price of what is delivered; the seller bears it."""


class ContractPage(msgspec.Struct, frozen=True, gc=False):
    """Contracts in order of their ids; `next` goes into the next call's `after`."""

    height: Height
    contracts: tuple[ContractView, ...]
    next: Hex | None


class SettlementView(msgspec.Struct, frozen=True, gc=False):
    """A step in which a contract was settled.

    Delivered energy became the buyer's and `paid_ugtx` the seller's, with its collateral. For
    what was missing at the end the buyer got its money back and `compensation_ugtx` on top. The
    contract is over where `open_wh` is zero.
    """

    contract: Hex
    number: EventNumber
    height: Height
    time_ms: int
    slot: SlotView
    seller: Address
    buyer: Address
    delivered_wh: Amount
    short_wh: Amount
    open_wh: Amount
    paid_ugtx: Amount
    compensation_ugtx: Amount
    trading_fee_ugtx: Amount
    """Out of what was paid; the seller got the rest."""


class CurtailmentView(msgspec.Struct, frozen=True, gc=False):
    """Sold energy that the grid cannot carry any more: nobody owes it now.

    Payment and collateral for it went back, with these compensations.
    """

    contract: Hex
    number: EventNumber
    height: Height
    time_ms: int
    slot: SlotView
    seller: Address
    buyer: Address
    cut_wh: Amount
    open_wh: Amount
    seller_ugtx: Amount
    buyer_ugtx: Amount


class AssignmentView(msgspec.Struct, frozen=True, gc=False):
    """A contract whose buyer has handed on what was open of it."""

    contract: Hex
    number: EventNumber
    height: Height
    time_ms: int
    slot: SlotView
    seller: Address
    buyer: Address
    to: Address
    open_wh: Amount


class SettlementPage(msgspec.Struct, frozen=True, gc=False):
    """Settlements in order of their numbers; `next` goes into the next call's `after`."""

    height: Height
    settlements: tuple[SettlementView, ...]
    next: EventNumber | None
