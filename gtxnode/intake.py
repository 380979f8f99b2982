"""Clients' transactions on their way into batches: gathered, admitted, sealed, sent out, stored.

What is acknowledged is on this node's disk, synced, in a batch that it goes on offering until a
block orders it; a batch that outlives its parent is sealed again with what it carried.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from consensus import signing
from gtxnode.admission import Admission
from gtxnode.batches.batch import (
    BATCH_LIFETIME,
    NO_WORK,
    NONCES_PER_STEP,
    BatchKind,
    SealedBatch,
    find_nonce,
    seal_digest,
    sign_batch,
    unsealed_header,
    with_nonce,
)
from gtxnode.batches.gather import Gatherer, Waiting
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.bodies import is_energy
from gtxnode.ledger.transactions import CheckedTransaction, UnverifiedTransaction, parse
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.relay import BatchEnvelope, Relay
from gtxnode.sync.fetch import BatchFetcher

log = structlog.get_logger(__name__)

# Transactions of batches that ran out of time, remembered to tell those who ask.
MAX_DROPPED = 20_000
# Own batches offered again at one time, and how many blocks they may wait before that.
MAX_OFFERED = 64
PATIENCE_BLOCKS = 3
# How many blocks may pass while a batch's work is done: the rest of its life is for its way.
MAX_WORK_BLOCKS = BATCH_LIFETIME // 2


class StaleWork(Exception):
    """The final block that a batch builds on has grown too old, or a later one asks for less."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How this node seals: its key, whether it does the work, when it closes a window."""

    private_key: bytes
    mining: bool
    window_s: float
    until_block_s: Callable[[], float]
    max_bytes: int


class Intake:
    """Implements `views.Intake` for one chain."""

    def __init__(
        self,
        store: ChainStore,
        pool: BatchPool,
        relay: Relay,
        fetcher: BatchFetcher,
        admission: Admission,
        sealing: Sealing,
        refused: Callable[[Reason], None],
    ) -> None:
        self._store = store
        self._pool = pool
        self._relay = relay
        self._fetcher = fetcher
        self._admission = admission
        self._sealing = sealing
        self._producer = signing.public_key(sealing.private_key)
        self._refused = refused
        # When each of our clients' pending transactions was taken.
        self._taken_s: dict[bytes, float] = {}
        self._dropped: OrderedDict[bytes, None] = OrderedDict()
        self._gatherers = {
            kind: Gatherer(
                self._admit,
                partial(self._seal, kind),
                sealing.window_s,
                sealing.until_block_s,
                sealing.max_bytes,
            )
            for kind in BatchKind
        }

    async def run(self) -> None:
        """Gather and seal until cancelled."""
        async with trio.open_nursery() as nursery:
            for gatherer in self._gatherers.values():
                nursery.start_soon(gatherer.run)

    def submit(self, parsed: UnverifiedTransaction) -> Waiting:
        """Take a transaction in its turn; raises `Refused`."""
        energy = is_energy(parsed.body)
        if energy and not self._sealing.mining:
            raise Refused(Reason.NO_WORK, "this node seals no energy batches")
        return self._gatherers[BatchKind.ENERGY if energy else BatchKind.ORDINARY].submit(parsed)

    def is_pending(self, transaction_id: bytes) -> bool:
        """Whether it is on its way into a batch, or in one that waits for a block."""
        return self._pool.is_pending(transaction_id) or any(
            gatherer.is_waiting(transaction_id) for gatherer in self._gatherers.values()
        )

    def is_dropped(self, transaction_id: bytes) -> bool:
        """Whether its batch ran out of time."""
        return transaction_id in self._dropped

    def _admit(self, transaction: CheckedTransaction) -> None:
        try:
            self._admission.admit(transaction)
        except Refused as refusal:
            self._refused(refusal.reason)
            raise

    def settle(self, record: BlockRecord) -> list[float]:
        """When those of our clients' transactions that a block holds had been taken."""
        taken = [self._taken_s.pop(item.id, None) for item in record.transactions]
        return [at for at in taken if at is not None]

    async def _seal(self, kind: BatchKind, transactions: Sequence[CheckedTransaction]) -> None:
        """Make, send and store a batch; raises `Refused` where the pool has no room."""
        self._pool.require_room(self._producer, sum(len(each.encoded) for each in transactions))
        batch = await self._make(kind, tuple(transactions))
        self._pool.keep(batch)
        self._fetcher.arrived()
        now = trio.current_time()
        for transaction in transactions:
            self._taken_s.setdefault(transaction.id, now)
        await self.offer(batch)
        # Others check it while our disk catches up. Only then are the clients answered.
        await trio.to_thread.run_sync(self._store.sync)

    async def _make(
        self, kind: BatchKind, transactions: tuple[CheckedTransaction, ...]
    ) -> CheckedBatch:
        while True:
            try:
                return await trio.to_thread.run_sync(self._seal_on_tip, kind, transactions)
            except StaleWork:
                continue

    def _seal_on_tip(
        self, kind: BatchKind, transactions: tuple[CheckedTransaction, ...]
    ) -> CheckedBatch:
        """Seal a batch and write it, not synced yet; for a worker thread. Raises `StaleWork`."""
        height = self._store.tip.height
        parent = self._store.parent(height)
        assert parent is not None, "the tip is recent"

        def stale() -> bool:
            trio.from_thread.check_cancelled()
            tip = self._store.tip.height
            latest = self._store.parent(tip)
            # Tries have no memory, so to begin anew where less is asked for loses nothing.
            return tip > height + MAX_WORK_BLOCKS or (
                latest is not None and latest.target > parent.target
            )

        sealed = seal_batch(
            self._store.chain_id,
            kind,
            (height, parent.id),
            [transaction.encoded for transaction in transactions],
            parent.target if kind is BatchKind.ENERGY else NO_WORK,
            self._sealing.private_key,
            stale,
        )
        batch = CheckedBatch(sealed, transactions)
        self._store.keep_batch(batch, sync=False)
        return batch

    async def offer(self, batch: CheckedBatch) -> None:
        """Send a batch to every node of the chain that we reach."""
        envelope = BatchEnvelope(batch.sealed.encoded)
        self._relay.broadcast(envelope)
        await self._relay.publish(envelope)

    async def offer_again(self) -> None:
        """Send own batches that blocks have passed over: somebody may have missed them."""
        height = self._store.tip.height
        waiting = [
            batch
            for batch in self._pool
            if batch.producer == self._producer and batch.parent_height + PATIENCE_BLOCKS <= height
        ]
        for batch in waiting[:MAX_OFFERED]:
            await self.offer(batch)

    def expire(self) -> None:
        """Drop batches that no block can order any more; seal again what our clients sent."""
        dead = self._pool.expire(self._store.tip.height + 1)
        if not dead:
            return
        self._store.drop_batches([batch.id for batch in dead])
        for batch in dead:
            own = batch.producer == self._producer
            for transaction in batch.transactions:
                if self._store.transaction(transaction.id) is not None:
                    continue
                self._taken_s.pop(transaction.id, None)
                if not (own and self._take_again(transaction)):
                    self._dropped[transaction.id] = None
        while len(self._dropped) > MAX_DROPPED:
            self._dropped.popitem(last=False)
        log.warning("batches_expired", chain=self._store.chain_id, batches=len(dead))

    def _take_again(self, transaction: CheckedTransaction) -> bool:
        try:
            self.submit(parse(self._store.chain_id, transaction.encoded))
        except Refused:
            return False
        return True


def seal_batch(
    chain_id: str,
    kind: BatchKind,
    parent: tuple[int, bytes],
    encoded: Sequence[bytes],
    target: bytes,
    private_key: bytes,
    stale: Callable[[], bool] = lambda: False,
) -> SealedBatch:
    """Find the work for a batch and sign it; pure CPU, for a worker thread.

    Raises `StaleWork` once `stale`, which is asked every few milliseconds, says so.
    """
    producer = signing.public_key(private_key)
    header = unsealed_header(kind, producer, *parent, encoded, target)
    if kind is BatchKind.ENERGY:
        seal = seal_digest(chain_id, header)
        start = 0
        while (nonce := find_nonce(seal, target, start)) is None:
            if stale():
                raise StaleWork
            start += NONCES_PER_STEP
        header = with_nonce(header, nonce)
    return sign_batch(chain_id, header, encoded, private_key)
