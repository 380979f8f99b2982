"""Delivery slots: books, contracts, settlements."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import OfAddress, OfShard, PageSize, Shard
from gtxnode.rpc.methods.market import MAX_DEPTH
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.forwards import (
    ContractPage,
    ForwardRulesView,
    ForwardTradePage,
    SettlementPage,
    SlotBookView,
    SlotPage,
)
from gtxnode.rpc.views.orders import SlotOrders
from gtxnode.rpc.wire import Address, EventNumber, Hex


class OfSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A slot, by its start in Unix seconds and its length, and how many price levels."""

    shard: Shard
    start_s: Annotated[int, Meta(ge=0, le=2**40)]
    length_s: Annotated[int, Meta(ge=1, le=3_600)]
    depth: Annotated[int, Meta(ge=1, le=MAX_DEPTH)] = 20


class ContractsAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of an address's contracts: those after a contract's id."""

    shard: Shard
    address: Address
    after: Hex | None = None
    limit: PageSize = 100


class NumberedAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of what is numbered above `after`, or without it the latest."""

    shard: Shard
    after: EventNumber | None = None
    limit: PageSize = 100


async def forward_rules(session: Session, params: OfShard) -> ForwardRulesView:
    """Which slots are traded, by which mechanism, and what a shortfall costs."""
    return session.node.chain(params.shard).forwards.rules()


async def forward_slots(session: Session, params: OfShard) -> SlotPage:
    """The slots that have open orders, in order of time."""
    return await session.node.chain(params.shard).forwards.slots()


async def forward_book(session: Session, params: OfSlot) -> SlotBookView:
    """A slot's open orders by price, best first, and what its auction would come to."""
    return await session.node.chain(params.shard).forwards.book(
        params.start_s, params.length_s, params.depth
    )


async def forward_orders(session: Session, params: OfAddress) -> SlotOrders:
    """The open orders of an address for slots, with terms that the public books leave out."""
    return await session.node.chain(params.shard).forwards.orders(params.address)


async def forward_contracts(session: Session, params: ContractsAfter) -> ContractPage:
    """An address's open contracts, as buyer or seller, in pages."""
    return await session.node.chain(params.shard).forwards.contracts(
        params.address, after=params.after, limit=params.limit
    )


async def forward_trades(session: Session, params: NumberedAfter) -> ForwardTradePage:
    """Trades of slots in order of their numbers, in pages; without `after`, the latest."""
    return await session.node.chain(params.shard).forwards.trades(
        after=params.after, limit=params.limit
    )


async def forward_settlements(session: Session, params: NumberedAfter) -> SettlementPage:
    """How contracts were settled, in order of numbers, in pages; without `after`, the latest."""
    return await session.node.chain(params.shard).forwards.settlements(
        after=params.after, limit=params.limit
    )


ROWS = (
    row("forward.rules", forward_rules, ErrorCode.NOT_HOSTED),
    row("forward.slots", forward_slots, ErrorCode.NOT_HOSTED),
    row("forward.book", forward_book, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("forward.orders", forward_orders, ErrorCode.NOT_HOSTED),
    row("forward.contracts", forward_contracts, ErrorCode.NOT_HOSTED),
    row("forward.trades", forward_trades, ErrorCode.NOT_HOSTED),
    row("forward.settlements", forward_settlements, ErrorCode.NOT_HOSTED),
)
