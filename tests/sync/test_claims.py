"""A claim decides whom to ask, and nothing else until blocks have proved it."""

from hypothesis import given
from hypothesis import strategies as st

from gtxnode.sync.claims import MAX_CLAIMS, Claims
from p2p.identity import PeerId

LIAR, FIRST, SECOND = PeerId("liar"), PeerId("first"), PeerId("second")
HUGE = 2**53 - 1


def claims(**heights: int) -> Claims:
    made = Claims()
    for peer, height in heights.items():
        made.note(PeerId(peer), height)
    return made


def test_a_claim_alone_is_no_reason_to_believe() -> None:
    made = claims(liar=HUGE)
    assert made.best_height == 0
    assert made.ahead_of(0) == [LIAR]
    assert made.ahead_of(HUGE) == []


def test_whoever_fails_is_asked_last_and_only_when_it_claims_again() -> None:
    made = claims(liar=HUGE, first=10)
    assert made.ahead_of(0) == [LIAR, FIRST]
    made.failed(LIAR)
    assert made.ahead_of(0) == [FIRST]
    made.note(LIAR, HUGE)
    assert made.ahead_of(0) == [FIRST, LIAR]


def test_whoever_delivers_goes_on_and_is_believed_while_it_does() -> None:
    made = claims(first=1_000, second=2_000, liar=HUGE)
    made.delivered(FIRST, 256, more=True)
    assert made.ahead_of(256)[0] == FIRST
    assert made.best_height == 1_000
    made.delivered(FIRST, 1_000, more=False)
    assert made.best_height == 1_000
    # A claim that comes after what was delivered has to be proved anew.
    made.note(FIRST, HUGE)
    assert made.best_height == 1_000


def test_a_promise_ends_with_the_first_failure() -> None:
    made = claims(liar=HUGE)
    made.delivered(LIAR, 256, more=True)
    assert made.best_height == HUGE
    made.failed(LIAR)
    assert made.best_height == 256


def test_a_failure_is_forgiven_once_it_delivers() -> None:
    made = claims(first=10, second=20)
    made.failed(SECOND)
    made.note(SECOND, 20)
    made.delivered(SECOND, 5, more=False)
    made.failed(FIRST)
    made.note(FIRST, 30)
    assert made.ahead_of(5) == [SECOND, FIRST]


def test_who_is_gone_is_forgotten() -> None:
    made = claims(first=10, second=20)
    made.keep({SECOND})
    assert made.ahead_of(0) == [SECOND]
    assert made.of(FIRST) == 0


@given(st.lists(st.tuples(st.integers(0, 3 * MAX_CLAIMS), st.integers(0, HUGE))))
def test_claims_are_bounded_and_never_believed(noted: list[tuple[int, int]]) -> None:
    made = Claims()
    for number, height in [*noted, *((each, 1) for each in range(MAX_CLAIMS + 10))]:
        made.note(PeerId(str(number)), height)
    assert len(made.ahead_of(0)) <= MAX_CLAIMS
    assert made.best_height == 0
