"""A validator's hash chain: its contributions to the seed, all fixed when it commits to the end.

    end = link(link(... link(secret)))          link(x) = tagged hash of (validator's key, x)

Proposing, a validator reveals the value before the last one known, the tip. Which value that is
follows from final data: a turn that passed without a reveal has used up its value, though nobody
saw it, and the next reveal lies one deeper. So a turn leaves one choice, to reveal or not, and a
value that was shown in a round that failed is not waited for.

Invariant: at any state a chain has exactly one next reveal. A new chain is committed to before
the first epoch that it is used in, when nothing is known yet that it will be mixed with.
"""

from typing import Annotated, Final

import msgspec

from consensus.encoding import MAX_HEIGHT, Hash32
from consensus.errors import PeerError, Refusal
from consensus.hashing import Domain

MAX_LINKS: Final = 1_024
"""The deepest that a reveal may lie, which bounds the hashes that it costs to check one."""
MAX_CHAIN_LENGTH: Final = 2**20
HASH_BYTES: Final = 32

Epoch = Annotated[int, msgspec.Meta(ge=0, le=MAX_HEIGHT)]


class InvalidReveal(PeerError):
    """A value that is not the next of its chain, or not what was committed to."""


class Successor(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The end of the chain that takes over where an epoch begins."""

    end: Hash32
    epoch: Epoch


class HashChain(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A validator's chain as final state has it. `tip` is None until its first chain is used."""

    tip: Hash32 | None = None
    skipped: Annotated[int, msgspec.Meta(ge=0, lt=MAX_LINKS)] = 0
    """Turns without a reveal since the tip."""
    successor: Successor | None = None
    since: Epoch = 0
    """The first epoch of the chain that the tip is of."""


NO_CHAIN = HashChain()


def committed(chain: HashChain, end: bytes, epoch: int) -> HashChain:
    """The chain after its validator committed to a new end in `epoch`: used from the next.

    Until then the old one goes on, so that nobody escapes a reveal by changing chains.
    """
    return msgspec.structs.replace(chain, successor=Successor(end, epoch + 1))


def in_epoch(chain: HashChain, epoch: int) -> HashChain:
    """The chain as an epoch finds it: the successor, once its epoch has come."""
    if chain.successor is None or epoch < chain.successor.epoch:
        return chain
    return HashChain(chain.successor.end, since=chain.successor.epoch)


def opened(chain_id: str, public_key: bytes, chain: HashChain, reveal: bytes) -> HashChain:
    """The chain after its next reveal. `InvalidReveal` for any other value."""
    if chain.tip is None:
        raise InvalidReveal(Refusal.BAD_REVEAL, "the validator has no chain")
    if _linked(chain_id, public_key, reveal, chain.skipped + 1) != chain.tip:
        raise InvalidReveal(Refusal.BAD_REVEAL, f"not {chain.skipped + 1} before the tip")
    return msgspec.structs.replace(chain, tip=reveal, skipped=0)


def passed(chain: HashChain) -> HashChain:
    """The chain after a turn without a reveal, missed or withheld."""
    if chain.tip is None:
        return chain
    return msgspec.structs.replace(chain, skipped=min(chain.skipped + 1, MAX_LINKS - 1))


class OwnChain:
    """A validator's own side of a chain: all its values, 32 bytes each.

    Which of them is next follows from final state alone, so no restart can lose the place, and
    no copy of a home reveals another value than the home itself.
    """

    def __init__(self, chain_id: str, public_key: bytes, secret: bytes, length: int) -> None:
        """`length` reveals from a secret of 32 random bytes: a microsecond each."""
        assert 1 <= length <= MAX_CHAIN_LENGTH, "a chain has a length"
        domain, values = Domain("seed/link", chain_id), [secret]
        for _ in range(length):
            values.append(domain.hash(public_key, values[-1]))
        self._values = b"".join(values)

    @property
    def end(self) -> bytes:
        """What to commit to."""
        return self._values[-HASH_BYTES:]

    def left(self, chain: HashChain) -> int:
        """How many reveals there are left, 0 where the tip is of another chain."""
        return max(0, self._place(chain) - chain.skipped)

    def next_reveal(self, chain: HashChain) -> bytes | None:
        """What to reveal next; None where the chain is used up, or another one."""
        place = self.left(chain) - 1
        return self._values[HASH_BYTES * place :][:HASH_BYTES] if place >= 0 else None

    def _place(self, chain: HashChain) -> int:
        """Of the tip, the secret being 0."""
        at = self._values.rfind(chain.tip) if chain.tip is not None else -1
        while at > 0 and at % HASH_BYTES:
            at = self._values.rfind(chain.tip or b"", 0, at + HASH_BYTES - 1)
        return max(0, at) // HASH_BYTES


def _linked(chain_id: str, public_key: bytes, value: bytes, times: int) -> bytes:
    domain = Domain("seed/link", chain_id)
    for _ in range(times):
        value = domain.hash(public_key, value)
    return value
