"""EGAT's part in the development network's blackout: what it says, in which order."""

from gtxnode.devnet.blackout import CORRIDOR, STEPS, acts
from gtxnode.grid.status import Standing, StatusRules, standing_of
from gtxnode.ledger.bodies import PostGridStatus, SetCorridorLimits
from gtxnode.primitives.zones import Zone

NOW_MS = 1_800_000_123_456


def test_it_gets_worse_until_the_south_is_dark_and_then_well_again() -> None:
    rules = StatusRules()
    assert [standing_of(rules, step.status) for step in STEPS] == [
        Standing.NORMAL,
        Standing.CONDITIONAL,
        Standing.REFUSED,
        Standing.NORMAL,
    ]
    assert [step.limit_mw for step in STEPS][:3] == sorted(
        (step.limit_mw for step in STEPS[:3]), reverse=True
    )
    assert STEPS[2].limit_mw == 0 < STEPS[3].limit_mw
    assert [step.after_s for step in STEPS] == sorted(step.after_s for step in STEPS)


def test_a_step_is_a_condition_and_a_limit_from_the_slot_that_runs_on() -> None:
    status, limits = acts(STEPS[0], NOW_MS)
    assert isinstance(status, PostGridStatus)
    assert isinstance(limits, SetCorridorLimits)
    assert status.zones == (Zone.SOUTHERN,)
    assert (limits.first, limits.second) == CORRIDOR
    assert limits.start_s == 1_800_000_000
    assert (limits.end_s - limits.start_s) % 900 == 0
    assert status.issued_ms == limits.issued_ms == NOW_MS
