"""What a block's write puts beside the block and its coins, to find things by.

All of it is derived from blocks and their records.
"""

from typing import Final

from gtxnode.chain.records import BlockRecord
from storage.kv import Reader, WriteBatch
from storage.tables import U64, Raw, Table, tuple_key

# Written key by key, as they are most of a block's work.
TRANSACTIONS: Final = b"t"
TRANSACTIONS_BY_ID = Table(TRANSACTIONS, Raw(32), tuple_key(U64(), U64()), name="transactions")


def put_transactions(write: WriteBatch, before: Reader, record: BlockRecord) -> None:
    """Where each transaction of a block stands."""
    taken: set[bytes] = set()
    block = record.height.to_bytes(8, "big")
    for position, outcome in enumerate(record.transactions):
        if outcome.reason is not None and (
            outcome.id in taken or TRANSACTIONS_BY_ID.get(before, outcome.id) is not None
        ):
            # A copy of one that a block took already: its first outcome stands.
            continue
        taken.add(outcome.id)
        write.put(TRANSACTIONS + outcome.id, block + position.to_bytes(8, "big"))
