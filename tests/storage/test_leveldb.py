"""What only a database on disk can do: be damaged, be locked, be cut short, be full."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import Corrupted, Locked, Missing, WriteFailed
from storage.kv import KeyValue, WriteBatch
from storage.leveldb import LevelDB

BATCHES = 20
PER_BATCH = 50


def fill(path: Path) -> None:
    """Twenty synced batches; batch n holds fifty entries with n in key and value."""
    store = LevelDB.open(path)
    for number in range(BATCHES):
        batch = WriteBatch()
        for entry in range(PER_BATCH):
            batch.put(b"%02d/%02d" % (number, entry), b"%d" % number * 40)
        store.write(batch, sync=True)
    store.close()


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)


def read_all(store: KeyValue) -> list[tuple[bytes, bytes]]:
    return list(store.scan(b"", b"\xff"))


OPEN_ELSEWHERE = """
    import sys
    from pathlib import Path
    from storage.errors import Locked
    from storage.leveldb import LevelDB
    try:
        LevelDB.open(Path(sys.argv[1])).close()
        print("opened")
    except Locked as error:
        print(error.holder_pid)
"""


def test_it_is_there_after_reopening(tmp_path: Path) -> None:
    fill(tmp_path / "db")
    store = LevelDB.open(tmp_path / "db", create=False)
    assert len(read_all(store)) == BATCHES * PER_BATCH
    store.close()


def test_opening_what_is_missing_without_creating_it(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        LevelDB.open(tmp_path / "db", create=False)
    (tmp_path / "db").mkdir()
    with pytest.raises(Missing):
        LevelDB.open(tmp_path / "db", create=False)


def test_another_process_is_kept_out_and_told_who_is_in(
    tmp_path: Path, elsewhere: Callable[..., str]
) -> None:
    store = LevelDB.open(tmp_path / "db")
    # LevelDB's own lock is lost by a second try in the same process; ours must not be.
    with pytest.raises(Locked) as refused:
        LevelDB.open(tmp_path / "db")
    assert refused.value.holder_pid == os.getpid()
    assert elsewhere(OPEN_ELSEWHERE, str(tmp_path / "db")) == f"{os.getpid()}\n"
    store.close()
    assert elsewhere(OPEN_ELSEWHERE, str(tmp_path / "db")) == "opened\n"


def test_a_damaged_table_is_named_on_every_way_of_reading(tmp_path: Path) -> None:
    fill(tmp_path / "db")
    LevelDB.open(tmp_path / "db").close()  # Opening turns the log into a table file.
    (table,) = (tmp_path / "db").glob("*.ldb")
    flip(table, table.stat().st_size // 3)
    store = LevelDB.open(tmp_path / "db")
    with pytest.raises(Corrupted, match="checksum"):
        read_all(store)
    with pytest.raises(Corrupted, match="checksum"):
        list(store.scan(b"", b"\xff", reverse=True))
    keys = [b"%02d/%02d" % (number, entry) for number in range(BATCHES) for entry in (0, 25, 49)]
    with pytest.raises(Corrupted) as damage:
        _ = [store.get(key) for key in keys]
    assert damage.value.where == str(tmp_path / "db")
    store.close()


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "db")
    LevelDB.open(tmp_path / "db").close()
    for table in (tmp_path / "db").glob("*.ldb"):
        table.unlink()
    with pytest.raises(Corrupted, match="missing"):
        LevelDB.open(tmp_path / "db")


def newest_log(path: Path) -> Path:
    return max(path.glob("*.log"))


def test_a_damaged_log_is_named_and_not_skipped(tmp_path: Path) -> None:
    fill(tmp_path / "db")
    log = newest_log(tmp_path / "db")
    flip(log, log.stat().st_size // 2)
    with pytest.raises(Corrupted):
        LevelDB.open(tmp_path / "db")


def test_a_torn_log_gives_whole_batches_from_the_start(tmp_path: Path) -> None:
    fill(tmp_path / "db")
    log = newest_log(tmp_path / "db")
    whole = log.read_bytes()
    for cut in range(0, len(whole), len(whole) // 37):
        copy = tmp_path / f"cut-{cut}"
        copy.mkdir()
        for file in (tmp_path / "db").iterdir():
            (copy / file.name).write_bytes(whole[:cut] if file == log else file.read_bytes())
        store = LevelDB.open(copy)
        keys = [key for key, _ in read_all(store)]
        store.close()
        assert len(keys) % PER_BATCH == 0, "a batch is there whole or not at all"
        assert keys == [
            b"%02d/%02d" % (number, entry)
            for number in range(len(keys) // PER_BATCH)
            for entry in range(PER_BATCH)
        ]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteFailed):
        LevelDB.open(tmp_path / "file" / "db")


WRITE_UNTIL_REFUSED = """
    import sys
    from pathlib import Path
    from storage.errors import WriteFailed
    from storage.kv import WriteBatch
    from storage.leveldb import LevelDB
    store = LevelDB.open(Path(sys.argv[1]))
    for number in range(10_000):
        batch = WriteBatch()
        batch.put(b"%08d" % number, bytes(1000))
        batch.put(b"tip", b"%08d" % number)
        try:
            store.write(batch, sync=True)
        except WriteFailed as error:
            print(number, error.code)
            break
"""


def test_a_disk_without_room_is_named_and_what_was_acknowledged_is_there(
    tmp_path: Path, elsewhere: Callable[..., str]
) -> None:
    limit = 200_000
    folder = str(tmp_path / "db")
    said = elsewhere(WRITE_UNTIL_REFUSED, folder, file_limit_bytes=limit).split()
    assert said[1] == WriteFailed.code
    store = LevelDB.open(tmp_path / "db")
    tip = store.get(b"tip")
    assert tip is not None
    assert int(tip) in (int(said[0]) - 1, int(said[0])), "at most the refused one more"
    assert [key for key, _ in store.scan(b"0", b"9")] == [b"%08d" % n for n in range(int(tip) + 1)]
    store.close()
