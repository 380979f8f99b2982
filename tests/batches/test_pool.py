"""The pool's bounds, and what a block takes from it."""

import pytest

from benchmarks.replay import CHAIN, GENESIS_ID, initial, signed_transfers
from consensus import signing
from gtxnode.batches.batch import BATCH_LIFETIME, NO_WORK, BatchKind
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.intake import seal_batch
from gtxnode.primitives.errors import Reason, Refused

TRANSFERS = list(signed_transfers(initial(12)))


def batch(place: int, *, producer: int = 1, parent: int = 0) -> CheckedBatch:
    encoded = seal_batch(
        CHAIN,
        BatchKind.ORDINARY,
        (parent, GENESIS_ID),
        [TRANSFERS[place]],
        NO_WORK,
        producer.to_bytes(32, "big"),
    ).encoded
    return check_batch(CHAIN, encoded, NO_WORK)


SIZE = len(batch(0).sealed.encoded)
VALIDATORS = frozenset(signing.public_key(key.to_bytes(32, "big")) for key in range(1, 10))


def all_fit(batch: CheckedBatch) -> bool:
    return True


def test_a_batch_is_held_once_and_its_transactions_are_pending() -> None:
    pool = BatchPool()
    first = batch(0)
    assert pool.add(first)
    assert not pool.add(first)
    copy = batch(0, producer=2)
    pool.add(copy)
    assert (len(pool), pool.pending_transactions) == (2, 1)
    pool.remove([first.id, b"\x00" * 32])
    assert pool.is_pending(first.transactions[0].id)
    pool.remove([copy.id])
    assert not pool.is_pending(first.transactions[0].id)
    assert pool.size_bytes == 0


def test_a_full_pool_refuses_the_newcomer_and_keeps_what_it_has() -> None:
    pool = BatchPool(max_bytes=4 * SIZE + 40, is_validator=VALIDATORS.__contains__)
    for place, producer in enumerate((1, 1, 2, 2)):
        pool.add(batch(place, producer=producer))
    with pytest.raises(Refused) as refused:
        pool.add(batch(5, producer=3))
    assert refused.value.reason is Reason.POOL_FULL
    assert len(pool) == 4
    assert pool.keep(batch(5, producer=3))


def test_what_a_proposal_needed_goes_again_where_there_is_no_room() -> None:
    pool = BatchPool(max_bytes=4 * SIZE + 40, is_validator=VALIDATORS.__contains__)
    for place, producer in enumerate((1, 1, 2)):
        pool.add(batch(place, producer=producer))
    borrowed = [batch(place, producer=3 + place) for place in range(3, 8)]
    for each in borrowed:
        assert pool.borrow(each)
    pool.remove([borrowed[0].id])
    # What came last goes first; one of them fits, and stays like any other.
    assert pool.release() == tuple(reversed(borrowed[2:]))
    assert borrowed[1].id in pool
    assert len(pool) == 4
    assert pool.release() == ()


def test_one_producer_gets_half_of_the_pool() -> None:
    pool = BatchPool(max_bytes=4 * SIZE + 40, is_validator=VALIDATORS.__contains__)
    for place in range(2):
        pool.add(batch(place, producer=1))
    with pytest.raises(Refused):
        pool.add(batch(2, producer=1))
    pool.add(batch(2, producer=2))


def test_all_that_are_no_validators_share_one_half() -> None:
    pool = BatchPool(max_bytes=4 * SIZE + 40, is_validator=VALIDATORS.__contains__)
    pool.add(batch(0, producer=20))
    pool.add(batch(1, producer=21))
    with pytest.raises(Refused, match="no validators"):
        pool.add(batch(2, producer=22))
    pool.add(batch(2, producer=1))
    pool.remove([each.id for each in pool])
    pool.add(batch(2, producer=22))


def test_a_flood_leaves_places_in_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtxnode.batches.pool.MAX_BLOCK_BATCHES", 4)
    pool = BatchPool(is_validator=VALIDATORS.__contains__)
    flood = [batch(place, producer=20 + place) for place in range(5)]
    first, second = batch(5, producer=1), batch(6, producer=2)
    for each in (*flood, first, second):
        pool.add(each)
    assert pool.choose(6, all_fit) == (flood[0].id, flood[1].id, first.id, second.id)


def test_a_block_takes_what_is_alive_first_come_first_served() -> None:
    pool = BatchPool()
    held = [batch(0, parent=5), batch(1), batch(2, parent=5)]
    for each in held:
        pool.add(each)
    assert pool.choose(6, all_fit) == tuple(each.id for each in held)
    assert pool.choose(5, all_fit) == (held[1].id,)
    assert pool.choose(BATCH_LIFETIME + 1, all_fit) == (held[0].id, held[2].id)


def test_what_does_not_fit_takes_no_place_in_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtxnode.batches.pool.MAX_BLOCK_BATCHES", 2)
    pool = BatchPool()
    held = [batch(place) for place in range(5)]
    for each in held:
        pool.add(each)
    stray = {held[0].id, held[1].id, held[3].id}
    assert pool.choose(6, lambda each: each.id not in stray) == (held[2].id, held[4].id)


def test_what_outlives_its_parent_leaves() -> None:
    pool = BatchPool()
    old, young = batch(0), batch(1, parent=1)
    pool.add(old)
    pool.add(young)
    assert pool.expire(BATCH_LIFETIME) == ()
    assert pool.expire(BATCH_LIFETIME + 1) == (old,)
    assert [each.id for each in pool] == [young.id]


def test_a_share_stays_whose_it_was_when_the_validators_change() -> None:
    voting = set(VALIDATORS)
    pool = BatchPool(max_bytes=4 * SIZE + 40, is_validator=voting.__contains__)
    held = [batch(place, producer=1) for place in range(2)]
    for each in held:
        pool.add(each)
    voting.clear()
    # What it brought as a validator takes nothing from the share of all others.
    others = [batch(place, producer=2 + place) for place in range(2, 4)]
    for each in others:
        pool.add(each)
    pool.remove([each.id for each in (*held, *others)])
    assert pool.size_bytes == 0
    for place in range(4, 6):
        pool.add(batch(place, producer=1))
    with pytest.raises(Refused):
        pool.add(batch(6, producer=1))
