"""Turns made and missed, and the rest that three misses in a row bring."""

from hypothesis import given
from hypothesis import strategies as st

from consensus.turns import (
    MAX_COUNTED_ROUNDS,
    NO_MISSES,
    Misses,
    RestRule,
    Turns,
    after_turns,
    resting,
    turns_of,
)
from tests.consensus.keys import KEYS
from tests.consensus.keys import Turns as InOrder

RULE = RestRule(misses=3, heights=100)
A, B, C, D = KEYS[:4]


def test_a_height_of_one_round_shows_one_turn() -> None:
    assert turns_of(InOrder(4), 1, 0, A) == Turns(frozenset([A]), frozenset())


def test_rounds_that_failed_were_missed() -> None:
    """By their proposers, but not by whose block it is."""
    assert turns_of(InOrder(4), 1, 2, C) == Turns(frozenset([C]), frozenset([A, B]))
    assert turns_of(InOrder(4), 1, 2, A) == Turns(frozenset([A, C]), frozenset([B]))


def test_who_comes_round_again_is_counted_once() -> None:
    """Missed twice is one miss; missed and made is made."""
    assert turns_of(InOrder(2), 1, 3, B) == Turns(frozenset([B]), frozenset([A]))
    assert turns_of(InOrder(4), 1, 9, B) == Turns(frozenset([B]), frozenset([A, C, D]))


def test_a_network_that_was_down_is_nobodys_fault() -> None:
    """Turns past the limit are not counted, and not even asked for."""

    class Asked:
        def __init__(self) -> None:
            self.rounds: list[int] = []

        def proposer(self, height: int, round: int) -> bytes:
            self.rounds.append(round)
            return A

    asked = Asked()
    turns_of(asked, 1, 10**9, B)
    assert max(asked.rounds[1:]) == MAX_COUNTED_ROUNDS - 1


def after(history: str, height: int = 1) -> Misses:
    """One validator's record after turns made (`+`) and missed (`-`), a height apart."""
    records: dict[bytes, Misses] = {}
    for place, turn in enumerate(history):
        key = frozenset([A])
        turns = Turns(key, frozenset()) if turn == "+" else Turns(frozenset(), key)
        records |= after_turns(records, turns, height + place, RULE)
    return records.get(A, NO_MISSES)


def test_three_in_a_row_rest() -> None:
    """Not two, and not three with a turn made between."""
    assert after("--") == Misses(2, 0)
    assert after("--+--") == Misses(2, 0)
    assert after("---") == Misses(3, 103)
    assert resting([(A, after("---"))], 102) == {A}
    assert resting([(A, after("---"))], 103) == set()


def test_who_comes_back_and_misses_rests_again() -> None:
    """After one miss, until a turn is made."""
    assert after("----", 200) == Misses(3, 303)
    assert after("---+") == NO_MISSES
    assert after("---+--") == Misses(2, 0)


def test_only_what_changed_comes_back() -> None:
    """Records of those who had no turn, or whose turn changes nothing, are left alone."""
    records = {A: Misses(1, 0), B: Misses(2, 0)}
    turns = Turns(frozenset([A, C]), frozenset([D]))
    assert after_turns(records, turns, 9, RULE) == {A: NO_MISSES, D: Misses(1, 0)}


@given(st.text("+-", max_size=40))
def test_rest_follows_the_row(history: str) -> None:
    """By a count of the trailing misses alone."""
    row = len(history) - len(history.rstrip("-"))
    found = after(history)
    assert found.in_a_row == min(row, RULE.misses)
    assert found.rests_until == (len(history) + RULE.heights if row >= RULE.misses else 0)
