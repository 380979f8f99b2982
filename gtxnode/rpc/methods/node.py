"""The node itself."""

from __future__ import annotations

from gtxnode.rpc.methods.fields import NoParams
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.node import ChainParameters, NodeStatus, PeerView


async def node_status(session: Session, params: NoParams) -> NodeStatus:
    """How the node and each of its shards are doing, and whether it is ready."""
    return session.node.status()


async def node_peers(session: Session, params: NoParams) -> tuple[PeerView, ...]:
    """The connected peers."""
    return session.node.peers()


async def node_parameters(session: Session, params: NoParams) -> tuple[ChainParameters, ...]:
    """The parameters of each hosted shard."""
    return session.node.parameters()


ROWS = (
    row("node.status", node_status),
    row("node.peers", node_peers),
    row("node.parameters", node_parameters),
)
