"""What a home decides: cover its need first, then offer what is over or bid for what is short."""

from hypothesis import given
from hypothesis import strategies as st

from gtxnode.devnet import trading
from gtxnode.devnet.trading import (
    Buy,
    Cancel,
    Need,
    OpenOrder,
    Retire,
    Sell,
    Standing,
    ask_mgtx_per_kwh,
    bid_mgtx_per_kwh,
    decide,
)
from gtxnode.ledger.parameters import OrderLimits

RICH_UGTX = 10**12
ORDER = bytes(32)
RESERVE_UGTX = 10_000


def standing(
    energy_wh: int = 0,
    need_wh: int = 0,
    order: OpenOrder | None = None,
    cash_ugtx: int = RICH_UGTX,
    waited_hours: int = 0,
    local_hour: int = 12,
) -> Standing:
    return Standing(energy_wh, cash_ugtx, need_wh, order, waited_hours, local_hour)


def decided(now: Standing) -> trading.Action | None:
    return decide(now, temper=0, reserve_ugtx=RESERVE_UGTX)


def test_what_was_used_is_covered_first() -> None:
    assert decided(standing(energy_wh=1_500, need_wh=1_000)) == Retire(1_000)
    assert decided(standing(energy_wh=700, need_wh=1_000)) == Retire(700)


def test_what_is_over_is_offered() -> None:
    assert decided(standing(energy_wh=1_500)) == Sell(1_500, trading.SELL_START_MGTX)


def test_no_order_is_so_large_that_it_takes_a_licence() -> None:
    most_wh = trading.MAX_ORDER_WH
    assert decided(standing(energy_wh=3 * most_wh)) == Sell(most_wh, trading.SELL_START_MGTX)
    rich = standing(need_wh=3 * most_wh, cash_ugtx=10**12)
    assert decided(rich) == Buy(most_wh, trading.BUY_START_MGTX)


def test_what_is_short_is_bid_for() -> None:
    assert decided(standing(need_wh=1_500)) == Buy(1_500, trading.BUY_START_MGTX)


def test_too_little_waits() -> None:
    assert decided(standing(energy_wh=99)) is None
    assert decided(standing(need_wh=99)) is None


def test_no_bid_is_over_what_can_be_paid() -> None:
    poor = RESERVE_UGTX + 300 * trading.BUY_START_MGTX
    assert decided(standing(need_wh=1_500, cash_ugtx=poor)) == Buy(300, trading.BUY_START_MGTX)
    assert decided(standing(need_wh=1_500, cash_ugtx=RESERVE_UGTX)) is None


def test_without_money_for_the_fee_nothing_is_retired() -> None:
    assert decided(standing(energy_wh=500, need_wh=500, cash_ugtx=0)) is None


def test_an_order_that_is_right_stays() -> None:
    asked = OpenOrder(ORDER, True, 1_500, trading.SELL_START_MGTX)
    assert decided(standing(order=asked)) is None
    bid = OpenOrder(ORDER, False, 1_500, trading.BUY_START_MGTX)
    assert decided(standing(need_wh=1_500, order=bid)) is None


def test_an_order_is_taken_back_when_its_price_is_no_longer_ours() -> None:
    asked = OpenOrder(ORDER, True, 1_500, trading.SELL_START_MGTX)
    assert decided(standing(order=asked, waited_hours=1)) == Cancel(ORDER)


def test_an_order_is_taken_back_when_the_side_has_changed() -> None:
    asked = OpenOrder(ORDER, True, 1_500, trading.SELL_START_MGTX)
    assert decided(standing(need_wh=800, order=asked)) == Cancel(ORDER)


def test_an_order_is_taken_back_when_there_is_much_more_to_offer() -> None:
    asked = OpenOrder(ORDER, True, 500, trading.SELL_START_MGTX)
    assert decided(standing(energy_wh=400, order=asked)) is None
    assert decided(standing(energy_wh=600, order=asked)) == Cancel(ORDER)


def test_a_bid_for_more_than_is_needed_is_taken_back() -> None:
    bid = OpenOrder(ORDER, False, 1_500, trading.BUY_START_MGTX)
    assert decided(standing(need_wh=1_000, order=bid)) == Cancel(ORDER)


def test_sellers_come_down_and_buyers_go_up_until_they_meet() -> None:
    for temper in range(12):
        meet = [h for h in range(24) if bid_mgtx_per_kwh(temper, h, 12) >= ask_mgtx_per_kwh(0, h)]
        assert meet
        assert meet[0] < 12


@given(st.integers(0, 11), st.integers(0, 10_000), st.integers(0, 23))
def test_prices_stay_within_what_the_grid_offers_and_the_market_allows(
    temper: int, waited: int, hour: int
) -> None:
    limits = OrderLimits()
    ask, bid = ask_mgtx_per_kwh(temper, waited), bid_mgtx_per_kwh(temper, waited, hour)
    assert ask >= trading.SELL_FLOOR_MGTX
    assert bid <= trading.BUY_CEILING_ON_PEAK_MGTX
    for price in (ask, bid):
        assert limits.min_price_mgtx_per_kwh <= price <= limits.max_price_mgtx_per_kwh


orders = st.none() | st.builds(
    OpenOrder, st.just(ORDER), st.booleans(), st.integers(1, 10**6), st.integers(1_000, 10_000)
)
standings = st.builds(
    Standing,
    st.integers(0, 10**6),
    st.integers(0, 10**10),
    st.integers(0, 10**6),
    orders,
    st.integers(0, 100),
    st.integers(0, 23),
)


@given(standings, st.integers(0, 11))
def test_nothing_is_offered_or_spent_that_is_not_there(now: Standing, temper: int) -> None:
    match decide(now, temper=temper, reserve_ugtx=RESERVE_UGTX):
        case Retire(amount):
            assert 0 < amount <= min(now.energy_wh, now.need_wh)
        case Sell(amount, _):
            assert 0 < amount <= now.energy_wh
        case Buy(amount, price):
            assert 0 < amount <= now.need_wh
            assert amount * price + RESERVE_UGTX <= now.cash_ugtx
        case Cancel(order):
            assert now.order is not None
            assert now.order.id == order
        case None:
            pass


def test_need_is_covered_oldest_first_and_let_go_in_time() -> None:
    need = Need()
    need.use(3_600, 1_000)
    need.use(7_200, 500)
    need.cover(1_200)
    assert need.total_wh == 300
    need.use(7_200 + trading.COVERED_LATER_S, 50)
    assert need.total_wh == 50
    need.cover(80)
    assert need.total_wh == 0


def test_an_hour_without_use_needs_nothing() -> None:
    need = Need()
    need.use(3_600, 0)
    assert need.total_wh == 0
