"""Reveals among faulty validators, lost messages and crashes: one value a turn, on every node."""

import pytest

from tests.simulation.checker import Violation
from tests.simulation.reveals import Reckoning
from tests.simulation.world import Plan, World, populate, simulate

ROUGH = ("loss", "crash", "partition", "delay", "withhold", "forge")


@pytest.mark.parametrize("seed", range(1, 13))
def test_each_turn_reveals_its_own_value_whatever_happens(seed: int) -> None:
    """The checker counts turns; nodes go by the library. None of either is told of the other."""
    simulate(Plan(seed, heights=12, faults=ROUGH))


@pytest.mark.parametrize("seed", range(1, 7))
def test_all_nodes_mix_the_same_seed(seed: int) -> None:
    """Also those that were forged for, and in heights that took several rounds."""
    world = World(Plan(seed, heights=10, nodes=7, faults=("forge",)))
    populate(world)
    report = world.run()
    assert report.most_rounds > 0, "the forgers lost no round: nothing was tried"
    mixes: dict[int, set[bytes]] = {}
    for node in world.correct_nodes():
        reckoning = node.reckoning()
        mixes.setdefault(reckoning.height, set()).add(reckoning.state.mix)
    assert all(len(each) == 1 for each in mixes.values())
    assert mixes[max(mixes)] == {world.checker.reveals.mix}


def test_nodes_that_forget_the_turns_that_were_missed_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They agree with one another, and reveal values whose turns have passed."""
    monkeypatch.setattr(Reckoning, "_used_up", lambda *_: frozenset())
    with pytest.raises(Violation, match="another turn's value"):
        several(ROUGH)


def test_nodes_that_take_any_reveal_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forged one gets into a block."""
    monkeypatch.setattr(Reckoning, "fits", lambda *_: True)
    monkeypatch.setattr(Reckoning, "take", _take_anything)
    with pytest.raises(Violation, match="another turn's value"):
        several(("forge",))


def several(faults: tuple[str, ...]) -> None:
    for seed in range(1, 20):
        simulate(Plan(seed, heights=12, faults=faults))


def _take_anything(reckoning: Reckoning, proposers: object, block: object) -> None:
    reckoning.height += 1
