"""Gathering: transactions that clients send become batches, at most a window apart.

A transaction's sender waits until the batch that carries it is stored and sent on, or until
it is refused; so an acknowledgement means that the transaction survives a crash of this node.

The window opens with the first transaction. After a pause it closes at once, within `GRACE_S`;
under load it lasts the whole window, so that batches are full rather than many. One that would end
in the last `LEAD_S` before a block is due closes ahead of them, so that the block has the batch.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import trio

from gtxnode.batches.batch import BATCH_OVERHEAD_BYTES, MAX_BATCH_BYTES, MAX_BATCH_TRANSACTIONS
from gtxnode.batches.checking import check_signatures, is_short
from gtxnode.ledger.transactions import CheckedTransaction, UnverifiedTransaction
from gtxnode.primitives.errors import Reason, Refused

GRACE_S = 0.005
# What a batch takes to be sealed, sent and checked before its block is built.
LEAD_S = 0.02
# Transactions that wait for their window; past it a client is refused with POOL_FULL.
MAX_WAITING = 20_000
# MessagePack's header of one transaction inside a batch.
ITEM_OVERHEAD_BYTES = 3

Admit = Callable[[CheckedTransaction], None]
Seal = Callable[[Sequence[CheckedTransaction]], Awaitable[None]]


class Waiting:
    """One transaction on its way into a batch."""

    __slots__ = ("_done", "_refusal", "parsed")

    def __init__(self, parsed: UnverifiedTransaction) -> None:
        self.parsed = parsed
        self._done = trio.Event()
        self._refusal: Refused | None = None

    async def stored(self) -> None:
        """Return once it is in a batch that is stored; raises `Refused`."""
        await self._done.wait()
        if self._refusal is not None:
            raise self._refusal

    def finish(self, refusal: Refused | None) -> None:
        """Say that it is stored, or why not."""
        self._refusal = refusal
        self._done.set()


class Gatherer:
    """Gathers one kind of transaction.

    `admit` holds a transaction against the state and raises `Refused`; `seal` makes, stores and
    sends a batch of admitted ones, and raises `Refused` where the pool has no room.
    """

    def __init__(
        self,
        admit: Admit,
        seal: Seal,
        window_s: float,
        until_block_s: Callable[[], float],
        max_bytes: int = MAX_BATCH_BYTES,
    ) -> None:
        self._admit = admit
        self._seal = seal
        self._window_s = window_s
        self._until_block_s = until_block_s
        self._max_bytes = min(max_bytes, MAX_BATCH_BYTES) - BATCH_OVERHEAD_BYTES
        self._queue: deque[Waiting] = deque()
        self._queued_bytes = 0
        self._some = trio.Event()
        self._full = trio.Event()
        self._waiting: set[bytes] = set()

    def is_waiting(self, transaction_id: bytes) -> bool:
        """Whether this transaction is on its way into a batch."""
        return transaction_id in self._waiting

    def submit(self, parsed: UnverifiedTransaction) -> Waiting:
        """Take a transaction in its turn; raises `Refused(POOL_FULL)`."""
        if len(self._queue) >= MAX_WAITING:
            raise Refused(Reason.POOL_FULL, f"at most {MAX_WAITING} transactions wait")
        waiting = Waiting(parsed)
        self._queue.append(waiting)
        self._queued_bytes += _size(waiting)
        self._waiting.add(parsed.id)
        self._some.set()
        if self._fills_a_batch():
            self._full.set()
        return waiting

    async def run(self) -> None:
        """Gather until cancelled. One batch after another, so that their order is that of arrival:
        a meter's second reading never overtakes its first.
        """
        last_closed = trio.current_time() - self._window_s
        while True:
            # Woken for the first and for a full batch, not for every transaction between.
            await self._some.wait()
            pause = max(GRACE_S, self._window_s - (trio.current_time() - last_closed))
            to_block = self._until_block_s() - LEAD_S
            with trio.move_on_after(to_block if 0 < to_block < pause else pause):
                await self._full.wait()
            last_closed = trio.current_time()
            await self._forward(self._next_group())

    def _fills_a_batch(self) -> bool:
        return self._queued_bytes >= self._max_bytes or len(self._queue) >= MAX_BATCH_TRANSACTIONS

    def _next_group(self) -> list[Waiting]:
        """Those that came first, one at least, as many as a batch takes."""
        group = [self._queue.popleft()]
        size = _size(group[0])
        while self._queue and len(group) < MAX_BATCH_TRANSACTIONS:
            more = _size(self._queue[0])
            if size + more > self._max_bytes:
                break
            group.append(self._queue.popleft())
            size += more
        self._queued_bytes -= size
        if not self._queue:
            self._some = trio.Event()
        if not self._fills_a_batch():
            self._full = trio.Event()
        return group

    async def _forward(self, group: list[Waiting]) -> None:
        parsed = [waiting.parsed for waiting in group]
        if is_short(parsed):
            checked = check_signatures(parsed)
        else:
            checked = await trio.to_thread.run_sync(check_signatures, parsed)
        admitted: list[tuple[Waiting, CheckedTransaction]] = []
        for waiting, transaction in zip(group, checked, strict=True):
            try:
                if isinstance(transaction, Refused):
                    raise transaction
                self._admit(transaction)
                admitted.append((waiting, transaction))
            except Refused as refusal:
                self._finish(waiting, refusal)
        await self._seal_admitted(admitted)

    async def _seal_admitted(self, admitted: list[tuple[Waiting, CheckedTransaction]]) -> None:
        if not admitted:
            return
        refusal: Refused | None = None
        try:
            await self._seal([transaction for _, transaction in admitted])
        except Refused as error:
            refusal = error
        for waiting, _ in admitted:
            self._finish(waiting, refusal)

    def _finish(self, waiting: Waiting, refusal: Refused | None) -> None:
        self._waiting.discard(waiting.parsed.id)
        waiting.finish(refusal)


def _size(waiting: Waiting) -> int:
    return len(waiting.parsed.encoded) + ITEM_OVERHEAD_BYTES
