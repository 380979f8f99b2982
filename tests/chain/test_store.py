"""A block's commit is all or nothing, and a store comes back as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.replay import (
    CHAIN,
    GENESIS_ID,
    PRODUCER,
    encoded_batches,
    final_block,
    initial,
    signed_transfers,
)
from consensus import signing
from consensus.validators import Validator, ValidatorSet
from gtxnode.batches.batch import BATCH_LIFETIME, NO_WORK
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.marks import WrongGenesis
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.state_root import StateRoot
from storage.errors import Corrupted, DiskFull
from storage.kv import KeyValue, WriteBatch
from storage.memory import MemoryStore

TRANSFERS = 600
VALIDATORS = ValidatorSet([Validator(signing.public_key(PRODUCER), 1)])
COINS = initial(TRANSFERS)
BATCHES = [
    check_batch(CHAIN, encoded, NO_WORK)
    for encoded in encoded_batches(list(signed_transfers(COINS)))
]


def opened(database: KeyValue) -> ChainStore:
    return ChainStore.on(database, CHAIN, GENESIS_ID, 0, ChainParameters(), COINS)


def add_block(store: ChainStore, batches: list[CheckedBatch]) -> None:
    for batch in batches:
        store.keep_batch(batch, sync=False)
    store.finalise(*final_block(store, batches, VALIDATORS), batches)


def everything(database: KeyValue) -> list[tuple[bytes, bytes]]:
    return list(database.scan(b"\x00", b"\xff"))


class Dying(MemoryStore):
    """A store whose process dies at a synced write: before it, or right after it."""

    def __init__(self) -> None:
        super().__init__()
        self.die: Callable[[], None] | None = None
        self.keep_dying_write = False

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        if sync and self.die is not None:
            if self.keep_dying_write:
                super().write(batch, sync=sync)
            self.die()
        super().write(batch, sync=sync)


def die() -> None:
    raise DiskFull("the database", "the test's own end")


def test_a_block_moves_the_state_and_a_new_store_has_it() -> None:
    database = MemoryStore()
    store = opened(database)
    before = store.tip
    add_block(store, BATCHES[:2])
    assert store.tip.height == 1
    assert store.tip.app_root != before.app_root
    again = opened(database)
    assert (again.tip, again.recent, again.depth) == (store.tip, store.recent, store.depth)
    assert again.last_commit == store.last_commit
    assert again.live_batches() == []


@pytest.mark.parametrize("kept", [False, True])
def test_a_crash_at_the_write_leaves_the_old_state_or_the_new(kept: bool) -> None:
    whole = MemoryStore()
    reference = opened(whole)
    database = Dying()
    store = opened(database)
    for each in (reference, store):
        add_block(each, BATCHES[:1])
    for batch in BATCHES[1:2]:
        reference.keep_batch(batch, sync=False)
        store.keep_batch(batch, sync=False)
    old = everything(database)
    database.die, database.keep_dying_write = die, kept
    with pytest.raises(DiskFull):
        store.finalise(*final_block(store, BATCHES[1:2], VALIDATORS), BATCHES[1:2])
    database.die = None
    reference.finalise(*final_block(reference, BATCHES[1:2], VALIDATORS), BATCHES[1:2])
    assert everything(database) == (everything(whole) if kept else old)
    back = opened(database)
    assert back.tip.height == (2 if kept else 1)
    # The node goes on from what it finds: the same block gives the same state.
    if not kept:
        back.finalise(*final_block(back, BATCHES[1:2], VALIDATORS), BATCHES[1:2])
    assert back.tip == reference.tip


def test_a_copy_of_a_transaction_does_not_change_its_outcome() -> None:
    store = opened(MemoryStore())
    add_block(store, BATCHES[:1])
    first = BATCHES[0].transactions[0].id
    # The same batch cannot stand twice in a chain's window; here it does, to show the ledger's own.
    store.finalise(*final_block(store, BATCHES[:1], VALIDATORS), BATCHES[:1])
    record = store.record(2)
    assert record is not None
    assert {each.reason for each in record.transactions} == {"unknown_coin"}
    assert store.transaction(first) == (1, 0)


def test_batches_wait_on_disk_until_a_block_has_them() -> None:
    database = MemoryStore()
    store = opened(database)
    for batch in BATCHES[:2]:
        store.keep_batch(batch, sync=True)
    assert sorted(opened(database).live_batches()) == sorted(
        batch.sealed.encoded for batch in BATCHES[:2]
    )
    store.drop_batches([BATCHES[1].id])
    assert store.live_batches() == [BATCHES[0].sealed.encoded]


def test_another_genesis_is_refused(tmp_path: Path) -> None:
    arguments = (CHAIN, GENESIS_ID, 0, ChainParameters(), COINS)
    ChainStore.open(tmp_path / "db", *arguments).close()
    with pytest.raises(WrongGenesis):
        ChainStore.open(tmp_path / "db", CHAIN, b"\x01" * 32, 0, ChainParameters(), COINS)
    ChainStore.open(tmp_path / "db", *arguments).close()


def test_parents_reach_back_as_far_as_a_batch_lives() -> None:
    database = MemoryStore()
    store = opened(database)
    assert store.parent(0) == (GENESIS_ID, store.easiest_target)
    add_block(store, BATCHES[:1])
    assert store.parent(0) == (GENESIS_ID, store.easiest_target)
    assert store.parent(1) == (store.tip.id, store.easiest_target)
    assert store.parent(2) is None
    for _ in range(BATCH_LIFETIME):
        add_block(store, [])
    assert store.parent(0) is None
    assert store.parent(1) is not None
    assert all(opened(database).parent(each) == store.parent(each) for each in range(124))


def test_a_crash_leaves_the_root_to_be_worked_out_again() -> None:
    database = MemoryStore()
    store = opened(database)
    add_block(store, BATCHES[:1])
    add_block(store, BATCHES[1:2])
    again = opened(database)
    assert again.tip == store.tip
    add_block(again, BATCHES[2:3])
    assert opened(database).tip == again.tip


def test_a_root_that_the_coins_do_not_give_is_named() -> None:
    database = MemoryStore()
    store = opened(database)
    add_block(store, BATCHES[:1])
    (key, _), *_ = database.scan(b"c", b"d", limit=1)
    write = WriteBatch()
    write.delete(key)
    database.write(write, sync=True)
    with pytest.raises(Corrupted, match="do not give its root"):
        opened(database)


def test_closing_saves_the_root(tmp_path: Path) -> None:
    arguments = (tmp_path / "db", CHAIN, GENESIS_ID, 0, ChainParameters(), COINS)
    store = ChainStore.open(*arguments)
    add_block(store, BATCHES[:1])
    tip = store.tip
    store.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StateRoot, "compute", lambda *_: pytest.fail("it was saved"))
        store = ChainStore.open(*arguments)
    assert store.tip == tip
    store.close()
