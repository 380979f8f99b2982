"""Typed tables: order of keys, bounds of scans, and damage named by table and key."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import Corrupted
from storage.kv import KeyValue, WriteBatch
from storage.memory import MemoryStore
from storage.tables import MAX_U64, U64, Raw, Table, prefix_end, tuple_key

HEIGHTS = st.integers(0, MAX_U64)
HISTORY = tuple_key(Raw(2), U64(), Raw())


class Text:
    """JSON strings, so that a value can fail to decode."""

    def encode(self, value: str, /) -> bytes:
        return json.dumps(value).encode()

    def decode(self, data: bytes, /) -> str:
        return str(json.loads(data))


BY_HEIGHT = Table(b"h", U64(), Text(), name="heights")
BY_OWNER = Table(b"o", tuple_key(Raw(2), U64()), Raw(), name="owners")


def filled(store: KeyValue, heights: range) -> KeyValue:
    batch = WriteBatch()
    for height in heights:
        BY_HEIGHT.put(batch, height, f"block {height}")
    # Neighbours on both sides, which no scan of the table may show.
    batch.put(b"g\xff", b"before")
    batch.put(b"i", b"after")
    store.write(batch, sync=False)
    return store


def test_what_was_put_is_got(store: KeyValue) -> None:
    filled(store, range(3))
    assert BY_HEIGHT.get(store, 2) == "block 2"
    assert BY_HEIGHT.get(store, 3) is None
    batch = WriteBatch()
    BY_HEIGHT.delete(batch, 2)
    store.write(batch, sync=False)
    assert BY_HEIGHT.get(store, 2) is None


def test_a_scan_stays_within_its_table(store: KeyValue) -> None:
    filled(store, range(250, 260))
    assert [key for key, _ in BY_HEIGHT.scan(store)] == list(range(250, 260))
    assert next(BY_HEIGHT.scan(store, reverse=True)) == (259, "block 259")


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"start": 252, "stop": 254}, [252, 253]),
        ({"start": 258}, [258, 259]),
        ({"after": 257}, [258, 259]),
        ({"after": 259}, []),
        ({"stop": 252}, [250, 251]),
        ({"start": 254, "stop": 252}, []),
    ],
)
def test_a_scan_keeps_its_bounds(
    store: KeyValue, bounds: dict[str, int], expected: list[int]
) -> None:
    filled(store, range(250, 260))
    forward = [key for key, _ in BY_HEIGHT.scan(store, **bounds)]  # type: ignore[arg-type]
    backward = BY_HEIGHT.scan(store, reverse=True, **bounds)  # type: ignore[arg-type]
    assert forward == expected
    assert [key for key, _ in backward] == expected[::-1]


def test_pages_follow_one_another_without_gap_or_overlap(store: KeyValue) -> None:
    filled(store, range(10))
    pages, last = [], None
    while page := [key for key, _ in BY_HEIGHT.scan(store, after=last, limit=3)]:
        pages.append(page)
        last = page[-1]
    assert pages == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_a_scan_within_a_leading_part_shows_that_part_alone(store: KeyValue) -> None:
    batch = WriteBatch()
    for owner in (b"aa", b"ab", b"a\xff", b"b\x00"):
        for height in (1, 256):
            BY_OWNER.put(batch, (owner, height), owner)
    store.write(batch, sync=False)
    assert [key for key, _ in BY_OWNER.scan(store, within=b"a\xff")] == [
        (b"a\xff", 1),
        (b"a\xff", 256),
    ]
    following = BY_OWNER.scan(store, within=b"ab", after=(b"ab", 1))
    assert [key for key, _ in following] == [(b"ab", 256)]


def test_a_value_that_does_not_decode_is_named(store: KeyValue) -> None:
    batch = WriteBatch()
    batch.put(b"h" + (7).to_bytes(8, "big"), b"{")
    store.write(batch, sync=False)
    with pytest.raises(Corrupted, match="heights, key 0000000000000007"):
        BY_HEIGHT.get(store, 7)
    with pytest.raises(Corrupted, match="heights, key 0000000000000007"):
        list(BY_HEIGHT.scan(store))


def test_a_key_that_does_not_decode_is_named(store: KeyValue) -> None:
    batch = WriteBatch()
    batch.put(b"h\x01\x02", b'""')
    store.write(batch, sync=False)
    with pytest.raises(Corrupted, match="a key of heights"):
        list(BY_HEIGHT.scan(store))


@given(st.lists(HEIGHTS, min_size=2))
def test_heights_sort_as_numbers(heights: list[int]) -> None:
    encoded = [U64().encode(height) for height in sorted(heights)]
    assert encoded == sorted(encoded)
    assert [U64().decode(data) for data in encoded] == sorted(heights)


TUPLES = st.tuples(st.binary(min_size=2, max_size=2), HEIGHTS, st.binary(max_size=4))


@given(st.lists(TUPLES, min_size=2))
def test_tuples_sort_part_by_part(keys: list[tuple[bytes, int, bytes]]) -> None:
    ordered = sorted(keys)
    assert all(HISTORY.encode(low) <= HISTORY.encode(high) for low, high in pairwise(ordered))
    assert [HISTORY.decode(HISTORY.encode(key)) for key in keys] == keys


@given(st.binary(min_size=1, max_size=4).filter(lambda prefix: prefix.rstrip(b"\xff") != b""))
def test_the_end_of_a_prefix_is_the_first_key_after_it(prefix: bytes) -> None:
    assert prefix + b"\xff" * 8 < prefix_end(prefix)
    assert not prefix_end(prefix).startswith(prefix)


@given(st.lists(TUPLES, max_size=8), TUPLES, TUPLES)
def test_a_scan_by_key_is_a_scan_by_bytes(
    keys: list[tuple[bytes, int, bytes]],
    low: tuple[bytes, int, bytes],
    high: tuple[bytes, int, bytes],
) -> None:
    table = Table(b"t", HISTORY, Raw())
    store = MemoryStore()
    batch = WriteBatch()
    for key in keys:
        table.put(batch, key, b"")
    store.write(batch, sync=False)
    found = [key for key, _ in table.scan(store, start=low, stop=high)]
    assert found == sorted({key for key in keys if low <= key < high})
    following = [key for key, _ in table.scan(store, after=low)]
    assert following == sorted({key for key in keys if key > low})


@pytest.mark.parametrize("size", [0, 7, 9])
def test_a_number_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        U64().decode(bytes(size))
