"""Answering other nodes' questions for blocks and batches."""

from collections.abc import Sequence
from typing import Protocol

from consensus.encoding import DecodeError
from gtxnode.sync.wire import (
    ANSWER_BYTES,
    BATCHES_ANSWER,
    BATCHES_REQUEST,
    BLOCKS_ANSWER,
    BLOCKS_REQUEST,
    BatchesAnswer,
    BlocksAnswer,
    FinalBlock,
    batches_protocol,
    blocks_protocol,
)
from p2p.errors import Refused
from p2p.identity import PeerId
from p2p.network import Network


class Archive(Protocol):
    """What a chain can be asked for."""

    def final_blocks(self, first: int, count: int) -> Sequence[tuple[bytes, bytes]]:
        """Encoded (block, commit) from a height on, at most `count`."""

    def encoded_batch(self, identity: bytes) -> bytes | None:
        """An encoded batch, from the pool or the disk."""


def serve_archive(network: Network, chain_id: str, archive: Archive) -> None:
    """Answer block and batch requests for a chain from now on."""

    async def blocks(peer: PeerId, payload: bytes) -> bytes:
        try:
            request = BLOCKS_REQUEST.decode(payload)
        except DecodeError as error:
            raise Refused(f"malformed request: {error}"[:200]) from error
        found: list[FinalBlock] = []
        size = 0
        for block, commit in archive.final_blocks(request.first, request.count):
            size += len(block) + len(commit)
            if size > ANSWER_BYTES and found:
                break
            found.append(FinalBlock(block, commit))
        return BLOCKS_ANSWER.encode(BlocksAnswer(tuple(found)))

    async def batches(peer: PeerId, payload: bytes) -> bytes:
        try:
            request = BATCHES_REQUEST.decode(payload)
        except DecodeError as error:
            raise Refused(f"malformed request: {error}"[:200]) from error
        found = (archive.encoded_batch(identity) for identity in request.ids)
        # Sixty-four batches of the largest size fit one answer.
        return BATCHES_ANSWER.encode(BatchesAnswer(tuple(b for b in found if b is not None)))

    network.serve(blocks_protocol(chain_id), blocks)
    network.serve(batches_protocol(chain_id), batches)
