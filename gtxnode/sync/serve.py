"""Answering other nodes' questions for blocks and batches."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio

from consensus.encoding import Codec, DecodeError
from consensus.errors import Refusal
from gtxnode.sync.wire import (
    ANSWER_BYTES,
    BATCHES_ANSWER,
    BATCHES_REQUEST,
    BLOCKS_ANSWER,
    BLOCKS_REQUEST,
    BatchesAnswer,
    BatchesRequest,
    BlocksAnswer,
    BlocksRequest,
    FinalBlock,
    batches_protocol,
    blocks_protocol,
)
from p2p.errors import Refused
from p2p.identity import PeerId
from p2p.network import Network, Offence

T = TypeVar("T")

SERVING_THREADS = 2


class Archive(Protocol):
    """What a chain can be asked for, from any thread."""

    def final_blocks(self, first: int, count: int) -> Iterable[tuple[bytes, bytes]]:
        """Encoded (block, commit) from a height on, at most `count`."""

    def encoded_batch(self, identity: bytes) -> bytes | None:
        """An encoded batch, from the pool or the disk."""


@asynccontextmanager
async def serving(
    network: Network,
    chain_id: str,
    archive: Archive,
    refused: Callable[[str], None] = lambda reason: None,
) -> AsyncIterator[None]:
    """Answer block and batch requests for a chain; when the block ends, nothing is read any more.

    `refused` counts requests that are none. The disk is read in worker threads, few enough to leave
    the others to those who vote.
    """
    threads = trio.CapacityLimiter(SERVING_THREADS)

    async def blocks(peer: PeerId, payload: bytes) -> bytes:
        request = decoded(BLOCKS_REQUEST, peer, payload)
        return await trio.to_thread.run_sync(_blocks, archive, request, limiter=threads)

    async def batches(peer: PeerId, payload: bytes) -> bytes:
        request = decoded(BATCHES_REQUEST, peer, payload)
        return await trio.to_thread.run_sync(_batches, archive, request, limiter=threads)

    def decoded(codec: Codec[T], peer: PeerId, payload: bytes) -> T:
        try:
            return codec.decode(payload)
        except DecodeError as error:
            refused(Refusal.MALFORMED)
            network.report(peer, Offence.MALFORMED)
            raise Refused(f"malformed request: {error}"[:200]) from error

    network.serve(blocks_protocol(chain_id), blocks)
    network.serve(batches_protocol(chain_id), batches)
    try:
        yield
    finally:
        # Whoever holds every thread waits for those that read, and leaves none for others.
        with trio.CancelScope(shield=True):
            for _ in range(SERVING_THREADS):
                await threads.acquire_on_behalf_of(object())


def _blocks(archive: Archive, request: BlocksRequest) -> bytes:
    found: list[FinalBlock] = []
    size = 0
    for block, commit in archive.final_blocks(request.first, request.count):
        size += len(block) + len(commit)
        if size > ANSWER_BYTES and found:
            break
        found.append(FinalBlock(block, commit))
    return BLOCKS_ANSWER.encode(BlocksAnswer(tuple(found)))


def _batches(archive: Archive, request: BatchesRequest) -> bytes:
    found = (archive.encoded_batch(identity) for identity in request.ids)
    # Sixty-four batches of the largest size fit one answer.
    return BATCHES_ANSWER.encode(BatchesAnswer(tuple(b for b in found if b is not None)))
