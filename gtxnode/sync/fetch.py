"""Fetching what a block names: batches by id, from the pool first, then from peers.

Invariant: what `batches` returns carries the ids asked for and has been checked whole. A batch's id
binds its transactions, so one that fails a check under the right id can never become valid, and
`Refused` says so; anything else wrong with an answer is the answering peer's doing.
"""

from collections.abc import Callable, Mapping, Sequence

import structlog
import trio

from consensus.encoding import DecodeError
from gtxnode.batches.batch import BatchKind, open_batch
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.store import ChainStore
from gtxnode.primitives.errors import Refused
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
RETRY_MIN_S = 0.1
RETRY_MAX_S = 1.0


class BatchFetcher:
    """Finds batches; one that was fetched is stored. `peers` says whom to ask."""

    def __init__(
        self,
        network: Network,
        store: ChainStore,
        targets: Mapping[BatchKind, bytes],
        pool: BatchPool,
        peers: Callable[[], Sequence[PeerId]],
    ) -> None:
        self._network = network
        self._chain_id = store.chain_id
        self._store = store
        self._targets = targets
        self._pool = pool
        self._peers = peers
        self._arrived = trio.Event()

    def arrived(self) -> None:
        """Say that the pool holds something new."""
        self._arrived.set()
        self._arrived = trio.Event()

    async def batches(self, identities: Sequence[bytes]) -> list[CheckedBatch]:
        """All of these batches, in order; waits as long as it takes. Cancel to give up.

        Raises `Refused` where a batch can never be valid.
        """
        if not await self._wait_for_arrivals(identities):
            await self._ask(identities)
        found = [self._pool.get(identity) for identity in identities]
        assert None not in found, "what the pool needs for a block stays in it"
        return [batch for batch in found if batch is not None]

    def _missing(self, identities: Sequence[bytes]) -> list[bytes]:
        return [identity for identity in identities if identity not in self._pool]

    async def _wait_for_arrivals(self, identities: Sequence[bytes]) -> bool:
        with trio.move_on_after(ARRIVAL_GRACE_S):
            while self._missing(identities):
                await self._arrived.wait()
        return not self._missing(identities)

    async def _ask(self, identities: Sequence[bytes]) -> None:
        """Ask one peer after another, again and again, until nothing is missing."""
        pause = RETRY_MIN_S
        turn = 0
        while missing := self._missing(identities):
            peers = self._peers()
            progress = False
            if peers:
                peer = peers[turn % len(peers)]
                turn += 1
                progress = await self._ask_peer(peer, missing[:MAX_BATCHES_PER_REQUEST])
            if progress:
                pause = RETRY_MIN_S
                continue
            with trio.move_on_after(pause):
                await self._arrived.wait()
            pause = min(pause * 2, RETRY_MAX_S)

    async def _ask_peer(self, peer: PeerId, missing: Sequence[bytes]) -> bool:
        """Take what a peer has of the missing; whether it had anything."""
        request = BATCHES_REQUEST.encode(BatchesRequest(tuple(missing)))
        try:
            answer = BATCHES_ANSWER.decode(
                await self._network.request(
                    peer, batches_protocol(self._chain_id), request, timeout_s=REQUEST_TIMEOUT_S
                )
            )
        except RequestFailed as error:
            log.debug("batches_not_answered", chain=self._chain_id, peer=peer, reason=str(error))
            return False
        except DecodeError as error:
            log.warning("batches_malformed", chain=self._chain_id, peer=peer, reason=str(error))
            self._network.report(peer, Offence.MALFORMED)
            return False
        wanted = set(missing)
        for encoded in answer.batches:
            if not await self._take(peer, encoded, wanted):
                return False
        return bool(answer.batches)

    async def _take(self, peer: PeerId, encoded: bytes, wanted: set[bytes]) -> bool:
        """Check and keep one fetched batch; False where the peer is at fault."""
        try:
            sealed = open_batch(self._chain_id, encoded, self._targets)
        except Refused as refusal:
            log.warning("batch_refused", chain=self._chain_id, peer=peer, reason=str(refusal))
            self._network.report(peer, Offence.INVALID)
            return False
        if sealed.id not in wanted:
            self._network.report(peer, Offence.INVALID)
            return False
        batch = await trio.to_thread.run_sync(check_batch, self._chain_id, encoded, self._targets)
        if self._pool.borrow(batch):
            self._store.keep_batch(batch, sync=False)
        return True
