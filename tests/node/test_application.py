"""Verdicts on blocks, and that nothing is executed which the rules do not allow."""

from collections.abc import Sequence

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from benchmarks.replay import GENESIS_ID
from consensus.timeliness import MAX_WAIT_MS, PRECISION_MS
from consensus.types import Block, Commit
from gtxnode.application import ChainApplication, Diverged
from gtxnode.batches.batch import BATCH_LIFETIME
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.registry import NoRegistry
from gtxnode.chain.validators import FixedSets
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.registry.validators import Presence, presence_coin_id
from gtxnode.primitives.errors import Reason, Refused
from storage.kv import WriteBatch
from storage.memory import MemoryStore
from tests.chain.registry import FOUNDER, PUBLIC, Registry
from tests.chain.registry import commit_on as registry_commit
from tests.node.little_chain import (
    PUBLIC_KEY,
    VALIDATORS,
    Shelf,
    batch_of,
    commit_on,
    extend,
    next_block,
    opened,
)
from tests.waiting import until


class Chain:
    """An application on a store in memory."""

    def __init__(self, database: MemoryStore | None = None, pool: BatchPool | None = None) -> None:
        self.store = opened(database)
        self.pool = BatchPool() if pool is None else pool
        self.shelf = Shelf()
        self.now_ms = 1_000_000
        self.final: list[BlockRecord] = []
        self.application = ChainApplication(
            self.store,
            self.pool,
            self.shelf,
            FixedSets(VALIDATORS, GENESIS_ID),
            NoRegistry(),
            PUBLIC_KEY,
            lambda _: None,
            lambda: self.now_ms,
            self.finalised,
        )

    async def finalised(
        self, block: Block, commit: Commit, record: BlockRecord, seconds: float
    ) -> None:
        self.final.append(record)

    async def decide(self, block: Block) -> None:
        await self.application.finalise(block, commit_on(block))


def changed(block: Block, **fields: object) -> Block:
    return Block(msgspec.structs.replace(block.header, **fields), block.payload, block.last_commit)


async def test_what_we_build_is_valid_and_takes_effect() -> None:
    chain = Chain()
    batch = batch_of(chain.store, 0, 1)
    chain.pool.add(batch)
    chain.shelf.put(batch)
    block = await chain.application.build(1, None)
    assert block.payload == (batch.id,)
    assert await chain.application.judge(block)
    await chain.decide(block)
    assert [item.reason for item in chain.final[0].transactions] == [None, None]
    assert len(chain.pool) == 0
    assert (await chain.application.build(2, commit_on(block))).payload == ()


async def test_a_verdict_waits_for_a_batch(nursery: trio.Nursery) -> None:
    chain = Chain()
    batch = batch_of(chain.store, 0)
    verdicts: list[bool] = []

    async def judge() -> None:
        verdicts.append(await chain.application.judge(next_block(chain.store, batch)))

    nursery.start_soon(judge)
    await wait_all_tasks_blocked()
    assert verdicts == []
    chain.shelf.put(batch)
    await until(lambda: verdicts == [True])


async def test_a_verdict_waits_for_the_blocks_time(autojump_clock: MockClock) -> None:
    chain = Chain()
    block = changed(next_block(chain.store), time_ms=chain.now_ms + MAX_WAIT_MS)
    assert await chain.application.judge(block)
    waited_s = (MAX_WAIT_MS - PRECISION_MS) / 1_000
    assert trio.current_time() == pytest.approx(waited_s)
    # Its proposal is not timely, and if others made it final it is our clock that is wrong.
    assert await chain.application.judge(changed(block, time_ms=chain.now_ms + MAX_WAIT_MS + 1))
    assert trio.current_time() == pytest.approx(waited_s)


@pytest.mark.parametrize("fault", ["parent_unknown", "outlived", "repeated", "too_many", "refused"])
async def test_a_block_with_a_batch_that_may_not_be_ordered_is_invalid(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain()
    batch = batch_of(chain.store, 0, 1)
    match fault:
        case "parent_unknown":
            batch = batch_of(chain.store, 0, parent=(0, b"\x01" * 32))
        case "outlived":
            extend(chain.store, BATCH_LIFETIME)
        case "repeated":
            chain.shelf.put(batch)
            await chain.decide(next_block(chain.store, batch))
        case "too_many":
            monkeypatch.setattr("gtxnode.chain.rules.MAX_BLOCK_TRANSACTIONS", 1)
        case "refused":
            monkeypatch.setattr(chain.shelf, "batches", refuse)
    chain.shelf.put(batch)
    block = next_block(chain.store, batch)
    assert not await chain.application.judge(block)
    before = chain.store.tip
    # Nor does it take effect where two thirds have signed it all the same.
    with pytest.raises(Diverged):
        await chain.decide(block)
    assert chain.store.tip == before


async def refuse(identities: Sequence[bytes]) -> list[CheckedBatch]:
    raise Refused(Reason.BAD_SIGNATURE, "a transaction of it")


async def test_a_final_block_on_another_state_stops_the_node() -> None:
    chain = Chain()
    good = next_block(chain.store)
    for fields in ({"app_root": b"\x01" * 32}, {"parent_id": b"\x01" * 32}):
        block = changed(good, **fields)
        with pytest.raises(Diverged, match="block 1"):
            await chain.decide(block)
    assert chain.store.tip.height == 0
    await chain.decide(good)
    assert chain.store.tip.height == 1


async def test_the_registry_counts_turns_to_propose() -> None:
    registry = Registry()

    async def ignore(block: Block, commit: Commit, record: BlockRecord, seconds: float) -> None:
        await trio.lowlevel.checkpoint()

    application = ChainApplication(
        registry.store,
        BatchPool(),
        Shelf(),
        registry.sets,
        NoRegistry(),
        PUBLIC[FOUNDER],
        lambda _: None,
        lambda: 1_000_000,
        ignore,
    )
    for _ in range(2):
        block = registry.next_block()
        await application.finalise(block, registry_commit(block))
    encoded = registry.store.get(presence_coin_id(registry.store.chain_id))
    assert encoded is not None
    presence = decode_coin(encoded)
    assert isinstance(presence, Presence)
    # Of the two blocks only the first has a child whose commit tells.
    (record,) = presence.records
    assert record.public_key == PUBLIC[FOUNDER]
    assert (record.conduct.made, record.conduct.missed) == (1, 0)


class Synced(MemoryStore):
    """Counts the writes that survive a power cut."""

    count = 0

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        self.count += sync
        super().write(batch, sync=sync)


async def test_what_is_voted_for_is_on_the_disk() -> None:
    database = Synced()
    chain = Chain(database)
    batch = batch_of(chain.store, 0)
    chain.shelf.put(batch)
    chain.store.keep_batch(batch, sync=False)
    before = database.count
    assert await chain.application.judge(next_block(chain.store, batch))
    assert database.count == before + 1
    # What is there already needs no second sync.
    assert await chain.application.judge(next_block(chain.store, batch))
    assert database.count == before + 1


async def test_what_a_lost_proposal_needed_leaves_the_pool_and_the_disk() -> None:
    chain = Chain(pool=BatchPool(max_bytes=1))
    lost = batch_of(chain.store, 0)
    chain.pool.borrow(lost)
    chain.store.keep_batch(lost, sync=False)
    await chain.decide(next_block(chain.store))
    assert lost.id not in chain.pool
    assert chain.store.live_batches() == []
