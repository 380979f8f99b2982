"""Gathering: windows, sizes, order, and an answer for everybody."""

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from benchmarks.replay import CHAIN, initial, signed_transfers
from gtxnode.batches.gather import GRACE_S, LEAD_S, MAX_WAITING, Gatherer, Waiting
from gtxnode.ledger.transactions import CheckedTransaction, UnverifiedTransaction, parse
from gtxnode.primitives.errors import Reason, Refused

PARSED = [parse(CHAIN, each) for each in signed_transfers(initial(40))]


class Sealed:
    """Keeps what was sealed, and refuses what it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.refuse: Refused | None = None
        self.inadmissible: set[bytes] = set()

    def admit(self, transaction: CheckedTransaction) -> None:
        if transaction.id in self.inadmissible:
            raise Refused(Reason.UNKNOWN_COIN, "spent")

    async def seal(self, transactions: Sequence[CheckedTransaction]) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.groups.append([each.id for each in transactions])


def no_block() -> float:
    """Every block is far off."""
    return 3_600.0


async def all_stored(waiting: Sequence[Waiting]) -> None:
    for each in waiting:
        await each.stored()


async def test_what_comes_together_travels_together_in_order(nursery: trio.Nursery) -> None:
    sealed = Sealed()
    gatherer = Gatherer(sealed.admit, sealed.seal, 0.05, no_block)
    waiting = [gatherer.submit(each) for each in PARSED[:10]]
    assert all(gatherer.is_waiting(each.id) for each in PARSED[:10])
    nursery.start_soon(gatherer.run)
    with trio.fail_after(10):
        await all_stored(waiting)
    assert sealed.groups == [[each.id for each in PARSED[:10]]]
    assert not any(gatherer.is_waiting(each.id) for each in PARSED[:10])


async def test_a_group_never_passes_the_size_and_loses_nothing(nursery: trio.Nursery) -> None:
    sealed = Sealed()
    size = len(PARSED[0].encoded)
    gatherer = Gatherer(sealed.admit, sealed.seal, 0.05, no_block, max_bytes=400 + 4 * size)
    waiting = [gatherer.submit(each) for each in PARSED[:10]]
    nursery.start_soon(gatherer.run)
    with trio.fail_after(10):
        await all_stored(waiting)
    assert [len(group) for group in sealed.groups] == [3, 3, 3, 1]
    assert [each for group in sealed.groups for each in group] == [each.id for each in PARSED[:10]]


async def test_each_sender_gets_its_own_refusal(nursery: trio.Nursery) -> None:
    sealed = Sealed()
    sealed.inadmissible = {PARSED[1].id}
    forged = UnverifiedTransaction(
        PARSED[2].id, PARSED[2].body, PARSED[3].witnesses, PARSED[2].encoded
    )
    gatherer = Gatherer(sealed.admit, sealed.seal, 0.05, no_block)
    good, spent, bad = (gatherer.submit(each) for each in (PARSED[0], PARSED[1], forged))
    nursery.start_soon(gatherer.run)
    with trio.fail_after(10):
        await good.stored()
        with pytest.raises(Refused) as first:
            await spent.stored()
        with pytest.raises(Refused) as second:
            await bad.stored()
    assert (first.value.reason, second.value.reason) == (Reason.UNKNOWN_COIN, Reason.BAD_SIGNATURE)
    assert sealed.groups == [[PARSED[0].id]]


async def test_a_pool_without_room_refuses_all_of_the_group(nursery: trio.Nursery) -> None:
    sealed = Sealed()
    sealed.refuse = Refused(Reason.POOL_FULL, "no room")
    gatherer = Gatherer(sealed.admit, sealed.seal, 0.05, no_block)
    waiting = [gatherer.submit(each) for each in PARSED[:2]]
    nursery.start_soon(gatherer.run)
    with trio.fail_after(10):
        for each in waiting:
            with pytest.raises(Refused):
                await each.stored()


async def test_the_queue_has_an_end() -> None:
    sealed = Sealed()
    gatherer = Gatherer(sealed.admit, sealed.seal, 0.05, no_block)
    for _ in range(MAX_WAITING):
        gatherer.submit(PARSED[0])
    with pytest.raises(Refused) as refused:
        gatherer.submit(PARSED[1])
    assert refused.value.reason is Reason.POOL_FULL


async def test_after_a_pause_the_window_is_short(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    sealed = Sealed()
    gatherer = Gatherer(sealed.admit, sealed.seal, 60.0, no_block)
    mock_clock.jump(100)
    nursery.start_soon(gatherer.run)
    await trio.testing.wait_all_tasks_blocked()
    waiting = gatherer.submit(PARSED[0])
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(GRACE_S)
    await waiting.stored()
    # Under load the next one waits for company.
    late = gatherer.submit(PARSED[1])
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(1)
    await trio.testing.wait_all_tasks_blocked()
    assert gatherer.is_waiting(PARSED[1].id)
    mock_clock.jump(60)
    await late.stored()
    assert len(sealed.groups) == 2


async def test_a_window_closes_ahead_of_a_block(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    sealed = Sealed()
    due_s = trio.current_time() + 30
    gatherer = Gatherer(sealed.admit, sealed.seal, 60.0, lambda: due_s - trio.current_time())
    first = gatherer.submit(PARSED[0])
    nursery.start_soon(gatherer.run)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(GRACE_S)
    await first.stored()
    # Without a block in sight, this window would end at 60.
    early = gatherer.submit(PARSED[1])
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(30 - 3 * LEAD_S)
    await trio.testing.wait_all_tasks_blocked()
    assert gatherer.is_waiting(PARSED[1].id)
    mock_clock.jump(2 * LEAD_S)
    await early.stored()
    # What comes later misses the block, and waits for company as ever.
    late = gatherer.submit(PARSED[2])
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(LEAD_S)
    await trio.testing.wait_all_tasks_blocked()
    assert gatherer.is_waiting(PARSED[2].id)
    mock_clock.jump(60)
    await late.stored()
