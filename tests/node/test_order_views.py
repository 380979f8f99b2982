"""Open orders, licences and the day's trading, read from a store as clients get them."""

import pytest

from gtxnode.chain.store import ChainStore
from gtxnode.ledger.coins import BuyOrder, Coin, HeldCoin, encode_coin, output_id
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.market.licence_coins import Licence, licence_coin_id
from gtxnode.ledger.market.standing import Standing
from gtxnode.ledger.market.trading_day import TradingDay, day_of, trading_day_coin_id
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.orders import Terms
from gtxnode.primitives.sources import Source
from gtxnode.rpc.errors import NotFound
from gtxnode.views.accounts import AccountsView
from gtxnode.views.market import MarketView
from storage.memory import MemoryStore

CHAIN = "test/geo_bangkok"
NOW_MS = 1_795_000_000_000
MALEE, SOMCHAI = b"m" * 20, b"s" * 20
ORDER = BuyOrder(
    *(MALEE, 3_500, 30_000, NOW_MS // 1_000 + 60, 7, 3),
    Standing(Terms(1 << Source.SOLAR | 1 << Source.WIND, SOMCHAI, False, 10_000), 4_000, 2),
)


@pytest.fixture
def store() -> ChainStore:
    made: dict[bytes, Coin] = {
        output_id(b"o" * 32, 0): ORDER,
        licence_coin_id(CHAIN, MALEE): Licence(MALEE, 2_000_000, 1_800_000_000),
        trading_day_coin_id(CHAIN): TradingDay(day_of(NOW_MS) - 1, 200_000, 700_000_000),
    }
    coins = initial_coins(CHAIN, [(MALEE, 1_000)])
    coins |= {coin_id: HeldCoin(coin, encode_coin(coin)) for coin_id, coin in made.items()}
    return ChainStore.on(MemoryStore(), CHAIN, bytes(32), NOW_MS, ChainParameters(), coins)


async def test_an_account_sees_its_orders_with_their_terms(store: ChainStore) -> None:
    found = await AccountsView("geo_bangkok", store).orders(MALEE)
    (order,) = found.orders
    assert (order.id, order.side, order.energy_wh, order.locked_ugtx) == (
        b"o" * 32,
        "buy",
        30_000,
        105_000_000,
    )
    assert (order.shown_wh, order.slice_wh, order.all_or_none) == (4_000, 10_000, False)
    assert (order.sources, order.partner) == (("solar", "wind"), SOMCHAI)
    assert order.revision == 0
    assert (await AccountsView("geo_bangkok", store).orders(SOMCHAI)).orders == ()


async def test_the_public_book_shows_the_slice_alone(store: ChainStore) -> None:
    book = await MarketView("geo_bangkok", store).book(5)
    assert [(level.energy_wh, level.orders) for level in book.bids] == [(4_000, 1)]


async def test_a_licence_is_found_by_its_holder(store: ChainStore) -> None:
    view = AccountsView("geo_bangkok", store)
    assert (await view.licence(MALEE)).max_wh == 2_000_000
    with pytest.raises(NotFound):
        await view.licence(SOMCHAI)


async def test_the_day_says_what_traded_and_what_may_be_asked(store: ChainStore) -> None:
    day = await MarketView("geo_bangkok", store).day()
    assert (day.today.energy_wh, day.today.average_mgtx_per_kwh) == (0, None)
    assert (day.yesterday.energy_wh, day.yesterday.average_mgtx_per_kwh) == (200_000, 3_500)
    assert (day.lowest_mgtx_per_kwh, day.highest_mgtx_per_kwh) == (1_750, 5_250)
    assert (day.today.date, day.yesterday.date) == ("2026-11-18", "2026-11-17")
