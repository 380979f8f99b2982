"""Two validators that say different things of a height are noticed, however late."""

import pytest

from gtxnode.devnet import agreement
from gtxnode.devnet.agreement import Agreement

A, B = b"a" * 32, b"b" * 32


def test_equal_statements_agree_and_are_counted() -> None:
    said = Agreement()
    for validator in ("one", "two", "three"):
        said.block(validator, 5, A, B)
        said.state(validator, 5, A)
    assert said.conflicts == []
    assert said.compared == 6


def test_one_validator_alone_is_compared_with_nobody() -> None:
    said = Agreement()
    for _ in range(3):
        said.block("one", 5, A, B)
    assert (said.conflicts, said.compared) == ([], 0)


def test_different_blocks_of_a_height_are_a_conflict() -> None:
    said = Agreement()
    said.block("one", 5, A, A)
    said.block("two", 5, B, A)
    assert said.conflicts == [f"block at 5: one says {A.hex()}, two {B.hex()}"]


def test_the_state_after_a_block_is_held_against_the_next_header() -> None:
    said = Agreement()
    said.state("one", 5, A)
    said.block("two", 6, A, B)
    assert said.conflicts == [f"state root at 5: one says {A.hex()}, two {B.hex()}"]


def test_a_validator_that_contradicts_itself_is_noticed() -> None:
    said = Agreement()
    said.state("one", 5, A)
    said.state("one", 5, B)
    assert len(said.conflicts) == 1


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "REMEMBERED", 4)
    monkeypatch.setattr(agreement, "MAX_CONFLICTS", 2)
    said = Agreement()
    for height in range(1, 100):
        said.state("one", height, A)
    said.state("two", 1, B)  # forgotten
    assert said.conflicts == []
    for _ in range(5):
        said.state("two", 99, B)
    assert len(said.conflicts) == 2
