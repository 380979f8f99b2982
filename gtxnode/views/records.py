"""The records of final blocks, for whoever asks for one that may not be there."""

from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.rpc.errors import NotFound


def record_of(store: ChainStore, height: int) -> BlockRecord:
    """What a final block did; raises `NotFound` above the head."""
    record = store.record(height)
    if record is None:
        raise NotFound(f"block {height}")
    return record
