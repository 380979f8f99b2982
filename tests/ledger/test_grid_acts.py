"""What authorities say of the grid: who may, over what, and what takes the place of what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.grid.model import SLOT_S
from gtxnode.ledger.bodies import FundGrid, PostGridStatus, SetCorridorLimits
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.grid import grid_coins
from gtxnode.ledger.grid.grid_coins import (
    CorridorRange,
    ZoneRange,
    ZoneStatus,
    overlaid,
    zone_status_coin_id,
)
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role, Zone
from tests.ledger.grid_chain import CALM, FAILING, GridChain
from tests.ledger.little_chain import CHAIN, FEE, GTX, LittleChain, address, signed

BANGKOK, CENTRAL, SOUTHERN = Zone.BANGKOK, Zone.CENTRAL, Zone.SOUTHERN


@pytest.fixture
def chain() -> GridChain:
    return GridChain({"somchai": BANGKOK, "malee": SOUTHERN})


def test_egat_posts_the_condition_of_zones(chain: GridChain) -> None:
    chain.accepted(chain.status(CALM, BANGKOK, SOUTHERN))
    chain.accepted(chain.status(FAILING, SOUTHERN))
    posted = {zone: chain.coin(zone_status_coin_id(CHAIN, zone)) for zone in Zone}
    now_ms = chain.now_s * 1_000
    assert posted[SOUTHERN] == ZoneStatus(SOUTHERN, FAILING, now_ms, Role.EGAT)
    assert posted[BANGKOK] == ZoneStatus(BANGKOK, CALM, now_ms - 1_000, Role.EGAT)
    assert posted[CENTRAL] is None


@pytest.mark.parametrize("by", ["MEA", "PEA", "ERC", "malee"])
def test_nobody_else_posts_conditions_or_limits_corridors(chain: GridChain, by: str) -> None:
    assert chain.refused(chain.status(CALM, by=by)) is Reason.NOT_AUTHORISED
    assert chain.refused(chain.limit(BANGKOK, CENTRAL, 5, by=by)) is Reason.NOT_AUTHORISED


def test_an_act_is_not_taken_twice(chain: GridChain) -> None:
    bad, good = chain.status(FAILING), chain.status(CALM)
    chain.accepted(bad)
    chain.accepted(good)
    assert chain.refused(bad) is Reason.STALE_ACT
    low, high = chain.limit(BANGKOK, CENTRAL, 5), chain.limit(BANGKOK, CENTRAL, 50)
    chain.accepted(high)
    assert chain.refused(low) is Reason.STALE_ACT


@pytest.mark.parametrize(
    ("zone", "by", "allowed"),
    [
        (BANGKOK, "MEA", True),
        (BANGKOK, "PEA", False),
        (SOUTHERN, "PEA", True),
        (SOUTHERN, "MEA", False),
        (CENTRAL, "MEA", True),
        (CENTRAL, "PEA", True),
        (SOUTHERN, "EGAT", False),
    ],
)
def test_local_limits_are_the_territorys_utilitys(
    chain: GridChain, zone: Zone, by: str, allowed: bool
) -> None:
    act = chain.local(zone, 5, None, by=by)
    if allowed:
        chain.accepted(act)
        start_s = chain.slot_s
        assert chain.limits().zones == (ZoneRange(zone, start_s, start_s + 4 * SLOT_S, 5, None),)
    else:
        assert chain.refused(act) is Reason.NOT_AUTHORISED


@pytest.mark.parametrize(
    ("start", "end"), [(1, SLOT_S), (0, SLOT_S - 1), (0, 0), (SLOT_S, 0), (-9, 0), (0, 40_000)]
)
def test_limits_are_for_whole_slots_to_come(chain: GridChain, start: int, end: int) -> None:
    slot = chain.slot_s
    first, last = (
        slot + (start if start in (1, 0) else start * SLOT_S),
        slot + end * (SLOT_S if end in (0, 40_000) else 1),
    )
    body = SetCorridorLimits(BANGKOK, CENTRAL, first, last, 1, 1, chain.issued())
    assert chain.refused(signed(body, "EGAT")) is Reason.BAD_RANGE


def test_a_corridor_is_named_as_the_model_has_it(chain: GridChain) -> None:
    assert chain.refused(chain.limit(CENTRAL, BANGKOK, 5)) is Reason.UNKNOWN_CORRIDOR
    assert chain.refused(chain.limit(BANGKOK, Zone.EASTERN, 5)) is Reason.UNKNOWN_CORRIDOR
    assert chain.refused(chain.local(Zone.EASTERN, 5, 5)) is Reason.WRONG_ZONE
    assert chain.refused(chain.status(CALM, Zone.EASTERN)) is Reason.WRONG_ZONE
    twice = PostGridStatus((BANGKOK, BANGKOK), CALM, chain.issued())
    assert chain.refused(signed(twice, "EGAT")) is Reason.BAD_RANGE


def test_a_later_limit_takes_the_place_of_what_it_covers(chain: GridChain) -> None:
    start = chain.slot_s
    chain.accepted(chain.limit(BANGKOK, CENTRAL, 10, slots=4))
    chain.accepted(chain.limit(BANGKOK, CENTRAL, 3, 4, start_s=start + SLOT_S, slots=1))
    chain.accepted(chain.limit(BANGKOK, SOUTHERN, 7, slots=1))
    assert chain.limits().corridors == (
        CorridorRange(BANGKOK, CENTRAL, start, start + SLOT_S, 10, 10),
        CorridorRange(BANGKOK, CENTRAL, start + SLOT_S, start + 2 * SLOT_S, 3, 4),
        CorridorRange(BANGKOK, CENTRAL, start + 2 * SLOT_S, start + 4 * SLOT_S, 10, 10),
        CorridorRange(BANGKOK, SOUTHERN, start, start + SLOT_S, 7, 7),
    )
    chain.block(after_s=2 * SLOT_S)
    chain.accepted(chain.limit(CENTRAL, SOUTHERN, 1, slots=1))
    # What is over is forgotten with the next act.
    assert [each.forward_mw for each in chain.limits().corridors] == [10, 1]


def test_only_so_many_limits_are_known(chain: GridChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtxnode.ledger.grid.grid_acts.MAX_RANGES", 1)
    chain.accepted(chain.limit(BANGKOK, CENTRAL, 5))
    assert chain.refused(chain.limit(BANGKOK, SOUTHERN, 5)) is Reason.TOO_MANY_LIMITS


def test_anyone_may_pay_into_the_fund(chain: GridChain) -> None:
    ((coin_id, coin),) = chain.coins("malee", Cash)
    left = coin.amount_ugtx - 5 * GTX - FEE
    body = FundGrid((coin_id,), 5 * GTX, (Cash(address("malee"), left),))
    assert chain.refused(signed(body, "somchai")) is Reason.NOT_OWNER
    chain.accepted(signed(body, "malee"))
    assert chain.fund() == 5 * GTX
    assert chain.cash("malee") == left


def test_a_chain_without_a_grid_knows_none_of_this() -> None:
    chain = LittleChain("malee")
    ((coin_id, coin),) = chain.coins("malee", Cash)
    body = FundGrid((coin_id,), 5, (Cash(address("malee"), coin.amount_ugtx - 5 - FEE),))
    assert chain.refused(signed(body, "malee")) is Reason.NO_GRID
    act = PostGridStatus((BANGKOK,), CALM, 1)
    assert chain.refused(signed(act, "EGAT")) is Reason.NO_GRID


ranges = st.builds(
    lambda zone, start, length, mw: ZoneRange(zone, start, start + length, mw, mw),
    st.sampled_from((BANGKOK, SOUTHERN)),
    st.integers(0, 12),
    st.integers(1, 8),
    st.integers(0, 5),
)


@given(st.lists(ranges, max_size=12), st.integers(0, 10))
def test_what_holds_at_a_time_is_what_was_said_last(said: list[ZoneRange], now_s: int) -> None:
    held: tuple[ZoneRange, ...] = ()
    for each in said:
        held = overlaid(held, each, 0)
    if said:
        held = overlaid(held, said[-1], now_s)
    assert list(held) == sorted(held, key=lambda each: (each.zone, each.start_s))
    for zone in (BANGKOK, SOUTHERN):
        for time in range(now_s, 22):
            last = [r.sold_mw for r in said if r.zone is zone and r.start_s <= time < r.end_s]
            found = [r.sold_mw for r in held if r.zone is zone and r.start_s <= time < r.end_s]
            assert found == last[-1:]


def test_there_is_room_for_all_slots_that_can_be_open() -> None:
    assert grid_coins.MAX_OPEN_SLOTS * SLOT_S > 30 * 86_400
