"""Every interleaving of one height within a bound, and that the reductions lose none."""

import pytest

from consensus.validators import ValidatorSet
from tests.simulation.checker import Fork
from tests.simulation.exhaustive import Reduced
from tests.simulation.explorer import Case, Explorer, Unreduced

FOUR = (1, 1, 1, 1)


def explored(explorer: Explorer) -> Explorer:
    """After the whole search."""
    explorer.explore()
    return explorer


def decided(explorer: Explorer) -> set[bytes]:
    """The blocks that anybody can decide."""
    return {block for pair in explorer.together for _, block in pair}


@pytest.mark.parametrize("faulty", [0, 3])
def test_two_rounds_with_one_of_four_faulty(faulty: int) -> None:
    """Whether it proposes in the first round or in none: no two decisions, nobody who is correct
    can be accused, and every block that is made up can be decided."""
    explorer = explored(Reduced(Case(FOUR, frozenset({faulty}), rounds=2)))
    explorer.agree()
    assert decided(explorer) == set(explorer.ids)


@pytest.mark.slow
def test_two_rounds_in_whose_second_the_faulty_one_proposes() -> None:
    """The largest of the three: it may propose again what the first round left, or not."""
    explorer = explored(Reduced(Case(FOUR, frozenset({1}), rounds=2)))
    explorer.agree()
    assert decided(explorer) == set(explorer.ids)


@pytest.mark.slow
def test_three_rounds_with_a_faulty_one_that_never_proposes() -> None:
    """A lock, a later lock, and a proposal of either."""
    explorer = explored(Reduced(Case(FOUR, frozenset({3}), rounds=3)))
    explorer.agree()
    assert decided(explorer) == set(explorer.ids)


@pytest.mark.parametrize(
    ("faulty", "rounds"),
    [({0, 1}, 1), ({0, 2}, 1), ({2, 3}, 2)],
    ids=["the proposer", "the proposer and another", "no proposer, across rounds"],
)
def test_half_the_stake_forks(faulty: set[int], rounds: int) -> None:
    """So the search can see a fork; that of two faulty ones who never propose takes two rounds."""
    explorer = explored(Reduced(Case(FOUR, frozenset(faulty), rounds)))
    with pytest.raises(Fork):
        explorer.agree()


def test_two_who_never_propose_cannot_fork_in_one_round() -> None:
    """There is one block to decide."""
    explored(Reduced(Case(FOUR, frozenset({2, 3}), rounds=1))).agree()


def test_a_quorum_of_half_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a weaker rule one faulty validator of four is enough."""

    def half(self: ValidatorSet, stake: int) -> bool:
        return 2 * stake >= self.total_stake

    monkeypatch.setattr(ValidatorSet, "has_quorum", half)
    explorer = explored(Reduced(Case(FOUR, frozenset({0}), rounds=1)))
    with pytest.raises(Fork):
        explorer.agree()


SMALL = [
    Case((1, 1), frozenset(), rounds=2),
    Case((1, 1), frozenset(), rounds=3),
    Case((1, 1, 1), frozenset(), rounds=1),
    Case((2, 2, 1), frozenset({2}), rounds=1),
    Case((1, 1, 2), frozenset({2}), rounds=1),
    Case((2, 1, 1), frozenset({1}), rounds=1),
]


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_the_reductions_lose_nothing(case: Case) -> None:
    """What can be said, by whom and in what order, and what can be decided beside what, is the
    same when messages are taken one at a time; merged worlds lose nothing of the decisions."""
    plain, reduced, merged = Unreduced(case), Reduced(case, merging=False), Reduced(case)
    assert plain.explore() > reduced.explore() >= merged.explore()
    assert reduced.histories == plain.histories
    assert merged.histories <= plain.histories
    assert merged.together == reduced.together == plain.together


@pytest.mark.slow
def test_the_reductions_lose_no_fork() -> None:
    """Two blocks of a proposer with half the stake: millions of worlds, and the same decisions."""
    case = Case((2, 1, 1), frozenset({0}), rounds=1)
    plain, reduced = explored(Unreduced(case)), explored(Reduced(case))
    assert reduced.together == plain.together
    with pytest.raises(Fork):
        reduced.agree()
