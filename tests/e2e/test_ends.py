"""What a node cannot live with ends it at its start, with the code and a line that names the place.

One validator's home is damaged in each way in turn, tried, and mended again: in the end it goes on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import trio

from gtxnode.genesis import arranged
from gtxnode.genesis_file import format_genesis
from storage.journal import Journal
from tests.e2e.harness import BANGKOK, Cluster, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FAILED_EXIT = 1
CONFIGURATION_EXIT = 6
STORAGE_EXIT = 8
ENDS_S = 60

Damage = Callable[[Path], None]


def flip_a_bit(path: Path) -> None:
    """Somewhere early, so that whole records come after it."""
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1
    path.write_bytes(data)


def erase(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def of_the_next_release(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2] + b"9\n")


def from_elsewhere(path: Path) -> None:
    """A journal that is whole, and that no validator has written."""
    journal = Journal.open(path)
    journal.append(b"a note to myself")
    journal.sync()
    journal.close()


def that_trusts_another_block(path: Path) -> None:
    """Settings that hold the chain to what it does not have."""
    text = path.read_text(encoding="utf-8")
    trusted = f'trusted = ["{BANGKOK}:1:{bytes(32).hex()}"]'
    path.write_text(text.replace("# trusted = []", trusted), encoding="utf-8")


@contextmanager
def damaged(path: Path, damage: Damage) -> Iterator[None]:
    """The file is damaged while the context lasts."""
    before = path.read_bytes()
    damage(path)
    try:
        yield
    finally:
        path.write_bytes(before)


async def test_a_home_that_cannot_be_used_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    async with running(tmp_path, validators=1) as cluster:
        (node,) = cluster.nodes
        await cluster.moves(node, blocks=4)
        await cluster.kill(node)
        home, database = node.home, node.home.database(BANGKOK)
        genesis = cluster.fleet.genesis
        guard = home.checkpoint_guard(BANGKOK, genesis.authorities[0].public_keys[0])
        other = arranged(msgspec.structs.replace(genesis, time_ms=genesis.time_ms + 1))

        def of_another_network(path: Path) -> None:
            path.write_bytes(format_genesis(other))

        trials: list[tuple[Path, Damage, str, int]] = [
            (home.journal(BANGKOK), flip_a_bit, "storage.corrupted", STORAGE_EXIT),
            (home.journal(BANGKOK), from_elsewhere, "storage.corrupted", STORAGE_EXIT),
            (home.signer(BANGKOK), erase, "storage.corrupted", STORAGE_EXIT),
            (home.signer(BANGKOK), Path.unlink, "storage.missing", STORAGE_EXIT),
            (database / "leveldb" / "CURRENT", flip_a_bit, "storage.corrupted", STORAGE_EXIT),
            (home.genesis, of_another_network, "chain.wrong_genesis", CONFIGURATION_EXIT),
            (home.genesis, erase, "genesis.", CONFIGURATION_EXIT),
            (home.validator_key, erase, "home.unusable_key", CONFIGURATION_EXIT),
            (guard, erase, "storage.corrupted", STORAGE_EXIT),
            (guard, Path.unlink, "storage.missing", STORAGE_EXIT),
            (home.config, that_trusts_another_block, "checkpoints.crossed", FAILED_EXIT),
        ]
        formats = list(home.path.rglob("FORMAT"))
        assert formats
        for path in formats:
            trials.append((path, of_the_next_release, "storage.unknown_format", STORAGE_EXIT))
        for path, damage, code, end in trials:
            with damaged(path, damage):
                await ends(cluster, code, end, f"{damage.__name__} {path.name}")
        await cluster.start()
        await cluster.moves(node)


async def ends(cluster: Cluster, code: str, end: int, what: str) -> None:
    (node,) = cluster.nodes
    node.process.start()
    ended = None
    with trio.move_on_after(ENDS_S):
        ended = await node.process.exited()
    words = node.process.last_lines()
    assert ended == end, f"{what}: {words}"
    last = words.strip().splitlines()[-1]
    assert last.startswith(f"error[{code}"), f"{what}: {words}"
    assert "Traceback" not in words.rpartition("error[")[2], what
    places = (str(node.home.path), "genesis", "at height 1")
    assert any(place in last for place in places), f"{what}: {words}"
