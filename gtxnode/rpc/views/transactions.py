"""What became of transactions."""

from __future__ import annotations

from enum import Enum

import msgspec

from gtxnode.rpc.wire import Height, Hex


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a transaction was not taken: the `Reason` of `primitives.errors`, and its detail."""

    reason: str
    message: str


class VerdictStatus(Enum):
    """What became of something submitted; a duplicate was accepted before and is safe to drop."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class Verdict(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer to one submitted transaction. `id` is missing where it could not be decoded."""

    status: VerdictStatus
    id: Hex | None = None
    refusal: Refusal | None = None


class TransactionState(Enum):
    """Pending in the pool; final in a block; refused by a block's execution; or dropped unsealed.

    A dropped transaction (evicted, expired) is in no block, so it may be sent again.
    """

    PENDING = "pending"
    FINAL = "final"
    REFUSED = "refused"
    DROPPED = "dropped"


class TransactionStatus(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a transaction stands. Height and position are there once a block holds it."""

    id: Hex
    state: TransactionState
    height: Height | None = None
    position: int | None = None
    refusal: Refusal | None = None


class PathView(msgspec.Struct, frozen=True, gc=False):
    """That a leaf is number `index` of `total` under a root (RFC 6962): siblings, leaf upwards."""

    index: int
    total: int
    path: tuple[Hex, ...]


class TransactionProof(msgspec.Struct, frozen=True, gc=False):
    """That a transaction stands in a final block, with all its signatures.

    `transaction` is a leaf under the payload root of `batch_header`, whose id (tagged hash `batch`)
    is a leaf under that of `header`, which `commit` makes final; all are encoded canonically.
    Whether the ledger took it is not in the proof: `tx.status` is the node's word on that.
    """

    transaction: Hex
    transaction_proof: PathView
    batch_header: Hex
    batch_proof: PathView
    header: Hex
    commit: Hex
