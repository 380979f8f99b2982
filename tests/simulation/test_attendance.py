"""Precommits that a proposer leaves out count all the same, among lost messages and crashes."""

import pytest

from consensus.driver import DriverState, fuller_commit
from consensus.messages import votes_of_commit
from consensus.reputation import Conduct, ReputationRule, judge
from consensus.types import Vote, VoteKind
from tests.simulation import attendance
from tests.simulation.attendance import LATE_HEIGHTS, Attendance
from tests.simulation.checker import Violation
from tests.simulation.world import Plan, World, populate, simulate

ROUGH = ("loss", "delay", "duplicate", "partition", "crash", "starve")
RULE = ReputationRule(min_heights=1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("nodes", [4, 7])
def test_what_reached_an_honest_proposer_in_time_counts(nodes: int, weighted: bool) -> None:
    """The run itself holds every block to it, and every node's account to a count."""
    for seed in range(10):
        simulate(Plan(seed, heights=10, nodes=nodes, faults=ROUGH, weighted=weighted))


@pytest.mark.parametrize("nodes", [4, 7])
def test_a_starved_rival_loses_nothing(nodes: int) -> None:
    """Where the network is good, each correct process was there exactly where it precommitted the
    final block, whoever left it out of commits; its reputation is that of just those facts."""
    left_out = 0
    for seed in range(5):
        world = World(Plan(seed, heights=25, nodes=nodes, faults=("starve",)))
        populate(world)
        world.run()
        for node in world.correct_nodes():
            settled = range(1, len(node.disk.blocks) - LATE_HEIGHTS)
            for key in world.checker.correct:
                given = sum(precommitted(world, key, height) for height in settled)
                conduct = node.attendance().conducts[key]
                assert (conduct.heights, conduct.signed) == (len(settled), given)
                facts = Conduct(len(settled), given)
                assert judge(500_000, conduct, RULE) == judge(500_000, facts, RULE)
            left_out += sum(len(each.block.late) for each in node.disk.blocks.values())
    assert left_out, "nobody was left out: nothing was tried"


def precommitted(world: World, key: bytes, height: int) -> bool:
    """Whether a process ever sent a precommit for the final block of a height."""
    votes = world.checker.votes[key, height]
    return any(
        (each.kind, each.block_id) == (VoteKind.PRECOMMIT, world.checker.decided[height])
        for each in votes
    )


def test_nodes_that_hear_nothing_late_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """So late precommits are needed, and the checker sees when one is missing."""
    monkeypatch.setattr(Attendance, "hear", lambda *_: ())
    with pytest.raises(Violation, match="leaves out a precommit"):
        several(("starve",))


def test_nodes_that_keep_the_commits_round_alone_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A precommit of an earlier round, for the block that was decided in a later one, counts."""

    def of_the_commit(state: DriverState, _: bytes) -> tuple[Vote, ...]:
        if state.decided is None:
            return ()
        return votes_of_commit(fuller_commit(state, state.decided.commit))

    monkeypatch.setattr(attendance, "precommits_for", of_the_commit)
    with pytest.raises(Violation, match="leaves out a precommit"):
        several(("loss", "crash", "delay"))


def test_nodes_that_take_anything_late_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has counted before, or what is too old, gets into a block."""
    monkeypatch.setattr(Attendance, "fits", lambda *_: True)
    with pytest.raises(Violation, match=r"counted before|no open height"):
        several(("starve",))


def several(faults: tuple[str, ...]) -> None:
    for seed in range(40):
        simulate(Plan(seed, heights=10, faults=faults))
