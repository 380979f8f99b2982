"""The state root: one hash over all coins, kept up with every block at a cost per changed coin.

Coins lie in 256 buckets by the first byte of their ids, which is a hash's, so buckets fill evenly
and each is one range of keys in the store. One coin lies apart from them, in a bucket of its own:
the log of retirements, so that it can be proved without its neighbours. A bucket's accumulator
is a lattice hash (LtHash: Lewi, Kim, Maykov and Weis, "Securing Update Propagation with
Homomorphic Hashing", 2019): a coin is hashed to 1,024 lanes of 16 bits, and a set of coins is the
sum of its coins' lanes. To add a coin is to add its lanes, to remove it to subtract them, in any
order. The root is the Merkle root
(RFC 6962, as `consensus.merkle`) over the 257 accumulators, 2,048 bytes each, little-endian.

Invariant: the root depends on nothing but the set of (id, encoded coin) pairs and the chain.

Because a bucket is a leaf, a node that syncs checks the state bucket by bucket as it arrives.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from consensus import merkle
from consensus.hashing import Domain
from gtxnode.ledger.coins import COIN_ID_BYTES, HeldCoin
from gtxnode.ledger.energy.retirement_coins import retirement_log_coin_id

HASHED_BUCKETS = 256
"""A coin's is the first byte of its id."""
APART = HASHED_BUCKETS
"""The bucket of the coin that lies apart."""
BUCKETS = HASHED_BUCKETS + 1
LANES = 1_024
BUCKET_BYTES = 2 * LANES
# How many coins' lanes are held at once: two megabytes of them.
_SLICE = 1_024

_Lanes: TypeAlias = npt.NDArray[np.uint16]
_LANE = np.dtype("<u2")
# The tree's prefixes (RFC 6962): a leaf is hashed behind 0x00, a node behind 0x01.
_LEAF = sha256(b"\x00")
_NODE = b"\x01"


class StateRoot:
    """The accumulators of one chain's coins, and the tree over them."""

    __slots__ = ("_apart", "_changed", "_key", "_lanes", "_nodes")

    def __init__(self, chain_id: str) -> None:
        """Of no coins."""
        self._key = _key(chain_id)
        self._apart = retirement_log_coin_id(chain_id)
        self._lanes: _Lanes = np.zeros((BUCKETS, LANES), _LANE)
        # A heap: node n's children are 2n and 2n + 1, leaves start at 256. The leaf after the last
        # of them lies apart: the root, node 0, joins node 1 and that leaf.
        self._nodes = [bytes(32)] * (HASHED_BUCKETS + BUCKETS)
        self._changed: set[int] = set()
        self._rehash(range(BUCKETS))

    @classmethod
    def load(cls, chain_id: str, buckets: Sequence[bytes]) -> "StateRoot":
        """From the 256 accumulators as `bucket` gave them."""
        if len(buckets) != BUCKETS or any(len(bucket) != BUCKET_BYTES for bucket in buckets):
            raise ValueError(f"a state has {BUCKETS} buckets of {BUCKET_BYTES} bytes")
        state = cls(chain_id)
        joined = np.frombuffer(b"".join(buckets), _LANE)
        state._lanes = joined.reshape(BUCKETS, LANES).copy()
        state._rehash(range(BUCKETS))
        return state

    @classmethod
    def compute(cls, chain_id: str, coins: Iterable[tuple[bytes, bytes]]) -> "StateRoot":
        """From scratch, over (id, encoded coin) pairs, each id once, in any order."""
        state = cls(chain_id)
        for coin_id, encoded in coins:
            state._lanes[_bucket(coin_id, state._apart)] += _lanes_of(state._key, coin_id + encoded)
        state._rehash(range(BUCKETS))
        state._changed.update(range(BUCKETS))
        return state

    @property
    def root(self) -> bytes:
        """32 bytes over all coins."""
        return self._nodes[0]

    @property
    def beside_apart(self) -> bytes:
        """32 bytes over all coins but the one that lies apart: its whole path to the root."""
        return self._nodes[1]

    def apply(self, spent: Mapping[bytes, HeldCoin], made: Mapping[bytes, HeldCoin]) -> bytes:
        """Take out what was spent as it was, put in what was made; the new root.

        Called with the two exchanged, it undoes itself.
        """
        gone, come = _by_bucket(spent, self._apart), _by_bucket(made, self._apart)
        touched = gone.keys() | come.keys()
        for bucket in touched:
            lanes: _Lanes = self._lanes[bucket]
            for coins in _slices(come.get(bucket, ())):
                lanes += _sum(self._key, coins)
            for coins in _slices(gone.get(bucket, ())):
                lanes -= _sum(self._key, coins)
        self._rehash(touched)
        self._changed |= touched
        return self.root

    def bucket(self, index: int) -> bytes:
        """The accumulator of one bucket, 2,048 bytes, to be stored."""
        lanes: _Lanes = self._lanes[index]
        return lanes.tobytes()

    def take_changed(self) -> tuple[int, ...]:
        """The buckets that changed since this was last called, ascending."""
        changed = tuple(sorted(self._changed))
        self._changed.clear()
        return changed

    def prove(self, index: int) -> merkle.Proof:
        """That a bucket's accumulator stands at its place under the root."""
        if not 0 <= index < BUCKETS:
            raise IndexError(f"bucket {index} of {BUCKETS}")
        if index == APART:
            return proof_apart(self.beside_apart)
        node, path = HASHED_BUCKETS + index, []
        while node > 1:
            path.append(self._nodes[node ^ 1])
            node //= 2
        path.append(self._nodes[HASHED_BUCKETS + APART])
        return merkle.Proof(index, BUCKETS, tuple(path))

    def _rehash(self, buckets: Iterable[int]) -> None:
        """Hash changed leaves, and each node above them once."""
        nodes = self._nodes
        level = {HASHED_BUCKETS + index for index in buckets}
        for node in level:
            leaf = _LEAF.copy()
            leaf.update(self._lanes[node - HASHED_BUCKETS])
            nodes[node] = leaf.digest()
        level.discard(HASHED_BUCKETS + APART)
        while level and level != {1}:
            level = {node // 2 for node in level}
            for node in level:
                nodes[node] = sha256(_NODE + nodes[2 * node] + nodes[2 * node + 1]).digest()
        nodes[0] = sha256(_NODE + nodes[1] + nodes[HASHED_BUCKETS + APART]).digest()


def proof_apart(beside: bytes) -> merkle.Proof:
    """That the coin apart stands under the root that this was beside it in."""
    return merkle.Proof(APART, BUCKETS, (beside,))


def verify_bucket(
    chain_id: str, root: bytes, proof: merkle.Proof, coins: Iterable[tuple[bytes, bytes]]
) -> bool:
    """Whether these (id, encoded coin) pairs are exactly the bucket that the proof names.

    They must come in ascending order of their ids: then no id can stand in it twice, which would
    let a sum of lanes be forged. For a peer's data: never raises.
    """
    if proof.total != BUCKETS:
        return False
    key, apart, last = _key(chain_id), retirement_log_coin_id(chain_id), b""
    lanes: _Lanes = np.zeros(LANES, _LANE)
    for coin_id, encoded in coins:
        if len(coin_id) != COIN_ID_BYTES or coin_id <= last:
            return False
        if _bucket(coin_id, apart) != proof.index:
            return False
        lanes += _lanes_of(key, coin_id + encoded)
        last = coin_id
    return merkle.verify(root, lanes.tobytes(), proof)


def _key(chain_id: str) -> bytes:
    """Keys the hash of coins, so that it is that of no other purpose and no other chain."""
    return Domain("state/coin", chain_id).hash()


def _bucket(coin_id: bytes, apart: bytes) -> int:
    return APART if coin_id == apart else coin_id[0]


def _by_bucket(coins: Mapping[bytes, HeldCoin], apart: bytes) -> dict[int, list[bytes]]:
    """What is hashed for each coin, by bucket. An id has a fixed length, so the joint is plain."""
    buckets: dict[int, list[bytes]] = {}
    for coin_id, held in coins.items():
        # As `_bucket`, without a call for each coin.
        bucket = APART if coin_id == apart else coin_id[0]
        buckets.setdefault(bucket, []).append(coin_id + held.encoded)
    return buckets


def _slices(coins: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(coins), _SLICE):
        yield coins[start : start + _SLICE]


def _sum(key: bytes, coins: Sequence[bytes]) -> _Lanes:
    """The lanes of a slice of coins, summed: joined and reduced at once, at half the cost."""
    if len(coins) == 1:
        return _lanes_of(key, coins[0])
    joined = b"".join([blake3(coin, key=key).digest(length=BUCKET_BYTES) for coin in coins])
    rows = np.frombuffer(joined, _LANE).reshape(-1, LANES)
    total: _Lanes = np.add.reduce(rows, axis=0, dtype=_LANE)
    return total


def _lanes_of(key: bytes, coin: bytes) -> _Lanes:
    return np.frombuffer(blake3(coin, key=key).digest(length=BUCKET_BYTES), _LANE)
