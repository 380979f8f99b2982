"""Batches that peers send: checked off the voting path, then pooled in the order of their coming.

Invariant: what is pooled is checked whole and stored. Order matters: a producer's batches reach the
pool, and so a block, as it sealed them, and a meter's second reading never overtakes its first.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

import structlog
import trio

from gtxnode.admission import BatchRefused, check_senders
from gtxnode.batches.batch import goes_by
from gtxnode.batches.checking import SHORT_BYTES, check_batch, check_opened, is_short, open_whole
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.calls import adds_nothing, holds_only_calls
from gtxnode.chain.store import ChainStore
from gtxnode.primitives.errors import Reason, Refused
from p2p.identity import PeerId
from p2p.network import Offence

log = structlog.get_logger(__name__)

# Batches that wait for their check; past it they are left to be fetched when a block needs them.
MAX_ARRIVALS = 256
MAX_SEEN_BATCHES = 8_192
# A batch whose parent is further ahead of us than this is let go. It is fetched when a block that
# we have reached needs it; without an end to this, one naming a far height would never expire.
MAX_PARENT_AHEAD = 16


class Observer(Protocol):
    """Whoever counts refusals."""

    def refused_transaction(self, reason: str) -> None:
        """A client's transaction or a peer's batch was not taken."""


class Arrivals:
    """The way of one chain's batches from peers into its pool."""

    def __init__(
        self,
        store: ChainStore,
        pool: BatchPool,
        observer: Observer,
        charge: Callable[[PeerId, Offence], None],
        arrived: Callable[[], None],
    ) -> None:
        self._store = store
        self._pool = pool
        self._observer = observer
        self._charge = charge
        self._arrived = arrived
        self._send, self._receive = trio.open_memory_channel[tuple[PeerId, bytes]](MAX_ARRIVALS)
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def arrive(self, peer: PeerId, encoded: bytes) -> None:
        """Take a batch in its turn; one that came before by another way is passed over."""
        digest = sha256(encoded).digest()
        if digest in self._seen:
            return
        try:
            self._send.send_nowait((peer, encoded))
        except trio.WouldBlock:
            self._observer.refused_transaction(Reason.POOL_FULL)
            return
        self._seen[digest] = None
        if len(self._seen) > MAX_SEEN_BATCHES:
            self._seen.popitem(last=False)

    def _may_come_again(self, batch: CheckedBatch) -> None:
        """Take it when it is offered again: what speaks against it now will pass."""
        self._seen.pop(sha256(batch.sealed.encoded).digest(), None)

    async def run(self, threads: int) -> None:
        """Check in worker threads, several side by side, and pool in order, until cancelled."""
        while True:
            group = [await self._receive.receive()]
            while len(group) < threads:
                try:
                    group.append(self._receive.receive_nowait())
                except trio.WouldBlock:
                    break
            checked: list[CheckedBatch | None] = [None] * len(group)
            async with trio.open_nursery() as nursery:
                for place, (peer, encoded) in enumerate(group):
                    nursery.start_soon(self._check, checked, place, peer, encoded)
            for (peer, _), batch in zip(group, checked, strict=True):
                if batch is not None:
                    self._add(peer, batch)

    async def reload(self) -> None:
        """Pool again what was stored and not ordered before the node stopped."""
        for encoded in self._store.live_batches():
            try:
                batch = await self._checked(encoded)
            except Refused as refusal:
                log.error("stored_batch_refused", chain=self._chain, reason=str(refusal))
                continue
            if batch.id not in self._store.recent:
                self._pool.keep(batch)

    @property
    def _chain(self) -> str:
        return self._store.chain_id

    async def _checked(self, encoded: bytes) -> CheckedBatch:
        easiest = self._store.easiest_target
        if len(encoded) <= SHORT_BYTES:
            opened = open_whole(self._chain, encoded, easiest)
            if is_short(opened.parsed):
                return check_opened(opened)
            return await trio.to_thread.run_sync(check_opened, opened)
        return await trio.to_thread.run_sync(check_batch, self._chain, encoded, easiest)

    async def _check(
        self, checked: list[CheckedBatch | None], place: int, peer: PeerId, encoded: bytes
    ) -> None:
        try:
            batch = await self._checked(encoded)
        except Refused as refusal:
            self._refuse(peer, refusal)
            return
        if await self._is_idle(batch):
            # Nobody's fault: another call came first, or the head of its producer is ahead.
            self._observer.refused_transaction(Reason.ROLL_CALL_ADDS_NOBODY)
            self._may_come_again(batch)
            return
        checked[place] = batch

    async def _is_idle(self, batch: CheckedBatch) -> bool:
        """Whether it pays nothing, and does nothing on the head."""
        return holds_only_calls(batch.transactions) and await trio.to_thread.run_sync(
            adds_nothing, self._store, batch.transactions
        )

    def _add(self, peer: PeerId, batch: CheckedBatch) -> None:
        height = self._store.tip.height
        if batch.parent_height > height + MAX_PARENT_AHEAD:
            self._may_come_again(batch)
            return
        next_height = max(height, batch.parent_height) + 1
        if batch.id in self._store.recent or not batch.live_at(next_height):
            return
        try:
            self._check_parent(batch)
            check_senders(self._store, batch)
        except BatchRefused as error:
            self._refuse(peer, error.refusal, charge=error.for_good)
            if not error.for_good:
                self._may_come_again(batch)
            return
        try:
            fresh = self._pool.add(batch)
        except Refused as refusal:
            self._observer.refused_transaction(refusal.reason)
            self._may_come_again(batch)
            return
        if fresh:
            self._store.keep_batch(batch, sync=False)
            self._arrived()

    def _check_parent(self, batch: CheckedBatch) -> None:
        parent = self._store.parent(batch.parent_height)
        if parent is not None and not goes_by(batch.sealed.batch.header, parent):
            refusal = Refused(Reason.WRONG_PARENT, f"at height {batch.parent_height}")
            raise BatchRefused(refusal, for_good=True)

    def _refuse(self, peer: PeerId, refusal: Refused, *, charge: bool = True) -> None:
        log.warning("batch_refused", chain=self._chain, peer=peer, reason=str(refusal))
        self._observer.refused_transaction(refusal.reason)
        if charge:
            self._charge(peer, Offence.INVALID)
