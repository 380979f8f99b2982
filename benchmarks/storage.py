"""What storage costs above raw plyvel and above a raw fdatasync.

    python -m benchmarks.storage [-o json] [--folder FOLDER]

The database's reference is plyvel with the same buffers but without paranoid checks and verified
checksums, driven by the shortest loop that does the work. The reference of the journal and of the
signing guard is an append of 300 bytes and one fdatasync. Ours and the reference take turns, so
that a disturbance meets both. Rates are per second of the calling thread's CPU, of the median
round, because LevelDB's compaction in the background makes the clock's time say little about the
layer above it; what is synced goes by the clock. FOLDER must be on the disk in question: a
folder in memory makes every sync free.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, Final

import plyvel

from benchmarks.figure import Figure, add_output_option, show
from gtxnode.signer import Signer, Step
from storage.journal import Journal
from storage.kv import WriteBatch
from storage.leveldb import (
    BLOOM_BITS_PER_KEY,
    OPEN_FILES,
    LevelDB,
)
from storage.sizes import CACHE_BYTES, WRITE_BUFFER_BYTES

ROUNDS: Final = 21
BATCH: Final = 10_000
SYNCED_BATCH: Final = 1_000
SYNCED_ROUNDS: Final = 200
SYNCS: Final = 1_000
KEY_BYTES: Final = 34
VALUE_BYTES: Final = 100
RECORD_BYTES: Final = 300

Rows = list[tuple[bytes, bytes]]


def coins(count: int) -> Rows:
    """Rows like a block's coins: ids are hashes, so keys come in no order."""
    return [(os.urandom(KEY_BYTES), os.urandom(VALUE_BYTES)) for _ in range(count)]


def open_raw(path: Path) -> Any:
    return plyvel.DB(
        str(path),
        create_if_missing=True,
        write_buffer_size=WRITE_BUFFER_BYTES,
        lru_cache_size=CACHE_BYTES,
        max_open_files=OPEN_FILES,
        bloom_filter_bits=BLOOM_BITS_PER_KEY,
    )


def write_ours(store: LevelDB, rows: Rows, *, sync: bool) -> None:
    batch = WriteBatch()
    for key, value in rows:
        batch.put(key, value)
    store.write(batch, sync=sync)


def write_raw(database: Any, rows: Rows, *, sync: bool) -> None:
    with database.write_batch(sync=sync) as batch:
        for key, value in rows:
            batch.put(key, value)


def get_ours(store: LevelDB, rows: Rows) -> None:
    for key, _ in rows:
        store.get(key)


def get_raw(database: Any, rows: Rows) -> None:
    for key, _ in rows:
        database.get(key)


def in_turns(
    rounds: int,
    ours: Callable[[int], object],
    reference: Callable[[int], object],
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], list[float]]:
    """The seconds of each round of both; who goes first changes."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for which in (number % 2, 1 - number % 2):
            work = (ours, reference)[which]
            start = clock()
            work(number)
            taken[which].append(clock() - start)
    return taken


def rate(name: str, count: int, unit: str, taken: tuple[list[float], list[float]]) -> Figure:
    """The rates of both's median rounds."""
    return Figure(name, count / median(taken[0]), unit, count / median(taken[1]))


def percentiles(name: str, taken: tuple[list[float], list[float]]) -> Iterator[Figure]:
    """p50 and p99 of both, in milliseconds, by nearest rank."""
    ours, reference = sorted(taken[0]), sorted(taken[1])
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        at = int(len(ours) * share)
        yield Figure(f"{name}, {label}", ours[at] * 1e3, "ms", reference[at] * 1e3)


def database_figures(folder: Path) -> Iterator[Figure]:
    """Batches, synced batches, reads and scans."""
    with (
        closing(LevelDB.open(folder / "ours")) as ours,
        closing(open_raw(folder / "raw")) as raw,
    ):
        batches = [coins(BATCH) for _ in range(ROUNDS)]
        taken = in_turns(
            ROUNDS,
            lambda number: write_ours(ours, batches[number], sync=False),
            lambda number: write_raw(raw, batches[number], sync=False),
            time.thread_time,
        )
        yield rate(f"batch of {BATCH:,} puts", BATCH, "puts/s", taken)
        taken = in_turns(
            ROUNDS,
            lambda number: get_ours(ours, batches[number]),
            lambda number: get_raw(raw, batches[number]),
            time.thread_time,
        )
        yield rate("get", BATCH, "gets/s", taken)
        rows = sum(len(batch) for batch in batches)
        taken = in_turns(
            ROUNDS,
            lambda _: sum(1 for _ in ours.scan(b"", b"\xff" * KEY_BYTES)),
            lambda _: sum(1 for _ in raw.iterator()),
            time.thread_time,
        )
        yield rate("scan", rows, "entries/s", taken)
        small = [coins(SYNCED_BATCH) for _ in range(SYNCED_ROUNDS)]
        taken = in_turns(
            SYNCED_ROUNDS,
            lambda number: write_ours(ours, small[number], sync=True),
            lambda number: write_raw(raw, small[number], sync=True),
        )
        yield from percentiles(f"synced batch of {SYNCED_BATCH:,} puts", taken)


def sync_figures(folder: Path) -> Iterator[Figure]:
    """The journal and the signing guard beside an append and its fdatasync."""
    record = os.urandom(RECORD_BYTES)
    plain = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append_plain(_: int) -> None:
        os.write(plain, record)
        os.fdatasync(plain)

    with closing(Journal.open(folder / "journal")) as journal:

        def append_ours(_: int) -> None:
            journal.append(record)
            journal.sync()

        yield from percentiles("journal sync", in_turns(SYNCS, append_ours, append_plain))
    key = os.urandom(32)
    with closing(Signer.open(folder / "signer", key, "benchmark", create=True)) as signer:
        taken = in_turns(
            SYNCS,
            lambda number: signer.sign(number + 1, 0, Step.PREVOTE, number.to_bytes(32, "big")),
            append_plain,
        )
        yield from percentiles("guarded signature", taken)
    os.close(plain)


def main() -> None:
    parser = argparse.ArgumentParser(description="Storage beside raw plyvel and raw fdatasync.")
    add_output_option(parser)
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary one)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        show(database_figures(Path(folder)), chosen.output)
        show(sync_figures(Path(folder)), chosen.output)


if __name__ == "__main__":
    main()
