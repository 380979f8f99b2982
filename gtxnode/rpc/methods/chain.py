"""Blocks, and who vouches for them."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import OfShard, Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.blocks import BlockView, HeadView
from gtxnode.rpc.views.seeds import SeedsView
from gtxnode.rpc.views.validators import CheckpointView, TrustView, ValidatorsView
from gtxnode.rpc.wire import Height


class OfBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One block."""

    shard: Shard
    height: Height


class AtHeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A height, by default the next one."""

    shard: Shard
    height: Height | None = None


class OfCheckpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A checkpoint, by default the newest."""

    shard: Shard
    height: Height | None = None


async def chain_head(session: Session, params: OfShard) -> HeadView:
    """The last final block, and the state root after it."""
    return session.node.chain(params.shard).head()


async def chain_block(session: Session, params: OfBlock) -> BlockView:
    """A final block with its transactions' ids and the commit that proves it."""
    return await session.node.chain(params.shard).block(params.height)


async def chain_validators(session: Session, params: AtHeight) -> ValidatorsView:
    """Who votes at a height, and on the registry everybody's stake, standing and conduct.

    Sets are known from the first height on; on the registry to the end of the next epoch, on
    another chain to the next height.
    """
    return await session.node.chain(params.shard).validators(params.height)


async def chain_checkpoint(session: Session, params: OfCheckpoint) -> CheckpointView:
    """The authorities' certificate of a final block: the newest, or the one of a height.

    A node has those that it collected while it ran, and the newest of its peers.
    """
    return await session.node.chain(params.shard).checkpoint(params.height)


async def chain_trust(session: Session, params: OfShard) -> TrustView:
    """The newest checkpoint with the certificates that lead to it from the genesis' authorities.

    There is one for each change of their keys; before one that is missing it ends.
    """
    return await session.node.chain(params.shard).trust()


async def chain_seeds(session: Session, params: OfShard) -> SeedsView:
    """What the next height's proposers are drawn from, who rests, and who withheld a reveal.

    On the registry also what the seeds of later epochs are made of.
    """
    return await session.node.chain(params.shard).seeds()


ROWS = (
    row("chain.head", chain_head, ErrorCode.NOT_HOSTED),
    row(
        "chain.block",
        chain_block,
        ErrorCode.NOT_HOSTED,
        ErrorCode.NOT_FOUND,
        ErrorCode.PRUNED,
    ),
    row("chain.validators", chain_validators, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("chain.seeds", chain_seeds, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("chain.trust", chain_trust, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("chain.checkpoint", chain_checkpoint, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
