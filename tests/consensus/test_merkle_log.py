"""A tree that grows leaf by leaf is the tree that is built at once, and proves the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import merkle, merkle_log

LEAVES = [number.to_bytes(2, "big") for number in range(70)]


@given(st.lists(st.integers(0, 9), max_size=8))
def test_growing_in_any_steps_gives_the_tree_of_all_leaves(steps: list[int]) -> None:
    peaks: tuple[bytes, ...] = ()
    total = made = 0
    for step in steps:
        total, peaks, nodes = merkle_log.grown(total, peaks, LEAVES[total : total + step])
        made += len(nodes)
        assert merkle_log.root_of(peaks) == merkle.root(LEAVES[:total])
    assert made < 2 * max(1, total), "two hashes a leaf at most, on average"


def test_every_leaf_is_proved_at_every_length_from_the_nodes_of_the_longest() -> None:
    nodes = {(each.level, each.position): each.hash for each in merkle_log.grown(0, (), LEAVES)[2]}
    for total in range(1, len(LEAVES) + 1):
        for index in range(total):
            found = merkle_log.prove(total, index, lambda level, at: nodes[level, at])
            assert found == merkle.prove(LEAVES[:total], index)


def test_there_is_no_proof_of_a_leaf_that_was_not_there() -> None:
    for total, index in ((0, 0), (5, 5), (5, -1)):
        with pytest.raises(IndexError):
            merkle_log.prove(total, index, lambda level, at: bytes(32))
