"""One run of the simulation: a clock, a network, nodes, faults and a checker, from a seed.

In the first part faults of the chosen kinds happen; then they end, and every correct node
must decide. Nothing depends on real time, on hashing order or on anything but the seed.
"""

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from consensus.events import Evidence, StartHeight
from consensus.messages import CommitMessage, VoteMessage
from consensus.proposers import ProposerSchedule
from consensus.turns import RestRule
from consensus.types import Block
from consensus.validators import Validator, ValidatorSet
from tests.simulation.adversary import (
    Amnesiac,
    Equivocator,
    Flooder,
    Forger,
    LateVoter,
    Liar,
    Mute,
    Replayer,
    Starver,
    Twin,
    Withholder,
)
from tests.simulation.attendance import figures
from tests.simulation.checker import Checker, Violation
from tests.simulation.network import Network
from tests.simulation.node import Node
from tests.simulation.schedules import Drawn, Rotation

FAULTS = (
    "loss",
    "deaf",
    "delay",
    "duplicate",
    "partition",
    "crash",
    "disk",
    "drift",
    "withhold",
    "equivocate",
    "twins",
    "forget",
    "late",
    "lie",
    "replay",
    "flood",
    "forge",
    "mute",
    "starve",
)
ADVERSARIES: Mapping[str, type[Node]] = {
    "withhold": Withholder,
    "forget": Amnesiac,
    "late": LateVoter,
    "lie": Liar,
    "replay": Replayer,
    "flood": Flooder,
    "forge": Forger,
    "mute": Mute,
    "starve": Starver,
}
"""The faults of a validator that is one machine."""
BYZANTINE = ("equivocate", "twins", *ADVERSARIES)
FAULTY_TIME_MS = (2_000, 6_000)
PATIENCE_MS = 120_000
"""How long after the faults' end the last correct node may decide."""
MAX_SKEW_MS = 200
"""How far a correct wall clock is off; two of them, less than the application's bound."""
SETTLING_MS = 2_000
"""Heights entered this long after the faults' end are held to the bound on rounds."""

GROWN_ROUND = 3
"""After the faults messages take 20 ms, a block 100 ms to build and judge, and who missed a
message waits 500 ms for its repetition: 300 + 3 * 100 ms, even on a fast clock, cover it. From
there on the timeouts exceed all delays there are."""


RACES = 1
"""Where nothing is at fault but proposers that propose nothing, a race may still be lost by chance:
one proposer begins a height late, another has been there for a while."""
REST = RestRule(misses=2, heights=3)
"""Rests begin and end within the few heights of a run."""


class Stuck(Violation):
    """Faults have ended, and yet a correct node does not decide."""


@dataclass(frozen=True)
class Plan:
    """What to simulate."""

    seed: int
    heights: int = 5
    nodes: int = 4
    faults: tuple[str, ...] = FAULTS
    weighted: bool = False
    """Proposers are drawn by weights, and rest for turns missed; else they come in turn."""

    @property
    def faulty(self) -> int:
        """How many validators are byzantine: as many as may be."""
        return (self.nodes - 1) // 3 if set(BYZANTINE) & set(self.faults) else 0

    @property
    def rounds(self) -> int:
        """The last round that a height in calm needs: of any `faulty + 1` proposers in a row one
        is correct, in turn as well as drawn."""
        return (RACES if set(self.faults) <= {"mute"} else GROWN_ROUND) + self.faulty


@dataclass(frozen=True)
class Report:
    """What came of a run."""

    plan: Plan
    hash: str
    heights: int
    most_rounds: int
    messages: int
    lost: int
    crashes: int
    syncs: int
    evidence: int
    time_ms: int


class World:
    """The surroundings of all nodes of one run."""

    def __init__(self, plan: Plan, rest: RestRule = REST) -> None:
        self.plan = plan
        self._rest = rest
        self.rng = random.Random(f"{plan.seed}/{plan.nodes}/{','.join(plan.faults)}")
        self.now_ms = 0
        self.crashes = 0
        self.healed_ms = self.rng.randint(*FAULTY_TIME_MS)
        self.network = Network(self.rng, self._deliver)
        self.keys = [bytes([2]) + sha256(b"%d" % i).digest() for i in range(plan.nodes)]
        self.nodes: dict[str, Node] = {}
        faulty = frozenset(self.keys[: plan.faulty])
        self.checker = Checker(dict.fromkeys(self.keys, 1), frozenset(self.keys) - faulty)
        self._rotation = Rotation(self.keys, self.rng.randrange(plan.nodes))
        self.validators = ValidatorSet(self._validator(key) for key in self.keys)
        self._final: dict[int, CommitMessage] = {}
        self.schedule = self.proposers(self._final)
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._scheduled = 0
        self._log = sha256()
        self._evidence: set[Evidence] = set()
        self._entered: dict[int, int] = {}

    # What nodes ask of the world.

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Run the action in so many simulated milliseconds."""
        self._scheduled += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._scheduled, action))

    def send(self, sender: Node, receiver: str, message: object) -> None:
        """Hand a message to the network."""
        self.checker.sent(message, min(each.clock_ms for each in self.correct_nodes()))
        self.network.send(sender.name, receiver, message)

    def peers(self, node: Node) -> list[str]:
        """Everybody else."""
        return [name for name in self.nodes if name != node.name]

    def decided(self, node: Node, decision: CommitMessage) -> None:
        """A node has a decision on its disk."""
        if node.key in self.checker.correct:
            latest_ms = max(each.clock_ms for each in self.correct_nodes())
            self.checker.decision(node.key, decision, latest_ms)
            self._final.setdefault(decision.commit.height, decision)
            self.checker.final(self.schedule, decision.block)
        self._note(node.name, decision.commit.height, decision.commit.block_id)

    def built(self, node: Node, block: Block) -> None:
        """A node made a block."""
        if node.key in self.checker.correct:
            self.checker.attendance.builds(node.key, block)

    def evidence(self, node: Node, evidence: Evidence) -> None:
        """A node found evidence."""
        self.checker.accused(evidence)
        self._evidence.add(evidence)

    def died(self, node: Node) -> None:
        """A node was killed; somebody will start it again."""
        self.crashes += 1
        self.checker.attendance.forgets(node.key)
        self._note(node.name, "died", b"")
        self.later(self.rng.randint(10, 1_500), node.boot)

    def proposers(self, blocks: Mapping[int, CommitMessage]) -> ProposerSchedule:
        """The proposers of the heights on these blocks, and of the next."""
        if not self.plan.weighted:
            return self._rotation
        seed = sha256(b"%d" % self.plan.seed).digest()
        return Drawn(self.validators, seed, self._rest, blocks)

    def start(self, node: Node, height: int) -> StartHeight:
        """A node enters a height."""
        self._entered.setdefault(height, self.now_ms)
        return StartHeight(height, self.validators, node.proposers)

    # The run.

    def run(self) -> Report:
        """To the end. `Violation` where a property does not hold."""
        for node in self.nodes.values():
            self.later(self.rng.randint(0, 200), node.boot)
        self.later(self.healed_ms, self._heal)
        while not self._finished():
            if self.now_ms > self.healed_ms + PATIENCE_MS:
                raise Stuck(f"{self._heights()} of {self.plan.heights} at {self.now_ms} ms")
            self.now_ms, _, action = heapq.heappop(self._queue)
            action()
        self._check_rounds()
        for node in self.correct_nodes():
            conducts = figures(node.attendance().conducts.items())
            self.checker.attended(conducts, len(node.disk.blocks))
        self.checker.audit()
        return self._report()

    def correct_nodes(self) -> list[Node]:
        """The nodes of correct validators."""
        return [node for node in self.nodes.values() if node.key in self.checker.correct]

    def _validator(self, key: bytes) -> Validator:
        if not self.plan.weighted:
            return Validator(key, 1)
        # Alike in stake, so that as many are faulty; unlike in all else that is weighed.
        return Validator(key, 1, self.rng.randint(1, 10**6), self.rng.randrange(3))

    def _finished(self) -> bool:
        return self.now_ms > self.healed_ms and self._heights() >= self.plan.heights

    def _heights(self) -> int:
        return min(len(node.disk.blocks) for node in self.correct_nodes())

    def _heal(self) -> None:
        self.network.heal()
        for node in self.nodes.values():
            node.steps_to_live = None
            node.disk.broken = False

    def _check_rounds(self) -> None:
        """Of the heights that began after the faults' end."""
        for height, round_ in self.checker.rounds.items():
            calm = self._entered[height] > self.healed_ms + SETTLING_MS
            if calm and round_ > self.plan.rounds:
                raise Stuck(f"height {height} took {round_} rounds after the faults' end")

    def _deliver(self, delay_ms: int, sender: str, receiver: str, message: object) -> None:
        def arrive() -> None:
            self._note(receiver, type(message).__name__, b"")
            node = self.nodes[receiver]
            if node.key in self.checker.correct:
                self.checker.hears(message)
                if isinstance(message, VoteMessage) and node.has_come_to(message.vote.height):
                    self.checker.attendance.hears(node.key, message.vote)
            node.receive(sender, message)

        self.later(delay_ms, arrive)

    def _note(self, name: str, what: object, value: bytes) -> None:
        self._log.update(f"{self.now_ms} {name} {what} {value.hex()}\n".encode())

    def _report(self) -> Report:
        return Report(
            plan=self.plan,
            hash=self._log.hexdigest(),
            heights=len(self.checker.decided),
            most_rounds=max(self.checker.rounds.values(), default=0),
            messages=self.network.sent,
            lost=self.network.lost,
            crashes=self.crashes,
            syncs=sum(node.disk.syncs for node in self.nodes.values()),
            evidence=len(self._evidence),
            time_ms=self.now_ms,
        )


def simulate(plan: Plan) -> Report:
    """One run with the plan's faults."""
    world = World(plan)
    rng, network, faults = world.rng, world.network, set(plan.faults)
    populate(world)
    if "loss" in faults:
        network.loss = rng.uniform(0.02, 0.3)
    if "deaf" in faults:
        network.prevote_loss = rng.uniform(0.2, 0.9)
    if "duplicate" in faults:
        network.duplicate = 0.2
    if "delay" in faults:
        network.delays_ms = (1, rng.randint(50, 600))
    if "partition" in faults:
        _plan_partitions(world)
    if "crash" in faults:
        _plan_crashes(world)
    if "disk" in faults:
        _plan_broken_disks(world)
    return world.run()


def populate(world: World) -> None:
    """Correct nodes, and in place of the first few validators adversaries."""
    plan, rng = world.plan, world.rng
    kinds = [each for each in BYZANTINE if each in plan.faults]
    names = [f"v{place}" for place in range(plan.nodes)]
    for place, (name, key) in enumerate(zip(names, world.keys, strict=True)):
        if place >= plan.faulty:
            drift, skew_ms = 1.0, 0
            if "drift" in plan.faults:
                drift, skew_ms = rng.uniform(0.8, 1.25), rng.randint(-MAX_SKEW_MS, MAX_SKEW_MS)
            world.nodes[name] = Node(name, key, world, drift=drift, skew_ms=skew_ms)
        else:
            _corrupt(world, name, key, rng.choice(kinds), names[plan.faulty :])


def _corrupt(world: World, name: str, key: bytes, kind: str, correct: Sequence[str]) -> None:
    """Put an adversary, of one machine or of two, in the place of a validator."""
    if kind in ADVERSARIES:
        world.nodes[name] = ADVERSARIES[kind](name, key, world)
    elif kind == "twins":
        for machine in (name + "a", name + "b"):
            world.nodes[machine] = Twin(machine, key, world)
    else:
        some = frozenset(world.rng.sample(correct, len(correct) // 2))
        both = frozenset(each for each in correct if world.rng.random() < 0.2)
        for face, heard in (("a", some | both), ("b", frozenset(correct) - some | both)):
            world.nodes[name + face] = Equivocator(name + face, key, world, heard)


def _plan_partitions(world: World) -> None:
    def split() -> None:
        if world.now_ms < world.healed_ms:
            names = list(world.nodes)
            some = frozenset(world.rng.sample(names, world.rng.randint(1, len(names) - 1)))
            world.network.groups = (some, frozenset(names) - some)
            world.later(world.rng.randint(200, 1_500), join)

    def join() -> None:
        world.network.groups = ()
        world.later(world.rng.randint(100, 1_500), split)

    world.later(world.rng.randint(0, 1_000), split)


def _plan_crashes(world: World) -> None:
    def doom() -> None:
        if world.now_ms < world.healed_ms:
            node = world.rng.choice(world.correct_nodes())
            node.steps_to_live = world.rng.randint(0, 40)
            world.later(world.rng.randint(50, 1_000), doom)

    world.later(world.rng.randint(0, 500), doom)


def _plan_broken_disks(world: World) -> None:
    def toggle() -> None:
        if world.now_ms < world.healed_ms:
            disk = world.rng.choice(world.correct_nodes()).disk
            disk.broken = not disk.broken
            world.later(world.rng.randint(50, 800), toggle)

    world.later(world.rng.randint(0, 500), toggle)
