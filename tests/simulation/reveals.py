"""Proposers' reveals in the simulation: a node's own reckoning, and the checker's, which is naive.

A node goes by the library, as the application does: what it reveals next, and what it takes for
valid, follow from the blocks on its disk and from the commit that a new block carries.
"""

from collections import Counter
from functools import lru_cache

from consensus.hash_chain import HashChain, InvalidReveal, OwnChain, opened, passed
from consensus.hashing import ZERO_HASH, Domain
from consensus.proposers import ProposerSchedule
from consensus.seed import first_state, proposed
from consensus.turns import turns_of
from consensus.types import Block, Commit
from tests.simulation.blocks import CHAIN

LINKS = 600
"""More than a validator has turns in a run."""


@lru_cache(maxsize=64)
def own_chain(key: bytes) -> OwnChain:
    """A validator's chain, all of it in the one epoch that a run is."""
    return OwnChain(CHAIN, key, Domain("secret").hash(key), LINKS)


class Reckoning:
    """Where the hash chains stand after a node's final blocks."""

    def __init__(self) -> None:
        self.height = 0
        self.state = first_state(CHAIN, ZERO_HASH)
        self._chains: dict[bytes, HashChain] = {}
        self._head: Block | None = None

    def take(self, proposers: ProposerSchedule, block: Block) -> None:
        """One more final block."""
        for key in self._used_up(proposers, block.last_commit):
            self._chains[key] = passed(self._chain(key))
        author = block.header.proposer
        self.state, self._chains[author] = proposed(
            CHAIN, self.state, author, self._chain(author), block.header.reveal
        )
        self._head, self.height = block, block.header.height

    def next_reveal(
        self, proposers: ProposerSchedule, key: bytes, last: Commit | None
    ) -> bytes | None:
        """What a validator reveals in a block with this commit."""
        return own_chain(key).next_reveal(self._at(proposers, key, last))

    def fits(self, proposers: ProposerSchedule, block: Block) -> bool:
        """Whether a block's reveal is the right one, or withheld."""
        header = block.header
        if header.reveal is None:
            return True
        chain = self._at(proposers, header.proposer, block.last_commit)
        try:
            opened(CHAIN, header.proposer, chain, header.reveal)
        except InvalidReveal:
            return False
        return True

    def _at(self, proposers: ProposerSchedule, key: bytes, last: Commit | None) -> HashChain:
        chain = self._chain(key)
        return passed(chain) if key in self._used_up(proposers, last) else chain

    def _used_up(self, proposers: ProposerSchedule, last: Commit | None) -> frozenset[bytes]:
        if last is None or self._head is None:
            return frozenset()
        author = self._head.header.proposer
        return turns_of(proposers, last.height, last.round, author).used_up

    def _chain(self, key: bytes) -> HashChain:
        return self._chains.get(key) or HashChain(own_chain(key).end)


class NaiveReckoning:
    """By counting: the n-th height at which a validator was called belongs to its n-th value."""

    def __init__(self) -> None:
        self.mix = ZERO_HASH
        self._called: Counter[bytes] = Counter()
        self._author = b""

    def fault(self, proposers: ProposerSchedule, block: Block) -> str | None:
        """Take the next decided block; what is wrong with its reveal."""
        last, header = block.last_commit, block.header
        if last is not None:
            # Past the 64th round nobody is called but who ended it.
            rounds = (*range(min(last.round, 64)), last.round)
            called = {proposers.proposer(last.height, round_) for round_ in rounds}
            self._called.update(called - {self._author})
        self._author = header.proposer
        self._called[self._author] += 1
        if header.reveal is None:
            return None
        self.mix = Domain("seed/mix", CHAIN).hash(self.mix, self._author, header.reveal)
        if header.reveal != value(self._author, self._called[self._author]):
            return f"block {header.height} reveals another turn's value than its own"
        return None


def value(key: bytes, turn: int) -> bytes:
    """What a validator reveals at a turn, counted from 1."""
    found = _values(key)
    return found[-1 - turn]


@lru_cache(maxsize=64)
def _values(key: bytes) -> tuple[bytes, ...]:
    values, link = [Domain("secret").hash(key)], Domain("seed/link", CHAIN)
    for _ in range(LINKS):
        values.append(link.hash(key, values[-1]))
    return tuple(values)
