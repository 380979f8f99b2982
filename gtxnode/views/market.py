"""The order book of one chain, and its trades."""

from collections.abc import Sequence

import trio

from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.events import trade_views
from gtxnode.market.orders import PriceLevel
from gtxnode.rpc.views.market import BookView, LevelView, TradePage, TradeView
from gtxnode.rpc.wire import Amount
from gtxnode.views.paging import page


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
            level_views(whole.bids[:depth]),
            level_views(whole.asks[:depth]),
            sum(level.orders for level in whole.bids),
            sum(level.orders for level in whole.asks),
        )

    async def trades(self, *, after: int | None, limit: int) -> TradePage:
        """Trades numbered above `after`; without it, the latest `limit`. In order."""
        return await trio.to_thread.run_sync(self._trades, after, limit)

    def _trades(self, after: int | None, limit: int) -> TradePage:
        height = self._store.tip.height
        trades, after = page(self._store, self._trades_in, after, limit)
        return TradePage(height, trades, after)

    def _trades_in(self, record: BlockRecord) -> list[TradeView]:
        if not record.trades:
            return []
        return trade_views(self._store.block(record.height)[0], record)


def level_views(levels: Sequence[PriceLevel]) -> tuple[LevelView, ...]:
    """Price levels as clients see them."""
    return tuple(
        LevelView(Amount(level.price_mgtx_per_kwh), Amount(level.quantity_wh), level.orders)
        for level in levels
    )
