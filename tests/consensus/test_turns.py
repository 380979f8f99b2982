"""Turns made and missed, and the rest that three misses in a row bring."""

from hypothesis import given
from hypothesis import strategies as st

from consensus.proposers import ProposerWeights, WeightedSchedule
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
from tests.consensus.keys import CHAIN, KEYS, validators
from tests.consensus.keys import Turns as InOrder

RULE = RestRule(misses=3, heights=100)
WEIGHTS = ProposerWeights()
A, B, C, D = KEYS[:4]


def test_a_height_of_one_round_shows_one_turn() -> None:
    assert turns_of(InOrder(4), 1, 0, A) == Turns(frozenset([A]), frozenset(), A)


def test_rounds_that_failed_were_missed() -> None:
    """By their proposers, but not by whose block it is."""
    assert turns_of(InOrder(4), 1, 2, C) == Turns(frozenset([C]), frozenset([A, B]), C)
    assert turns_of(InOrder(4), 1, 2, A) == Turns(frozenset([A, C]), frozenset([B]), A)


def test_who_comes_round_again_is_counted_once() -> None:
    """Missed twice is one miss; missed and made is made."""
    assert turns_of(InOrder(2), 1, 3, B) == Turns(frozenset([B]), frozenset([A]), B)
    assert turns_of(InOrder(4), 1, 9, B) == Turns(frozenset([B]), frozenset([A, C, D]), B)


@given(st.integers(1, 10**6), st.integers(0, 6), st.sets(st.sampled_from(KEYS[:4])))
def test_drawn_proposers_are_called_as_the_rounds_have_it(
    height: int, round_: int, at_rest: set[bytes]
) -> None:
    """By the schedule that the rounds went by: each of the first n calls another, those at rest
    among them once all others have been, and from then on nobody new."""
    schedule = WeightedSchedule(CHAIN, validators(5, 6, 7, 8), bytes(32), WEIGHTS, at_rest)
    author = schedule.proposer(height, round_)
    found = turns_of(schedule, height, round_, author)
    assert found.made == {author}
    assert len(found.made | found.missed) == min(round_ + 1, 4)
    if 0 < round_ + 1 <= 4 - len(at_rest):
        assert not found.missed & at_rest


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


def the_turn(key: bytes, turn: str) -> Turns:
    """One validator's turn, made (`+`) or missed (`-`), at a height of another's block."""
    one, none = frozenset([key]), frozenset[bytes]()
    return Turns(one, none, key) if turn == "+" else Turns(none, one, B)


def kept(records: dict[bytes, Misses], changed: dict[bytes, Misses]) -> dict[bytes, Misses]:
    """As the chain keeps them: none that says nothing."""
    return {key: each for key, each in (records | changed).items() if each != NO_MISSES}


def after(history: str, height: int = 1) -> Misses:
    """One validator's record after turns, a height apart."""
    records: dict[bytes, Misses] = {}
    for place, turn in enumerate(history):
        records = kept(records, after_turns(records, the_turn(A, turn), height + place, RULE))
    return records.get(A, NO_MISSES)


def test_three_in_a_row_rest() -> None:
    """Not two, and not three with a turn made between; from the first height whose schedule
    does not stand yet."""
    assert after("--") == Misses(2)
    assert after("--+--") == Misses(2)
    assert after("---") == Misses(3, 5, 105)
    assert resting([(A, after("---"))], 4) == resting([(A, after("---"))], 105) == set()
    assert resting([(A, after("---"))], 5) == resting([(A, after("---"))], 104) == {A}


def test_who_comes_back_and_misses_rests_again() -> None:
    """After one miss, until a turn is made."""
    records = {A: after("---")}
    assert after_turns(records, the_turn(A, "-"), 200, RULE) == {A: Misses(3, 202, 302)}
    records |= after_turns(records, the_turn(A, "+"), 200, RULE)
    assert records == {A: NO_MISSES}


def test_a_turn_made_ends_a_rest() -> None:
    """Where all rest, one of them proposes. Its record goes once nobody asks for it any more."""
    cut = after("---+")
    assert cut == Misses(0, 5, 6)
    assert after_turns({A: cut}, the_turn(B, "+"), 5, RULE) == {A: NO_MISSES}
    assert after("---+--") == Misses(2)


def test_only_what_changed_comes_back() -> None:
    """Records of those who had no turn, or whose turn changes nothing, are left alone."""
    records = {A: Misses(1), B: Misses(2)}
    turns = Turns(frozenset([A, C]), frozenset([D]), A)
    assert after_turns(records, turns, 9, RULE) == {A: NO_MISSES, D: Misses(1)}


@given(st.text("+-", max_size=40))
def test_rest_follows_the_row(history: str) -> None:
    """By a count of the trailing misses alone."""
    row = len(history) - len(history.rstrip("-"))
    found = after(history)
    assert found.in_a_row == min(row, RULE.misses)
    if row >= RULE.misses:
        assert found.rests_until == len(history) + 2 + RULE.heights


@given(st.lists(st.text("+- ", min_size=3, max_size=3), max_size=60), st.integers(1, 5))
def test_the_records_tell_the_schedule_of_the_head_as_of_the_next_height(
    heights: list[str], rest: int
) -> None:
    """Whatever turns three validators have, the same rest at a height when its block is made as
    when its turns are counted, two executions later; and they rest as a naive ledger has it."""
    rule = RestRule(misses=2, heights=rest)
    records: dict[bytes, Misses] = {}
    rows, until = dict.fromkeys((A, B, C), 0), dict.fromkeys((A, B, C), 0)
    expected: dict[int, frozenset[bytes]] = {}
    for height, turns_ in enumerate(heights, start=1):
        turn = dict(zip((A, B, C), turns_, strict=True))
        made = frozenset(key for key in turn if turn[key] == "+")
        missed = frozenset(key for key in turn if turn[key] == "-")
        records = kept(records, after_turns(records, Turns(made, missed, D), height, rule))
        for key in made:
            rows[key] = until[key] = 0
        for key in missed:
            rows[key] += 1
            if rows[key] >= rule.misses:
                until[key] = height + 2 + rest
        expected[height + 2] = frozenset(key for key in until if height + 2 < until[key])
        assert resting(records.items(), height + 2) == expected[height + 2]
        assert resting(records.items(), height + 1) == expected.get(height + 1, frozenset())
