"""The order book of one chain, and its trades."""

from collections.abc import Sequence
from itertools import islice

import trio

from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.events import trade_views
from gtxnode.market.orders import PriceLevel
from gtxnode.rpc.backend import EVENTS_PER_BLOCK
from gtxnode.rpc.views.market import BookView, LevelView, TradePage, TradeView
from gtxnode.rpc.wire import Amount

# Blocks that one call for trades looks into, to bound its cost; `next` goes on from there.
MAX_TRADE_BLOCKS = 2_000


class MarketView:
    """Implements `rpc.backend.Market`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    async def book(self, depth: int) -> BookView:
        """The best `depth` price levels of each side."""
        whole = self._store.depth
        return BookView(
            self._shard,
            self._store.tip.height,
            _levels(whole.bids[:depth]),
            _levels(whole.asks[:depth]),
            sum(level.orders for level in whole.bids),
            sum(level.orders for level in whole.asks),
        )

    async def trades(self, *, after: int | None, limit: int) -> TradePage:
        """Trades numbered above `after`; without it, the latest `limit`. In order."""
        return await trio.to_thread.run_sync(self._trades, after, limit)

    def _trades(self, after: int | None, limit: int) -> TradePage:
        height = self._store.tip.height
        if after is None:
            latest: list[TradeView] = []
            for record in islice(self._store.records(0, reverse=True), MAX_TRADE_BLOCKS):
                latest[:0] = self._trades_in(record)
                if len(latest) >= limit:
                    break
            return TradePage(height, tuple(latest[-limit:]), None)
        found: list[TradeView] = []
        at = after
        for record in islice(self._store.records(after // EVENTS_PER_BLOCK), MAX_TRADE_BLOCKS):
            found.extend(view for view in self._trades_in(record) if view.number > after)
            at = (record.height + 1) * EVENTS_PER_BLOCK - 1
            if len(found) >= limit:
                break
        page = tuple(found[:limit])
        if len(page) == limit:
            at = page[-1].number
        more = len(found) > limit or at // EVENTS_PER_BLOCK < height
        return TradePage(height, page, at if more else None)

    def _trades_in(self, record: BlockRecord) -> list[TradeView]:
        if not record.trades:
            return []
        return trade_views(self._store.block(record.height)[0], record)


def _levels(levels: Sequence[PriceLevel]) -> tuple[LevelView, ...]:
    return tuple(
        LevelView(Amount(level.price_mgtx_per_kwh), Amount(level.quantity_wh), level.orders)
        for level in levels
    )
