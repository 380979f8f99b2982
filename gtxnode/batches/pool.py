"""The pool: checked batches that wait for a block, within named bounds.

Pure and synchronous. Invariant: `size_bytes` is the sum of what is held, at most `max_bytes` but
for what clients were told is taken (`keep`) and what the height at hand needs (`borrow`, given back
with `release`); a transaction is `pending` while a held batch carries it.

At the bound a new batch is refused, never an old one thrown out: what was acknowledged stays.
One producer may hold at most half, and so may all together that are no validators, because anyone
makes as many keys as he likes: a flood leaves room, and places in a block, for the others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest

from gtxnode.batches.batch import BATCH_LIFETIME, BatchKind, SealedBatch
from gtxnode.ledger.block_state import Share
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.errors import Reason, Refused

MAX_POOL_BYTES = 64 * 1024 * 1024
MAX_BLOCK_BATCHES = 512
MAX_BLOCK_TRANSACTIONS = 10_000


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A sealed batch whose transactions are decoded and whose signatures all verified."""

    sealed: SealedBatch
    transactions: tuple[CheckedTransaction, ...]

    @property
    def id(self) -> bytes:
        """The batch's id, 32 bytes."""
        return self.sealed.id

    @property
    def parent_height(self) -> int:
        """The height of the final block the batch goes by."""
        return self.sealed.batch.header.parent_height

    @property
    def producer(self) -> bytes:
        """The public key of the node that sealed it, 33 bytes."""
        return self.sealed.batch.header.producer

    @property
    def share(self) -> Share:
        """Its part in the transactions of a block that orders it."""
        header = self.sealed.batch.header
        energy = header.kind is BatchKind.ENERGY
        return Share(address_of(header.producer), len(self.transactions), energy)

    def live_at(self, height: int) -> bool:
        """Whether a block at `height` may order it."""
        return self.parent_height < height <= self.parent_height + BATCH_LIFETIME


class BatchPool:
    """Batches by id in order of arrival."""

    def __init__(
        self,
        max_bytes: int = MAX_POOL_BYTES,
        is_validator: Callable[[bytes], bool] = lambda producer: False,
    ) -> None:
        self._max_bytes = max_bytes
        self._is_validator = is_validator
        # Whose share each batch counts for: it stays so when the validators change.
        self._holders: dict[bytes, bytes | None] = {}
        self._batches: dict[bytes, CheckedBatch] = {}
        self._held_by: Counter[bytes | None] = Counter()
        self._pending: Counter[bytes] = Counter()
        self._borrowed: list[bytes] = []
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._batches)

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._batches

    def __iter__(self) -> Iterator[CheckedBatch]:
        return iter(self._batches.values())

    @property
    def pending_transactions(self) -> int:
        """How many transactions wait, each counted once."""
        return len(self._pending)

    def get(self, identity: bytes) -> CheckedBatch | None:
        """The batch with this id, if it is held."""
        return self._batches.get(identity)

    def is_pending(self, transaction_id: bytes) -> bool:
        """Whether a held batch carries this transaction."""
        return transaction_id in self._pending

    def require_room(self, producer: bytes, size: int) -> None:
        """Raise `Refused(POOL_FULL)` where a batch of `size` bytes would pass a bound."""
        if self.size_bytes + size > self._max_bytes:
            raise Refused(
                Reason.POOL_FULL,
                f"the pool holds {self.size_bytes} bytes, at most {self._max_bytes}",
            )
        holder = self._holder(producer)
        held, most = self._held_by[holder], self._max_bytes // 2
        if held + size > most:
            who = "producers that are no validators hold" if holder is None else "it holds"
            raise Refused(Reason.POOL_FULL, f"{who} {held} bytes, at most {most}")

    def _holder(self, producer: bytes) -> bytes | None:
        """Whose share a batch counts for: a validator's own, or None, that of all others."""
        return producer if self._is_validator(producer) else None

    def add(self, batch: CheckedBatch) -> bool:
        """Hold a batch; False where it is held already. Raises `Refused(POOL_FULL)` at a bound."""
        if batch.id in self._batches:
            return False
        self.require_room(batch.producer, len(batch.sealed.encoded))
        return self.keep(batch)

    def borrow(self, batch: CheckedBatch) -> bool:
        """Hold a batch that a proposed block needs, past any bound, until `release`."""
        held = self.keep(batch)
        if held:
            self._borrowed.append(batch.id)
        return held

    def keep(self, batch: CheckedBatch) -> bool:
        """Hold a batch past any bound: what a client was told is taken is not let go."""
        if batch.id in self._batches:
            return False
        size = len(batch.sealed.encoded)
        self._batches[batch.id] = batch
        holder = self._holders[batch.id] = self._holder(batch.producer)
        self._held_by[holder] += size
        self.size_bytes += size
        self._pending.update(item.id for item in batch.transactions)
        return True

    def remove(self, identities: Iterable[bytes]) -> None:
        """Let go of batches that a final block has ordered; unknown ids are passed over."""
        for identity in identities:
            batch = self._batches.pop(identity, None)
            if batch is None:
                continue
            size = len(batch.sealed.encoded)
            self.size_bytes -= size
            holder = self._holders.pop(identity)
            self._held_by[holder] -= size
            if not self._held_by[holder]:
                del self._held_by[holder]
            for item in batch.transactions:
                self._pending[item.id] -= 1
                if not self._pending[item.id]:
                    del self._pending[item.id]

    def expire(self, height: int) -> tuple[CheckedBatch, ...]:
        """Let go of, and return, what no block from `height` on may order any more."""
        dead = tuple(
            batch
            for batch in self._batches.values()
            if batch.parent_height + BATCH_LIFETIME < height
        )
        self.remove(batch.id for batch in dead)
        return dead

    def release(self) -> tuple[CheckedBatch, ...]:
        """Let go of, and return, what was borrowed, is still here, and does not fit the bounds."""
        borrowed, self._borrowed = self._borrowed, []
        gone = []
        for identity in reversed(borrowed):
            batch = self._batches.get(identity)
            if batch is None or self._within_bounds(identity):
                continue
            gone.append(batch)
            self.remove([identity])
        return tuple(gone)

    def _within_bounds(self, identity: bytes) -> bool:
        return (
            self.size_bytes <= self._max_bytes
            and self._held_by[self._holders[identity]] <= self._max_bytes // 2
        )

    def choose(self, height: int, fits: Callable[[CheckedBatch], bool]) -> tuple[bytes, ...]:
        """The batch ids for a block at `height`, in the order in which they came.

        What does not fit takes no place from what does. Where there is more than a block holds,
        the holders take turns, each with what came first of its own.
        """
        queues: dict[bytes | None, list[CheckedBatch]] = {}
        for batch in self._batches.values():
            if batch.live_at(height) and fits(batch):
                queues.setdefault(self._holders[batch.id], []).append(batch)
        turns = chain.from_iterable(zip_longest(*queues.values()))
        chosen: set[bytes] = set()
        transactions = 0
        for batch in (each for each in turns if each is not None):
            transactions += len(batch.transactions)
            if len(chosen) == MAX_BLOCK_BATCHES or transactions > MAX_BLOCK_TRANSACTIONS:
                break
            chosen.add(batch.id)
        return tuple(identity for identity in self._batches if identity in chosen)
