"""Final blocks."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.views.transactions import Refusal
from gtxnode.rpc.wire import Height, Hex


class HeadView(msgspec.Struct, frozen=True, gc=False):
    """The last final block of a shard, and the state root after it.

    `energy_target` is what the work of an energy batch that builds on it has to be below.
    """

    shard: str
    chain_id: str
    height: Height
    id: Hex
    time_ms: int
    state_root: Hex
    energy_target: Hex


class RefusedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction that a block holds and its execution refused."""

    id: Hex
    refusal: Refusal


class BlockView(msgspec.Struct, frozen=True, gc=False):
    """A final block. `app_root` is the state root before it; `header` and `commit` are canonical.

    With `header`, `commit` and the validators' keys a client checks finality for itself.
    """

    shard: str
    chain_id: str
    height: Height
    id: Hex
    parent_id: Hex
    time_ms: int
    proposer: Hex
    app_root: Hex
    payload_root: Hex
    batches: tuple[Hex, ...]
    transactions: tuple[Hex, ...]
    refused: tuple[RefusedTransaction, ...]
    header: Hex
    commit: Hex
