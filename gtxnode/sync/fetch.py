"""Fetching what a block names: batches by id, from the pool first, then from peers.

Invariant: what `batches` returns carries the ids asked for and has been checked whole. A batch's id
binds its transactions, so one that fails a check under the right id can never become valid, and
`Refused` says so; anything else wrong with an answer is the answering peer's doing.
"""

from collections.abc import Callable, Sequence
from functools import partial

import structlog
import trio

from consensus.encoding import DecodeError
from gtxnode.batches.batch import open_batch
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.store import ChainStore
from gtxnode.primitives.errors import Refused
from gtxnode.sync.hedge import ask_in_turn
from gtxnode.sync.wire import (
    BATCHES_ANSWER,
    BATCHES_REQUEST,
    MAX_BATCHES_PER_REQUEST,
    BatchesRequest,
    batches_protocol,
)
from p2p.errors import RequestFailed
from p2p.identity import PeerId
from p2p.network import Network, Offence

log = structlog.get_logger(__name__)

# Batches are sent out before the block that names them: give one on its way the time to arrive.
ARRIVAL_GRACE_S = 0.05
REQUEST_TIMEOUT_S = 5.0
# A vote waits for the answer: a peer that is slower than this is not waited for alone.
PATIENCE_S = 0.25
RETRY_MIN_S = 0.1
RETRY_MAX_S = 1.0

Found = int | Refused
"""How many batches a peer brought, or why one of them can never be valid."""


class BatchFetcher:
    """Finds batches; one that was fetched is stored. `peers` says whom to ask."""

    def __init__(
        self,
        network: Network,
        store: ChainStore,
        pool: BatchPool,
        peers: Callable[[], Sequence[PeerId]],
    ) -> None:
        self._network = network
        self._chain_id = store.chain_id
        self._store = store
        self._pool = pool
        self._peers = peers
        self._arrived = trio.Event()
        self._turn = 0

    def arrived(self) -> None:
        """Say that the pool holds something new."""
        self._arrived.set()
        self._arrived = trio.Event()

    async def batches(self, identities: Sequence[bytes]) -> list[CheckedBatch]:
        """All of these batches, in order; waits as long as it takes. Cancel to give up.

        Raises `Refused` where a batch can never be valid.
        """
        with trio.move_on_after(ARRIVAL_GRACE_S):
            await self._all_here(identities)
        if self._missing(identities):
            await self._fetch(identities)
        found = [self._pool.get(identity) for identity in identities]
        assert None not in found, "what the pool needs for a block stays in it"
        return [batch for batch in found if batch is not None]

    def _missing(self, identities: Sequence[bytes]) -> list[bytes]:
        return [identity for identity in identities if identity not in self._pool]

    async def _all_here(self, identities: Sequence[bytes]) -> None:
        while self._missing(identities):
            await self._arrived.wait()

    async def _fetch(self, identities: Sequence[bytes]) -> None:
        """Ask for what is missing until it is here, from whomever; raises `Refused`."""
        never_valid: list[Refused] = []
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                refusal = await self._ask(identities)
                if refusal is not None:
                    never_valid.append(refusal)
                nursery.cancel_scope.cancel()

            nursery.start_soon(ask)
            # What comes by itself meanwhile ends the asking.
            await self._all_here(identities)
            nursery.cancel_scope.cancel()
        if never_valid:
            raise never_valid[0]

    async def _ask(self, identities: Sequence[bytes]) -> Refused | None:
        """Ask peers again and again until nothing is missing, or one can never be valid."""
        pause = RETRY_MIN_S
        while missing := self._missing(identities):
            ask = partial(self._ask_peer, missing[:MAX_BATCHES_PER_REQUEST])
            found = await ask_in_turn(self._in_turn(), ask, patience_s=PATIENCE_S)
            if isinstance(found, Refused):
                return found
            if found is not None:
                pause = RETRY_MIN_S
                continue
            with trio.move_on_after(pause):
                await self._arrived.wait()
            pause = min(pause * 2, RETRY_MAX_S)
        return None

    def _in_turn(self) -> Sequence[PeerId]:
        """The peers, another one first each time."""
        peers = self._peers()
        self._turn += 1
        start = self._turn % len(peers) if peers else 0
        return (*peers[start:], *peers[:start])

    async def _ask_peer(self, missing: Sequence[bytes], peer: PeerId) -> Found | None:
        """Take what a peer has of the missing; None where that is nothing."""
        request = BATCHES_REQUEST.encode(BatchesRequest(tuple(missing)))
        try:
            answer = BATCHES_ANSWER.decode(
                await self._network.request(
                    peer, batches_protocol(self._chain_id), request, timeout_s=REQUEST_TIMEOUT_S
                )
            )
        except RequestFailed as error:
            log.debug("batches_not_answered", chain=self._chain_id, peer=peer, reason=str(error))
            return None
        except DecodeError as error:
            log.warning("batches_malformed", chain=self._chain_id, peer=peer, reason=str(error))
            self._network.report(peer, Offence.MALFORMED)
            return None
        wanted, taken = set(missing), 0
        for encoded in answer.batches:
            try:
                sealed = open_batch(self._chain_id, encoded, self._store.easiest_target)
            except Refused as refusal:
                return self._blame(peer, str(refusal), taken)
            if sealed.id not in wanted:
                return self._blame(peer, "not asked for", taken)
            wanted.discard(sealed.id)
            taken += 1
            if sealed.id in self._pool:
                continue
            try:
                await self._take(encoded)
            except Refused as refusal:
                return refusal
        return taken or None

    def _blame(self, peer: PeerId, reason: str, taken: int) -> Found | None:
        """Charge a peer for an answer that none may give, and keep what came before it."""
        log.warning("batch_refused", chain=self._chain_id, peer=peer, reason=reason)
        self._network.report(peer, Offence.INVALID)
        return taken or None

    async def _take(self, encoded: bytes) -> None:
        """Check and keep one fetched batch."""
        easiest = self._store.easiest_target
        batch = await trio.to_thread.run_sync(check_batch, self._chain_id, encoded, easiest)
        if self._pool.borrow(batch):
            self._store.keep_batch(batch, sync=False)
