"""A validator's hash chain: its contributions to the seed, all fixed when it commits to the end.

    end = link(link(... link(secret)))          link(x) = tagged hash of (validator's key, x)

Proposing, a validator reveals the value before the last one known, the tip. Which value that is
follows from final data: a turn that passed without a reveal has used up its value, though nobody
saw it, and the next reveal lies one deeper. So a turn leaves one choice, to reveal or not, and a
value that was shown in a round that failed is not waited for.

Invariant: at any state a chain has exactly one next reveal. A new chain is committed to before
the first epoch that it is used in, when nothing is known yet that it will be mixed with.
"""

from collections import deque
from typing import Annotated, Final

import msgspec

from consensus.encoding import MAX_HEIGHT, Hash32
from consensus.errors import PeerError, Refusal
from consensus.hashing import Domain

MAX_LINKS: Final = 1_024
"""The deepest that a reveal may lie, which bounds the hashes that it costs to check one."""
MAX_CHAIN_LENGTH: Final = 2**20

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
    return HashChain(chain.successor.end)


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


def chain_end(chain_id: str, public_key: bytes, secret: bytes, length: int) -> bytes:
    """What to commit to for `length` reveals from a secret of 32 random bytes."""
    assert 1 <= length <= MAX_CHAIN_LENGTH, "a chain has a length"
    return _linked(chain_id, public_key, secret, length)


def next_reveal(
    chain_id: str, public_key: bytes, secret: bytes, length: int, chain: HashChain
) -> bytes | None:
    """The validator's own side: what it has to reveal next, None where its chain is used up.

    Walks the chain from its secret, a microsecond a link: nothing is kept between calls, so no
    restart can lose the place. Long chains are for a worker thread.
    """
    behind: deque[bytes] = deque(maxlen=chain.skipped + 1)
    domain, value = Domain("seed/link", chain_id), secret
    for _ in range(length):
        behind.append(value)
        value = domain.hash(public_key, value)
        if value == chain.tip:
            return behind[0] if len(behind) == behind.maxlen else None
    return None


def _linked(chain_id: str, public_key: bytes, value: bytes, times: int) -> bytes:
    domain = Domain("seed/link", chain_id)
    for _ in range(times):
        value = domain.hash(public_key, value)
    return value
