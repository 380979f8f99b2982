"""Making anew what a chain keeps beside its blocks: coins, records and every index.

The blocks and batches of a database are played again from genesis, into a second database beside
it, by the very code that follows a chain, so every block is held against the rules once more. What
came of it is then held against the database entry by entry, and what differs is put right.

What is truth is left alone: blocks and batches, certificates of checkpoints, authorities' guards.

A crash loses nothing: what was played is on disk, and the next run goes on from there; while
entries are put right a mark stands in the database, and no node starts on it before that is done.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final, NamedTuple

import trio

from consensus.hash_chain import HashChain
from consensus.types import Block, Commit, block_codec, commit_codec
from gtxnode.application import ChainApplication
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.chain.marks import (
    FORMAT,
    StaleIndexes,
    WrongGenesis,
    check_genesis,
    put_marks,
    put_rebuilding,
)
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.registry import NoRegistry, Registry
from gtxnode.chain.store import BATCHES, ChainStore
from gtxnode.chain.validators import RegistrySets
from gtxnode.config import Config
from gtxnode.genesis import Genesis, chain_id, genesis_id
from gtxnode.home import Home
from gtxnode.hosting import open_store, sets_on
from gtxnode.ledger.transactions import UnverifiedTransaction
from gtxnode.primitives.zones import REGISTRY
from storage.blocks import BlockStore
from storage.errors import Corrupted, Missing
from storage.format import check_format
from storage.kv import KeyValue, Reader, WriteBatch
from storage.leveldb import LevelDB
from storage.lock import HOME_LOCK_NAME, FileLock

KEPT: Final = frozenset(b"Bblkgms")
"""First bytes of keys that are not made anew: the truth, marks, and the state root's buckets, which
a start works out from the coins where they are behind."""
ENTRIES_PER_WRITE: Final = 2_000

Progress = Callable[[str, int, int], None]
"""Told after each block: chain, height, and the last height."""


class BlocksMissing(Exception):
    """A chain cannot be played from genesis: this node does not have all of its blocks."""

    code = "chain.blocks_missing"

    def __init__(self, shard: str, first: int) -> None:
        super().__init__(f"the first block of {shard} that is stored here is {first}, not 1")


class Rebuilt(NamedTuple):
    """What was found of one chain."""

    shard: str
    height: int
    entries: int
    """How many there are to be."""
    missing: int
    wrong: int
    """Those that were there with another value."""
    surplus: int


class _StoredBatches:
    """The batches of a database, checked as if they came from a peer."""

    def __init__(self, database: KeyValue, replayed: ChainStore) -> None:
        self._database = database
        self._replayed = replayed

    async def batches(self, identities: Sequence[bytes]) -> list[CheckedBatch]:
        """All of these, in order; raises `Refused`, `Corrupted`."""
        return await trio.to_thread.run_sync(self._read, identities)

    def _read(self, identities: Sequence[bytes]) -> list[CheckedBatch]:
        found = []
        for identity in identities:
            encoded = BATCHES.get(self._database, identity)
            if encoded is None:
                raise Corrupted(f"batch {identity.hex()}", "it is missing")
            easiest = self._replayed.easiest_target
            batch = check_batch(self._replayed.chain_id, encoded, easiest)
            self._replayed.keep_batch(batch, sync=False)
            found.append(batch)
        return found


async def rebuild(
    home: Home,
    config: Config,
    genesis: Genesis,
    shards: Iterable[str],
    progress: Progress,
    *,
    dry: bool = False,
) -> tuple[Rebuilt, ...]:
    """Play the chains of a home again and put right what differs; if `dry`, only say what does.

    Raises storage's errors, `Locked` where a node runs on it; `Diverged`, `BlocksMissing`.
    """
    registry: Registry | None = None
    found = []
    with FileLock.acquire(home.path / HOME_LOCK_NAME), ExitStack() as stack:
        for name in sorted(shards, key=lambda name: (name != REGISTRY, name)):
            database = _open_database(name, home, config, genesis)
            stack.callback(database.close)
            replayed = _open_replayed(name, home, config, genesis, BlockStore(database).tip or 0)
            stack.callback(replayed.close)
            await _play(name, genesis, registry, database, replayed, progress)
            if replayed.parameters.registry:
                sets = RegistrySets(replayed.database, replayed.parameters.staking.epoch_blocks)
                registry = Registry(replayed, sets, _reached, _submit)
            work = partial(_put_right, name, replayed, database, dry=dry)
            found.append(await trio.to_thread.run_sync(work))
    for each in found:
        shutil.rmtree(home.rebuilding(each.shard))
    return tuple(found)


def _open_database(name: str, home: Home, config: Config, genesis: Genesis) -> LevelDB:
    """A chain's database as it is, whatever is in its indexes."""
    path, storage = home.database(name), config.storage
    if not path.is_dir():
        raise Missing(str(path))
    check_format(path, FORMAT)
    database = LevelDB.open(
        path / "leveldb",
        create=False,
        cache_bytes=storage.cache_bytes,
        write_buffer_bytes=storage.write_buffer_bytes,
    )
    try:
        check_genesis(database, chain_id(genesis.network, name), genesis_id(genesis, name))
    except WrongGenesis:
        database.close()
        raise
    return database


def _open_replayed(
    name: str, home: Home, config: Config, genesis: Genesis, height: int
) -> ChainStore:
    """What an earlier run has played, if it is of use; else the chain at genesis."""
    path = home.rebuilding(name)
    try:
        store = open_store(name, genesis, config, path)
    except (StaleIndexes, WrongGenesis, Corrupted):
        pass
    else:
        if store.tip.height <= height:
            return store
        store.close()
    shutil.rmtree(path)
    return open_store(name, genesis, config, path)


async def _play(
    name: str,
    genesis: Genesis,
    registry: Registry | None,
    database: KeyValue,
    replayed: ChainStore,
    progress: Progress,
) -> None:
    """Make every stored block final once more that has not been."""
    blocks = BlockStore(database)
    last = blocks.tip or 0
    first = next((each.height for each in blocks.range(1, last + 1)), 1)
    if first > 1:
        raise BlocksMissing(name, first)
    application = ChainApplication(
        replayed,
        BatchPool(),
        _StoredBatches(database, replayed),
        sets_on(name, genesis, registry, replayed),
        registry or NoRegistry(),
        None,
        _next_reveal,
        lambda: replayed.tip.time_ms,
        _finalised,
    )
    for height in range(replayed.tip.height + 1, last + 1):
        stored = blocks.by_height(height)
        if stored is None:
            raise Corrupted(f"block {height}", "it is missing")
        block, commit = block_codec.decode(stored.block), commit_codec.decode(stored.commit)
        await application.finalise(block, commit)
        progress(name, height, last)
    replayed.sync()


def _put_right(name: str, replayed: ChainStore, database: KeyValue, *, dry: bool) -> Rebuilt:
    """Make the database's entries those that were played."""
    entries = missing = wrong = surplus = 0
    write = WriteBatch()
    for key, right, there in _compared(replayed.database, database):
        entries += right is not None
        if right == there:
            continue
        missing, wrong = missing + (there is None), wrong + (None not in (right, there))
        surplus += right is None
        if dry:
            continue
        if missing + wrong + surplus == 1:
            mark = WriteBatch()
            put_rebuilding(mark)
            database.write(mark, sync=True)
        if right is None:
            write.delete(key)
        else:
            write.put(key, right)
        if len(write) >= ENTRIES_PER_WRITE:
            database.write(write, sync=False)
            write = WriteBatch()
    if not dry:
        put_marks(write, replayed.genesis_id)
        database.write(write, sync=True)
    return Rebuilt(name, replayed.tip.height, entries, missing, wrong, surplus)


def _compared(right: Reader, there: Reader) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
    """Every key of either that is made anew, with its value in both."""
    for first in range(255):
        if first in KEPT:
            continue
        span = bytes([first]), bytes([first + 1])
        one, other = right.scan(*span), there.scan(*span)
        here, yonder = next(one, None), next(other, None)
        while here is not None or yonder is not None:
            if yonder is None or (here is not None and here[0] < yonder[0]):
                assert here is not None, "one of them is there"
                yield here[0], here[1], None
                here = next(one, None)
            elif here is None or yonder[0] < here[0]:
                yield yonder[0], None, yonder[1]
                yonder = next(other, None)
            else:
                yield here[0], here[1], yonder[1]
                here, yonder = next(one, None), next(other, None)


async def _reached(height: int) -> None:
    """The registry is played before those that go by it."""


async def _finalised(block: Block, commit: Commit, record: BlockRecord, seconds: float) -> None:
    """Nobody is to be told."""


def _submit(transaction: UnverifiedTransaction) -> object:
    raise AssertionError("nothing is sent while a chain is played again")


def _next_reveal(chain: HashChain) -> bytes | None:
    raise AssertionError("nothing is proposed while a chain is played again")
