"""The day's volume and turnover, and the bounds that they set to the next day's prices."""

import doctest
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.ledger.market import trading_day
from gtxnode.ledger.market.order_limits import price_bounds
from gtxnode.ledger.market.trading_day import TradingDay, day_of, trading_day_coin_id
from gtxnode.ledger.parameters import ChainParameters, OrderLimits
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import CHAIN, KWH, START_S, LittleChain

DAY_S = 86_400
LIMITS = OrderLimits(price_band_least_wh=100 * KWH)


@pytest.fixture
def chain() -> LittleChain:
    """It is noon in Bangkok, and Somchai has 1,000 kWh."""
    chain = LittleChain("somchai", "malee", parameters=ChainParameters(zones=(Zone.BANGKOK,)))
    chain.export("somchai", 1_000 * KWH)
    chain.now_s += 12 * 3_600 - (chain.now_s + 7 * 3_600) % DAY_S
    return chain


def trade(chain: LittleChain, wh: int, price: int) -> None:
    chain.accepted(chain.sell("somchai", wh, price))
    assert chain.accepted(chain.buy("malee", wh, price)).traded_wh == wh


def day(chain: LittleChain) -> TradingDay:
    coin = chain.coin(trading_day_coin_id(CHAIN))
    assert isinstance(coin, TradingDay)
    return coin


def test_prices_keep_within_half_of_yesterdays_average(chain: LittleChain) -> None:
    trade(chain, 100 * KWH, 3_000)
    trade(chain, 100 * KWH, 4_000)
    # Today's own trades bind nobody.
    chain.accepted(chain.buy("malee", 1 * KWH, 1_000))
    chain.block(after_s=DAY_S)
    for price in (1_749, 5_251):
        assert chain.refused(chain.buy("malee", 1 * KWH, price)) is Reason.PRICE_OUT_OF_BOUNDS
    chain.accepted(chain.buy("malee", 1 * KWH, 1_750))
    chain.accepted(chain.sell("somchai", 1 * KWH, 5_250))
    # A day without trades sets the market free again.
    chain.block(after_s=DAY_S)
    chain.accepted(chain.buy("malee", 1 * KWH, 1_000))


def test_a_day_that_traded_little_sets_no_bounds(chain: LittleChain) -> None:
    trade(chain, 100 * KWH - 1, 8_000)
    chain.block(after_s=DAY_S)
    chain.accepted(chain.buy("malee", 1 * KWH, 1_000))
    trade(chain, 100 * KWH, 8_000)
    chain.block(after_s=DAY_S)
    assert chain.refused(chain.buy("malee", 1 * KWH, 3_999)) is Reason.PRICE_OUT_OF_BOUNDS


def test_a_resting_order_outside_the_days_bounds_trades_and_shrinks(chain: LittleChain) -> None:
    trade(chain, 100 * KWH, 8_000)
    cheap = chain.sell("somchai", 50 * KWH, 1_500, expires_s=chain.now_s + 3 * DAY_S)
    chain.accepted(cheap)
    chain.block(after_s=DAY_S)
    chain.accepted(chain.amend("somchai", cheap, 40 * KWH, 1_500))
    assert chain.refused(chain.amend("somchai", cheap, 41 * KWH, 1_500)) is (
        Reason.PRICE_OUT_OF_BOUNDS
    )
    (trade_,) = chain.accepted(chain.buy("malee", 10 * KWH, 4_000)).trades
    assert trade_.price_mgtx_per_kwh == 1_500


def test_the_coin_keeps_two_days(chain: LittleChain) -> None:
    trade(chain, 100 * KWH, 3_000)
    today = day_of(chain.now_s * 1_000)
    assert day(chain) == TradingDay(today, 100 * KWH, 300_000_000)
    chain.block(after_s=DAY_S)
    assert day(chain).day == today, "a day without trades costs nothing"
    trade(chain, 10 * KWH, 4_000)
    assert day(chain) == TradingDay(today + 1, 10 * KWH, 40_000_000, 100 * KWH, 300_000_000)
    chain.block(after_s=3 * DAY_S)
    trade(chain, 1 * KWH, 5_000)
    assert day(chain) == TradingDay(today + 4, 1 * KWH, 5_000_000)


def test_the_day_begins_at_midnight_in_bangkok() -> None:
    midnight_ms = (1_767_225_600 - 7 * 3_600) * 1_000  # 2026-01-01 in Bangkok
    assert day_of(midnight_ms) == day_of(midnight_ms - 1) + 1
    assert day_of(START_S * 1_000) * DAY_S <= START_S + 7 * 3_600


@given(
    st.integers(1, 10**9), st.integers(1_000, 10_000), st.integers(0, 10**6), st.integers(0, 10**6)
)
def test_the_bounds_are_the_share_of_the_average_to_the_integer(
    volume_wh: int, price: int, more_ugtx: int, band_ppm: int
) -> None:
    turnover = volume_wh * price + more_ugtx
    bounds = TradingDay(7, volume_wh, turnover).bounds(8, band_ppm, 0)
    assert bounds is not None
    average, share = Fraction(turnover, volume_wh), Fraction(band_ppm, 10**6)
    low, high = average * (1 - share), average * (1 + share)
    assert low <= bounds[0] < low + 1
    assert high - 1 < bounds[1] <= high


def test_bounds_never_leave_the_chains_own_and_never_shut_the_market() -> None:
    now_ms = START_S * 1_000
    day = day_of(now_ms) - 1
    assert price_bounds(LIMITS, None, now_ms) == (1_000, 10_000)
    assert price_bounds(LIMITS, TradingDay(day, 10**6, 10**6 * 1_200), now_ms) == (1_000, 1_800)
    assert price_bounds(LIMITS, TradingDay(day, 10**6, 10**6 * 9_000), now_ms) == (4_500, 10_000)
    # The chain's bounds were changed since: nothing of the day's is left within them.
    assert price_bounds(LIMITS, TradingDay(day, 10**6, 10**6 * 90_000), now_ms) == (1_000, 10_000)


def test_totals_that_would_be_too_large_stay_a_true_average() -> None:
    coin = TradingDay(7, 10, MAX_AMOUNT - 5).with_trades(7, [(1, 5), (1, 1), (1, 1)])
    assert coin == TradingDay(7, 11, MAX_AMOUNT)


def test_the_example_holds() -> None:
    result = doctest.testmod(trading_day)
    assert (result.attempted, result.failed) == (1, 0)
