"""What every key-value store promises, checked on LevelDB and on the fake alike."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import StoreClosed
from storage.kv import KeyValue, WriteBatch

EVERYTHING = (b"", b"\xff" * 16)


def written(store: KeyValue, **entries: bytes) -> None:
    batch = WriteBatch()
    for key, value in entries.items():
        batch.put(key.encode(), value)
    store.write(batch, sync=True)


def test_what_was_written_is_read(store: KeyValue) -> None:
    written(store, a=b"1", b=b"")
    assert store.get(b"a") == b"1"
    assert store.get(b"b") == b"", "an empty value is a value"
    assert store.get(b"c") is None


def test_the_last_word_in_a_batch_wins(store: KeyValue) -> None:
    batch = WriteBatch()
    batch.put(b"a", b"1")
    batch.delete(b"a")
    batch.delete(b"b")
    batch.put(b"b", b"2")
    batch.put(b"b", b"3")
    store.write(batch, sync=False)
    assert list(store.scan(*EVERYTHING)) == [(b"b", b"3")]


def test_deleting_what_is_not_there_is_no_error(store: KeyValue) -> None:
    batch = WriteBatch()
    batch.delete(b"nothing")
    store.write(batch, sync=True)
    assert list(store.scan(*EVERYTHING)) == []


def test_an_empty_batch_changes_nothing(store: KeyValue) -> None:
    written(store, a=b"1")
    store.write(WriteBatch(), sync=True)
    assert list(store.scan(*EVERYTHING)) == [(b"a", b"1")]


def test_a_batch_that_cannot_be_applied_leaves_no_part(store: KeyValue) -> None:
    batch = WriteBatch()
    batch.put(b"a", b"1")
    batch.put(None, b"2")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        store.write(batch, sync=True)
    assert store.get(b"a") is None


def test_a_batch_counts_itself() -> None:
    batch = WriteBatch()
    batch.put(b"key", b"value")
    batch.delete(b"gone")
    assert len(batch) == 2
    assert batch.size_bytes == 3 + 5 + 4


@pytest.mark.parametrize(
    ("bounds", "reverse", "limit", "expected"),
    [
        ((b"", b"\xff"), False, None, "abcd"),
        ((b"b", b"d"), False, None, "bc"),
        ((b"b", b"d"), True, None, "cb"),
        ((b"aa", b"cc"), False, None, "bc"),
        ((b"", b"\xff"), True, None, "dcba"),
        ((b"", b"\xff"), False, 2, "ab"),
        ((b"", b"\xff"), True, 2, "dc"),
        ((b"", b"\xff"), False, 0, ""),
        ((b"b", b"b"), False, None, ""),
        ((b"d", b"a"), False, None, ""),
        ((b"d", b"a"), True, None, ""),
    ],
)
def test_a_scan_keeps_bounds_direction_and_limit(
    store: KeyValue,
    bounds: tuple[bytes, bytes],
    reverse: bool,
    limit: int | None,
    expected: str,
) -> None:
    written(store, a=b"1", b=b"2", c=b"3", d=b"4")
    found = store.scan(*bounds, reverse=reverse, limit=limit)
    assert b"".join(key for key, _ in found) == expected.encode()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_sees_the_moment_of_its_call(store: KeyValue, reverse: bool) -> None:
    written(store, a=b"1", b=b"2")
    found = store.scan(*EVERYTHING, reverse=reverse)
    batch = WriteBatch()
    batch.put(b"a", b"changed")
    batch.delete(b"b")
    batch.put(b"c", b"new")
    store.write(batch, sync=False)
    assert sorted(found) == [(b"a", b"1"), (b"b", b"2")]


def test_a_snapshot_stays_as_it_was(store: KeyValue) -> None:
    written(store, a=b"1")
    with store.snapshot() as first:
        written(store, a=b"2", b=b"2")
        with store.snapshot() as second:
            written(store, a=b"3")
            assert first.get(b"a") == b"1"
            assert list(first.scan(*EVERYTHING)) == [(b"a", b"1")]
            assert list(second.scan(*EVERYTHING, reverse=True)) == [(b"b", b"2"), (b"a", b"2")]
        assert first.get(b"b") is None
    assert store.get(b"a") == b"3"


def test_a_snapshot_ends_with_its_block(store: KeyValue) -> None:
    with store.snapshot() as reader:
        pass
    with pytest.raises(StoreClosed):
        reader.get(b"a")
    with pytest.raises(StoreClosed):
        list(reader.scan(*EVERYTHING))


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.get(b"a"),
        lambda store: list(store.scan(*EVERYTHING)),
        lambda store: store.write(WriteBatch(), sync=False),
        lambda store: store.snapshot().__enter__(),
    ],
    ids=["get", "scan", "write", "snapshot"],
)
def test_a_closed_store_refuses_every_use(
    store: KeyValue, use: Callable[[KeyValue], object]
) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreClosed):
        use(store)


KEYS = st.binary(max_size=3)
OPERATIONS = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3)), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(OPERATIONS, max_size=4), low=KEYS, high=KEYS, limit=st.integers(0, 5))
def test_a_store_is_a_sorted_dictionary(
    store: KeyValue,
    batches: list[list[tuple[bytes, bytes | None]]],
    low: bytes,
    high: bytes,
    limit: int,
) -> None:
    clearing = WriteBatch()
    for key, _ in store.scan(*EVERYTHING):
        clearing.delete(key)
    store.write(clearing, sync=False)

    model: dict[bytes, bytes] = {}
    for operations in batches:
        batch = WriteBatch()
        for key, value in operations:
            if value is None:
                batch.delete(key)
                model.pop(key, None)
            else:
                batch.put(key, value)
                model[key] = value
        store.write(batch, sync=False)

    assert dict(store.scan(*EVERYTHING)) == model
    inside = sorted((key, value) for key, value in model.items() if low <= key < high)
    assert list(store.scan(low, high, limit=limit)) == inside[:limit]
    assert list(store.scan(low, high, reverse=True, limit=limit)) == inside[::-1][:limit]
