"""The records of final blocks, for whoever asks for one that may not be there."""

from gtxnode.batches.batch import transactions_of
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.rpc.errors import NotFound


def record_of(store: ChainStore, height: int) -> BlockRecord:
    """What a final block did; raises `NotFound` above the head."""
    record = store.record(height)
    if record is None:
        raise NotFound(f"block {height}")
    return record


def transaction_at(store: ChainStore, identity: bytes) -> tuple[int, bytes]:
    """The height and the bytes of a transaction that a block holds; raises `NotFound`."""
    place = store.transaction(identity)
    if place is None:
        raise NotFound(f"transaction {identity.hex()}")
    height, position = place
    block, _ = store.block(height)
    for batch_id in block.payload:
        encoded = store.encoded_batch(batch_id)
        assert encoded is not None, "the batches of final blocks are kept"
        transactions = transactions_of(encoded)
        if position < len(transactions):
            return height, transactions[position]
        position -= len(transactions)
    raise AssertionError("a transaction's place is in its block")
