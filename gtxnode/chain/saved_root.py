"""The state root's buckets in a chain's database.

They are half a megabyte and change all with a few hundred coins, so they are written now and then
and when the database is closed, not with every block. After a crash they are older than the coins,
which the root in the last block's record tells; then it is worked out from the coins again.
"""

from collections.abc import Mapping
from typing import Final

from gtxnode.ledger.coins import HeldCoin
from gtxnode.ledger.state_root import BUCKETS, StateRoot
from storage.errors import Corrupted
from storage.kv import KeyValue, WriteBatch
from storage.tables import U64, Raw, Table

BLOCKS_PER_SAVING = 64
_BUCKETS: Final = Table(b"s", U64(), Raw(2_048), name="state buckets")


class SavedRoot:
    """The root of one chain's coins. `coins` is the prefix of their keys."""

    def __init__(self, chain_id: str, store: KeyValue, coins: bytes) -> None:
        self._chain_id = chain_id
        self._store = store
        self._coins = coins
        self._root = StateRoot(chain_id)

    @property
    def root(self) -> bytes:
        """32 bytes over all coins."""
        return self._root.root

    def resume(self, expected: bytes | None) -> None:
        """Take up what is stored; `expected` is the root after the last block, if there is one.

        Raises `Corrupted` where the coins do not give it.
        """
        self._root = StateRoot.load(
            self._chain_id, [self._stored(index) for index in range(BUCKETS)]
        )
        if expected is None or self.root == expected:
            return
        coins = self._store.scan(self._coins, self._coins + b"\xff" * 35)
        start = len(self._coins)
        self._root = StateRoot.compute(self._chain_id, ((key[start:], coin) for key, coin in coins))
        if self.root != expected:
            raise Corrupted(f"the database of {self._chain_id}", "its coins do not give its root")

    def begin(self, write: WriteBatch, initial: Mapping[bytes, HeldCoin]) -> None:
        """Of the coins of genesis: every bucket is written."""
        self._root.apply({}, initial)
        for index in range(BUCKETS):
            _BUCKETS.put(write, index, self._root.bucket(index))
        self._root.take_changed()

    def apply(self, spent: Mapping[bytes, HeldCoin], made: Mapping[bytes, HeldCoin]) -> bytes:
        """The root after a block."""
        return self._root.apply(spent, made)

    @property
    def beside_log(self) -> bytes:
        """The root over all coins but the log of retirements."""
        return self._root.beside_apart

    def save(self, write: WriteBatch) -> None:
        """Write what has changed since it was last saved."""
        for index in self._root.take_changed():
            _BUCKETS.put(write, index, self._root.bucket(index))

    def _stored(self, index: int) -> bytes:
        bucket = _BUCKETS.get(self._store, index)
        if bucket is None:
            raise Corrupted(f"the database of {self._chain_id}", f"state bucket {index} is missing")
        return bucket
