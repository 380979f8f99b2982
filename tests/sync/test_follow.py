"""Blocks are fetched from whoever proves its claim; a claim alone changes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from benchmarks.replay import CHAIN
from consensus.checkpoints import CrossesCheckpoint
from consensus.errors import Refusal
from consensus.messages import votes_of_commit
from consensus.types import Block, Commit, block_codec, commit_codec
from gtxnode.chain.validators import FixedSets
from gtxnode.sync import follow
from gtxnode.sync.follow import CATCHING_UP_BLOCKS, CheckBlock, Follower
from gtxnode.sync.wire import MAX_BLOCKS_PER_REQUEST
from p2p.identity import PeerId
from p2p.network import Offence
from p2p.simulated_node import SimulatedNetwork
from tests.node.little_chain import VALIDATORS, commit_on
from tests.sync.peers import (
    Answer,
    Archive,
    Neighbourhood,
    answering,
    chain_of,
    encoded,
    garbage,
    neighbourhood,
    nothing,
    silence,
)
from tests.waiting import until

HUGE = 2**53 - 1
GONE = PeerId("a stranger that is not connected")


@dataclass
class Head:
    """Stands for the engine: takes blocks one after another."""

    height: int = 0
    news: trio.Event = field(default_factory=trio.Event)

    async def deliver(self, block: Block, commit: Commit) -> None:
        assert block.header.height == self.height + 1
        self.rise(block.header.height)

    def rise(self, height: int) -> None:
        self.height = height
        self.news.set()
        self.news = trio.Event()

    async def wait_for(self, height: int) -> None:
        while self.height < height:
            await self.news.wait()


@dataclass
class Scene:
    """A follower at height 0 and its neighbours."""

    around: Neighbourhood
    follower: Follower
    head: Head

    @property
    def network(self) -> SimulatedNetwork:
        return self.around.network

    def is_behind(self) -> bool:
        return self.follower.catching_up

    def charges(self, offence: Offence) -> int:
        return self.network.counters.offences[offence]


def no_checkpoint(height: int, block_id: bytes) -> None:
    """Nothing is ruled out."""


@asynccontextmanager
async def scene(checkpoint: CheckBlock = no_checkpoint) -> AsyncIterator[Scene]:
    with trio.fail_after(30):
        async with neighbourhood() as around:
            head = Head()
            follower = Follower(
                around.network,
                CHAIN,
                lambda: head.height,
                FixedSets(VALIDATORS, bytes(32)),
                head.deliver,
                head.wait_for,
                checkpoint,
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(follower.run)
                yield Scene(around, follower, head)
                nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PATIENCE_S", 0.1)
    monkeypatch.setattr(follow, "RETRY_S", 0.02)
    monkeypatch.setattr(follow, "VOTES_GRACE_S", 0.02)


async def test_a_long_chain_is_fetched_in_ranges_and_known_to_be_ahead_meanwhile() -> None:
    length = MAX_BLOCKS_PER_REQUEST + 10
    archive = Archive(chain_of(length))
    async with scene() as at:
        peer = await at.around.honest(archive)
        at.follower.note_head(peer, length)
        await at.head.wait_for(1)
        assert at.is_behind()
        assert at.follower.best_known_height == length
        await at.head.wait_for(length)
        assert not at.is_behind()
        assert archive.asked == [1, MAX_BLOCKS_PER_REQUEST + 1]
        assert not at.network.counters.offences


def forged(first: int) -> list[tuple[bytes, bytes]]:
    """A chain of one's own, without the validators' signatures."""
    ((block, commit),) = chain_of(1).final_blocks(1, 1)
    header = msgspec.structs.replace(block_codec.decode(block).header, time_ms=77)
    changed = Block(header, (), None)
    signed = msgspec.structs.replace(commit_codec.decode(commit), block_id=bytes(32))
    return [encoded(changed, signed)]


def of_another_height(first: int) -> list[tuple[bytes, bytes]]:
    return list(chain_of(2).final_blocks(2, 1))


def with_another_body(first: int) -> list[tuple[bytes, bytes]]:
    ((block, commit),) = chain_of(1).final_blocks(1, 1)
    header = block_codec.decode(block).header
    return [encoded(Block(header, (b"\x01" * 32,), None), commit_codec.decode(commit))]


def with_late_votes(first: int) -> list[tuple[bytes, bytes]]:
    ((block, commit),) = chain_of(1).final_blocks(1, 1)
    header, signed = block_codec.decode(block).header, commit_codec.decode(commit)
    return [encoded(Block(header, (), None, votes_of_commit(signed)), signed)]


def undecodable(first: int) -> list[tuple[bytes, bytes]]:
    return [(b"\xc1", b"\x00")]


@pytest.mark.parametrize(
    "answer",
    [
        nothing,
        garbage,
        *map(
            answering,
            (forged, of_another_height, with_another_body, with_late_votes, undecodable),
        ),
    ],
)
async def test_a_claim_that_is_not_proved_is_charged_and_not_believed(answer: Answer) -> None:
    async with scene() as at:
        liar = await at.around.odd(answer)
        # It claims again and again, until it is banned for it.
        while liar not in at.network.banned():
            charged = at.charges(Offence.INVALID)
            at.follower.note_head(liar, HUGE)
            assert at.follower.best_known_height == 0
            await until(lambda: at.charges(Offence.INVALID) > charged)  # noqa: B023
        assert at.head.height == 0


async def test_a_block_that_a_checkpoint_rules_out_is_charged_and_not_taken() -> None:
    def ruled_out(height: int, block_id: bytes) -> None:
        if height == 3:
            raise CrossesCheckpoint(Refusal.CROSSES_CHECKPOINT)

    async with scene(ruled_out) as at:
        crosses = await at.around.honest(Archive(chain_of(20)))
        at.follower.note_head(crosses, 20)
        await until(lambda: at.charges(Offence.INVALID) > 0)
        at.follower.note_head(crosses, 20)
        await until(lambda: at.charges(Offence.INVALID) > 1)
        assert at.head.height == 0


async def test_a_liar_keeps_nobody_from_an_honest_peer() -> None:
    async with scene() as at:
        asleep = await at.around.odd(silence)
        liar = await at.around.odd(nothing)
        honest = await at.around.honest(Archive(chain_of(20)))
        for height in (10, 20):
            at.follower.note_head(asleep, HUGE)
            at.follower.note_head(liar, HUGE)
            at.follower.note_head(GONE, HUGE)
            at.follower.note_head(honest, height)
            await at.head.wait_for(height)
        await until(lambda: not at.is_behind())


async def test_real_blocks_prove_no_more_than_themselves() -> None:
    async with scene() as at:
        boaster = await at.around.honest(Archive(chain_of(CATCHING_UP_BLOCKS)))
        at.follower.note_head(boaster, HUGE)
        await at.head.wait_for(CATCHING_UP_BLOCKS)
        await until(lambda: at.charges(Offence.INVALID) == 1)
        assert at.follower.best_known_height == CATCHING_UP_BLOCKS
        assert not at.is_behind()


async def test_a_server_that_doles_out_blocks_is_charged() -> None:
    archive = Archive(chain_of(20), shortest=1)
    async with scene() as at:
        slow = await at.around.honest(archive)
        at.follower.note_head(slow, 20)
        await until(lambda: at.charges(Offence.INVALID) == 1)
        assert at.head.height >= 1


async def test_a_block_that_votes_settle_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "VOTES_GRACE_S", 30)
    archive = Archive(chain_of(2))
    async with scene() as at:
        peer = await at.around.honest(archive)
        at.follower.note_head(peer, 1)
        await wait_all_tasks_blocked()
        at.head.rise(1)
        at.follower.note_head(peer, 1)
        await wait_all_tasks_blocked()
        assert archive.asked == []


async def test_a_commit_of_strangers_proves_nothing() -> None:
    async with scene() as at:
        store = chain_of(1)
        ((block, _),) = store.final_blocks(1, 1)
        decoded = block_codec.decode(block)
        real = commit_on(decoded)
        stripped = msgspec.structs.replace(real, signatures=())
        liar = await at.around.odd(answering(lambda first: [encoded(decoded, stripped)]))
        at.follower.note_head(liar, 1)
        await until(lambda: at.charges(Offence.INVALID) == 1)
        assert at.head.height == 0
