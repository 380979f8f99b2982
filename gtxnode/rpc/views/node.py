"""The node itself."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gtxnode.rpc.wire import Height, Hex


class ChainStatus(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How one hosted shard is doing. `validator` is this node's key if it validates there.

    `checkpoint` is the height of the newest that the authorities have certified. `checkpoint_turn`
    is that of one where their keys change, as long as it is not certified: it comes before others.
    """

    shard: str
    chain_id: str
    height: Height
    time_ms: int
    catching_up: bool
    best_known_height: Height
    pending_transactions: int
    pending_batches: int
    validator: Hex | None = None
    checkpoint: Height | None = None
    checkpoint_turn: Height | None = None


class NodeStatus(msgspec.Struct, frozen=True, gc=False):
    """How the node is doing. `reasons` says in words why it is not ready, empty when it is.

    `shards` are all of the network's, `chains` those that this node hosts.
    """

    version: str
    peer_id: str
    started_ms: int
    peers: int
    ready: bool
    reasons: tuple[str, ...]
    chains: tuple[ChainStatus, ...]
    shards: tuple[str, ...]


class PeerView(msgspec.Struct, frozen=True, gc=False):
    """A connected peer, its score and the shards that it serves."""

    id: str
    addresses: tuple[str, ...]
    direction: Literal["inbound", "outbound"]
    score: int
    shards: tuple[str, ...]


class ChainParameters(msgspec.Struct, frozen=True, gc=False):
    """A shard's parameters by name, as genesis and governance set them.

    Amounts are decimal strings, keys are hex; zones and roles go by their names in lower case.
    """

    shard: str
    chain_id: str
    parameters: dict[str, Any]
