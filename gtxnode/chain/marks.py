"""What a chain's database says of itself: its format, its genesis, and whose indexes it has.

Indexes are derived from blocks, so another release's are no loss: they are rebuilt (rebuild.py).
"""

from typing import Final

from storage.kv import Reader, WriteBatch

FORMAT: Final = "gtx-chain-1"
"""Of the folder."""
INDEX_VERSION: Final = b"2"
"""Goes up with every change of what is derived from blocks."""
_GENESIS: Final = b"m:genesis"
_INDEXES: Final = b"m:indexes"
_REBUILDING: Final = b"m:rebuilding"


class WrongGenesis(Exception):
    """The database was made from another genesis than the one given."""

    code = "chain.wrong_genesis"


class StaleIndexes(Exception):
    """What is kept beside the blocks is another release's, or was being made anew."""

    code = "chain.stale_indexes"

    def __init__(self, chain_id: str, why: str) -> None:
        super().__init__(f"the indexes of {chain_id} {why}; run gtxnode db rebuild")


def is_new(database: Reader) -> bool:
    """Whether nothing is in it."""
    return database.get(_GENESIS) is None


def put_marks(write: WriteBatch, genesis_id: bytes) -> None:
    """Mark a database of that genesis, whose indexes this release wrote."""
    write.put(_GENESIS, genesis_id)
    write.put(_INDEXES, INDEX_VERSION)
    write.delete(_REBUILDING)


def put_rebuilding(write: WriteBatch) -> None:
    """Mark a database in which indexes are being written over."""
    write.put(_REBUILDING, b"")


def check_genesis(database: Reader, chain_id: str, genesis_id: bytes) -> None:
    """Raise `WrongGenesis` for a database of another genesis."""
    if database.get(_GENESIS) != genesis_id:
        raise WrongGenesis(f"the database of {chain_id} belongs to another genesis")


def check_marks(database: Reader, chain_id: str, genesis_id: bytes) -> None:
    """Raise `WrongGenesis`, or `StaleIndexes` for indexes that no answer can be given out of."""
    check_genesis(database, chain_id, genesis_id)
    if database.get(_REBUILDING) is not None:
        raise StaleIndexes(chain_id, "were being rebuilt when that was stopped")
    if database.get(_INDEXES) != INDEX_VERSION:
        raise StaleIndexes(chain_id, "are another release's")
