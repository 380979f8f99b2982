"""The state root against a computation from scratch, in any order, and bucket by bucket."""

import random
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus import merkle
from gtxnode.ledger.coins import Cash, HeldCoin, encode_coin
from gtxnode.ledger.energy.retirement_coins import RetirementLog, retirement_log_coin_id
from gtxnode.ledger.state_root import (
    APART,
    BUCKET_BYTES,
    BUCKETS,
    LANES,
    StateRoot,
    verify_bucket,
)

CHAIN = "geo_bangkok-test"


def coin_id(number: int) -> bytes:
    return sha256(number.to_bytes(8, "big")).digest() + b"\x00\x00"


def held(amount: int) -> HeldCoin:
    coin = Cash(bytes(20), amount)
    return HeldCoin(coin, encode_coin(coin))


def some(numbers: range) -> dict[bytes, HeldCoin]:
    return {coin_id(number): held(number + 1) for number in numbers}


def the_log(total: int) -> dict[bytes, HeldCoin]:
    log = RetirementLog(total, (bytes(32),))
    return {retirement_log_coin_id(CHAIN): HeldCoin(log, encode_coin(log))}


def scratch(coins: dict[bytes, HeldCoin]) -> StateRoot:
    return StateRoot.compute(CHAIN, [(i, coin.encoded) for i, coin in coins.items()])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 3)), max_size=60), st.integers(1, 9))
def test_block_by_block_equals_from_scratch(changes: list[tuple[int, int]], size: int) -> None:
    """A change sets coin `number` to an amount, or spends it where it has that amount."""
    state, coins = StateRoot(CHAIN), dict[bytes, HeldCoin]()
    for start in range(0, len(changes), size):
        before = dict(coins)
        for number, amount in changes[start : start + size]:
            if coins.get(coin_id(number)) == held(amount):
                del coins[coin_id(number)]
            else:
                coins[coin_id(number)] = held(amount)
        spent = {i: coin for i, coin in before.items() if coins.get(i) != coin}
        made = {i: coin for i, coin in coins.items() if before.get(i) != coin}
        assert state.apply(spent, made) == scratch(coins).root
        assert state.apply(made, spent) == scratch(before).root
        state.apply(spent, made)


def test_the_order_of_coins_does_not_matter() -> None:
    coins = list(some(range(500)).items())
    root = scratch(dict(coins)).root
    random.Random(1).shuffle(coins)
    assert scratch(dict(coins)).root == root
    state = StateRoot(CHAIN)
    for i, coin in coins:
        state.apply({}, {i: coin})
    assert state.root == root


def test_every_part_of_a_coin_counts() -> None:
    coins = some(range(10))
    roots = {scratch(coins).root, StateRoot(CHAIN).root}
    roots.add(scratch(coins | {coin_id(3): held(99)}).root)
    roots.add(scratch({i: c for i, c in coins.items() if i != coin_id(3)}).root)
    roots.add(scratch(coins | {coin_id(3)[:-1] + b"\x01": held(4)}).root)
    roots.add(StateRoot.compute("another", [(i, c.encoded) for i, c in coins.items()]).root)
    assert len(roots) == 6


def test_the_tree_is_that_of_consensus() -> None:
    state = scratch(some(range(1_000)) | the_log(7))
    leaves = [state.bucket(index) for index in range(BUCKETS)]
    assert state.root == merkle.root(leaves)
    for index in (0, 1, 127, 128, 255, APART):
        assert state.prove(index) == merkle.prove(leaves, index)
    with pytest.raises(IndexError):
        state.prove(BUCKETS)


def test_the_log_of_retirements_is_proved_without_its_neighbours() -> None:
    ((log_id, log),) = the_log(7).items()
    near = {log_id[:-1] + b"\x01": held(5)}
    state = scratch(some(range(500)) | the_log(7) | near)
    proof = state.prove(APART)
    assert len(proof.path) == 1
    assert verify_bucket(CHAIN, state.root, proof, [(log_id, log.encoded)])
    ((_, another),) = the_log(8).items()
    assert not verify_bucket(CHAIN, state.root, proof, [(log_id, another.encoded)])
    assert not verify_bucket(CHAIN, state.root, proof, [])
    assert not verify_bucket("another", state.root, proof, [(log_id, log.encoded)])
    # Nor does it pass for a coin of the bucket that its first byte names, or one of those for it.
    first = state.prove(log_id[0])
    bucket = sorted((i, c.encoded) for i, c in (some(range(500)) | near).items())
    neighbours = [(i, encoded) for i, encoded in bucket if i[0] == log_id[0]]
    assert verify_bucket(CHAIN, state.root, first, neighbours)
    with_log = sorted([*neighbours, (log_id, log.encoded)])
    assert not verify_bucket(CHAIN, state.root, first, with_log)
    assert not verify_bucket(CHAIN, state.root, proof, with_log)


def test_a_bucket_is_the_sum_of_its_coins_lanes() -> None:
    """Lane by lane in plain integers, each sum over the edge of 16 bits many times."""
    coins = some(range(3_000))
    in_bucket = {i: coin for i, coin in coins.items() if i[0] == 7}
    expected = [0] * LANES
    for i, coin in in_bucket.items():
        alone = StateRoot.compute(CHAIN, [(i, coin.encoded)]).bucket(7)
        for lane, value in enumerate(np.frombuffer(alone, "<u2").tolist()):
            expected[lane] = (expected[lane] + value) % 2**16
    together = StateRoot(CHAIN)
    together.apply({}, coins)
    assert together.bucket(7) == b"".join(value.to_bytes(2, "little") for value in expected)


def test_changed_buckets_are_told_once() -> None:
    state = StateRoot(CHAIN)
    assert state.take_changed() == ()
    coins = some(range(3))
    state.apply({}, coins)
    assert state.take_changed() == tuple(sorted({i[0] for i in coins}))
    assert state.take_changed() == ()
    state.apply({}, {})
    assert state.take_changed() == ()


def test_a_state_is_loaded_from_its_buckets() -> None:
    state = scratch(some(range(300)))
    loaded = StateRoot.load(CHAIN, [state.bucket(index) for index in range(BUCKETS)])
    assert loaded.root == state.root
    assert loaded.take_changed() == ()
    assert loaded.apply({}, some(range(300, 310))) == scratch(some(range(310))).root
    with pytest.raises(ValueError, match="257 buckets"):
        StateRoot.load(CHAIN, [bytes(BUCKET_BYTES)] * 255)


class TestBucketsOfAPeer:
    """A bucket arrives with a proof: it is the one, or it is not."""

    def setup_method(self) -> None:
        self.coins = some(range(3_000))
        self.state = scratch(self.coins)
        self.index = 7
        self.proof = self.state.prove(self.index)
        self.bucket = sorted(
            (i, coin.encoded) for i, coin in self.coins.items() if i[0] == self.index
        )
        assert len(self.bucket) > 3

    def verify(self, bucket: list[tuple[bytes, bytes]], root: bytes | None = None) -> bool:
        return verify_bucket(CHAIN, root or self.state.root, self.proof, bucket)

    def test_the_bucket_itself(self) -> None:
        assert self.verify(self.bucket)

    def test_with_a_coin_missing_or_changed_or_added(self) -> None:
        assert not self.verify(self.bucket[1:])
        assert not self.verify([])
        i, encoded = self.bucket[0]
        assert not self.verify([(i, encoded[:-1] + b"\x63"), *self.bucket[1:]])
        other = (bytes([self.index]) * 34, encoded)
        assert not self.verify(sorted([*self.bucket, other]))

    def test_in_another_order_or_with_a_coin_twice(self) -> None:
        assert not self.verify(self.bucket[::-1])
        assert not self.verify(sorted([*self.bucket, self.bucket[0]]))
        # 65,536 times the same coin sums to nothing in every lane, but ids must ascend.
        assert not self.verify([*self.bucket, *[self.bucket[-1]] * 2**16])

    def test_with_ids_that_are_none_or_of_another_bucket(self) -> None:
        i, encoded = self.bucket[0]
        assert not self.verify([(i[:33], encoded), *self.bucket[1:]])
        assert not self.verify([(b"", encoded), *self.bucket])
        assert not self.verify([(bytes(34), encoded), *self.bucket])

    def test_under_another_root_chain_or_place(self) -> None:
        assert not self.verify(self.bucket, root=bytes(32))
        assert not verify_bucket("another", self.state.root, self.proof, self.bucket)
        proof = merkle.Proof(self.index, 128, self.proof.path[:7])
        assert not verify_bucket(CHAIN, self.state.root, proof, self.bucket)
