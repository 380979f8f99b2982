"""What communities decide about delivery slots, and how fast their meters run."""

from gtxnode.devnet.communities import HOMES_EACH, PLACES, SLOT_S, as_community, first_slot_s
from gtxnode.devnet.homes import Hour
from gtxnode.devnet.household import Household
from gtxnode.devnet.meter import SimulatedMeter
from gtxnode.devnet.slots import AHEAD, MARGIN_S, Plan
from gtxnode.market.slots import Slot
from gtxnode.primitives.zones import Shard, Zone

START_S = 1_800_000_000
# Exports at even hours, imports at odd ones, and nothing from the fifth on.
HOURS = (Hour(0, 1_000), Hour(400, 0), Hour(0, 2_000), Hour(50, 0), *[Hour(0, 0)] * 20)


def a_meter() -> SimulatedMeter:
    return SimulatedMeter(
        chain_id="devnet/func_energytrading",
        meter=bytes(16),
        key=b"\x07" * 32,
        hours=HOURS,
        start_s=START_S,
        interval_s=SLOT_S,
        first_hour=0,
    )


def test_slots_are_decided_on_once_and_in_order_as_yesterday_went() -> None:
    meter = a_meter()
    plan = Plan(meter, temper=0)
    now_s = START_S - 2 * MARGIN_S
    first, second, third = plan.next(now_s), plan.next(now_s), plan.next(now_s)
    assert first is not None
    assert second is not None
    assert third is not None
    assert [each.slot for each in (first, second, third)] == [
        Slot(START_S + number * SLOT_S, SLOT_S) for number in range(3)
    ]
    assert [each.sells for each in (first, second, third)] == [True, False, True]
    assert [each.amount_wh for each in (first, second, third)] == [1_000, 400, 2_000]
    # 50 Wh are no order, the hours after that need nothing, and the rest is too far ahead.
    assert plan.next(now_s) is None
    ahead = Plan(a_meter(), 0)
    assert ahead.next(START_S - (AHEAD + 1) * SLOT_S) is None


def test_a_gate_that_may_close_on_the_way_is_not_tried() -> None:
    order = Plan(a_meter(), 0).next(START_S - 1.0)
    assert order is not None
    assert order.slot.start_s == START_S + SLOT_S


def test_sellers_ask_less_than_buyers_give_whatever_their_temper() -> None:
    for temper in range(12):
        plan = Plan(a_meter(), temper)
        offer, bid = plan.next(START_S - 20), plan.next(START_S - 20)
        assert offer is not None
        assert bid is not None
        # With room for the charge of the way.
        assert offer.price_mgtx_per_kwh + 1_070 <= bid.price_mgtx_per_kwh


def test_a_meter_of_a_community_reads_a_slot_at_a_time() -> None:
    meter = a_meter()
    readings = [meter.read() for _ in range(3)]
    assert [each.end_s for each in readings] == [START_S + n * SLOT_S for n in (1, 2, 3)]
    assert [each.export_wh for each in readings] == [1_000, 0, 2_000]
    assert meter.yesterday(25) == HOURS[0]


def test_communities_stand_in_several_zones_and_can_carry_what_they_make() -> None:
    home = Household("home-01", 0, Shard.FUNC_ENERGYTRADING, Zone.BANGKOK, bytes(32), bytes(32))
    places = [as_community(home, number) for number in range(len(PLACES))]
    assert len({each.zone for each in places}) == len(PLACES)
    hour_wh = 10_000 * HOMES_EACH  # an hour of homes at their connections' limit
    assert all(each.capacity_w * SLOT_S // 3_600 >= hour_wh for each in places)
    assert first_slot_s(START_S + 1) == START_S + SLOT_S
