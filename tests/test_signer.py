"""The signing guard: whatever crashes or is damaged, no place is signed twice or gone back to."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import signing
from gtxnode import signer as signer_module
from gtxnode.signer import (
    ForeignSigner,
    Place,
    Signer,
    SignerFailed,
    Step,
    WouldGoBack,
    WouldSignTwice,
)
from storage.errors import Corrupted, DiskFull, Locked, Missing, StoreClosed, UnknownFormat
from storage.files import write_all_at

KEY = b"\x01" * 32
CHAIN = "test-chain"
CELL_BYTES = 4096


def opened(path: Path) -> Signer:
    return Signer.open(path, KEY, CHAIN, create=True)


def opened_at(path: Path) -> Place:
    """The last place that the file knows of."""
    signer = opened(path)
    signer.close()
    return signer.last


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_a_signature_is_the_keys(tmp_path: Path) -> None:
    signer = opened(tmp_path / "new folder" / "signer")
    assert signer.last == (0, 0, 0)
    signature = signer.sign(7, 2, Step.PREVOTE, digest(1))
    assert signing.verify(signing.public_key(KEY), digest(1), signature)
    assert signer.last == Place(7, 2, Step.PREVOTE)
    signer.close()


def test_the_same_digest_at_the_same_place_is_the_same_signature(tmp_path: Path) -> None:
    signer = opened(tmp_path / "signer")
    signature = signer.sign(7, 2, Step.PREVOTE, digest(1))
    assert signer.sign(7, 2, Step.PREVOTE, digest(1)) == signature
    signer.keep()
    signer.close()
    signer = Signer.open(tmp_path / "signer", KEY, CHAIN)
    assert signer.last == (7, 2, Step.PREVOTE)
    assert signer.sign(7, 2, Step.PREVOTE, digest(1)) == signature
    signer.close()


def test_another_digest_at_the_same_place_is_refused(tmp_path: Path) -> None:
    signer = opened(tmp_path / "signer")
    signer.sign(7, 2, Step.PREVOTE, digest(1))
    with pytest.raises(WouldSignTwice, match="height 7, round 2, prevote") as refused:
        signer.sign(7, 2, Step.PREVOTE, digest(2))
    assert not isinstance(refused.value, WouldGoBack)
    signer.keep()
    signer.close()
    signer = opened(tmp_path / "signer")
    with pytest.raises(WouldSignTwice):
        signer.sign(7, 2, Step.PREVOTE, digest(2))
    assert signer.last == (7, 2, Step.PREVOTE)
    signer.close()


@pytest.mark.parametrize(
    "place", [(7, 2, Step.PROPOSE), (7, 1, Step.PRECOMMIT), (6, 9, Step.PRECOMMIT)]
)
def test_a_lower_place_is_refused_even_for_the_same_digest(
    tmp_path: Path, place: tuple[int, int, Step]
) -> None:
    signer = opened(tmp_path / "signer")
    signer.sign(*place, digest(1))
    signer.sign(7, 2, Step.PREVOTE, digest(2))
    with pytest.raises(WouldGoBack, match="already signed at height 7, round 2, prevote"):
        signer.sign(*place, digest(1))
    signer.close()


def test_what_is_kept_is_in_the_file_and_what_is_synced_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "signer"
    signer = opened(path)
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(path.read_bytes()))
    signature = signer.sign(1, 0, Step.PROPOSE, digest(1))
    assert signature not in path.read_bytes()
    signer.keep()
    assert signature in path.read_bytes()
    assert not synced
    later = signer.sign(1, 0, Step.PREVOTE, digest(2))
    signer.sync()
    assert len(synced) == 1
    assert later in synced[0]
    signer.close()


def test_a_signature_that_was_never_kept_was_never_made(tmp_path: Path) -> None:
    signer = opened(tmp_path / "signer")
    signer.sign(7, 2, Step.PREVOTE, digest(1))
    signer.close()
    signer = opened(tmp_path / "signer")
    assert signer.last == (0, 0, 0)
    signer.close()


def test_the_journal_reminds_a_guard_that_a_power_cut_set_back(tmp_path: Path) -> None:
    path = tmp_path / "signer"
    signer = opened(path)
    signer.sign(7, 1, Step.PREVOTE, digest(1))
    signer.sync()
    signature = signer.sign(7, 2, Step.PREVOTE, digest(2))
    signer.close()
    for _ in range(2):  # What is recalled is in the file from then on.
        signer = opened(path)
        signer.recall(7, 1, Step.PREVOTE, digest(1))
        signer.recall(7, 2, Step.PREVOTE, digest(2))
        signer.recall(7, 1, Step.PRECOMMIT, digest(3))
        assert signer.last == (7, 2, Step.PREVOTE)
        assert signer.sign(7, 2, Step.PREVOTE, digest(2)) == signature
        with pytest.raises(WouldSignTwice):
            signer.sign(7, 2, Step.PREVOTE, digest(4))
        signer.close()
        assert opened_at(path) == (7, 2, Step.PREVOTE)


def test_a_guard_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="signer file"):
        Signer.open(tmp_path / "signer", KEY, CHAIN)


def test_a_guard_of_another_key_or_chain_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "signer").close()
    with pytest.raises(ForeignSigner, match="another key"):
        Signer.open(tmp_path / "signer", b"\x02" * 32, CHAIN)
    with pytest.raises(ForeignSigner, match="another chain"):
        Signer.open(tmp_path / "signer", KEY, "other-chain")
    opened(tmp_path / "signer").close()


def test_a_second_holder_is_kept_out(tmp_path: Path) -> None:
    signer = opened(tmp_path / "signer")
    with pytest.raises(Locked, match=f"in use by process {os.getpid()}"):
        opened(tmp_path / "signer")
    signer.close()
    signer.close()
    with pytest.raises(StoreClosed):
        signer.sign(1, 0, Step.PROPOSE, digest(1))


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_after_a_failure_nothing_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    signer = opened(tmp_path / "signer")
    signer.sign(1, 0, Step.PROPOSE, digest(1))

    def failing(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing)
        signer.sign(1, 0, Step.PREVOTE, digest(2))
        with pytest.raises(SignerFailed, match="No space left") as failed:
            signer.sync()
    assert isinstance(failed.value.__cause__, DiskFull)
    for number in (1, 2):
        with pytest.raises(SignerFailed):
            signer.sign(1, 0, Step(number), digest(number))
    signer.close()


class Crashed(BaseException):
    """The process ends here, in the middle of a write."""


PLACES = st.tuples(st.integers(1, 2), st.integers(0, 1), st.sampled_from(Step))
# A request, and after how many bytes the process is killed, if it is.
CUTS = st.none() | st.integers(0, 2 * CELL_BYTES) | st.integers(0, 250).map(CELL_BYTES.__add__)
REQUESTS = st.lists(st.tuples(PLACES, st.integers(1, 2), CUTS, CUTS), max_size=25)


@given(REQUESTS)
def test_no_crash_makes_it_sign_twice_or_go_back(
    requests: list[tuple[tuple[int, int, Step], int, int | None, int | None]],
) -> None:
    cut: int | None = None

    def write_or_crash(fd: int, data: bytes, offset: int) -> None:
        write_all_at(fd, data[:cut], offset)
        if cut is not None:
            raise Crashed

    signed: list[tuple[Place, bytes]] = []
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "signer"
        opened(path).close()
        patch.setattr(signer_module, "write_all_at", write_or_crash)
        signer = opened(path)
        for place, number, sign_cut, open_cut in requests:
            before, cut = signer.last, sign_cut
            try:
                signature = signer.sign(*place, digest(number))
                signer.keep()
            except WouldSignTwice:
                pass
            except Crashed:
                # Opening writes as well, and may be killed in turn.
                signer.close()
                cut = open_cut
                try:
                    signer = opened(path)
                except Crashed:
                    cut = None
                    signer = opened(path)
                assert signer.last in (before, place), "the state before the write or after it"
            else:
                assert signing.verify(signing.public_key(KEY), digest(number), signature)
                signed.append((Place(*place), digest(number)))
            cut = None
        signer.close()
    assert [place for place, _ in signed] == sorted(place for place, _ in signed)
    assert len(dict(signed)) == len(set(signed)), "one digest for one place"


@given(
    place=st.integers(0, 250) | st.integers(0, 2 * CELL_BYTES - 1),
    bit=st.integers(0, 7),
    count=st.integers(0, 3),
)
def test_one_damaged_byte_loses_nothing(place: int, bit: int, count: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "signer"
        signer = opened(path)
        for height in range(1, count + 1):
            signer.sign(height, 0, Step.PRECOMMIT, digest(height))
        signer.keep()
        last = signer.last
        signer.close()
        data = bytearray(path.read_bytes())
        data[place] ^= 1 << bit
        path.write_bytes(data)
        signer = opened(path)
        assert signer.last == last
        signer.close()


def test_two_damaged_copies_are_named_and_nothing_is_guessed(tmp_path: Path) -> None:
    path = tmp_path / "signer"
    opened(path).close()
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    data[CELL_BYTES + 60] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupted, match="both copies of the last signature are damaged"):
        opened(path)
    assert path.read_bytes() == bytes(data)


@given(st.binary(max_size=3 * CELL_BYTES))
def test_garbage_and_short_files_are_named(garbage: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "signer"
        opened(path).close()
        whole = path.read_bytes()
        for data in (garbage, whole[: len(garbage)] if len(garbage) < len(whole) else garbage):
            path.write_bytes(data)
            with pytest.raises(Corrupted, match="signer file"):
                opened(path)


def test_an_unknown_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(signer_module, "_VERSION", 2)
        opened(tmp_path / "signer").close()
    with pytest.raises(UnknownFormat, match="has the format 2; this release knows only: 1"):
        opened(tmp_path / "signer")


SIGN_FOR_EVER = """
import sys
from pathlib import Path
from gtxnode.signer import Signer, Step
signer = Signer.open(Path(sys.argv[1]), b"\\x01" * 32, "test-chain", create=True)
height = signer.last.height
while True:
    height += 1
    signer.sign(height, 0, Step.PRECOMMIT, height.to_bytes(32, "big"))
    signer.keep()
    print(height, flush=True)
"""


def test_a_killed_process_is_followed_by_one_that_remembers(tmp_path: Path) -> None:
    path, reached = tmp_path / "signer", 0
    for lines in (1, 50, 120):
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        with subprocess.Popen(
            [sys.executable, "-c", SIGN_FOR_EVER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                assert int(process.stdout.readline()) > reached
            process.send_signal(signal.SIGKILL)
            said = process.stdout.read().split()
        signer = opened(path)
        assert signer.last.height >= reached + lines + len(said)
        reached = signer.last.height
        with pytest.raises(WouldSignTwice):
            signer.sign(reached, 0, Step.PRECOMMIT, digest(0))
        signer.close()
