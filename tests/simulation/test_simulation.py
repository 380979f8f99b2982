"""Whole runs from seeds: safety under any faults, liveness after them, and the checker itself.

A failing run prints its plan; `python -m tests.simulation` runs it again.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from consensus import state as states
from consensus.events import BlockJudged, Effect, Input, ProposalReceived, Send
from consensus.evidence import Offence, signer_of
from consensus.types import Block
from tests.simulation import world as worlds
from tests.simulation.__main__ import main
from tests.simulation.blocks import is_valid
from tests.simulation.checker import Fork, Violation
from tests.simulation.disk import CannotWrite
from tests.simulation.node import Node
from tests.simulation.staged import deserted, fork, fork_by_amnesia
from tests.simulation.world import BYZANTINE, FAULTS, Plan, World, populate, simulate


@pytest.mark.parametrize("seed", range(100))
def test_four_validators_under_every_kind_of_fault(seed: int) -> None:
    """f < n/3: no two decisions at a height, nothing signed twice, and an end. Proposers come in
    turn in every other run, and are drawn in the rest."""
    simulate(Plan(seed, heights=5, nodes=4, weighted=seed % 2 == 1))


@pytest.mark.parametrize("seed", range(60))
def test_seven_validators_under_every_kind_of_fault(seed: int) -> None:
    """With two adversaries among them."""
    simulate(Plan(seed, heights=4, nodes=7, weighted=seed % 2 == 1))


@pytest.mark.parametrize("seed", range(40))
def test_crashes_and_a_bad_network_alone(seed: int) -> None:
    """All validators correct, their disks and network not."""
    faults = tuple(each for each in FAULTS if each not in BYZANTINE)
    report = simulate(Plan(seed, heights=5, nodes=4, faults=faults, weighted=seed % 2 == 1))
    assert report.evidence == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("nodes", [4, 7])
def test_each_validator_that_proposes_nothing_costs_a_round(nodes: int, weighted: bool) -> None:
    """And no more, however proposers are drawn: the run itself holds each height to the bound."""
    for seed in range(10):
        simulate(Plan(seed, heights=5, nodes=nodes, faults=("mute",), weighted=weighted))


@pytest.mark.parametrize("seed", range(3))
def test_who_rests_proposes_where_nobody_else_does(seed: int) -> None:
    """All but one rest, for bad luck, and that one stops: the chain goes on."""
    world = deserted(seed)
    resting: list[int] = []
    world.later(world.healed_ms - 1, lambda: resting.append(len(at_rest(world))))
    report = world.run()
    assert resting == [3], "the stage was not set"
    assert report.heights >= world.plan.heights


def at_rest(world: World) -> set[bytes]:
    """Who is called in none of the first rounds of the next heights."""
    node = world.nodes["v1"]
    height = len(node.disk.blocks) + 1
    return set(world.keys) - {
        node.proposers.proposer(each, 0) for each in range(height, height + 9)
    }


def test_the_same_seed_gives_the_same_run() -> None:
    """To the last message; another seed gives another."""
    first, again, other = (simulate(Plan(seed, heights=3)) for seed in (11, 11, 12))
    assert first == again
    assert first.hash != other.hash


def test_the_run_does_not_depend_on_the_order_of_sets() -> None:
    """Which differs from one interpreter to the next."""
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "4", "-o", "json"]
    outputs = {
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_crashes_happen_and_messages_are_lost() -> None:
    """The faults are not for show."""
    reports = [simulate(Plan(seed, heights=3)) for seed in range(5)]
    assert sum(report.crashes for report in reports) > 10
    assert sum(report.lost for report in reports) > 100


def test_equivocators_are_found_out() -> None:
    """Some correct node comes to hold evidence; the checker sees that it accuses rightly."""
    plans = (Plan(seed, heights=5, faults=("equivocate",)) for seed in range(5))
    assert sum(simulate(plan).evidence for plan in plans) > 0


@pytest.mark.parametrize("kind", BYZANTINE)
def test_each_adversary_by_itself(kind: str) -> None:
    """On a bad network, with crashes; the audit at the end of each run accuses nobody who is
    correct, of all that correct processes ever sent."""
    for seed in range(4):
        simulate(Plan(seed, heights=4, faults=("loss", "duplicate", "crash", kind)))


@pytest.mark.parametrize("kind", ["twins", "flood"])
def test_twins_and_flooders_are_found_out(kind: str) -> None:
    """They sign twice, and correct nodes hold the proof."""
    plans = (Plan(seed, heights=5, faults=(kind,)) for seed in range(3))
    assert sum(simulate(plan).evidence for plan in plans) > 0


@pytest.mark.parametrize("make", [fork, fork_by_amnesia])
@pytest.mark.parametrize("seed", range(3))
def test_a_third_can_fork_and_evidence_names_them(make: Callable[[int], World], seed: int) -> None:
    """f >= n/3, by double votes or by forgotten locks alone: the checker sees the fork, and
    what correct nodes have heard convicts at least a third of the stake, and no correct one."""
    world = make(seed)
    with pytest.raises(Fork):
        world.run()
    findings = world.checker.audit()
    guilty = {signer_of(each.first) for each in findings}
    stakes = world.checker.stakes
    assert 3 * sum(stakes[each] for each in guilty) >= sum(stakes.values())
    assert not guilty & world.checker.correct
    if make is fork_by_amnesia:
        assert {each.offence for each in findings} == {Offence.AMNESIA}


def test_a_silent_third_stops_the_chain_and_no_more() -> None:
    """While one of three says nothing nobody decides, for two are not over two thirds; when it
    speaks again everybody does."""
    world = World(Plan(5, heights=3, nodes=3, faults=()))
    populate(world)
    world.network.groups = (frozenset({"v0"}), frozenset({"v1", "v2"}))
    before: list[int] = []
    world.later(world.healed_ms - 1, lambda: before.append(len(world.checker.decided)))
    assert world.run().heights >= 3
    assert before == [0]


class Measured(Node):
    """Holds the driver to its named limits after every step."""

    def _step(self, event: Input) -> None:
        super()._step(event)
        state, voters = self.state, len(self.state.start.validators)
        ahead = [number for number in state.tally.rounds if number > state.round]
        held = sum(len(each) for each in state.proposals.values())
        rounds_held = states.MAX_PAST_PROPOSAL_ROUNDS + 1 + states.MAX_FUTURE_PROPOSALS + 3
        assert len(ahead) <= states.MAX_FUTURE_ROUNDS_PER_VALIDATOR * voters
        assert len(state.tally.rounds) - len(ahead) <= states.MAX_PAST_ROUNDS + 4
        assert held <= states.MAX_PROPOSALS_PER_ROUND * rounds_held


def test_a_flood_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one validator signs, what is kept of it stays within the named limits."""
    monkeypatch.setattr(worlds, "Node", Measured)
    for seed in range(4):
        simulate(Plan(seed, heights=4, nodes=4, faults=("flood", "loss")))


class Timeless(Node):
    """Takes a block of any time, at once."""

    def _timed(self, event: Input) -> Input:
        return event

    def _judge(self, judged: bytes, block: Block) -> None:
        self._later(1, BlockJudged(judged, is_valid(block)))


class Patient(Node):
    """Takes a block that is as late as it likes."""

    def _timed(self, event: Input) -> Input:
        if isinstance(event, ProposalReceived):
            late = event.proposal.block.header.time_ms < self.clock_ms
            return event if late else super()._timed(event)
        return event


def test_a_liar_about_time_moves_it_no_further_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever times it proposes; and without the bound the checker sees that it would."""
    for seed in range(10):
        simulate(Plan(seed, heights=4, faults=("lie", "drift")))
    monkeypatch.setattr(worlds, "Node", Timeless)
    with pytest.raises(Violation, match=r"before its time|its parent"):
        _simulate_all(range(10), ("lie",))
    monkeypatch.setattr(worlds, "Node", Patient)
    with pytest.raises(Violation, match="long after its time"):
        _simulate_all(range(30), ("lie", "loss"))


class Hasty(Node):
    """Sends before it has synced."""

    def perform(self, effect: Effect) -> None:
        """As a correct node but for that."""
        if isinstance(effect, Send):
            for peer in self._world.peers(self):
                self._world.send(self, peer, effect.message)
        else:
            super().perform(effect)


def test_a_node_that_sends_before_it_syncs_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the crashes do reach the moments that matter."""
    monkeypatch.setattr(worlds, "Node", Hasty)
    with pytest.raises(Violation, match="signed twice"):
        _simulate_all(range(40), ("crash", "loss"))


class Careless(Node):
    """Goes on when its journal cannot be written."""

    def perform(self, effect: Effect) -> None:
        """As a correct node but for that."""
        try:
            super().perform(effect)
        except CannotWrite:
            if not isinstance(effect, Send):
                raise
            for peer in self._world.peers(self):
                self._world.send(self, peer, effect.message)


def test_a_node_that_goes_on_without_its_journal_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that stops when it cannot write never signs twice."""
    _simulate_all(range(10), ("crash", "disk", "loss"))
    monkeypatch.setattr(worlds, "Node", Careless)
    with pytest.raises(Violation, match="signed twice"):
        _simulate_all(range(40), ("crash", "disk", "loss"))


def _simulate_all(seeds: range, faults: tuple[str, ...]) -> None:
    for seed in seeds:
        simulate(Plan(seed, heights=5, faults=faults))


def test_a_world_without_faults_is_quick() -> None:
    """Each height in its first round but where a proposer is late by chance."""
    world = World(Plan(3, heights=10, faults=()))
    populate(world)
    report = world.run()
    assert report.most_rounds <= 1
    assert report.crashes == report.lost == 0


def test_the_command_prints_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object a run, with its hash."""
    assert main(["--seed", "4", "--heights", "2", "--faults", "loss,crash", "-o", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["plan"]["faults"] == ["loss", "crash"]
    assert report["hash"] == simulate(Plan(4, 2, 4, ("loss", "crash"))).hash
    options = ["--seed", "4", "--heights", "2", "--faults", "loss,crash", "--weighted"]
    assert main([*options, "-o", "json"]) == 0
    drawn = json.loads(capsys.readouterr().out)
    assert drawn["hash"] == simulate(Plan(4, 2, 4, ("loss", "crash"), weighted=True)).hash
    assert drawn["hash"] != report["hash"]


def test_the_command_knows_its_faults() -> None:
    """A word that is no fault is refused."""
    with pytest.raises(SystemExit):
        main(["--faults", "gremlins"])


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [4, 7, 10])
def test_soak(nodes: int) -> None:
    """Many seeds."""
    for seed in range(1_000, 1_500):
        simulate(Plan(seed, heights=5, nodes=nodes, weighted=seed % 2 == 1))
