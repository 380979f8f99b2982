"""A final block's events, as clients see them: the same numbers on every node.

Order within a block: the block itself, its transactions as ordered, its trades as made, the orders
that it opened, changed or closed, by id, its trades of delivery slots as made, then what was
settled of contracts, what was cut of them and which were handed on, and suspect readings with
judgements on them. An
event's number is its height times `EVENTS_PER_BLOCK` plus its place in that order.
"""

from itertools import count
from typing import Final, Literal

from consensus.types import Block, block_id
from gtxnode.chain.records import BlockRecord, OrderChange, TradeRecord
from gtxnode.ledger.outcome import (
    Assignment,
    Became,
    Curtailment,
    ForwardTrade,
    Settlement,
    Suspect,
    Wheeling,
)
from gtxnode.market.orders import Side
from gtxnode.market.slots import Slot
from gtxnode.primitives.units import cost_ugtx
from gtxnode.rpc.backend import EVENTS_PER_BLOCK
from gtxnode.rpc.views.events import (
    AssignmentEvent,
    BlockEvent,
    ContractEvent,
    CurtailmentEvent,
    Event,
    EventBody,
    OrderEvent,
    SettlementEvent,
    SuspectEvent,
    TradeEvent,
    TransactionEvent,
)
from gtxnode.rpc.views.forwards import (
    AssignmentView,
    CurtailmentView,
    ForwardTradeView,
    SettlementView,
    SlotView,
)
from gtxnode.rpc.views.market import TradeView, WheelingView
from gtxnode.rpc.views.transactions import Refusal
from gtxnode.rpc.wire import Address, Amount, Hex

SideName = Literal["sell", "buy"]
ChangeName = Literal["opened", "traded", "filled", "cancelled", "expired", "amended", "displaced"]

_CHANGES: Final[dict[OrderChange, ChangeName]] = {
    OrderChange.OPENED: "opened",
    OrderChange.TRADED: "traded",
    OrderChange.FILLED: "filled",
    OrderChange.CANCELLED: "cancelled",
    OrderChange.EXPIRED: "expired",
    OrderChange.AMENDED: "amended",
    OrderChange.DISPLACED: "displaced",
}


_BECAME: Final[dict[Became, Literal["held", "released", "voided"]]] = {
    Became.HELD: "held",
    Became.RELEASED: "released",
    Became.VOIDED: "voided",
}


def side_name(side: Side) -> SideName:
    """How a side is called in the interfaces."""
    return "buy" if side is Side.BUY else "sell"


def refusal_of(reason: str, detail: str) -> Refusal:
    """A refusal as clients see it."""
    return Refusal(reason, detail or reason)


def trade_views(block: Block, record: BlockRecord) -> list[TradeView]:
    """The block's trades, numbered."""
    first = record.height * EVENTS_PER_BLOCK + 1 + len(record.transactions)
    return [
        _trade_view(number, block, trade)
        for number, trade in zip(count(first), record.trades, strict=False)
    ]


def slot_view(slot: Slot) -> SlotView:
    """A slot as clients see it."""
    return SlotView(slot.start_s, slot.length_s)


def forward_trade_views(block: Block, record: BlockRecord) -> list[ForwardTradeView]:
    """The block's trades of delivery slots, numbered."""
    return [
        _forward_trade_view(number, block, trade)
        for number, trade in zip(count(_forwards_from(record)), record.forward_trades, strict=False)
    ]


def settlement_views(block: Block, record: BlockRecord) -> list[SettlementView]:
    """What the block settled of contracts, numbered."""
    first = _forwards_from(record) + len(record.forward_trades)
    return [
        _settlement_view(number, block, settlement)
        for number, settlement in zip(count(first), record.settlements, strict=False)
    ]


def curtailment_views(block: Block, record: BlockRecord) -> list[CurtailmentView]:
    """What the block cut of contracts, numbered."""
    first = _forwards_from(record) + len(record.forward_trades) + len(record.settlements)
    return [
        _curtailment_view(number, block, cut)
        for number, cut in zip(count(first), record.curtailments, strict=False)
    ]


def assignment_views(block: Block, record: BlockRecord) -> list[AssignmentView]:
    """The contracts that were handed on in the block, numbered."""
    first = _forwards_from(record) + len(record.forward_trades)
    first += len(record.settlements) + len(record.curtailments)
    return [
        _assignment_view(number, block, each)
        for number, each in zip(count(first), record.assignments, strict=False)
    ]


def _forwards_from(record: BlockRecord) -> int:
    before = 1 + len(record.transactions) + len(record.trades) + len(record.orders)
    return record.height * EVENTS_PER_BLOCK + before


def events_of(block: Block, record: BlockRecord) -> tuple[Event, ...]:
    """All events of a block, numbered."""
    bodies: list[EventBody] = [_block_event(block, record)]
    bodies.extend(
        TransactionEvent(
            Hex(item.id),
            tuple(map(Address, item.addresses)),
            None if item.reason is None else refusal_of(item.reason, item.detail),
        )
        for item in record.transactions
    )
    bodies.extend(TradeEvent(view) for view in trade_views(block, record))
    bodies.extend(
        OrderEvent(
            Hex(order.id),
            Address(order.trader),
            side_name(order.side),
            Amount(order.price_mgtx_per_kwh),
            Amount(order.remaining_wh),
            _CHANGES[order.change],
            None if order.slot is None else slot_view(order.slot),
        )
        for order in record.orders
    )
    bodies.extend(ContractEvent(view) for view in forward_trade_views(block, record))
    bodies.extend(SettlementEvent(view) for view in settlement_views(block, record))
    bodies.extend(CurtailmentEvent(view) for view in curtailment_views(block, record))
    bodies.extend(AssignmentEvent(view) for view in assignment_views(block, record))
    bodies.extend(map(_suspect_event, record.suspects))
    first = record.height * EVENTS_PER_BLOCK
    return tuple(
        Event(number, record.height, body)
        for number, body in zip(count(first), bodies, strict=False)
    )


def _block_event(block: Block, record: BlockRecord) -> BlockEvent:
    return BlockEvent(
        Hex(block_id(block.header)),
        block.header.time_ms,
        Hex(block.header.proposer),
        Hex(block.header.app_root),
        len(record.transactions),
        sum(item.reason is not None for item in record.transactions),
        len(record.trades),
        Amount(record.minted_wh),
        Amount(record.retired_wh),
        Amount(record.traded_wh),
    )


def _suspect_event(suspect: Suspect) -> SuspectEvent:
    return SuspectEvent(
        Hex(suspect.reading),
        Hex(suspect.origin.meter),
        Address(suspect.owner),
        suspect.province.name.lower(),
        Amount(suspect.amount_wh),
        tuple(each.name.lower() for each in suspect.suspicions),
        _BECAME[suspect.became],
    )


def _trade_view(number: int, block: Block, trade: TradeRecord) -> TradeView:
    return TradeView(
        Hex(trade.id),
        number,
        block.header.height,
        block.header.time_ms,
        Hex(trade.sell_order),
        Hex(trade.buy_order),
        Address(trade.seller),
        Address(trade.buyer),
        Amount(trade.quantity_wh),
        Amount(trade.price_mgtx_per_kwh),
        Amount(cost_ugtx(trade.quantity_wh, trade.price_mgtx_per_kwh)),
        side_name(trade.taker),
        Amount(trade.fee_ugtx),
        _wheeling_view(trade.wheeling),
    )


def _wheeling_view(wheeling: Wheeling | None) -> WheelingView | None:
    if wheeling is None:
        return None
    return WheelingView(
        wheeling.seller_zone.name.lower(),
        wheeling.buyer_zone.name.lower(),
        Amount(wheeling.lost_wh),
        Amount(wheeling.paid_ugtx),
        Amount(wheeling.premium_ugtx),
        {role.name.lower(): Amount(amount) for role, amount in wheeling.wires_ugtx},
    )


def _forward_trade_view(number: int, block: Block, trade: ForwardTrade) -> ForwardTradeView:
    contract = trade.contract
    return ForwardTradeView(
        Hex(trade.id),
        number,
        block.header.height,
        block.header.time_ms,
        slot_view(contract.slot),
        Hex(trade.sell_order),
        Hex(trade.buy_order),
        Address(contract.seller),
        Address(contract.buyer),
        Hex(contract.meter),
        Amount(contract.sold_wh),
        Amount(contract.price_mgtx_per_kwh),
        Amount(contract.imbalance_mgtx_per_kwh),
        Amount(cost_ugtx(contract.sold_wh, contract.price_mgtx_per_kwh)),
        Amount(trade.wheeling.paid_ugtx if trade.wheeling is not None else 0),
        Amount(trade.wheeling.lost_wh if trade.wheeling is not None else 0),
        contract.trading_fee_ppm,
    )


def _settlement_view(number: int, block: Block, settlement: Settlement) -> SettlementView:
    contract = settlement.contract
    over = contract.imbalance_mgtx_per_kwh - contract.price_mgtx_per_kwh
    return SettlementView(
        Hex(settlement.contract_id),
        number,
        block.header.height,
        block.header.time_ms,
        slot_view(contract.slot),
        Address(contract.seller),
        Address(contract.buyer),
        Amount(settlement.delivered_wh),
        Amount(settlement.short_wh),
        Amount(settlement.open_wh),
        Amount(cost_ugtx(settlement.delivered_wh, contract.price_mgtx_per_kwh)),
        Amount(cost_ugtx(settlement.short_wh, over)),
        Amount(settlement.fee_ugtx),
    )


def _curtailment_view(number: int, block: Block, cut: Curtailment) -> CurtailmentView:
    contract = cut.contract
    return CurtailmentView(
        Hex(cut.contract_id),
        number,
        block.header.height,
        block.header.time_ms,
        slot_view(contract.slot),
        Address(contract.seller),
        Address(contract.buyer),
        Amount(cut.cut_wh),
        Amount(contract.open_wh - cut.cut_wh),
        Amount(cut.seller_ugtx),
        Amount(cut.buyer_ugtx),
    )


def _assignment_view(number: int, block: Block, assignment: Assignment) -> AssignmentView:
    contract = assignment.contract
    return AssignmentView(
        Hex(assignment.contract_id),
        number,
        block.header.height,
        block.header.time_ms,
        slot_view(contract.slot),
        Address(contract.seller),
        Address(contract.buyer),
        Address(assignment.to),
        Amount(contract.open_wh),
    )
