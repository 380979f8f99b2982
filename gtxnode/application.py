"""The chain as consensus sees it: a block to propose, a verdict on a block, a block made final.

A verdict is given once and for good. What is not here yet (a batch, the block's time, the block of
the registry that it names) is waited for, never taken for a fault; whoever asked cancels when the
height is over.

What two thirds made final is held against the rules once more before it is executed: a block that
was fetched was never judged here. Where they do not hold, this node's state is not the others' or
a third of the stake breaks the rules, and going on would hide it: `Diverged` stops the node.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog
import trio

from consensus.hash_chain import HashChain
from consensus.presence import Window
from consensus.proposers import ProposerSchedule
from consensus.timeliness import wait_ms
from consensus.turns import Turns, turns_of
from consensus.types import NO_ANCHOR, Block, Commit, Header, Vote
from consensus.validators import ValidatorSet
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.presence import open_heights
from gtxnode.chain.proposers import Proposers
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.registry import Reference
from gtxnode.chain.reveals import chain_on_head
from gtxnode.chain.rules import (
    Fault,
    InvalidBlock,
    build_block,
    check_batches,
    check_block,
    check_late,
    check_reveal,
    may_be_ordered,
)
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import ValidatorSets
from gtxnode.ledger.authority.decrees import Decreed
from gtxnode.ledger.authority.directives import count_of
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.registry.exhibits import shard_of
from gtxnode.ledger.registry.proposers import reveal_due
from gtxnode.primitives.errors import Refused

log = structlog.get_logger(__name__)

# So many are verified on the event loop: two milliseconds at most.
FEW_SIGNATURES = 32

# What follows a block: the block, its commit, what it did, and the seconds that took.
Finalised = Callable[[Block, Commit, BlockRecord, float], Awaitable[None]]

# What a validator has to reveal next, by where its chain stands; None where that is not its own.
NextReveal = Callable[[HashChain], bytes | None]


class Batches(Protocol):
    """Where a block's batches come from."""

    async def batches(self, identities: Sequence[bytes]) -> list[CheckedBatch]:
        """All of these, in order, once they are here; raises `Refused` for one never valid."""


class Diverged(Exception):
    """Two thirds made a block final that is not valid on this node's state."""

    code = "chain.diverged"

    def __init__(self, chain_id: str, height: int, reason: str) -> None:
        super().__init__(f"block {height} of {chain_id} is final and not valid here: {reason}")


class ChainApplication:
    """Implements `engine.Application` on one chain's store, pool and fetcher."""

    def __init__(
        self,
        store: ChainStore,
        pool: BatchPool,
        fetcher: Batches,
        sets: ValidatorSets,
        reference: Reference,
        public_key: bytes | None,
        next_reveal: NextReveal,
        now_ms: Callable[[], int],
        finalised: Finalised,
        called: Callable[[], Window] = tuple,
    ) -> None:
        self._store = store
        self._pool = pool
        self._fetcher = fetcher
        self._sets = sets
        self._proposers = Proposers(store.chain_id, store, store.parameters, sets)
        self._reference = reference
        self._public_key = public_key
        self._next_reveal = next_reveal
        self._window: tuple[int, Window] = (-1, ())
        self._now_ms = now_ms
        self._finalised = finalised
        self._called = called

    def head_height(self) -> int:
        """The height of the newest final block, 0 before the first."""
        return self._store.tip.height

    def head_id(self) -> bytes:
        """Its id; that of genesis before the first."""
        return self._store.tip.id

    def head_time_ms(self) -> int:
        """Its time; that of genesis before the first."""
        return self._store.tip.time_ms

    def validators(self, height: int) -> ValidatorSet:
        """Who votes at a height; raises `SetUnknown` for one too far from the head."""
        return self._sets.at(height)

    def proposers(self, height: int) -> ProposerSchedule:
        """Who proposes at the next height."""
        return self._proposers.at(height)

    def late_window(self) -> Window:
        """The heights whose precommits a block on the head may still carry, and who is missing;
        none but on the registry, which counts who is present."""
        head, window = self._window
        if head != self._store.tip.height:
            window = open_heights(self._store)
            self._window = self._store.tip.height, window
        return window

    def wanted_precommits(self) -> Window:
        """The heights whose precommits are still of use: to blocks here, or, on a chain that goes
        by the registry, to it."""
        return self.late_window() or self._called()

    async def build(
        self, height: int, last_commit: Commit | None, late: tuple[Vote, ...] = ()
    ) -> Block:
        """A block on the head with what waits in the pool, proposed by us."""
        assert self._public_key is not None, "only a validator proposes"
        anchor = self._reference.newest()
        reveal = await self._reveal(last_commit)
        block = build_block(
            self._store.tip,
            self._pool.choose(height, self._can_be_ordered),
            last_commit,
            self.validators(height),
            self._sets.after(height, anchor),
            self._public_key,
            self._now_ms(),
            anchor,
            reveal,
            late,
        )
        await self._sync_batches(block)
        return block

    async def _reveal(self, last_commit: Commit | None) -> bytes | None:
        """Our part of the seed, where this chain asks for it and we have a hash chain."""
        assert self._public_key is not None, "only a validator proposes"
        turns = self._turns(last_commit)
        chain = chain_on_head(self._store, self._public_key, turns)
        if chain is None or chain.tip is None:
            return None
        # The first time, all its values are worked out.
        return await trio.to_thread.run_sync(self._next_reveal, chain)

    def _can_be_ordered(self, batch: CheckedBatch) -> bool:
        height = self._store.tip.height + 1
        return batch.id not in self._store.recent and may_be_ordered(
            height, batch, self._store.parent
        )

    async def find_reference(self) -> None:
        """Return once the registry is where the head goes by it; raises `Diverged`."""
        tip = self._store.tip
        try:
            await self._reference.check(NO_ANCHOR, tip.anchor)
        except InvalidBlock as error:
            raise Diverged(tip.chain_id, tip.height, str(error)) from error

    async def judge(self, block: Block) -> bool:
        """Whether a block is valid, once its time has come and its batches are here."""
        height = block.header.height
        try:
            await self._check_reference(block)
            await self._check_aside(block)
            await trio.sleep(wait_ms(block.header.time_ms, self._now_ms()) / 1_000)
            check_batches(height, await self._batches(block), self._store.parent)
        except InvalidBlock as error:
            log.warning(
                "block_invalid", chain=self._store.chain_id, height=height, reason=str(error)
            )
            return False
        await self._sync_batches(block)
        return True

    async def _sync_batches(self, block: Block) -> None:
        """A vote says that this node has the batches, and still will after a power cut."""
        if block.payload and self._store.has_unsynced:
            await trio.to_thread.run_sync(self._store.sync)

    async def _check_reference(self, block: Block) -> None:
        await self._reference.check(self._store.tip.anchor, block.header.anchor)

    def _check(self, block: Block) -> None:
        height = block.header.height
        check_block(
            self._store.tip,
            block,
            self.validators(height),
            self._sets.after(height, block.header.anchor),
            self.validators(height - 1),
            self._store.recent,
            self._store.last_commit,
        )
        turns = self._turns(block.last_commit)
        check_late(block, self.late_window())
        check_reveal(block, chain_on_head(self._store, block.header.proposer, turns))

    async def _check_aside(self, block: Block) -> None:
        """As `_check`, in a worker thread where many signatures are to be verified."""
        commit = block.last_commit
        signatures = len(block.late) + (len(commit.signatures) if commit is not None else 0)
        if signatures > FEW_SIGNATURES:
            await trio.to_thread.run_sync(self._check, block)
        else:
            self._check(block)

    async def _batches(self, block: Block) -> list[CheckedBatch]:
        try:
            return await self._fetcher.batches(block.payload)
        except Refused as refusal:
            raise InvalidBlock(Fault.BATCH_INVALID, str(refusal)) from refusal

    async def finalise(self, block: Block, commit: Commit) -> None:
        """Execute a decided block in a worker thread and write it, synced.

        Raises `Diverged`, and storage's write errors.
        """
        try:
            await self._check_reference(block)
            batches = await self._batches(block)
            started = trio.current_time()
            with trio.CancelScope(shield=True):
                # A block half done in memory must not be left by a cancellation.
                record = await trio.to_thread.run_sync(self._execute, block, commit, batches)
        except InvalidBlock as error:
            raise Diverged(self._store.chain_id, block.header.height, str(error)) from error
        self._pool.remove(block.payload)
        if gone := self._pool.release():
            self._store.drop_batches([batch.id for batch in gone])
        await self._finalised(block, commit, record, trio.current_time() - started)

    def _execute(
        self, block: Block, commit: Commit, batches: Sequence[CheckedBatch]
    ) -> BlockRecord:
        self._check(block)
        check_batches(block.header.height, batches, self._store.parent)
        voters = self.validators(block.header.height)
        decreed = self._decreed(block.header)
        turns = self._turns(block.last_commit)
        homes = self._reference.homes(block.header.anchor, shard_of(self._store.chain_id))
        return self._store.finalise(block, commit, batches, turns, voters, decreed, homes)

    def _decreed(self, header: Header) -> Decreed | None:
        """What the registry has changed since the parent, if the reference has moved."""
        if header.anchor == self._store.tip.anchor:
            return None
        taken = count_of(self._store.chain_id, CoinView(self._store))
        return self._reference.decreed(header.anchor, taken)

    def _turns(self, commit: Commit | None) -> Turns | None:
        """Whose turns at the head's height its commit shows as made or missed."""
        parent = self._store.head
        if commit is None or parent is None:
            return None
        schedule = self._proposers.at(parent.height)
        turns = turns_of(schedule, parent.height, commit.round, parent.proposer)
        if parent.reveal is None and reveal_due(self._store.parameters, parent.height):
            return replace(turns, withheld=True)
        return turns
