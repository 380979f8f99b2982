"""What a chain's prices go by at its head: its tariffs, and the bounds of orders."""

from functools import partial

from gtxnode.chain.store import ChainStore
from gtxnode.ledger.authority.tariff_series import all_tariffs
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.market.order_limits import capped, price_bounds
from gtxnode.ledger.market.trading_day import TradingDay, trading_day_coin_id
from gtxnode.tariffs.tables import ReferenceModel, Tariffs


def chain_tariffs(store: ChainStore) -> Tariffs:
    """The tables of genesis and those that came by transaction."""
    return all_tariffs(store.chain_id, store.parameters.tariffs, partial(read_coin, store))


def last_trading(store: ChainStore) -> TradingDay | None:
    """The last days on which anything traded; None before the first trade."""
    coin = read_coin(store, trading_day_coin_id(store.chain_id))
    return coin if isinstance(coin, TradingDay) else None


def order_bounds(store: ChainStore) -> tuple[int, int]:
    """The lowest and the highest price in mGTX/kWh that an order may name now."""
    time_ms = store.tip.time_ms
    bounds = price_bounds(store.parameters.orders, last_trading(store), time_ms)
    model = chain_tariffs(store).at(ReferenceModel, time_ms // 1_000)
    return capped(bounds, model.cap_mgtx_per_kwh)
