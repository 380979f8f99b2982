"""Transactions of one chain: taken from clients, and what became of them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import trio

from consensus import merkle, signing
from consensus.types import commit_codec
from consensus.types import header_codec as block_header_codec
from gtxnode.batches.batch import batch_codec, header_codec
from gtxnode.batches.gather import Waiting
from gtxnode.chain.inclusion import prove_inclusion
from gtxnode.chain.store import ChainStore
from gtxnode.events import refusal_of
from gtxnode.ledger.bodies import Reading, SubmitRecord
from gtxnode.ledger.transactions import (
    Transaction,
    UnverifiedTransaction,
    encode_transaction,
    parse,
)
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.transactions import (
    PathView,
    Refusal,
    TransactionProof,
    TransactionState,
    TransactionStatus,
    Verdict,
    VerdictStatus,
)
from gtxnode.rpc.wire import Hex
from gtxnode.views.records import record_of


class Intake(Protocol):
    """What takes a client's transactions into batches."""

    def submit(self, parsed: UnverifiedTransaction) -> Waiting:
        """Take it in its turn; raises `Refused`. What comes back says when it is durable."""

    def is_pending(self, transaction_id: bytes) -> bool:
        """Whether it waits for a block."""

    def is_dropped(self, transaction_id: bytes) -> bool:
        """Whether it waited in vain and may be sent again."""


class TransactionsView:
    """Implements `rpc.backend.Transactions`."""

    def __init__(self, store: ChainStore, intake: Intake) -> None:
        self._chain_id = store.chain_id
        self._store = store
        self._intake = intake

    async def submit(self, transactions: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Check and pool transactions; each is answered once it is durable or refused."""
        return await self._submit(transactions, readings_only=False)

    async def submit_readings(self, readings: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Like `submit`, for meters' firmware: high S in a signature is normalised here."""
        return await self._submit(readings, readings_only=True)

    async def _submit(
        self, encoded: Sequence[bytes], *, readings_only: bool
    ) -> tuple[Verdict, ...]:
        # All are taken in their order before the first is waited for: they share batches, and a
        # meter's readings stay in sequence.
        taken = [self._take(data, readings_only=readings_only) for data in encoded]
        return tuple(
            [item if isinstance(item, Verdict) else await _settled(item) for item in taken]
        )

    def _take(self, data: bytes, *, readings_only: bool) -> Verdict | Waiting:
        identity: Hex | None = None
        try:
            parsed = parse(self._chain_id, bytes(data))  # no `Hex`: batches encode bytes alone
            if readings_only:
                parsed = _reading(self._chain_id, parsed)
            identity = Hex(parsed.id)
            if self._is_known(parsed.id):
                return Verdict(VerdictStatus.DUPLICATE, identity)
            return self._intake.submit(parsed)
        except Refused as refused:
            return Verdict(VerdictStatus.REJECTED, identity, _refusal(refused))

    def _is_known(self, identity: bytes) -> bool:
        """Whether it is pending or took effect. One that a block refused may be tried again."""
        if self._intake.is_pending(identity):
            return True
        place = self._store.transaction(identity)
        return place is not None and self._outcome(*place).refusal is None

    async def status(self, id: bytes) -> TransactionStatus:
        """Where a transaction stands; raises `NotFound`."""
        place = self._store.transaction(id)
        if self._intake.is_pending(id) and (
            place is None or self._outcome(*place).refusal is not None
        ):
            return TransactionStatus(Hex(id), TransactionState.PENDING)
        if place is not None:
            return self._outcome(*place)
        if self._intake.is_dropped(id):
            return TransactionStatus(Hex(id), TransactionState.DROPPED)
        raise NotFound(f"transaction {id.hex()}")

    async def prove(self, id: bytes) -> TransactionProof:
        """A transaction's way into a final block; raises `NotFound`."""
        return await trio.to_thread.run_sync(self._prove, id)

    def _prove(self, identity: bytes) -> TransactionProof:
        place = self._store.transaction(identity)
        if place is None:
            raise NotFound(f"transaction {identity.hex()}")
        height, position = place
        block, commit = self._store.block(height)
        batches = []
        for batch in block.payload:
            encoded = self._store.encoded_batch(batch)
            if encoded is None:
                raise NotFound(f"batch {batch.hex()}")
            batches.append(batch_codec.decode(encoded))
        proof = prove_inclusion(block, commit, batches, position)
        return TransactionProof(
            Hex(proof.transaction),
            path_view(proof.transaction_proof),
            Hex(header_codec.encode(proof.batch_header)),
            path_view(proof.batch_proof),
            Hex(block_header_codec.encode(proof.header)),
            Hex(commit_codec.encode(proof.commit)),
        )

    def _outcome(self, height: int, position: int) -> TransactionStatus:
        item = record_of(self._store, height).transactions[position]
        if item.reason is None:
            return TransactionStatus(Hex(item.id), TransactionState.FINAL, height, position)
        return TransactionStatus(
            Hex(item.id),
            TransactionState.REFUSED,
            height,
            position,
            refusal_of(item.reason, item.detail),
        )


def path_view(proof: merkle.Proof) -> PathView:
    """A Merkle proof."""
    return PathView(proof.index, proof.total, tuple(map(Hex, proof.path)))


async def _settled(waiting: Waiting) -> Verdict:
    identity = Hex(waiting.parsed.id)
    try:
        await waiting.stored()
    except Refused as refused:
        return Verdict(VerdictStatus.REJECTED, identity, _refusal(refused))
    return Verdict(VerdictStatus.ACCEPTED, identity)


def _refusal(refused: Refused) -> Refusal:
    return Refusal(refused.reason.value, refused.detail or refused.reason.description)


def _reading(chain_id: str, parsed: UnverifiedTransaction) -> UnverifiedTransaction:
    """A meter's reading with its signatures in the low-S form; raises `Refused` for all else.

    Firmware's libraries emit high S half of the time. The id does not cover signatures, so the
    reading stays the same reading.
    """
    if not isinstance(parsed.body, Reading | SubmitRecord):
        raise Refused(Reason.MALFORMED_TRANSACTION, "only readings are taken here")
    witnesses = tuple(
        msgspec.structs.replace(witness, signature=signing.low_s(witness.signature))
        for witness in parsed.witnesses
    )
    if witnesses == parsed.witnesses:
        return parsed
    return parse(chain_id, encode_transaction(Transaction(parsed.body, witnesses)))
