"""The order book and its trades."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import OfShard, PageSize, Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.market import BookView, DayView, TradePage
from gtxnode.rpc.wire import EventNumber

MAX_DEPTH = 200


class Depth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The best price levels of each side."""

    shard: Shard
    depth: Annotated[int, Meta(ge=1, le=MAX_DEPTH)] = 20


class TradesAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of trades: those numbered above `after`, or without it the latest."""

    shard: Shard
    after: EventNumber | None = None
    limit: PageSize = 100


async def market_book(session: Session, params: Depth) -> BookView:
    """The order book, best prices first."""
    return await session.node.chain(params.shard).market.book(params.depth)


async def market_day(session: Session, params: OfShard) -> DayView:
    """What spot and slots traded today and yesterday, on average, and the bounds of prices now."""
    return await session.node.chain(params.shard).market.day()


async def market_trades(session: Session, params: TradesAfter) -> TradePage:
    """Trades in order of their numbers, in pages; without `after`, the latest."""
    return await session.node.chain(params.shard).market.trades(
        after=params.after, limit=params.limit
    )


ROWS = (
    row("market.book", market_book, ErrorCode.NOT_HOSTED),
    row("market.day", market_day, ErrorCode.NOT_HOSTED),
    row("market.trades", market_trades, ErrorCode.NOT_HOSTED),
)
