"""The order book of one chain, and its trades."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import trio

from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.events import trade_views
from gtxnode.ledger.market.trading_day import TradingDay, day_of
from gtxnode.market.orders import PriceLevel
from gtxnode.rpc.views.market import (
    BookView,
    DayTotals,
    DayView,
    LevelView,
    TradePage,
    TradeView,
)
from gtxnode.rpc.wire import Amount
from gtxnode.views.paging import page
from gtxnode.views.prices import last_trading, order_bounds

_EPOCH: Final = date(1970, 1, 1)


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

    async def day(self) -> DayView:
        """What traded today and yesterday, and the bounds of prices that follow."""
        tip = self._store.tip
        known = last_trading(self._store)
        low, high = order_bounds(self._store)
        today = day_of(tip.time_ms)
        return DayView(
            self._shard,
            tip.height,
            _totals(known, today),
            _totals(known, today - 1),
            Amount(low),
            Amount(high),
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


def _totals(known: TradingDay | None, day: int) -> DayTotals:
    energy_wh, turnover = known.totals(day) if known is not None else (0, 0)
    return DayTotals(
        (_EPOCH + timedelta(days=day)).isoformat(),
        Amount(energy_wh),
        Amount(turnover),
        Amount(turnover // energy_wh) if energy_wh else None,
    )


def level_views(levels: Sequence[PriceLevel]) -> tuple[LevelView, ...]:
    """Price levels as clients see them."""
    return tuple(
        LevelView(Amount(level.price_mgtx_per_kwh), Amount(level.quantity_wh), level.orders)
        for level in levels
    )
