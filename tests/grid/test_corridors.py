"""Corridors: what fits is found at once, and is what counting up watt by watt would find."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from gtxnode.grid import corridors
from gtxnode.grid.build import build_model
from gtxnode.grid.corridors import Limits, SlotUse, Way, left_w, spread, ways
from gtxnode.grid.model import SLOT_S
from gtxnode.grid_data import thai_network
from gtxnode.primitives.zones import Zone
from tests.grid import little_grid

MODEL = little_grid.model()
WAYS = ways(MODEL)
ALL = little_grid.ZONES
MW = 1_000_000
NO_LIMIT = (None, None, None)
LIMITS = Limits((30, 30, 30), (30, 30, 30), NO_LIMIT, NO_LIMIT)

limits = st.builds(
    Limits,
    st.tuples(*[st.integers(0, 40)] * 3),
    st.tuples(*[st.integers(0, 40)] * 3),
    st.tuples(*[st.none() | st.integers(0, 40)] * 3),
    st.tuples(*[st.none() | st.integers(0, 40)] * 3),
)
some_ways = st.sampled_from(list(WAYS.values()))


def within(use: SlotUse, held: Limits) -> bool:
    """Whether no limit is passed: the rule itself, stated over the whole slot."""
    flows = zip(use.flows, held.forward, held.backward, strict=True)
    zones = [
        *zip(use.sold, held.sold, strict=True),
        *zip(use.delivered, held.delivered, strict=True),
    ]
    return all(-b * 10**12 <= flow <= f * 10**12 for flow, f, b in flows) and all(
        limit is None or used <= limit * MW for used, limit in zones
    )


def after(use: SlotUse, way: Way, power: int) -> SlotUse:
    then = SlotUse([*use.flows], [*use.sold], [*use.delivered])
    then.take(way, power)
    return then


@given(limits, st.lists(st.tuples(some_ways, st.integers(0, 100 * MW))), some_ways)
def test_what_fits_is_the_most_that_passes_no_limit(
    held: Limits, trades: list[tuple[Way, int]], way: Way
) -> None:
    use = SlotUse.empty(3, 3)
    for each, wanted in trades:
        use.take(each, min(wanted, use.room(each, held)))
        assert within(use, held)
    room = use.room(way, held)
    assert within(after(use, way, room), held)
    if room < corridors.UNLIMITED_W:
        assert not within(after(use, way, room + 1), held)


@given(limits, st.lists(st.tuples(some_ways, st.integers(0, 100 * MW))), limits, some_ways)
def test_a_fallen_limit_lets_through_only_what_relieves_it(
    held: Limits, trades: list[tuple[Way, int]], fallen: Limits, way: Way
) -> None:
    use = SlotUse.empty(3, 3)
    for each, wanted in trades:
        use.take(each, min(wanted, use.room(each, held)))
    room = use.room(way, fallen)
    over = [
        number
        for number, (flow, f, b) in enumerate(
            zip(use.flows, fallen.forward, fallen.backward, strict=True)
        )
        if not -b * 10**12 <= flow <= f * 10**12
    ]
    worse = any(
        number in over and (factor > 0) == (use.flows[number] > 0) for number, factor in way.loads
    )
    assert not (worse and room)


def test_trades_both_ways_are_netted() -> None:
    use = SlotUse.empty(3, 3)
    there, back = WAYS[ALL[0], ALL[1]], WAYS[ALL[1], ALL[0]]
    # Two thirds of it take the direct corridor of 30 MW.
    assert use.room(there, LIMITS) == 44_999_977
    use.take(there, 40 * MW)
    assert use.room(there, LIMITS) == 4_999_977
    assert use.room(back, LIMITS) == 84_999_977
    use.take(back, 40 * MW)
    assert use == SlotUse([0, 0, 0], [40 * MW, 40 * MW, 0], [40 * MW, 40 * MW, 0])


def test_a_trade_uses_up_corridors_that_it_does_not_seem_to_touch() -> None:
    use = SlotUse.empty(3, 3)
    use.take(WAYS[ALL[0], ALL[1]], 30 * MW)
    assert [f // 10**6 for f, _ in left_w(use, LIMITS)] == [9, 20, 39]
    assert use.flows == [20_000_010_000_000, 9_999_990_000_000, -9_999_990_000_000]


def test_within_a_zone_only_its_own_limits_hold() -> None:
    use = SlotUse.empty(3, 3)
    inside = WAYS[ALL[1], ALL[1]]
    assert use.room(inside, LIMITS) == corridors.UNLIMITED_W
    local = Limits(LIMITS.forward, LIMITS.backward, (None, 5, None), (None, 3, None))
    assert use.room(inside, local) == 3 * MW
    use.take(inside, 3 * MW)
    assert use.flows == [0, 0, 0]
    # What was sold inside is used of what may be sold out of the zone.
    assert use.room(WAYS[ALL[1], ALL[0]], local) == 2 * MW
    assert use.room(WAYS[ALL[0], ALL[1]], local) == 0


@given(st.sampled_from([n for n in range(1, 3_601) if not 3_600 % n]), st.integers(0, 10**6))
def test_energy_is_spread_over_slots_without_rounding(length_s: int, number: int) -> None:
    start_s = number * length_s
    parts = spread(start_s, start_s + length_s)
    # A watt over a slot of a quarter of an hour is a quarter of a Wh.
    assert sum(watts for _, watts in parts) == 4
    for start, watts in parts:
        common_s = sum(start <= s < start + SLOT_S for s in range(start_s, start_s + length_s))
        assert watts * length_s == common_s * 4 > 0


def test_the_south_takes_what_its_two_lines_carry() -> None:
    model = build_model(thai_network())
    use = SlotUse.empty(len(model.corridors), len(model.zones))
    held = Limits(
        tuple(each.forward_mw for each in model.corridors),
        tuple(each.backward_mw for each in model.corridors),
        (None,) * 7,
        (None,) * 7,
    )
    found = ways(model)
    for zone in Zone:
        if zone is not Zone.SOUTHERN:
            room = use.room(found[zone, Zone.SOUTHERN], held)
            assert room // 4 <= 3_243 * MW // 4
    assert len(found) == len(list(permutations(Zone, 2))) + len(Zone)
