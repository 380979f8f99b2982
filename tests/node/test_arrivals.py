"""What peers' batches have to be, and which may come again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from gtxnode.arrivals import MAX_ARRIVALS, MAX_PARENT_AHEAD, Arrivals
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.store import ChainStore
from p2p.identity import PeerId
from p2p.network import Offence
from tests.node.little_chain import batch_of, commit_on, extend, next_block, opened
from tests.waiting import until

PEER = PeerId("peer")


@dataclass
class Ear:
    """What a test hears of arrivals: charges, refusals, and that something came."""

    charges: list[Offence] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    news: int = 0

    def report(self, peer: PeerId, offence: Offence) -> None:
        assert peer == PEER
        self.charges.append(offence)

    def refused_transaction(self, reason: str) -> None:
        self.refusals.append(reason)

    def arrived(self) -> None:
        self.news += 1


@dataclass
class Gate:
    """A chain's arrivals, running."""

    store: ChainStore
    pool: BatchPool
    arrivals: Arrivals
    ear: Ear
    sent: int = 0

    async def send(self, *batches: CheckedBatch) -> None:
        """Let batches come, one after another, and wait until they are dealt with."""
        for batch in batches:
            self.arrivals.arrive(PEER, batch.sealed.encoded)
        # They are dealt with in their order, so the charge for this says that they are.
        self.sent += 1
        charges = len(self.ear.charges)
        self.arrivals.arrive(PEER, b"no batch %d" % self.sent)
        await until(lambda: len(self.ear.charges) > charges)
        self.ear.charges.pop()
        self.ear.refusals.remove("malformed_batch")


@asynccontextmanager
async def gate(max_bytes: int = 1_000_000) -> AsyncIterator[Gate]:
    store, pool, ear = opened(), BatchPool(max_bytes), Ear()
    arrivals = Arrivals(store, pool, ear, ear.report, ear.arrived)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(arrivals.run, 2)
        yield Gate(store, pool, arrivals, ear)
        nursery.cancel_scope.cancel()


async def test_a_good_batch_is_pooled_stored_and_told_once() -> None:
    async with gate() as at:
        batch = batch_of(at.store, 0)
        await at.send(batch, batch)
        assert [each.id for each in at.pool] == [batch.id]
        assert at.store.live_batches() == [batch.sealed.encoded]
        assert (at.ear.news, at.ear.charges) == (1, [])


async def test_a_parent_of_another_chain_is_charged() -> None:
    async with gate() as at:
        await at.send(batch_of(at.store, 0, parent=(0, b"\x01" * 32)))
        assert len(at.pool) == 0
        assert at.ear.charges == [Offence.INVALID]
        assert at.ear.refusals == ["wrong_parent"]


async def test_a_parent_far_ahead_is_let_go_and_taken_once_it_is_near() -> None:
    async with gate() as at:
        # One of a height that never comes would stay for ever.
        await at.send(batch_of(at.store, 0, parent=(2**53 - 1, b"\x01" * 32)))
        ahead = batch_of(at.store, 1, parent=(MAX_PARENT_AHEAD + 1, b"\x02" * 32))
        await at.send(ahead)
        assert len(at.pool) == 0
        extend(at.store, 1)
        await at.send(ahead)
        assert [each.id for each in at.pool] == [ahead.id]
        assert at.ear.charges == []


async def test_what_a_full_pool_refused_may_come_again() -> None:
    first_size = len(batch_of(opened(), 0).sealed.encoded)
    async with gate(max_bytes=2 * first_size + 20) as at:
        first, second = batch_of(at.store, 0), batch_of(at.store, 1)
        await at.send(first, second)
        assert at.ear.refusals == ["pool_full"]
        assert at.store.live_batches() == [first.sealed.encoded]
        at.pool.remove([first.id])
        await at.send(second)
        assert [each.id for each in at.pool] == [second.id]


async def test_what_a_block_has_ordered_is_passed_over() -> None:
    async with gate() as at:
        batch = batch_of(at.store, 0)
        block = next_block(at.store, batch)
        at.store.finalise(block, commit_on(block), [batch])
        await at.send(batch)
        assert len(at.pool) == 0
        assert at.store.live_batches() == []


async def test_garbage_is_charged_and_a_flood_is_bounded() -> None:
    async with gate() as at:
        at.arrivals.arrive(PEER, b"\xc1 no batch")
        await until(lambda: at.ear.charges == [Offence.INVALID])
        for number in range(MAX_ARRIVALS + 10):
            at.arrivals.arrive(PEER, number.to_bytes(4, "big"))
        assert at.ear.refusals.count("pool_full") >= 9
