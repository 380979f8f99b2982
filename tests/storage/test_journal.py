"""The journal: what a crash, damage, a full disk and a second process leave of it."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import journal as journal_module
from storage.errors import (
    Corrupted,
    DiskFull,
    JournalFailed,
    Locked,
    RecordTooLarge,
    StoreClosed,
    UnknownFormat,
    WriteFailed,
)
from storage.journal import Journal

RECORDS = st.lists(st.binary(max_size=40), min_size=1, max_size=6)
HEADER_BYTES = 20
FRAME_BYTES = 16


def write(path: Path, *records: bytes) -> None:
    journal = Journal.open(path)
    for record in records:
        journal.append(record)
    journal.sync()
    journal.close()


def read(path: Path) -> tuple[tuple[bytes, ...], int]:
    journal = Journal.open(path)
    found = journal.recovered, journal.dropped_bytes
    journal.close()
    return found


def uses_of(journal: Journal) -> tuple[Callable[[], None], ...]:
    return (lambda: journal.append(b""), journal.sync, journal.rotate)


def ends_of(records: list[bytes]) -> list[int]:
    """Where each record ends in the file."""
    ends, at = [], HEADER_BYTES
    for record in records:
        at += FRAME_BYTES + len(record)
        ends.append(at)
    return ends


def test_records_are_found_again_in_order(tmp_path: Path) -> None:
    write(tmp_path / "new folder" / "journal", b"one", b"", b"three")
    write(tmp_path / "new folder" / "journal", b"four")
    assert read(tmp_path / "new folder" / "journal") == ((b"one", b"", b"three", b"four"), 0)


def test_what_was_not_synced_is_not_there(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal")
    journal.append(b"synced")
    journal.sync()
    journal.append(b"not synced")
    journal.close()
    assert read(tmp_path / "journal") == ((b"synced",), 0)


def test_rotating_empties_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, b"old")
    journal = Journal.open(path)
    journal.append(b"not synced")
    journal.rotate()
    assert journal.recovered == ()
    assert journal.size_bytes == path.stat().st_size == HEADER_BYTES
    journal.append(b"new")
    journal.sync()
    assert journal.size_bytes == path.stat().st_size
    journal.close()
    assert read(path) == ((b"new",), 0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["journal", "journal.lock"]


def test_rotating_may_begin_with_other_records(tmp_path: Path) -> None:
    """All of them, at once synced; or, where one is too large, nothing has happened."""
    path = tmp_path / "journal"
    write(path, b"old", b"older")
    journal = Journal.open(path)
    with pytest.raises(RecordTooLarge):
        journal.rotate([b"new", bytes(journal_module.MAX_RECORD_BYTES + 1)])
    assert journal.recovered == (b"old", b"older")
    journal.append(b"not synced")
    journal.rotate([b"new", b"newer"])
    assert journal.size_bytes == path.stat().st_size
    journal.append(b"newest")
    journal.sync()
    journal.close()
    assert read(path) == ((b"new", b"newer", b"newest"), 0)


def test_a_rotation_cut_short_leaves_the_old_records(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, b"old")
    (tmp_path / "journal.new").write_bytes(path.read_bytes()[:HEADER_BYTES])
    assert read(path) == ((b"old",), 0)
    journal = Journal.open(path)
    journal.rotate()
    journal.close()
    assert read(path) == ((), 0)


@given(records=RECORDS, data=st.data())
def test_a_cut_at_any_byte_leaves_exactly_the_whole_records_before_it(
    records: list[bytes], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        write(path, *records)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        kept = [end for end in ends_of(records) if end <= cut]
        start = kept[-1] if kept else HEADER_BYTES if cut >= HEADER_BYTES else 0
        assert read(path) == (tuple(records[: len(kept)]), cut - start)
        # The cut is gone: what is appended now follows the last whole record.
        write(path, b"after")
        assert read(path) == ((*records[: len(kept)], b"after"), 0)


@given(records=RECORDS, data=st.data())
def test_a_flipped_bit_is_never_accepted(records: list[bytes], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        write(path, *records)
        whole = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(whole)
        ends = ends_of(records)
        damaged = sum(end <= place for end in ends)
        if place < HEADER_BYTES:
            with pytest.raises((Corrupted, UnknownFormat)):
                Journal.open(path)
        elif damaged == len(records) - 1:
            # The last record: no different from a torn write, so it is cut.
            assert read(path)[0] == tuple(records[:-1])
        else:
            start = ends[damaged - 1] if damaged else HEADER_BYTES
            with pytest.raises(Corrupted, match=f"at offset {start} "):
                Journal.open(path)
        assert path.exists()


@given(st.binary(max_size=200))
def test_garbage_is_cut_or_named(garbage: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        write(path, b"good")
        whole = path.read_bytes()
        path.write_bytes(whole + garbage)
        assert read(path) == ((b"good",), len(garbage))
        path.write_bytes(garbage)
        if len(garbage) > 8:
            with pytest.raises(Corrupted):
                Journal.open(path)


def test_a_record_inside_a_torn_record_is_no_record(tmp_path: Path) -> None:
    # A peer can choose a payload that looks like a journal, but not one with this file's mark.
    other, path = tmp_path / "other", tmp_path / "journal"
    write(other, b"looks like a record")
    write(path, b"good", other.read_bytes() + bytes(100))
    path.write_bytes(path.read_bytes()[:-1])
    assert read(path)[0] == (b"good",)


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, b"good")
    data = bytearray(path.read_bytes())
    data[7] = 9
    path.write_bytes(data)
    with pytest.raises(UnknownFormat, match="has the format 9; this release knows only: 1"):
        Journal.open(path)


def test_a_second_writer_is_kept_out(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal.open(path)
    with pytest.raises(Locked, match=f"in use by process {os.getpid()}"):
        Journal.open(path)
    journal.rotate()
    with pytest.raises(Locked):
        Journal.open(path)
    journal.close()
    Journal.open(path).close()


def test_limits_have_names_and_refuse_without_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MAX_RECORD_BYTES", 10)
    monkeypatch.setattr(journal_module, "MAX_JOURNAL_BYTES", HEADER_BYTES + 2 * FRAME_BYTES + 15)
    journal = Journal.open(tmp_path / "journal")
    with pytest.raises(RecordTooLarge, match="11 bytes pass the limit of 10"):
        journal.append(bytes(11))
    journal.append(bytes(10))
    with pytest.raises(RecordTooLarge):
        journal.append(bytes(6))
    journal.append(bytes(5))
    journal.sync()
    journal.close()
    assert read(tmp_path / "journal") == ((bytes(10), bytes(5)), 0)


def test_a_closed_journal_refuses_every_use(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal")
    journal.close()
    journal.close()
    for use in uses_of(journal):
        with pytest.raises(StoreClosed):
            use()


def fail_with(code: int) -> Callable[..., int]:
    def failing(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return failing


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_after_a_failure_every_use_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "journal"
    write(path, b"before")
    journal = Journal.open(path)
    journal.append(b"record")
    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail_with(5))
        with pytest.raises(JournalFailed, match="Input/output error") as failed:
            journal.sync()
    assert isinstance(failed.value.__cause__, WriteFailed)
    for use in uses_of(journal):
        with pytest.raises(JournalFailed):
            use()
    journal.close()
    assert read(path)[0][:1] == (b"before",), "what was synced before is there"


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_rotation_that_fails_loses_nothing_and_is_final(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "journal"
    write(path, b"before")
    journal = Journal.open(path)
    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail_with(28))
        with pytest.raises(JournalFailed) as failed:
            journal.rotate()
    assert isinstance(failed.value.__cause__, DiskFull)
    with pytest.raises(JournalFailed):
        journal.append(b"")
    journal.close()
    assert read(path) == ((b"before",), 0)


SYNC_UNTIL_REFUSED = """
    import sys
    from pathlib import Path
    from storage.errors import JournalFailed
    from storage.journal import Journal
    journal = Journal.open(Path(sys.argv[1]))
    number = 0
    try:
        while True:
            journal.append(b"%08d" % number * 20)
            journal.sync()
            number += 1
    except JournalFailed as error:
        pass
    try:
        journal.append(b"again")
    except JournalFailed as error:
        print(number, error.code)
"""


def test_a_disk_without_room_stops_it_and_keeps_what_was_synced(
    tmp_path: Path, elsewhere: Callable[..., str]
) -> None:
    path = tmp_path / "journal"
    limit = 50_000
    number, code = elsewhere(SYNC_UNTIL_REFUSED, str(path), file_limit_bytes=limit).split()
    assert code == JournalFailed.code
    assert path.stat().st_size == limit, "the last record is torn where the room ended"
    records, dropped = read(path)
    assert records == tuple(b"%08d" % n * 20 for n in range(int(number)))
    assert 0 < dropped < FRAME_BYTES + 160


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteFailed):
        Journal.open(tmp_path / "file" / "journal")


def test_appending_beside_a_sync_loses_and_doubles_nothing(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal")
    records = tuple(b"%d" % number for number in range(5000))
    done = threading.Event()

    def sync_on() -> None:
        while not done.is_set():
            journal.sync()

    syncing = threading.Thread(target=sync_on)
    syncing.start()
    for record in records:
        journal.append(record)
    done.set()
    syncing.join()
    journal.sync()
    journal.close()
    assert read(tmp_path / "journal") == (records, 0)
