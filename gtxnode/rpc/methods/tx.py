"""Transactions."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.transactions import TransactionProof, TransactionStatus, Verdict
from gtxnode.rpc.wire import Hex


class Send(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One encoded transaction."""

    shard: Shard
    transaction: Hex


class OfTransaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One transaction, by its id."""

    shard: Shard
    id: Hex


async def tx_send(session: Session, params: Send) -> Verdict:
    """Submit a transaction. A rejected one is an answer, not an error."""
    verdicts = await session.node.chain(params.shard).transactions.submit((params.transaction,))
    return verdicts[0]


async def tx_status(session: Session, params: OfTransaction) -> TransactionStatus:
    """Where a transaction stands: pending, final, refused with its reason, or dropped."""
    return await session.node.chain(params.shard).transactions.status(params.id)


async def tx_prove(session: Session, params: OfTransaction) -> TransactionProof:
    """A proof that a transaction, as it was signed, is in a final block."""
    return await session.node.chain(params.shard).transactions.prove(params.id)


ROWS = (
    row("tx.send", tx_send, ErrorCode.NOT_HOSTED),
    row("tx.status", tx_status, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("tx.prove", tx_prove, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
