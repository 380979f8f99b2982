"""Indexes made anew: byte for byte what was written block by block, whatever became of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from gtxnode.chain.marks import StaleIndexes, put_rebuilding
from gtxnode.chain.store import BATCHES
from gtxnode.config import Config
from gtxnode.genesis import Genesis
from gtxnode.home import Home
from gtxnode.hosting import open_store
from gtxnode.ledger import wallet as wallets
from gtxnode.ledger.transactions import parse
from gtxnode.primitives.zones import REGISTRY, Shard
from gtxnode.rebuild import KEPT, BlocksMissing, Rebuilt, rebuild
from p2p.simulated import SimulatedWorld, Weather
from storage.blocks import BlockStore
from storage.errors import Corrupted, Locked
from storage.kv import WriteBatch
from storage.leveldb import LevelDB
from storage.lock import HOME_LOCK_NAME, FileLock
from tests.cli.running import gtxnode
from tests.node.client import FEE_UGTX, Client, TestMeter, settled
from tests.node.harness import cluster, key, now_ms, quick_genesis, wallet

NAMES = (REGISTRY, Shard.GEO_BANGKOK)


@dataclass
class Stopped:
    """A node's home after it has stopped."""

    home: Home
    genesis: Genesis

    @property
    def path(self) -> Path:
        return self.home.database(Shard.GEO_BANGKOK) / "leveldb"

    def entries(self) -> dict[bytes, bytes]:
        database = LevelDB.open(self.path)
        try:
            return dict(database.scan(b"", b"\xff" * 40))
        finally:
            database.close()

    def write(self, batch: WriteBatch) -> None:
        database = LevelDB.open(self.path)
        database.write(batch, sync=True)
        database.close()

    async def rebuild(self, *, dry: bool = False) -> tuple[Rebuilt, ...]:
        def silent(shard: str, height: int, last: int) -> None:
            """Nobody watches."""

        return await rebuild(self.home, Config(), self.genesis, NAMES, silent, dry=dry)


@asynccontextmanager
async def a_day(tmp_path: Path) -> AsyncIterator[Stopped]:
    """Somebody's meter exports, a trade, a payment and a retirement, beside the registry."""
    genesis = quick_genesis(1, 8, Shard.GEO_BANGKOK, None, REGISTRY)
    with trio.fail_after(60):
        async with cluster(tmp_path, genesis, 1, SimulatedWorld(1, Weather())) as running:
            view = running.nodes[1].shard.view
            seller, buyer = Client(view, wallet(1)), Client(view, wallet(2))
            meter = TestMeter(view, key(3_000), seller.address, now_ms() // 1_000 - 7_200)
            await meter.settle_in(running.nodes[1].shards[0].view)
            encoded = meter.reading(5_000, 700)
            await view.transactions.submit([encoded])
            await settled(view, parse(view.chain_id, encoded).id)
            await seller.sell(2_000, 3_500)
            await buyer.buy(2_000, 3_600)
            await buyer.pay(seller.address, 5_000)
            body = wallets.retire(
                seller.address, await seller.energy(), await seller.cash(), 500, FEE_UGTX,
                meter=meter.id,
            )  # fmt: skip
            await seller.send(body)
            await view.wait_for_height(view.head().height + 1)
            await running.stop(1)
        yield Stopped(Home(tmp_path / "n1"), genesis)


async def test_what_is_rebuilt_is_what_was_written(tmp_path: Path) -> None:
    async with a_day(tmp_path) as node:
        before = node.entries()
        assert set(b"anNyYzAdcort") <= {key[0] for key in before}
        for dry in (True, False):
            for found in await node.rebuild(dry=dry):
                assert (found.missing, found.wrong, found.surplus) == (0, 0, 0)
                assert found.height > 3
            assert node.entries() == before

        broken = WriteBatch()
        for place, (entry, value) in enumerate(before.items()):
            if entry[0] not in KEPT and place % 3 == 0:
                broken.delete(entry)
            elif entry[0] not in KEPT and place % 3 == 1:
                broken.put(entry, value + b"!")
        broken.put(b"a" + bytes(44), b"made up")
        put_rebuilding(broken)
        node.write(broken)
        with pytest.raises(StaleIndexes, match="db rebuild"):
            open_store(Shard.GEO_BANGKOK, node.genesis, Config(), node.path.parent)
        (found,) = [each for each in await node.rebuild(dry=True) if each.shard != REGISTRY]
        assert found.surplus == 1
        assert found.missing > 5
        assert found.wrong > 5
        assert node.entries() != before
        await node.rebuild()
        assert node.entries() == before
        assert not node.home.rebuilding(Shard.GEO_BANGKOK).exists()
        store = open_store(Shard.GEO_BANGKOK, node.genesis, Config(), node.path.parent)
        assert store.tip.height == found.height
        store.close()


class _Power(Exception):
    """It has gone."""


async def test_what_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    async with a_day(tmp_path) as node:
        played: list[int] = []

        def until_third(shard: str, height: int, last: int) -> None:
            if shard != REGISTRY:
                played.append(height)
                if height == 3:
                    raise _Power

        def noted(shard: str, height: int, last: int) -> None:
            if shard != REGISTRY:
                played.append(height)

        arguments = (node.home, Config(), node.genesis, NAMES)
        with pytest.raises(_Power):
            await rebuild(*arguments, until_third)
        (_, found) = await rebuild(*arguments, noted)
        assert played == list(range(1, found.height + 1))
        # What another release has begun is of no use.
        with pytest.raises(_Power):
            await rebuild(*arguments, until_third)
        begun = LevelDB.open(node.home.rebuilding(Shard.GEO_BANGKOK) / "leveldb")
        mark = WriteBatch()
        mark.put(b"m:indexes", b"0")
        begun.write(mark, sync=True)
        begun.close()
        played.clear()
        await rebuild(*arguments, noted)
        assert played[0] == 1


async def test_who_has_not_all_blocks_says_so(tmp_path: Path) -> None:
    async with a_day(tmp_path) as node:
        with FileLock.acquire(node.home.path / HOME_LOCK_NAME), pytest.raises(Locked):
            await node.rebuild()
        database = LevelDB.open(node.path)
        (first, *_), write = BlockStore(database).range(1, 3), WriteBatch()
        stored = [key for key, _ in database.scan(b"Bh", b"Bi")]
        batches = list(BATCHES.scan(database))
        write.delete(stored[0])
        database.write(write, sync=True)
        database.close()
        with pytest.raises(BlocksMissing, match="is 2"):
            await node.rebuild()
        assert first.height == 1
        assert batches


async def test_a_batch_that_is_gone_is_named(tmp_path: Path) -> None:
    async with a_day(tmp_path) as node:
        gone = WriteBatch()
        for entry in node.entries():
            if entry.startswith(b"b"):
                gone.delete(entry)
        node.write(gone)
        with pytest.raises(Corrupted, match="batch"):
            await node.rebuild()


def test_the_command_says_where_there_is_no_node(tmp_path: Path) -> None:
    assert gtxnode(tmp_path, "db", "rebuild").code == 4
