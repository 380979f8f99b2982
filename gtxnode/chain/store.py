"""A chain's state on disk, and the one way in which it changes: a final block.

Invariant: a block, its commit, the coins it spent and made and every index are written in one
synced batch, so a crash at any point leaves the state before the block or after it. Indexes
(owners, transactions, records) are derived from blocks and coins; so is the state root.

One writer (`finalise`, in a worker thread, never two at once); readers use the store from any
thread and see final blocks only. What readers need of memory that `finalise` changes (the book's
levels, the tip, what is recent) is replaced whole at the end of it, never edited.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import chain as chained
from pathlib import Path
from typing import Self

from consensus.turns import Turns
from consensus.types import Block, Commit, Header, block_codec, block_id, commit_codec
from consensus.validators import ValidatorSet
from gtxnode.batches.batch import BATCH_LIFETIME, BatchParent
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.activity import put_activity
from gtxnode.chain.audit import Audit
from gtxnode.chain.coin_tables import COINS, ORDERS, OWNERS, put_coins
from gtxnode.chain.indexes import TRANSACTIONS_BY_ID, put_transactions
from gtxnode.chain.marks import FORMAT, check_marks, is_new, put_marks
from gtxnode.chain.records import RECORD, BlockRecord, record_block
from gtxnode.chain.retirements import put_retirements
from gtxnode.chain.rules import Tip
from gtxnode.chain.saved_root import BLOCKS_PER_SAVING, SavedRoot
from gtxnode.ledger.admission import easiest_target
from gtxnode.ledger.authority.decrees import Decreed, parameters_after
from gtxnode.ledger.coin_view import CoinView, read_coin
from gtxnode.ledger.coins import (
    HeldCoin,
    Supply,
    decode_coin,
    supply_coin_id,
)
from gtxnode.ledger.execute import BlockContext, execute
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.metering.meter_home_coins import Homes
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.orders import Depth
from gtxnode.market.slots import Slot
from gtxnode.primitives.addresses import address_of
from storage.blocks import BlockStore
from storage.errors import Corrupted, StorageError
from storage.format import check_format
from storage.kv import KeyValue, Reader, WriteBatch
from storage.leveldb import LevelDB
from storage.sizes import CACHE_BYTES, WRITE_BUFFER_BYTES
from storage.tables import U64, Raw, Table

# More levels than the widest price bounds in use have steps.
BOOK_LEVELS = 10_000

_RECORDS = Table(b"r", U64(), RECORD, name="block records")
BATCHES = Table(b"b", Raw(32), Raw(), name="batches")
# Batches that no block has ordered yet, with the height after which none may.
_LIVE = Table(b"l", Raw(32), U64(), name="live batches")


class ChainStore:
    """One chain's database. `open` makes or resumes it."""

    def __init__(
        self, chain_id: str, genesis_id: bytes, parameters: ChainParameters, store: KeyValue
    ) -> None:
        self.chain_id = chain_id
        self.parameters = parameters
        """Those that the next block goes by. Readers in other threads see them change whole."""
        self.has_unsynced = False
        """Whether there may be batches that a power cut would take."""
        self.easiest_target = easiest_target(parameters.admission)
        self.genesis_id = genesis_id
        self._store = store
        self._blocks = BlockStore(store)
        self._root = SavedRoot(chain_id, store, COINS)
        self._audit = Audit(chain_id, store)
        self._orders = OpenOrders.rebuild(())
        self._recent: deque[tuple[bytes, tuple[bytes, ...]]] = deque(maxlen=BATCH_LIFETIME + 1)
        self.recent: frozenset[bytes] = frozenset()
        self._parents: dict[int, BatchParent] = {}
        self.last_commit: Commit | None = None
        self.begins_s = 0
        """Genesis' time: before it there is nothing to know."""
        self.head: Header | None = None
        """The tip's header; None at genesis."""
        self.tip = Tip(chain_id, 0, genesis_id, 0, self._root.root)
        self.depth = Depth((), ())
        self.slot_depths: Mapping[Slot, Depth] = {}
        """The books of delivery slots that have open orders."""

    @classmethod
    def open(
        cls,
        path: Path,
        chain_id: str,
        genesis_id: bytes,
        genesis_time_ms: int,
        parameters: ChainParameters,
        initial: dict[bytes, HeldCoin],
        *,
        cache_bytes: int = CACHE_BYTES,
        write_buffer_bytes: int = WRITE_BUFFER_BYTES,
    ) -> Self:
        """Open the database of a chain, and write genesis into a new one.

        Raises storage's errors (`UnknownFormat` among them), `WrongGenesis`, `StaleIndexes`.
        """
        path.mkdir(parents=True, exist_ok=True)
        check_format(path, FORMAT)
        database = LevelDB.open(
            path / "leveldb", cache_bytes=cache_bytes, write_buffer_bytes=write_buffer_bytes
        )
        try:
            return cls.on(database, chain_id, genesis_id, genesis_time_ms, parameters, initial)
        except BaseException:
            database.close()
            raise

    @classmethod
    def on(
        cls,
        database: KeyValue,
        chain_id: str,
        genesis_id: bytes,
        genesis_time_ms: int,
        parameters: ChainParameters,
        initial: dict[bytes, HeldCoin],
    ) -> Self:
        """`open`, on a key-value store that is open already."""
        chain = cls(chain_id, genesis_id, parameters, database)
        chain._resume(genesis_time_ms, initial)
        return chain

    def close(self) -> None:
        """Give up the database."""
        with suppress(StorageError):  # The next start works them out again.
            self.save_root()
        self._store.close()

    def save_root(self) -> None:
        """Write the state root's buckets as they are now."""
        write = WriteBatch()
        self._root.save(write)
        self._store.write(write, sync=False)

    # ---- start ----

    def _resume(self, genesis_time_ms: int, initial: dict[bytes, HeldCoin]) -> None:
        if is_new(self._store):
            self._write_genesis(initial)
        check_marks(self._store, self.chain_id, self.genesis_id)
        self.begins_s = genesis_time_ms // 1_000
        height = self._blocks.tip or 0
        self._root.resume(self._past_record(height).state_root if height else None)
        self._orders = OpenOrders.rebuild(
            (coin_id, decode_coin(self._coin(coin_id))) for coin_id, _ in ORDERS.scan(self._store)
        )
        self.tip = Tip(self.chain_id, 0, self.genesis_id, genesis_time_ms, self._root.root)
        if height <= BATCH_LIFETIME:
            self._parents[0] = BatchParent(self.genesis_id, self.easiest_target)
        for past in range(max(1, height - BATCH_LIFETIME), height + 1):
            block, commit = self.block(past)
            self._remember(block, commit, self._past_record(past).energy_target)
        self._show_book()
        self._show_slots(set(self._orders.forwards.books))
        self.parameters = parameters_after(self.chain_id, CoinView(self), self.parameters, height)
        self._audit.resume(self.tip.time_ms, self.supply())

    def _write_genesis(self, initial: dict[bytes, HeldCoin]) -> None:
        batch = WriteBatch()
        self._root.begin(batch, initial)
        put_coins(batch, {}, initial)
        put_marks(batch, self.genesis_id)
        self._store.write(batch, sync=True)

    def _past_record(self, height: int) -> BlockRecord:
        record = self.record(height)
        if record is None:
            raise Corrupted(f"the database of {self.chain_id}", f"record {height} is missing")
        return record

    def _coin(self, coin_id: bytes) -> bytes:
        encoded = self.get(coin_id)
        if encoded is None:
            raise Corrupted(f"the indexes of {self.chain_id}", f"coin {coin_id.hex()} is gone")
        return encoded

    # ---- the writer ----

    def keep_batch(self, batch: CheckedBatch, *, sync: bool) -> None:
        """Store a batch that no block has ordered yet; with `sync` it survives a power cut."""
        write = WriteBatch()
        BATCHES.put(write, batch.id, batch.sealed.encoded)
        _LIVE.put(write, batch.id, batch.parent_height + BATCH_LIFETIME)
        self._store.write(write, sync=sync)
        if not sync:
            self.has_unsynced = True

    def sync(self) -> None:
        """Return once all that was written so far survives a power cut."""
        self.has_unsynced = False
        self._store.write(WriteBatch(), sync=True)

    def drop_batches(self, identities: Sequence[bytes]) -> None:
        """Forget batches that no block can order any more."""
        write = WriteBatch()
        for identity in identities:
            BATCHES.delete(write, identity)
            _LIVE.delete(write, identity)
        self._store.write(write, sync=False)

    def live_batches(self) -> list[bytes]:
        """The encoded batches that were stored and that no block has ordered."""
        found = []
        for identity, _ in _LIVE.scan(self._store):
            encoded = BATCHES.get(self._store, identity)
            if encoded is not None:
                found.append(encoded)
        return found

    def finalise(
        self,
        block: Block,
        commit: Commit,
        batches: Sequence[CheckedBatch],
        turns: Turns | None = None,
        voters: ValidatorSet | None = None,
        decreed: Decreed | None = None,
        homes: Homes | None = None,
    ) -> BlockRecord:
        """Execute a final block on the tip and write it. The block's rules hold already.

        `turns` are those of its parent's height, `voters` who votes at its own; `decreed` is what
        changed on the registry by the block that it names, `homes` where meters' keys count there.
        Raises storage's write errors; memory is then ahead of the disk, and the node must stop.
        """
        height = block.header.height
        assert height == self.tip.height + 1, "blocks are finalised in order"
        assert block.payload == tuple(batch.id for batch in batches), "the block's own batches"
        transactions = tuple(chained.from_iterable(batch.transactions for batch in batches))
        context = BlockContext(
            self.chain_id,
            height,
            block.header.time_ms,
            address_of(block.header.proposer),
            self.parameters,
            block.last_commit,
            turns,
            block.header.time_ms - self.tip.time_ms,
            tuple([batch.share for batch in batches]),
            voters,
            decreed,
            author=block.header.proposer,
            reveal=block.header.reveal,
            late=block.late,
            homes=homes,
        )
        outcome = execute(context, transactions, self, self._orders)
        root = self._root.apply(outcome.spent, outcome.made)
        record = record_block(height, root, transactions, outcome)
        write = WriteBatch()
        put_coins(write, outcome.spent, outcome.made)
        self._put_derived(write, block.header, transactions, outcome, record)
        if height % BLOCKS_PER_SAVING == 0:
            self._root.save(write)
        for batch in batches:
            _LIVE.delete(write, batch.id)
        _RECORDS.put(write, height, record)
        identity = block_id(block.header)
        self._blocks.put(
            write, height, identity, block_codec.encode(block), commit_codec.encode(commit)
        )
        self._store.write(write, sync=True)
        self._remember(block, commit, outcome.energy_target)
        if outcome.parameters is not None:
            self.parameters = outcome.parameters
        if record.orders:
            self._show_book()
            self._show_slots({order.slot for order in record.orders if order.slot is not None})
        return record

    def _put_derived(
        self,
        write: WriteBatch,
        header: Header,
        transactions: Sequence[CheckedTransaction],
        outcome: BlockOutcome,
        record: BlockRecord,
    ) -> None:
        """The indexes, from what the block did. The root is after it, all else before."""
        put_transactions(write, self._store, record)
        put_activity(write, self._store, header.height, header.time_ms, outcome)
        put_retirements(write, self, header, self.parameters, outcome, self._root)
        self._audit.put(write, header, self.parameters, transactions, outcome)

    def _remember(self, block: Block, commit: Commit, energy_target: bytes) -> None:
        header = block.header
        identity = block_id(header)
        self._recent.append((identity, block.payload))
        self.recent = frozenset(chained.from_iterable(payload for _, payload in self._recent))
        parents = {**self._parents, header.height: BatchParent(identity, energy_target)}
        parents.pop(header.height - BATCH_LIFETIME - 1, None)
        self._parents = parents
        self.last_commit = commit
        self.head = header
        root = self._root.root
        self.tip = Tip(self.chain_id, header.height, identity, header.time_ms, root, header.anchor)

    def _show_book(self) -> None:
        self.depth = self._orders.book.depth(BOOK_LEVELS)

    def _show_slots(self, changed: set[Slot]) -> None:
        if not changed:
            return
        books = self._orders.forwards.books
        depths = {slot: depth for slot, depth in self.slot_depths.items() if slot not in changed}
        depths |= {slot: books[slot].depth(BOOK_LEVELS) for slot in changed if slot in books}
        self.slot_depths = depths

    # ---- readers ----

    @property
    def database(self) -> KeyValue:
        """Where what is kept beside the blocks stands: certificates of checkpoints."""
        return self._store

    def get(self, coin_id: bytes) -> bytes | None:
        """The encoded coin of an id, if it is unspent."""
        return self._store.get(COINS + coin_id)

    def parent(self, height: int) -> BatchParent | None:
        """A final block as batches go by it, genesis at height 0; None where it is too old."""
        return self._parents.get(height)

    def block(self, height: int) -> tuple[Block, Commit]:
        """A final block with its commit; `KeyError` where there is none."""
        found = self._blocks.by_height(height)
        if found is None:
            raise KeyError(height)
        return block_codec.decode(found.block), commit_codec.decode(found.commit)

    def final_blocks(self, first: int, count: int) -> Iterator[tuple[bytes, bytes]]:
        """Encoded (block, commit) from a height on, at most `count`."""
        for stored in self._blocks.range(first, min(first + count, self.tip.height + 1)):
            yield stored.block, stored.commit

    def encoded_batch(self, identity: bytes) -> bytes | None:
        """A stored batch."""
        return BATCHES.get(self._store, identity)

    def record(self, height: int) -> BlockRecord | None:
        """What a block did."""
        return _RECORDS.get(self._store, height)

    def records(self, start: int, *, reverse: bool = False) -> Iterator[BlockRecord]:
        """What blocks did, from a height upwards; from the tip down to it if `reverse`."""
        for _, record in _RECORDS.scan(self._store, start=start, reverse=reverse):
            yield record

    def transaction(self, identity: bytes) -> tuple[int, int] | None:
        """(height, position) of a transaction's first outcome."""
        return TRANSACTIONS_BY_ID.get(self._store, identity)

    def supply(self) -> Supply:
        """The totals after the tip."""
        supply = read_coin(self, supply_coin_id(self.chain_id))
        assert isinstance(supply, Supply), "genesis made the supply"
        return supply

    def owned(
        self, reader: Reader, owner: bytes, after: bytes | None, limit: int | None
    ) -> Iterator[tuple[bytes, bytes]]:
        """(coin id, encoded coin) of an address in order of ids, from after one of them."""
        prefix = OWNERS + owner
        start = prefix if after is None else prefix + after + b"\x00"
        for key, _ in reader.scan(start, prefix + b"\xff" * 35, limit=limit):
            coin_id = key[len(prefix) :]
            encoded = reader.get(COINS + coin_id)
            if encoded is None:
                raise Corrupted(f"the owners of {self.chain_id}", f"coin {coin_id.hex()} is gone")
            yield coin_id, encoded

    def snapshot(self) -> AbstractContextManager[Reader]:
        """One consistent state to read several things from."""
        return self._store.snapshot()
