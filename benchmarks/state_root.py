"""The state root: what a changed coin costs, whatever the number of coins that are there.

A block spends a third as many coins as it changes and makes the rest, as 1-in-2-out transfers do.
The reference is raw `blake3` in the same run and on the same bytes: the 2,048-byte output of each
changed coin and nothing else, so the ratio is what grouping, adding and the Merkle tree come to on
top. Figures are of the best of several rounds; the two take turns.

    python -m benchmarks.state_root [--rounds 7] [-o json]
"""

import argparse
import time
from collections.abc import Iterator

from blake3 import blake3

from benchmarks.figure import Figure, add_output_option, show
from consensus.hashing import Domain
from gtxnode.ledger.coins import Cash, HeldCoin, encode_coin, output_id
from gtxnode.ledger.state_root import BUCKET_BYTES, BUCKETS, StateRoot, verify_bucket

CHAIN = "bench"
SIZES = (10_000, 1_000_000)
CHANGES = (300, 3_000, 30_000)
KEY = bytes(32)

_IDS = Domain("bench/coin")


def coins(first: int, count: int) -> Iterator[tuple[bytes, HeldCoin]]:
    """Cash coins of many owners."""
    for number in range(first, first + count):
        coin = Cash(number.to_bytes(20, "big"), number + 1)
        yield output_id(_IDS.hash(number.to_bytes(8, "big")), 0), HeldCoin(coin, encode_coin(coin))


def a_block(changes: int, size: int) -> tuple[dict[bytes, HeldCoin], dict[bytes, HeldCoin]]:
    """The coins that a block of so many changes spends and makes."""
    spent = changes // 3
    return dict(coins(0, spent)), dict(coins(size, changes - spent))


def raw_seconds(block: tuple[dict[bytes, HeldCoin], dict[bytes, HeldCoin]]) -> float:
    """What hashing the changed coins takes by itself."""
    data = [coin_id + held.encoded for part in block for coin_id, held in part.items()]
    start = time.perf_counter()
    for coin in data:
        blake3(coin, key=KEY).digest(length=BUCKET_BYTES)
    return time.perf_counter() - start


def our_seconds(
    state: StateRoot, block: tuple[dict[bytes, HeldCoin], dict[bytes, HeldCoin]]
) -> float:
    """What the new root takes. The block is undone after."""
    spent, made = block
    start = time.perf_counter()
    state.apply(spent, made)
    elapsed = time.perf_counter() - start
    state.apply(made, spent)
    return elapsed


def bucket_seconds(state: StateRoot, bucket: list[tuple[bytes, bytes]]) -> float:
    """What a syncing node takes to verify bucket 0."""
    start = time.perf_counter()
    assert verify_bucket(CHAIN, state.root, state.prove(0), bucket)
    return time.perf_counter() - start


def figures(rounds: int) -> Iterator[Figure]:
    """All figures, each as soon as it is known."""
    for size in SIZES:
        state = StateRoot.compute(CHAIN, ((i, held.encoded) for i, held in coins(0, size)))
        for changes in CHANGES:
            if changes > size:
                continue
            block = a_block(changes, size)
            times = [(our_seconds(state, block), raw_seconds(block)) for _ in range(rounds)]
            ours, raw = (min(seconds) / changes * 1e6 for seconds in zip(*times, strict=True))
            name = f"state root, {changes:,} of {size:,} coins changed"
            yield Figure(name, ours, "us/coin", raw)
        bucket = sorted((i, held.encoded) for i, held in coins(0, size) if i[0] == 0)
        elapsed = min(bucket_seconds(state, bucket) for _ in range(rounds))
        name = f"state root, one of {BUCKETS} buckets of {size:,} coins verified"
        yield Figure(name, elapsed / len(bucket) * 1e6, "us/coin")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    add_output_option(parser)
    options = parser.parse_args()
    show(figures(options.rounds), options.output)


if __name__ == "__main__":
    main()
