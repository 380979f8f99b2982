"""Measures what the seed leaves to an adversary that reveals or withholds as it pays.

    python -m tests.consensus.seed_bias [--blocks N] [--epochs N] [--seed N]

The adversary holds 3 of 10 equal validators and some of the four authorities. Whenever it is
the last to contribute, it tries every choice that it has with the real functions, and takes the
one that gives it most proposals in the epoch that the choice decides. Everybody else reveals.
The choices that it has at all:

- its authorities, after the honest ones have revealed: each may withhold;
- its validators, where the last blocks of an epoch are theirs: each block may come without a
  reveal. Where honest authorities reveal after them, it goes by a guess of what they will.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations
from math import sqrt

import msgspec

from consensus.hash_chain import HashChain
from consensus.hashing import Domain
from consensus.proposers import ProposerWeights, WeightedSchedule
from consensus.seed import (
    SeedState,
    first_state,
    next_seed,
    pledge_commitment,
    pledged,
    proposed,
    redeemed,
    turned,
)
from consensus.validators import Validator, ValidatorSet

CHAIN = "bias"
COUNT, OURS = 10, 3
ROLES = (1, 2, 3, 4)
MAX_TAIL = 5
"""Of a longer run of its own blocks at an epoch's end, the adversary weighs the last ones."""

EXPECTED_MAXIMUM = (0.0, 0.5642, 1.0294, 1.4236, 1.7660)
"""Of 2**bits independent normal figures, in standard deviations (order statistics' tables)."""


@dataclass(frozen=True)
class Setting:
    """Which authorities the adversary holds, and which honest ones reveal at all."""

    name: str
    ours: tuple[int, ...]
    honest: tuple[int, ...]
    withholds: bool = True


SETTINGS = (
    Setting("all honest", (), ROLES, withholds=False),
    Setting("validators only", (), ROLES),
    Setting("and 1 of 4 authorities", (4,), (1, 2, 3)),
    Setting("and 2 of 4 authorities", (3, 4), (1, 2)),
    Setting("and 3 of 4 authorities", (2, 3, 4), (1,)),
    Setting("no authority reveals", (), ()),
    Setting("and all authorities", ROLES, ()),
)


@dataclass(frozen=True)
class Result:
    """What came of a setting."""

    share: float
    """Of all proposals that were the adversary's, its choices' epochs counted."""
    withheld: float
    """Reveals that it withheld, per epoch."""
    last_seed: bytes


class World:
    """One chain with its validators, authorities and adversary."""

    def __init__(self, setting: Setting, blocks: int, epochs: int, seed: int) -> None:
        self.setting, self.blocks = setting, blocks
        self.random = sha256(b"%d" % seed).digest()
        self.keys = [bytes([place + 1]) * 33 for place in range(COUNT)]
        self.ours = frozenset(self.keys[:OURS])
        self.validators = ValidatorSet(Validator(key, 1) for key in self.keys)
        self.values = {key: self._chain(key, blocks * epochs) for key in self.keys}
        self.chains = {key: HashChain(self.values[key][-1]) for key in self.keys}
        self.used = dict.fromkeys(self.keys, 0)
        self.state = first_state(CHAIN, self.random)
        self.planned: tuple[int, ...] | None = None
        self.withheld = 0

    def epoch(self) -> int:
        """Run one epoch; how many of its proposals were the adversary's."""
        slots = self.slots(self.state.seed)
        for role in ROLES:
            value = self._value(role, self.state.epoch)
            commitment = pledge_commitment(CHAIN, self.state.epoch, role, value)
            self.state = pledged(self.state, role, commitment)
        if self.state.epoch >= 2:
            self._authorities_reveal()
        tail = self._tail(slots)
        for proposer in slots[: self.blocks - tail]:
            self.state = self._propose(self.state, proposer, True)
        self._finish(slots[self.blocks - tail :])
        self.state = turned(CHAIN, self.state)
        return sum(proposer in self.ours for proposer in slots)

    def slots(self, seed: bytes) -> list[bytes]:
        """The proposers of an epoch's blocks."""
        schedule = WeightedSchedule(CHAIN, self.validators, seed, ProposerWeights())
        return [schedule.proposer(height, 0) for height in range(self.blocks)]

    def _authorities_reveal(self) -> None:
        for role in self.setting.honest:
            self.state = self._redeem(self.state, role)
        choice = self.planned
        if choice is None:
            choice = max(self._choices(self.state), key=lambda each: each[0])[1]
        self.withheld += len(self.setting.ours) - len(choice)
        for role in choice:
            self.state = self._redeem(self.state, role)

    def _choices(self, state: SeedState) -> Iterator[tuple[int, tuple[int, ...]]]:
        """What our authorities may reveal, all first, with what it brings."""
        ours = self.setting.ours if self.setting.withholds else ()
        for roles in _subsets(ours):
            after = state
            for role in roles:
                after = self._redeem(after, role)
            slots = self.slots(next_seed(CHAIN, after)) if ours else []
            yield sum(proposer in self.ours for proposer in slots), roles

    def _tail(self, slots: list[bytes]) -> int:
        tail = 0
        while tail < min(MAX_TAIL, self.blocks) and slots[-1 - tail] in self.ours:
            tail += 1
        return tail

    def _finish(self, slots: list[bytes]) -> None:
        """The last blocks, all ours: reveal or withhold in each."""
        places = tuple(range(len(slots)))
        choice, self.planned = places, None
        if self.setting.withholds and self.state.epoch >= 1:
            weighed = (
                (gain, revealed, roles)
                for revealed in _subsets(places)
                for gain, roles in self._with_authorities(self._after(slots, revealed)[0])
            )
            _, choice, planned = max(weighed, key=lambda each: each[0])
            if not self.setting.honest:
                self.planned = planned
        self.withheld += len(slots) - len(choice)
        self.state, self.chains, self.used = self._after(slots, choice)

    def _with_authorities(self, state: SeedState) -> Iterator[tuple[int, tuple[int, ...]]]:
        """What our authorities could make of this end of the epoch, if the honest ones' values
        were those that we guess."""
        after = self._guess(turned(CHAIN, state))
        for roles in _subsets(self.setting.ours):
            final = after
            for role in roles:
                final = self._redeem(final, role)
            slots = self.slots(next_seed(CHAIN, final))
            yield sum(proposer in self.ours for proposer in slots), roles

    def _guess(self, state: SeedState) -> SeedState:
        revealing = tuple(
            msgspec.structs.replace(each, value=sha256(each.commitment).digest())
            if each.role in self.setting.honest
            else each
            for each in state.revealing
        )
        return msgspec.structs.replace(state, revealing=revealing)

    def _after(
        self, slots: list[bytes], revealed: tuple[int, ...]
    ) -> tuple[SeedState, dict[bytes, HashChain], dict[bytes, int]]:
        before = self.chains, self.used
        self.chains, self.used = dict(self.chains), dict(self.used)
        state = self.state
        for place, proposer in enumerate(slots):
            state = self._propose(state, proposer, place in revealed)
        after = state, self.chains, self.used
        self.chains, self.used = before
        return after

    def _propose(self, state: SeedState, proposer: bytes, reveals: bool) -> SeedState:
        self.used[proposer] += 1
        value = self.values[proposer][-1 - self.used[proposer]] if reveals else None
        state, chain = proposed(CHAIN, state, proposer, self.chains[proposer], value)
        self.chains[proposer] = chain
        return state

    def _redeem(self, state: SeedState, role: int) -> SeedState:
        return redeemed(CHAIN, state, role, self._value(role, state.epoch - 2))

    def _value(self, role: int, epoch: int) -> bytes:
        return sha256(self.random + b"%d %d" % (role, epoch)).digest()

    def _chain(self, key: bytes, length: int) -> list[bytes]:
        link, values = Domain("seed/link", CHAIN), [sha256(self.random + key).digest()]
        for _ in range(length):
            values.append(link.hash(key, values[-1]))
        return values


def measure(setting: Setting, blocks: int, epochs: int, seed: int) -> Result:
    """Run a setting. The first three epochs follow from no choice and are not counted."""
    world = World(setting, blocks, epochs + 3, seed)
    for _ in range(3):
        world.epoch()
    world.withheld = 0
    ours = sum(world.epoch() for _ in range(epochs))
    return Result(ours / (epochs * blocks), world.withheld / epochs, world.state.seed)


def deviation(blocks: int) -> float:
    """The standard deviation of the adversary's share of one epoch."""
    share = OURS / COUNT
    return sqrt(share * (1 - share) / blocks)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=100, help="in an epoch")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{options.epochs} epochs of {options.blocks} blocks, seed {options.seed}; the adversary")
    print(f"holds {OURS / COUNT:.0%} of the validators; one standard deviation of an epoch's share")
    one = deviation(options.blocks)
    print(f"is {one:.2%}, and of the mean below {one / sqrt(options.epochs):.2%}")
    for setting in SETTINGS:
        found = measure(setting, options.blocks, options.epochs, options.seed)
        expected = OURS / COUNT
        if setting.honest and setting.withholds:
            expected += EXPECTED_MAXIMUM[len(setting.ours)] * one
        known = f"{expected:8.2%}" if setting.honest else "       -"
        print(
            f"{setting.name:<24} share {found.share:7.2%}  expected {known}"
            f"  withheld per epoch {found.withheld:.2f}"
        )


def _subsets(items: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """All of them, the whole first."""
    pool = tuple(items)
    for size in range(len(pool), -1, -1):
        yield from combinations(pool, size)


if __name__ == "__main__":
    main()
