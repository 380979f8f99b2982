"""One chain on this node: its parts, put together, and the paths between them.

    clients --> view --> intake --> batches ----> relay --> other nodes
                 ^                     |            |
                 |                   pool <-- arrivals, fetcher
               store <-- application --- engine <---+--- follower

Everything that a chain owns is opened in `open_shard` and closed when its block ends; everything
that runs, runs in `Shard.run`'s nursery.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog
import trio

from consensus.timeouts import Timeouts
from consensus.types import Block, Commit
from gtxnode.admission import Admission
from gtxnode.application import ChainApplication
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.config import Config
from gtxnode.engine import Engine, Pace
from gtxnode.genesis import Genesis, chain_id, genesis_id
from gtxnode.home import Home
from gtxnode.intake import Intake, Sealing
from gtxnode.ledger.genesis import initial_coins
from gtxnode.market.orders import Depth
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.relay import (
    Announcement,
    BatchEnvelope,
    ConsensusEnvelope,
    Envelope,
    FinalEnvelope,
    HeadEnvelope,
    Relay,
    channel_name,
    topic_name,
)
from gtxnode.rpc.backend import ChainParameters, ChainStatus
from gtxnode.rpc.wire import Hex
from gtxnode.signer import Signer
from gtxnode.sync.fetch import BatchFetcher
from gtxnode.sync.follow import Follower
from gtxnode.sync.serve import serve_archive
from gtxnode.views import ChainView
from p2p.identity import PeerId
from p2p.network import Network, Offence, Peer
from storage.journal import Journal

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = structlog.get_logger(__name__)

# Batches that came in and wait for their check; past it they are left to be fetched when needed.
MAX_ARRIVALS = 256
MAX_SEEN_BATCHES = 8_192
ANNOUNCE_S = 10.0
HOUSEKEEPING_S = 2.0


class ShardObserver(Protocol):
    """What a chain tells those who measure; times in seconds."""

    def block(self, record: BlockRecord, consensus_s: float, execution_s: float) -> None:
        """A block became final: how long after its own time, and what executing it took."""

    def waiting(self, transactions: int, batches: int, catching_up: bool) -> None:
        """How much waits for a block, and whether this node is behind."""

    def book(self, depth: Depth) -> None:
        """The open orders after a block."""

    def final(self, seconds: float) -> None:
        """A transaction of one of our clients became final, this long after it was taken."""

    def refused_message(self, reason: str) -> None:
        """A consensus message was refused."""

    def refused_transaction(self, reason: str) -> None:
        """A client's transaction or a peer's batch was not taken."""

    def journal_synced(self, seconds: float) -> None:
        """The consensus journal was fsynced."""

    def evidence(self) -> None:
        """A validator signed two messages that contradict."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The node's keys: the validator's votes, the network's names the node among peers."""

    validator_key: bytes
    validator_public: bytes
    network_key: bytes


class Shard:
    """One hosted chain. Made by `open_shard`."""

    def __init__(
        self,
        name: str,
        genesis: Genesis,
        config: Config,
        identity: Identity,
        network: Network,
        store: ChainStore,
        journal: Journal,
        signer: Signer | None,
        observer: ShardObserver,
        now_ms: Callable[[], int],
    ) -> None:
        settings = genesis.shard(name)
        validators = genesis.validator_set(name)
        self.name = name
        self.chain_id = store.chain_id
        self._network = network
        self._store = store
        self._observer = observer
        self._now_ms = now_ms
        self._threads = config.batches.verify_threads
        self._validator = identity.validator_public if signer is not None else None
        self._targets = {BatchKind.ENERGY: settings.batch_target, BatchKind.ORDINARY: NO_WORK}
        self._pool = BatchPool(config.pool.max_bytes)
        self._relay = Relay(network, self.chain_id)
        self._fetcher = BatchFetcher(
            network,
            self.chain_id,
            self._targets,
            self._pool,
            partial(store.keep_batch, sync=False),
            self._relay.peers,
        )
        self._admission = Admission(store, self._is_pending, now_ms)
        self._intake = Intake(
            store,
            self._pool,
            self._relay,
            self._fetcher,
            self._admission,
            Sealing(
                identity.validator_key if signer is not None else identity.network_key,
                self._targets,
                config.node.mining,
                config.batches.gather_ms / 1_000,
                config.batches.max_bytes,
            ),
            observer.refused_transaction,
        )
        self.view = ChainView(name, store, self._intake)
        self._application = ChainApplication(
            store,
            self._pool,
            self._fetcher,
            validators,
            genesis_id(genesis, name),
            self._validator,
            now_ms,
            self._finalised,
        )
        times = settings.timeouts
        self._engine = Engine(
            self.chain_id,
            self._application,
            self._relay,
            journal,
            signer,
            self._validator,
            Pace(
                settings.block_interval_ms,
                Timeouts(
                    times.propose_ms,
                    times.prevote_ms,
                    times.precommit_ms,
                    times.delta_ms,
                    times.rebroadcast_ms,
                ),
                config.consensus.journal_max_bytes,
                now_ms,
            ),
            self,
            network.report,
        )
        self._follower = Follower(
            network,
            self.chain_id,
            self._application.head_height,
            self._application.validators,
            self._engine.synced,
            self.view.wait_for_height,
        )
        self._arrivals_in, self._arrivals = trio.open_memory_channel[tuple[PeerId, bytes]](
            MAX_ARRIVALS
        )
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    async def run(self, task_status: "TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Take part in the chain until cancelled."""
        await self._reload_batches()
        serve_archive(self._network, self.chain_id, self)
        async with trio.open_nursery() as nursery:
            await nursery.start(self._relay.run, self._receive)
            nursery.start_soon(self._check_arrivals)
            nursery.start_soon(self._intake.run)
            nursery.start_soon(self._engine.run, self._store.last_commit)
            nursery.start_soon(self._follower.run)
            nursery.start_soon(self._keep_house)
            nursery.start_soon(self._announce)
            task_status.started()

    def status(self) -> ChainStatus:
        """How the chain is doing on this node."""
        return ChainStatus(
            shard=self.name,
            chain_id=self.chain_id,
            height=self._store.tip.height,
            time_ms=self._store.tip.time_ms,
            catching_up=self._follower.catching_up,
            best_known_height=self._follower.best_known_height,
            pending_transactions=self._pool.pending_transactions,
            pending_batches=len(self._pool),
            validator=Hex(self._validator) if self._validator is not None else None,
        )

    def parameters(self) -> ChainParameters:
        """What the chain goes by, for people."""
        return ChainParameters(
            self.name, self.chain_id, msgspec.to_builtins(self._store.parameters)
        )

    def serves(self, peer: Peer) -> bool:
        """Whether a peer takes part in this chain."""
        return channel_name(self.chain_id) in peer.channels or (
            topic_name(self.chain_id) in peer.topics
        )

    # ---- what comes from peers ----

    async def _receive(self, peer: PeerId, envelope: Envelope) -> None:
        match envelope:
            case ConsensusEnvelope(message):
                await self._engine.receive(peer, message)
            case BatchEnvelope(batch):
                self._arrive(peer, batch)
            case HeadEnvelope(height, _):
                self._follower.note_head(peer, height)
            case FinalEnvelope(header, _):
                self._follower.note_head(peer, header.height)
            case Announcement(addresses, _, height):
                self._network.learn(peer, addresses)
                self._follower.note_head(peer, height)

    def _arrive(self, peer: PeerId, encoded: bytes) -> None:
        digest = sha256(encoded).digest()
        if digest in self._seen:
            return
        try:
            self._arrivals_in.send_nowait((peer, encoded))
        except trio.WouldBlock:
            self._observer.refused_transaction(Reason.POOL_FULL)
            return
        self._seen[digest] = None
        if len(self._seen) > MAX_SEEN_BATCHES:
            self._seen.popitem(last=False)

    async def _check_arrivals(self) -> None:
        """Check batches in worker threads, several side by side, and pool them in their order."""
        while True:
            group = [await self._arrivals.receive()]
            while len(group) < self._threads:
                try:
                    group.append(self._arrivals.receive_nowait())
                except trio.WouldBlock:
                    break
            checked: list[CheckedBatch | None] = [None] * len(group)
            async with trio.open_nursery() as nursery:
                for place, (peer, encoded) in enumerate(group):
                    nursery.start_soon(self._check, checked, place, peer, encoded)
            for batch in checked:
                if batch is not None:
                    self._pool_batch(batch)

    async def _check(
        self, checked: list[CheckedBatch | None], place: int, peer: PeerId, encoded: bytes
    ) -> None:
        try:
            checked[place] = await trio.to_thread.run_sync(
                check_batch, self.chain_id, encoded, self._targets
            )
        except Refused as refusal:
            log.warning("batch_refused", chain=self.chain_id, peer=peer, reason=str(refusal))
            self._observer.refused_transaction(refusal.reason)
            self._network.report(peer, Offence.INVALID)

    def _pool_batch(self, batch: CheckedBatch) -> None:
        if batch.id in self._store.recent or not batch.live_at(
            max(self._store.tip.height, batch.parent_height) + 1
        ):
            return
        try:
            fresh = self._pool.add(batch)
        except Refused as refusal:
            self._observer.refused_transaction(refusal.reason)
            return
        if fresh:
            self._store.keep_batch(batch, sync=False)
            self._fetcher.arrived()

    # ---- what becomes final ----

    async def _finalised(
        self, block: Block, commit: Commit, record: BlockRecord, execution_s: float
    ) -> None:
        header = block.header
        finality_s = max(0, self._now_ms() - header.time_ms) / 1_000
        self._observer.block(record, finality_s, execution_s)
        for taken_s in self._intake.settle(record):
            self._observer.final(trio.current_time() - taken_s)
        if record.orders:
            self._observer.book(self._store.depth)
        log.info(
            "block_final",
            chain=self.chain_id,
            height=header.height,
            transactions=len(record.transactions),
            trades=len(record.trades),
            round=commit.round,
            finality_ms=round(finality_s * 1_000),
        )
        self._intake.expire()
        self._admission.settle()
        self.view.advanced()
        self._relay.broadcast(HeadEnvelope(self._store.tip.height, self._store.tip.id))
        if header.proposer == self._validator:
            await self._relay.publish(FinalEnvelope(header, commit))

    async def _reload_batches(self) -> None:
        """Pool again what was stored and not ordered before the node stopped."""
        for encoded in self._store.live_batches():
            try:
                batch = await trio.to_thread.run_sync(
                    check_batch, self.chain_id, encoded, self._targets
                )
            except Refused as refusal:
                log.error("stored_batch_refused", chain=self.chain_id, reason=str(refusal))
                continue
            if batch.id not in self._store.recent:
                self._pool.add(batch, needed=True)

    # ---- what comes round ----

    async def _keep_house(self) -> None:
        while True:
            await trio.sleep(HOUSEKEEPING_S)
            await self._intake.offer_again()
            self._observer.waiting(
                self._pool.pending_transactions, len(self._pool), self._follower.catching_up
            )

    async def _announce(self) -> None:
        while True:
            announcement = Announcement(
                self._network.addresses(), self._validator, self._store.tip.height
            )
            await self._relay.announce(announcement)
            await trio.sleep(ANNOUNCE_S)

    # ---- sync.serve.Archive ----

    def final_blocks(self, first: int, count: int) -> Sequence[tuple[bytes, bytes]]:
        """Encoded (block, commit) from a height on."""
        return tuple(self._store.final_blocks(first, count))

    def encoded_batch(self, identity: bytes) -> bytes | None:
        """An encoded batch, from the pool or the disk."""
        pooled = self._pool.get(identity)
        return pooled.sealed.encoded if pooled is not None else self._store.encoded_batch(identity)

    # ---- engine.Observer ----

    def refused(self, reason: str) -> None:
        """A consensus message was refused."""
        self._observer.refused_message(reason)

    def synced(self, seconds: float) -> None:
        """The journal was fsynced."""
        self._observer.journal_synced(seconds)

    def behind(self, peer: PeerId, height: int) -> None:
        """A peer has shown that `height` is final."""
        self._follower.note_head(peer, height)

    def evidence(self, first: object, second: object) -> None:
        """A validator signed two messages that contradict."""
        log.error("equivocation", chain=self.chain_id, first=repr(first), second=repr(second))
        self._observer.evidence()

    def _is_pending(self, transaction_id: bytes) -> bool:
        return self._intake.is_pending(transaction_id)


@asynccontextmanager
async def open_shard(
    name: str,
    genesis: Genesis,
    config: Config,
    home: Home,
    identity: Identity,
    network: Network,
    observer: ShardObserver,
    now_ms: Callable[[], int],
) -> AsyncIterator[Shard]:
    """Open what a chain keeps on disk, and close it in the end.

    Raises storage's errors, among them `Locked` where another process has this home.
    """
    chain = chain_id(genesis.network, name)
    votes = config.node.role == "validator" and identity.validator_public in genesis.validator_set(
        name
    )
    with ExitStack() as stack:
        store = await trio.to_thread.run_sync(
            ChainStore.open,
            home.database(name),
            chain,
            genesis_id(genesis, name),
            genesis.time_ms,
            genesis.chain_parameters(name),
            initial_coins(
                chain, [(each.address, each.amount_ugtx) for each in genesis.allocations_on(name)]
            ),
        )
        stack.callback(store.close)
        journal = Journal.open(home.journal(name))
        stack.callback(journal.close)
        signer = None
        if votes:
            # A guard that is lost later is not made again: it would not know what it signed.
            fresh = store.tip.height == 0 and not journal.recovered
            signer = Signer.open(home.signer(name), identity.validator_key, chain, create=fresh)
            stack.callback(signer.close)
        yield Shard(
            name, genesis, config, identity, network, store, journal, signer, observer, now_ms
        )
