"""When a fresh proposal comes at its block's time."""

import pytest

from consensus.timeliness import MAX_WAIT_MS, PRECISION_MS, is_timely, wait_ms

NOW_MS = 1_000_000
DELAY_MS = 300


@pytest.mark.parametrize(
    ("block_ms", "timely"),
    [
        (NOW_MS, True),
        (NOW_MS - DELAY_MS - PRECISION_MS, True),
        (NOW_MS - DELAY_MS - PRECISION_MS - 1, False),
        (NOW_MS + MAX_WAIT_MS, True),
        (NOW_MS + MAX_WAIT_MS + 1, False),
    ],
)
def test_as_late_as_a_message_may_be_and_as_early_as_anybody_waits(
    block_ms: int, timely: bool
) -> None:
    assert is_timely(block_ms, NOW_MS, DELAY_MS) is timely


def test_a_time_that_is_near_is_waited_for() -> None:
    """One that is too far ahead is not: there, our clock has no say."""
    ahead_ms = (-5, 0, PRECISION_MS, PRECISION_MS + 1, MAX_WAIT_MS, MAX_WAIT_MS + 1)
    waits_ms = [wait_ms(NOW_MS + each, NOW_MS) for each in ahead_ms]
    assert waits_ms == [0, 0, 0, 1, MAX_WAIT_MS - PRECISION_MS, 0]
