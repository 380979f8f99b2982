"""One chain on this node: its parts, put together, and the paths between them.

    clients --> view --> intake --> batches ----> relay --> other nodes
                 ^                     |            |
                 |                   pool <-- arrivals, fetcher
               store <-- application --- engine <---+--- follower

Everything that a chain owns is opened in `open_shard` and closed when its block ends; everything
that runs, runs in `Shard.run`'s nursery.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
import trio

from consensus.evidence import Signed
from consensus.types import Block, Commit
from gtxnode.admission import Admission
from gtxnode.application import ChainApplication
from gtxnode.arrivals import Arrivals
from gtxnode.batches.pool import BatchPool
from gtxnode.chain.proposing import shown_by
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.registry import NoRegistry, Registry
from gtxnode.chain.validators import RegistrySets, SetUnknown
from gtxnode.engine import Engine, Voice
from gtxnode.home import Home
from gtxnode.hosting import (
    Disk,
    Hosting,
    accuser,
    checkpoints,
    open_disk,
    pace,
    roll_caller,
    sealing,
    seed_duty,
)
from gtxnode.intake import Intake
from gtxnode.relay import (
    Announcement,
    BatchEnvelope,
    CheckpointEnvelope,
    ConsensusEnvelope,
    Envelope,
    FinalEnvelope,
    HeadEnvelope,
    Relay,
    channel_name,
    topic_name,
)
from gtxnode.rpc.views.node import ChainParameters, ChainStatus
from gtxnode.rpc.wire import Hex, plain_fields
from gtxnode.sync.fetch import BatchFetcher
from gtxnode.sync.follow import Follower
from gtxnode.sync.serve import serving
from gtxnode.views.chain import ChainView
from p2p.identity import PeerId
from p2p.network import Peer

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = structlog.get_logger(__name__)

ANNOUNCE_S = 10.0
HOUSEKEEPING_S = 2.0


class Shard:
    """One hosted chain. Made by `open_shard`."""

    def __init__(self, name: str, host: Hosting, disk: Disk) -> None:
        store, network, report = disk.store, host.network, host.network.report
        self.name, self.chain_id = name, store.chain_id
        self._host = host
        self._store, self._sets = store, disk.sets
        self._validator = host.identity.validator if disk.signer is not None else None
        self._pool = BatchPool(host.config.pool.max_bytes, self._is_validator)
        self._pace = pace(host, name)
        self._relay = Relay(network, self.chain_id, host.observer.refused_message)
        self._fetcher = BatchFetcher(network, store, self._pool, self._relay.peers)
        self._arrivals = Arrivals(store, self._pool, host.observer, report, self._fetcher.arrived)
        self._admission = Admission(store, self._is_pending, host.now_ms)
        self._intake = Intake(
            store,
            self._pool,
            self._relay,
            self._fetcher,
            self._admission,
            sealing(host, self._until_block_s, votes=disk.signer is not None),
            host.observer.refused_transaction,
        )
        self._accuser = accuser(host, disk, self._intake.submit)
        self.checkpoints = checkpoints(
            name, host, disk, self._relay, self._accuser, self._is_behind
        )
        self.view = ChainView(name, store, self._intake, disk.sets)
        self._duty = seed_duty(host, disk, self._intake.submit, self._is_behind)
        self._caller = roll_caller(host, disk, self._is_behind)
        self._application = ChainApplication(
            store,
            self._pool,
            self._fetcher,
            disk.sets,
            host.registry or NoRegistry(),
            self._validator,
            self._duty.next_reveal,
            host.now_ms,
            self._finalised,
            self._caller.wanted,
        )
        self._engine = Engine(
            self.chain_id,
            self._application,
            self._relay,
            disk.journal,
            self._voice(disk),
            self._pace,
            self,
            report,
        )
        self._follower = Follower(
            network,
            self.chain_id,
            self._application.head_height,
            disk.sets,
            self._engine.synced,
            self.view.wait_for_height,
            self.checkpoints.check_block,
            host.observer.refused_message,
        )

    async def run(self, task_status: "TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Take part in the chain until cancelled."""
        await self._arrivals.reload()
        async with (
            serving(self._host.network, self.chain_id, self, self._host.observer.refused_message),
            trio.open_nursery() as nursery,
        ):
            await nursery.start(self._relay.run, self._receive)
            nursery.start_soon(self._arrivals.run, self._host.config.batches.verify_threads)
            nursery.start_soon(self._intake.run)
            nursery.start_soon(self._decide)
            nursery.start_soon(self._follower.run)
            nursery.start_soon(self.checkpoints.run)
            nursery.start_soon(self._duty.run)
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
            validator=self._voter(),
            checkpoint=self.checkpoints.height or None,
            checkpoint_turn=self.checkpoints.turn,
        )

    def parameters(self) -> ChainParameters:
        """What the chain goes by, for people."""
        return ChainParameters(self.name, self.chain_id, plain_fields(self._store.parameters))

    def registry(self) -> Registry | None:
        """This chain as others go by it; None where it is not the registry."""
        if not isinstance(self._sets, RegistrySets):
            return None
        return Registry(self._store, self._sets, self.view.wait_for_height, self._intake.submit)

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
                self._arrivals.arrive(peer, batch)
            case HeadEnvelope(height, _, validator):
                self._follower.note_head(peer, height)
                if validator is not None:
                    await self._engine.heard(validator, height)
            case FinalEnvelope(header, _):
                self._follower.note_head(peer, header.height)
            case Announcement(addresses, _, height):
                self._host.network.learn(peer, addresses)
                self._follower.note_head(peer, height)
            case CheckpointEnvelope(word):
                self.checkpoints.receive(peer, word)

    # ---- what becomes final ----

    async def _finalised(
        self, block: Block, commit: Commit, record: BlockRecord, execution_s: float
    ) -> None:
        header = block.header
        finality_s = max(0, self._host.now_ms() - header.time_ms) / 1_000
        self._host.observer.block(record, finality_s, execution_s)
        for taken_s in self._intake.settle(record):
            self._host.observer.final(trio.current_time() - taken_s)
        if record.orders:
            self._host.observer.book(self._store.depth)
        self._host.observer.proposing(shown_by(self._store, self._sets, block, commit))
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
        self.checkpoints.advanced()
        self._duty.advanced()
        self._caller.advanced(self._engine.late_votes(self._caller.wanted()))
        self.view.advanced()
        tip = self._store.tip
        self._relay.broadcast(HeadEnvelope(tip.height, tip.id, self._validator))
        if header.proposer == self._validator:
            await self._relay.publish(FinalEnvelope(header, commit))

    async def _decide(self) -> None:
        """Who votes is known once the registry is where our head goes by it."""
        await self._application.find_reference()
        await self._engine.run(self._store.last_commit)

    # ---- what comes round ----

    async def _keep_house(self) -> None:
        while True:
            await trio.sleep(HOUSEKEEPING_S)
            await self._intake.offer_again()
            self._host.observer.waiting(
                self._pool.pending_transactions, len(self._pool), self._follower.catching_up
            )

    async def _announce(self) -> None:
        while True:
            announcement = Announcement(
                self._host.network.addresses(), self._validator, self._store.tip.height
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
        self._host.observer.refused_message(reason)

    def synced(self, seconds: float) -> None:
        """The journal was fsynced."""
        self._host.observer.journal_synced(seconds)

    def behind(self, peer: PeerId, height: int) -> None:
        """A peer has shown that `height` is final."""
        self._follower.note_head(peer, height)

    def evidence(self, first: Signed, second: Signed) -> None:
        """A validator signed two messages that contradict: on the registry it pays for it."""
        accused = self._accuser.accuse(first, second)
        log.error(
            "equivocation",
            chain=self.chain_id,
            first=repr(first),
            second=repr(second),
            accused=accused,
        )
        self._host.observer.evidence()

    def _voter(self) -> Hex | None:
        """The key with which this node votes at the height at hand."""
        try:
            voters = self._sets.at(self._store.tip.height + 1)
        except SetUnknown:
            return None
        voter = voters.get(self._validator or b"")
        return Hex(voter.public_key) if voter is not None else None

    def _is_behind(self) -> bool:
        return self._follower.catching_up

    def _is_validator(self, key: bytes) -> bool:
        return key in self._sets.at(self._store.tip.height + 1)

    def _voice(self, disk: Disk) -> Voice:
        return Voice(
            self.chain_id,
            self._relay,
            disk.journal,
            disk.signer,
            self._validator,
            self,
            force=not self._host.config.consensus.look_first,
        )

    def _until_block_s(self) -> float:
        return self._pace.until_due_s(self._store.tip.time_ms)

    def _is_pending(self, transaction_id: bytes) -> bool:
        return self._intake.is_pending(transaction_id)


@asynccontextmanager
async def open_shard(name: str, host: Hosting, home: Home) -> AsyncIterator[Shard]:
    """A chain over what it keeps on disk, which is closed in the end.

    Raises storage's errors, among them `Locked` where another process has this home, and
    `CheckpointCrossed`.
    """
    async with open_disk(name, host, home) as disk:
        shard = Shard(name, host, disk)
        shard.checkpoints.hold()
        yield shard
