"""Requests and answers for blocks by height and batches by id.

Invariant: an answer fits the network's limit for one; a server sends a shorter one, never a
longer one, and the asker asks again for the rest.
"""

from typing import Annotated, Final

import msgspec

from consensus.encoding import Codec, Hash32, Height
from consensus.types import MAX_BLOCK_BYTES, MAX_COMMIT_BYTES
from gtxnode.batches.batch import MAX_BATCH_BYTES
from p2p.network import MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES

MAX_BLOCKS_PER_REQUEST = 256
MAX_BATCHES_PER_REQUEST = 64
# What a server fills an answer up to, so that one more item still fits the network's limit.
ANSWER_BYTES = MAX_RESPONSE_BYTES - MAX_BLOCK_BYTES - MAX_COMMIT_BYTES - 1_024


class BlocksRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Final blocks from height `first` on, at most `count`."""

    first: Height
    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_BLOCKS_PER_REQUEST)]


class FinalBlock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An encoded block and the encoded commit that makes it final."""

    block: Annotated[bytes, msgspec.Meta(max_length=MAX_BLOCK_BYTES)]
    commit: Annotated[bytes, msgspec.Meta(max_length=MAX_COMMIT_BYTES)]


class BlocksAnswer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Consecutive blocks from the height asked for; empty where there are none."""

    blocks: Annotated[tuple[FinalBlock, ...], msgspec.Meta(max_length=MAX_BLOCKS_PER_REQUEST)]


class BatchesRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Batches by id."""

    ids: Annotated[
        tuple[Hash32, ...], msgspec.Meta(min_length=1, max_length=MAX_BATCHES_PER_REQUEST)
    ]


class BatchesAnswer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The batches that the server has, in the order asked for; those it lacks are left out."""

    batches: Annotated[
        tuple[Annotated[bytes, msgspec.Meta(max_length=MAX_BATCH_BYTES)], ...],
        msgspec.Meta(max_length=MAX_BATCHES_PER_REQUEST),
    ]


BLOCKS_REQUEST: Final = Codec(BlocksRequest, max_bytes=MAX_REQUEST_BYTES)
BLOCKS_ANSWER: Final = Codec(BlocksAnswer, max_bytes=MAX_RESPONSE_BYTES)
BATCHES_REQUEST: Final = Codec(BatchesRequest, max_bytes=MAX_REQUEST_BYTES)
BATCHES_ANSWER: Final = Codec(BatchesAnswer, max_bytes=MAX_RESPONSE_BYTES)


def blocks_protocol(chain_id: str) -> str:
    """The request protocol for a chain's final blocks."""
    return f"/gtx/1/blocks/{chain_id}"


def batches_protocol(chain_id: str) -> str:
    """The request protocol for a chain's batches."""
    return f"/gtx/1/batches/{chain_id}"
