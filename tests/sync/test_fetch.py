"""Batches that a block names are found, whoever sleeps, lies or has none of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio

from consensus.encoding import Codec
from gtxnode.batches.batch import MAX_BATCH_BYTES, Batch
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.primitives.errors import Refused
from gtxnode.sync import fetch
from gtxnode.sync.fetch import BatchFetcher
from gtxnode.sync.wire import BATCHES_ANSWER, BatchesAnswer
from p2p.network import Offence
from tests.node.little_chain import TRANSFERS, batch_of, opened
from tests.sync.peers import (
    Answer,
    Archive,
    Neighbourhood,
    garbage,
    neighbourhood,
    sealed_by_hand,
    silence,
)
from tests.waiting import until

_BATCH = Codec(Batch, max_bytes=MAX_BATCH_BYTES)


class Scene:
    """A fetcher with an empty pool and its neighbours."""

    def __init__(self, around: Neighbourhood) -> None:
        self.around = around
        self.pool = BatchPool()
        self.store = opened()
        self.fetcher = BatchFetcher(
            around.network,
            self.store,
            self.pool,
            lambda: [peer.id for peer in around.network.peers()],
        )

    def charges(self) -> dict[str, int]:
        return dict(self.around.network.counters.offences)

    async def find(self, *batches: CheckedBatch) -> None:
        wanted = [each.id for each in batches]
        assert [each.id for each in await self.fetcher.batches(wanted)] == wanted


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    with trio.fail_after(30):
        async with neighbourhood() as around:
            yield Scene(around)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "ARRIVAL_GRACE_S", 0.01)
    monkeypatch.setattr(fetch, "PATIENCE_S", 0.05)
    # A test that waits for a request to run out fails.
    monkeypatch.setattr(fetch, "REQUEST_TIMEOUT_S", 60)


def shelf(*batches: CheckedBatch) -> Archive:
    """An honest peer's archive with these batches."""
    store = opened()
    for batch in batches:
        store.keep_batch(batch, sync=False)
    return Archive(store)


def saying(*encoded: bytes) -> Answer:
    async def answer(payload: bytes) -> bytes:
        return BATCHES_ANSWER.encode(BatchesAnswer(encoded))

    return answer


async def test_what_is_in_the_pool_is_not_asked_for() -> None:
    async with scene() as at:
        batch = batch_of(at.store, 0)
        at.pool.add(batch)
        await at.find(batch)


async def test_those_asleep_or_without_it_cost_a_moment() -> None:
    async with scene() as at:
        first, second = batch_of(at.store, 0), batch_of(at.store, 1)
        for _ in range(2):
            await at.around.odd(silence, batches=True)
        await at.around.honest(shelf(second))
        await at.around.honest(shelf(first))
        await at.find(first, second)
        assert at.charges() == {}
        # It survives a restart, as a vote for it says.
        assert sorted(at.store.live_batches()) == sorted(
            [first.sealed.encoded, second.sealed.encoded]
        )


async def test_what_comes_by_itself_ends_the_asking() -> None:
    async with scene() as at:
        batch = batch_of(at.store, 0)
        asked = trio.Event()

        async def slow(payload: bytes) -> bytes:
            asked.set()
            return await silence(payload)

        await at.around.odd(slow, batches=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(at.find, batch)
            await asked.wait()
            at.pool.add(batch)
            at.fetcher.arrived()


def with_changes(batch: CheckedBatch, **changes: object) -> bytes:
    return _BATCH.encode(msgspec.structs.replace(batch.sealed.batch, **changes))


@pytest.mark.parametrize("lie", ["garbage", "no batch", "another", "twice", "signature", "body"])
async def test_a_false_answer_is_charged_and_the_next_peer_asked(lie: str) -> None:
    async with scene() as at:
        batch, other = batch_of(at.store, 0), batch_of(at.store, 1)
        answers: dict[str, Answer] = {
            "garbage": garbage,
            "no batch": saying(b"\xc1"),
            "another": saying(other.sealed.encoded),
            "twice": saying(other.sealed.encoded, other.sealed.encoded),
            "signature": saying(with_changes(batch, signature=bytes(64))),
            "body": saying(with_changes(batch, transactions=(TRANSFERS[1],))),
        }
        await at.around.odd(answers[lie], batches=True)
        wanted = [batch, other] if lie == "twice" else [batch]

        async def find() -> None:
            await at.find(*wanted)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(find)
            await until(lambda: sum(at.charges().values()) > 0)
            await at.around.honest(shelf(batch, other))
        expected = Offence.MALFORMED if lie == "garbage" else Offence.INVALID
        assert set(at.charges()) == {expected}
        assert len(at.pool) == len(wanted)


async def test_what_can_never_be_valid_is_said_so_and_its_bearer_is_not_charged() -> None:
    async with scene() as at:
        identity, encoded = sealed_by_hand(b"\xc1 no transaction")
        await at.around.odd(saying(encoded), batches=True)
        with pytest.raises(Refused):
            await at.fetcher.batches([identity])
        assert at.charges() == {}


async def test_more_than_one_request_holds_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BATCHES_PER_REQUEST", 2)
    async with scene() as at:
        batches: Sequence[CheckedBatch] = [batch_of(at.store, place) for place in range(5)]
        await at.around.honest(shelf(*batches))
        await at.find(*batches)
