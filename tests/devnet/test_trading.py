"""What a home decides: cover its need first, then offer what is over or bid for what is short."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gtxnode.devnet import trading
from gtxnode.devnet.purse import sort_coins, write
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
    coverable,
    decide,
)
from gtxnode.ledger import bodies
from gtxnode.ledger.coins import Cash, Energy, Origin
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from gtxnode.tariffs.calendar import month_number

RICH_UGTX = 10**12
ORDER = bytes(32)
RESERVE_UGTX = 10_000
MONTH = 8
OWNER, METER = bytes(20), bytes(16)


def standing(
    energy_wh: int = 0,
    need_wh: int = 0,
    order: OpenOrder | None = None,
    cash_ugtx: int = RICH_UGTX,
    waited_hours: int = 0,
    local_hour: int = 12,
    offerable_wh: int | None = None,
) -> Standing:
    """All of its energy is of one kind and of the month of its need, unless it is said."""
    offered_wh = order.amount_wh if order is not None and order.sells else 0
    return Standing(
        energy_wh=energy_wh,
        offerable_wh=energy_wh + offered_wh if offerable_wh is None else offerable_wh,
        cash_ugtx=cash_ugtx,
        need_wh=need_wh,
        covers=coverable(months(need_wh), months(energy_wh)),
        order=order,
        waited_hours=waited_hours,
        local_hour=local_hour,
    )


def months(amount_wh: int) -> dict[int, int]:
    return {MONTH: amount_wh} if amount_wh else {}


def month_start_s(month: int) -> int:
    """When a month of 1970 begins in Bangkok."""
    start_s = int(datetime(1970, month + 1, 1, tzinfo=UTC).timestamp()) - 7 * 3_600
    assert (month_number(start_s - 1), month_number(start_s)) == (month - 1, month)
    return start_s


def decided(now: Standing) -> trading.Action | None:
    return decide(now, temper=0, reserve_ugtx=RESERVE_UGTX)


def test_what_was_used_is_covered_first() -> None:
    assert decided(standing(energy_wh=1_500, need_wh=1_000)) == Retire(1_000, MONTH)
    assert decided(standing(energy_wh=700, need_wh=1_000)) == Retire(700, MONTH)


def test_energy_covers_what_was_used_in_its_month() -> None:
    assert coverable({7: 500, 8: 300}, {8: 900, 9: 50}) == Retire(300, 8)
    assert coverable({7: 500, 8: 300}, {7: 900, 8: 50}) == Retire(500, 7)
    assert coverable({7: 500}, {8: 900}) is None
    assert coverable({}, {8: 900}) is None


def test_energy_of_several_kinds_is_offered_one_after_the_other() -> None:
    most = standing(energy_wh=1_500, offerable_wh=900)
    assert decided(most) == Sell(900, trading.SELL_START_MGTX)
    offered = OpenOrder(ORDER, True, 900, trading.SELL_START_MGTX)
    assert decided(standing(energy_wh=600, offerable_wh=900, order=offered)) is None
    assert decided(standing(energy_wh=600, offerable_wh=600)) == Sell(600, trading.SELL_START_MGTX)
    assert decided(standing(energy_wh=150, offerable_wh=80)) is None


def test_a_purse_knows_what_one_order_and_one_retirement_take() -> None:
    """Solar energy of two months and two zones, and some of the wind."""
    solar = made(400, Zone.BANGKOK, Source.SOLAR, 8), made(300, Zone.BANGKOK, Source.SOLAR, 9)
    others = made(500, Zone.CENTRAL, Source.SOLAR, 9), made(600, Zone.BANGKOK, Source.WIND, 9)
    purse = sort_coins([*others, *solar])
    assert purse.energy_wh == 1_800
    assert purse.offerable_wh == 700
    assert purse.by_month() == {8: 400, 9: 1_400}
    cash = (b"\x02" * 34, Cash(OWNER, 10**6))
    rich = sort_coins([*others, *solar, cash])
    sold = write(Sell(700, 3_000), OWNER, rich, 1_000, covers=METER)
    assert isinstance(sold, bodies.PlaceSell)
    assert set(sold.inputs) == {coin_id for coin_id, _ in solar}
    retired = write(Retire(1_400, 9), OWNER, rich, 1_000, covers=METER)
    assert isinstance(retired, bodies.Retire)
    assert retired.meter == METER
    assert set(retired.inputs) == {solar[1][0], others[0][0], others[1][0], cash[0]}


def made(amount_wh: int, zone: Zone, source: Source, month: int) -> tuple[bytes, Energy]:
    start_s = month_start_s(month)
    origin = Origin(zone, source, start_s, start_s + 900, METER)
    coin_id = bytes([zone, source, month]).ljust(34, b"\x01")
    return coin_id, Energy(OWNER, amount_wh, origin)


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
    standing,
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    orders,
    st.integers(0, 10**10),
    st.integers(0, 100),
    st.integers(0, 23),
)


@given(standings, st.integers(0, 11))
def test_nothing_is_offered_or_spent_that_is_not_there(now: Standing, temper: int) -> None:
    match decide(now, temper=temper, reserve_ugtx=RESERVE_UGTX):
        case Retire(amount, _):
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
    need.cover(1_200, 0)
    assert need.total_wh == 300
    need.use(7_200 + trading.COVERED_LATER_S, 50)
    assert need.total_wh == 50
    need.cover(80, 0)
    assert need.total_wh == 0


def test_need_is_covered_month_by_month() -> None:
    need, turn_s = Need(), month_start_s(8)
    need.use(turn_s - 3_600, 1_000)
    need.use(turn_s, 500)
    assert need.by_month() == {7: 1_000, 8: 500}
    need.cover(600, 8)
    assert need.by_month() == {7: 1_000}
    need.cover(400, 7)
    assert need.by_month() == {7: 600}


def test_an_hour_without_use_needs_nothing() -> None:
    need = Need()
    need.use(3_600, 0)
    assert need.total_wh == 0
