"""Worlds staged for one thing to be seen. Each is returned before its run, so that a test can look
at what is left of it."""

from consensus.messages import CommitMessage
from consensus.turns import RestRule
from tests.simulation.adversary import Deserter, Equivocator, Renegade
from tests.simulation.node import Node
from tests.simulation.world import PATIENCE_MS, Plan, World


def fork(seed: int) -> World:
    """Two of four validators show one face to each half: the world in which to see a fork."""
    world = World(Plan(seed, heights=1, nodes=4, faults=()))
    liars, honest = world.keys[:2], world.keys[2:]
    world.checker.correct = frozenset(honest)
    groups: list[frozenset[str]] = []
    for face, name, key in zip("ab", ("v2", "v3"), honest, strict=True):
        faces = frozenset(f"v{place}{face}" for place in range(2))
        world.nodes[name] = Node(name, key, world)
        for place, liar in enumerate(liars):
            own = f"v{place}{face}"
            world.nodes[own] = Equivocator(own, liar, world, (faces - {own}) | {name})
        groups.append(faces | {name})
    world.network.groups = groups
    return world


def fork_by_amnesia(seed: int) -> World:
    """Two of four validators forget their locks, and that they decided, and go on with another
    correct one as soon as the first has decided. They never sign twice.
    """
    world = Betrayed(Plan(seed, heights=1, nodes=4, faults=()))
    world.checker.correct = frozenset(world.keys[2:])
    for place, key in enumerate(world.keys):
        kind = Renegade if place < 2 else Node
        world.nodes[f"v{place}"] = kind(f"v{place}", key, world)
    world.network.groups = (frozenset({"v0", "v1", "v2"}), frozenset({"v3"}))
    world.healed_ms = PATIENCE_MS
    return world


def deserted(seed: int) -> World:
    """For some seconds nobody hears of any proposal but those of one validator, and when all
    others rest for it, that one stops proposing. Where who rests never proposes, nothing is ever
    decided again."""
    plan = Plan(seed, heights=120, nodes=4, faults=("mute",), weighted=True)
    world = World(plan, RestRule(misses=2, heights=1_000))
    world.healed_ms = 8_000
    for place, key in enumerate(world.keys):
        kind = Node if place else Deserter
        world.nodes[f"v{place}"] = kind(f"v{place}", key, world)
    world.network.unheard = frozenset({"v1", "v2", "v3"})
    return world


class Betrayed(World):
    """Whoever is with v0 and v1 changes when a correct node has decided."""

    def decided(self, node: Node, decision: CommitMessage) -> None:
        """And from then on the first to decide is cut off."""
        super().decided(node, decision)
        self.network.groups = (frozenset({"v0", "v1", "v3"}), frozenset({"v2"}))
