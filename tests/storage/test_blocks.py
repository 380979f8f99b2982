"""The block store: order, reading back, and damage named by height."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.blocks import BLOCKS_PREFIX, BlockStore, StoredBlock
from storage.errors import Corrupted, NotContiguous
from storage.kv import KeyValue, WriteBatch
from storage.leveldb import LevelDB
from storage.memory import MemoryStore
from storage.tables import U64


def block_at(height: int) -> StoredBlock:
    return StoredBlock(height, b"id%d" % height, b"block" * height, b"commit %d" % height)


def put(blocks: BlockStore, batch: WriteBatch, block: StoredBlock) -> None:
    blocks.put(batch, block.height, block.id, block.block, block.commit)


def filled(store: KeyValue, heights: range) -> BlockStore:
    blocks = BlockStore(store)
    for height in heights:
        batch = WriteBatch()
        put(blocks, batch, block_at(height))
        store.write(batch, sync=True)
    return blocks


def record_key(height: int) -> bytes:
    return BLOCKS_PREFIX + b"h" + U64().encode(height)


def test_an_empty_store_has_no_tip_and_no_block(store: KeyValue) -> None:
    blocks = BlockStore(store)
    assert blocks.tip is None
    assert blocks.by_height(1) is None
    assert blocks.by_height(-1) is None
    assert blocks.by_id(b"id") is None
    assert list(blocks.range(0, 10)) == []


def test_blocks_are_read_back_by_height_id_and_range(store: KeyValue) -> None:
    blocks = filled(store, range(254, 260))
    assert blocks.tip == 259
    assert blocks.by_height(256) == block_at(256)
    assert blocks.by_id(b"id256") == block_at(256)
    assert blocks.by_height(260) is None
    assert list(blocks.range(255, 258)) == [block_at(h) for h in (255, 256, 257)]
    assert [found.height for found in blocks.range(-5, 1000)] == list(range(254, 260))
    assert list(blocks.range(258, 255)) == []


def test_a_height_that_does_not_follow_is_refused(store: KeyValue) -> None:
    blocks = filled(store, range(1, 4))
    for height in (2, 3, 5):
        with pytest.raises(NotContiguous, match=f"block {height} was put where block 4 follows"):
            put(blocks, WriteBatch(), block_at(height))


def test_several_blocks_in_one_batch(store: KeyValue) -> None:
    blocks = filled(store, range(1, 2))
    batch = WriteBatch()
    for height in (2, 3, 4):
        put(blocks, batch, block_at(height))
    assert blocks.tip == 1, "nothing is there before the batch is written"
    with pytest.raises(NotContiguous):
        put(blocks, batch, block_at(6))
    store.write(batch, sync=True)
    assert [found.height for found in blocks.range(0, 10)] == [1, 2, 3, 4]


def test_a_batch_that_was_never_written_counts_for_nothing(store: KeyValue) -> None:
    blocks = filled(store, range(1, 2))
    dropped = WriteBatch()
    put(blocks, dropped, block_at(2))
    with pytest.raises(NotContiguous):
        put(blocks, WriteBatch(), block_at(3))
    again = WriteBatch()
    put(blocks, again, block_at(2))
    store.write(again, sync=True)
    assert blocks.tip == 2


def test_the_tip_is_found_again_after_reopening(tmp_path: Path) -> None:
    store = LevelDB.open(tmp_path / "db")
    filled(store, range(7, 10))
    store.close()
    store = LevelDB.open(tmp_path / "db")
    assert BlockStore(store).tip == 9
    store.close()


def test_a_record_under_another_height_is_named(store: KeyValue) -> None:
    blocks = filled(store, range(1, 4))
    moved = store.get(record_key(1))
    assert moved is not None
    batch = WriteBatch()
    batch.put(record_key(2), moved)
    store.write(batch, sync=True)
    with pytest.raises(Corrupted, match="block 2 is corrupted"):
        blocks.by_height(2)


def test_a_missing_record_is_named(store: KeyValue) -> None:
    blocks = filled(store, range(1, 4))
    batch = WriteBatch()
    batch.delete(record_key(2))
    store.write(batch, sync=True)
    found = blocks.range(1, 4)
    assert next(found) == block_at(1)
    with pytest.raises(Corrupted, match="block 2 is corrupted: it is missing"):
        next(found)
    with pytest.raises(Corrupted, match="block 2 is corrupted"):
        blocks.by_id(b"id2")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    id=st.binary(min_size=1, max_size=32),
    block=st.binary(max_size=60),
    commit=st.binary(max_size=60),
    data=st.data(),
)
def test_a_flipped_bit_is_named_with_its_height(
    id: bytes, block: bytes, commit: bytes, data: st.DataObject
) -> None:
    store = MemoryStore()
    blocks = BlockStore(store)
    batch = WriteBatch()
    blocks.put(batch, 9, id, block, commit)
    store.write(batch, sync=True)
    assert blocks.by_id(id) == StoredBlock(9, id, block, commit)

    record = bytearray(store.get(record_key(9)) or b"")
    place = data.draw(st.integers(0, len(record) - 1))
    record[place] ^= 1 << data.draw(st.integers(0, 7))
    kept = data.draw(st.integers(0, len(record)))
    for damaged in (bytes(record), bytes(record[:kept])):
        batch = WriteBatch()
        batch.put(record_key(9), damaged)
        store.write(batch, sync=True)
        with pytest.raises(Corrupted, match="block 9 is corrupted"):
            blocks.by_height(9)
        with pytest.raises(Corrupted, match="block 9 is corrupted"):
            list(blocks.range(9, 10))


def test_damage_that_the_database_finds_is_named_with_its_height(tmp_path: Path) -> None:
    store = LevelDB.open(tmp_path / "db")
    filled(store, range(1, 200))
    store.close()
    LevelDB.open(tmp_path / "db").close()  # Opening turns the log into a table file.
    (table,) = (tmp_path / "db").glob("*.ldb")
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(data)
    store = LevelDB.open(tmp_path / "db")
    blocks, named = BlockStore(store), []
    for height in range(1, 200):
        try:
            assert blocks.by_height(height) == block_at(height)
        except Corrupted as error:
            named.append((error.where, f"block {height}"))
    assert named
    assert all(said == meant for said, meant in named)
    with pytest.raises(Corrupted, match=f"{named[0][0]} is corrupted"):
        list(blocks.range(1, 200))
    store.close()
