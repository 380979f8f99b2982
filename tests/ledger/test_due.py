"""What falls due, against a dict that is searched, and how long the heap may grow."""

from hypothesis import given
from hypothesis import strategies as st

from gtxnode.ledger.delivery.due import DueTimes

names = st.integers(0, 20).map(lambda number: number.to_bytes(2, "big"))
changes = st.lists(st.tuples(names, st.integers(0, 50)), max_size=60)


@given(changes)
def test_same_as_a_dict_that_is_searched(history: list[tuple[bytes, int]]) -> None:
    due, naive = DueTimes(), dict[bytes, int]()
    for name, at_s in history:
        if name in naive:
            due.drop(name)
            del naive[name]
        else:
            due.put(name, at_s)
            naive[name] = at_s
        for now_s in (0, 10, 25, 50):
            reached = [(at, each) for each, at in naive.items() if at <= now_s]
            expected = min(reached)[1] if reached else None
            assert due.first(now_s * 1_000) == expected
        assert len(due) == len(naive)
        assert (name in due) == (name in naive)


def test_a_second_before_it_is_due_it_is_not() -> None:
    due = DueTimes()
    due.put(b"a", 10)
    assert due.first(9_999) is None
    assert due.first(10_000) == b"a"


def test_what_was_dropped_is_forgotten() -> None:
    due = DueTimes()
    for number in range(10_000):
        due.put(number.to_bytes(2, "big"), 1)
        due.drop(number.to_bytes(2, "big"))
    assert len(due._heap) < 2_000
