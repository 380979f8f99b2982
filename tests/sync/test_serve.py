"""Questions for blocks and batches: whatever is asked gets an answer within the limits, or a no."""

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from benchmarks.replay import CHAIN
from consensus.encoding import Codec, DecodeError
from consensus.types import MAX_BLOCK_BYTES, MAX_COMMIT_BYTES
from gtxnode.batches.batch import MAX_BATCH_BYTES
from gtxnode.sync.follow import is_full
from gtxnode.sync.serve import serving
from gtxnode.sync.wire import (
    BATCHES_ANSWER,
    BATCHES_REQUEST,
    BLOCKS_ANSWER,
    BLOCKS_REQUEST,
    MAX_BATCHES_PER_REQUEST,
    MAX_BLOCKS_PER_REQUEST,
    BatchesAnswer,
    BatchesRequest,
    BlocksAnswer,
    BlocksRequest,
    FinalBlock,
    batches_protocol,
    blocks_protocol,
)
from p2p.errors import Failure, RequestFailed
from p2p.network import MAX_RESPONSE_BYTES
from tests.node.little_chain import batch_of, opened
from tests.sync.peers import Archive, chain_of, neighbourhood, nothing

GOOD: Sequence[tuple[Codec[Any], bytes]] = (
    (BLOCKS_REQUEST, BLOCKS_REQUEST.encode(BlocksRequest(1, 16))),
    (BATCHES_REQUEST, BATCHES_REQUEST.encode(BatchesRequest((b"\x01" * 32, b"\x02" * 32)))),
    (BLOCKS_ANSWER, BLOCKS_ANSWER.encode(BlocksAnswer((FinalBlock(b"block", b"commit"),)))),
    (BATCHES_ANSWER, BATCHES_ANSWER.encode(BatchesAnswer((b"batch",)))),
)


def parses_or_is_malformed(codec: Codec[Any], data: bytes) -> None:
    """The sentence: garbage parses, to what encodes to the same bytes, or raises that error."""
    try:
        decoded = codec.decode(data)
    except DecodeError:
        return
    assert codec.encode(decoded) == data


@given(st.sampled_from(GOOD), st.binary(max_size=300))
def test_garbage_parses_or_raises_that_one_error(
    good: tuple[Codec[Any], bytes], data: bytes
) -> None:
    parses_or_is_malformed(good[0], data)


@given(st.sampled_from(GOOD), st.integers(0, 1_000), st.binary(max_size=3), st.integers(0, 3))
def test_messages_with_a_change_parse_or_raise_that_one_error(
    good: tuple[Codec[Any], bytes], place: int, put: bytes, over: int
) -> None:
    codec, data = good
    at = place % (len(data) + 1)
    parses_or_is_malformed(codec, data[:at] + put + data[at + over :])


REFUSED = [
    (blocks_protocol(CHAIN), b""),
    (blocks_protocol(CHAIN), b"\xc1"),
    (blocks_protocol(CHAIN), BLOCKS_REQUEST.encode(BlocksRequest(1, 0))),
    (blocks_protocol(CHAIN), BLOCKS_REQUEST.encode(BlocksRequest(1, MAX_BLOCKS_PER_REQUEST + 1))),
    (blocks_protocol(CHAIN), BLOCKS_REQUEST.encode(BlocksRequest(-1, 1))),
    (blocks_protocol(CHAIN), BLOCKS_REQUEST.encode(BlocksRequest(2**64 - 1, 1))),
    (batches_protocol(CHAIN), BATCHES_REQUEST.encode(BatchesRequest(()))),
    (batches_protocol(CHAIN), BATCHES_REQUEST.encode(BatchesRequest((b"short",)))),
    (
        batches_protocol(CHAIN),
        BATCHES_REQUEST.encode(BatchesRequest((bytes(32),) * (MAX_BATCHES_PER_REQUEST + 1))),
    ),
    (batches_protocol(CHAIN), bytes(60_000)),
]


@pytest.mark.parametrize(("protocol", "payload"), REFUSED, ids=lambda each: str(each)[:30])
async def test_what_cannot_be_meant_is_refused(protocol: str, payload: bytes) -> None:
    async with neighbourhood() as around:
        peer = await around.honest(Archive(chain_of(1)))
        with pytest.raises(RequestFailed) as failure:
            await around.network.request(peer, protocol, payload, timeout_s=5)
        assert failure.value.failure is Failure.REFUSED
        assert "malformed request" in str(failure.value)


async def test_who_asks_what_cannot_be_meant_again_and_again_is_dropped() -> None:
    async with neighbourhood() as around:
        peer = await around.honest(Archive(chain_of(1)))
        failures = []
        for _ in range(50):
            with pytest.raises(RequestFailed) as failure:
                await around.network.request(peer, blocks_protocol(CHAIN), b"", timeout_s=5)
            failures.append(failure.value.failure)
        assert failures[0] is Failure.REFUSED
        assert failures[-1] is not Failure.REFUSED


async def test_blocks_from_beyond_the_head_are_an_empty_answer() -> None:
    async with neighbourhood() as around:
        peer = await around.honest(Archive(chain_of(2)))
        for first, expected in ((2, 1), (3, 0), (2**53 - 1, 0), (0, 2)):
            payload = BLOCKS_REQUEST.encode(BlocksRequest(first, 16))
            answer = await around.network.request(
                peer, blocks_protocol(CHAIN), payload, timeout_s=5
            )
            assert len(BLOCKS_ANSWER.decode(answer).blocks) == expected, first


class OffTheLoop(Archive):
    """One that must not be read on the thread where votes are taken."""

    def final_blocks(self, first: int, count: int) -> Sequence[tuple[bytes, bytes]]:
        assert threading.current_thread() is not threading.main_thread()
        return super().final_blocks(first, count)

    def encoded_batch(self, identity: bytes) -> bytes | None:
        assert threading.current_thread() is not threading.main_thread()
        return super().encoded_batch(identity)


async def test_the_disk_is_read_off_the_loop() -> None:
    async with neighbourhood() as around:
        peer = await around.honest(OffTheLoop(chain_of(2)))
        for protocol, payload in (
            (blocks_protocol(CHAIN), GOOD[0][1]),
            (batches_protocol(CHAIN), GOOD[1][1]),
        ):
            await around.network.request(peer, protocol, payload, timeout_s=5)


class Slow(Archive):
    """One whose disk takes its time."""

    def __init__(self) -> None:
        super().__init__(chain_of(1))
        self.reading, self.may_end = threading.Event(), threading.Event()
        self.reads = 0

    def final_blocks(self, first: int, count: int) -> Sequence[tuple[bytes, bytes]]:
        self.reading.set()
        assert self.may_end.wait(30)
        self.reads += 1
        return super().final_blocks(first, count)


async def test_nothing_is_read_once_the_chain_is_closed() -> None:
    """LevelDB must not be closed under a thread that reads it."""
    archive = Slow()
    async with neighbourhood() as around:
        asker = await around.odd(nothing)

        async def ask() -> None:
            ours = around.network
            with contextlib.suppress(RequestFailed):
                other = around.node(asker)
                await other.request(ours.peer_id, blocks_protocol(CHAIN), GOOD[0][1], timeout_s=60)

        async def close(scope: trio.CancelScope) -> None:
            await trio.to_thread.run_sync(archive.reading.wait)
            scope.cancel()
            await wait_all_tasks_blocked()
            archive.may_end.set()

        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                async with serving(around.network, CHAIN, archive):
                    nursery.start_soon(ask)
                    nursery.start_soon(close, scope)
                    await trio.Event().wait()  # until it is cancelled
            assert archive.reads == 1
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            assert archive.reads == 1
            nursery.cancel_scope.cancel()


class Large(Archive):
    """One whose every block and commit is as large as may be."""

    def final_blocks(self, first: int, count: int) -> Sequence[tuple[bytes, bytes]]:
        return [(bytes(MAX_BLOCK_BYTES), bytes(MAX_COMMIT_BYTES))] * count

    def encoded_batch(self, identity: bytes) -> bytes | None:
        return bytes(MAX_BATCH_BYTES)


async def test_the_largest_answers_fit_and_say_that_there_may_be_more() -> None:
    async with neighbourhood() as around:
        peer = await around.honest(Large(opened()))
        payload = BLOCKS_REQUEST.encode(BlocksRequest(1, MAX_BLOCKS_PER_REQUEST))
        answer = await around.network.request(peer, blocks_protocol(CHAIN), payload, timeout_s=5)
        assert len(answer) <= MAX_RESPONSE_BYTES
        blocks = BLOCKS_ANSWER.decode(answer).blocks
        assert 0 < len(blocks) < MAX_BLOCKS_PER_REQUEST
        assert is_full(blocks)
        assert not is_full(blocks[:1])
        ids = tuple(bytes([number]) * 32 for number in range(MAX_BATCHES_PER_REQUEST))
        payload = BATCHES_REQUEST.encode(BatchesRequest(ids))
        answer = await around.network.request(peer, batches_protocol(CHAIN), payload, timeout_s=5)
        assert len(BATCHES_ANSWER.decode(answer).batches) == MAX_BATCHES_PER_REQUEST


async def test_batches_that_are_not_here_are_left_out() -> None:
    store = opened()
    batch = batch_of(store, 0)
    store.keep_batch(batch, sync=False)
    async with neighbourhood() as around:
        peer = await around.honest(Archive(store))
        payload = BATCHES_REQUEST.encode(BatchesRequest((b"\x01" * 32, batch.id)))
        answer = await around.network.request(peer, batches_protocol(CHAIN), payload, timeout_s=5)
        assert BATCHES_ANSWER.decode(answer).batches == (batch.sealed.encoded,)
