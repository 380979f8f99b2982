"""Replay: blocks of signed 1-in-2-out transfers, from their bytes to LevelDB, on two cores.

Everything a node does to a final block is in it: batches decoded and opened, ids, signatures in two
threads, execution, state root, indexes, one synced write a block. The references are raw checks of
signatures on the same two cores, in the same run, before and after each round: by coincurve's
`verify_signature`, and by libsecp256k1 itself as the node calls it, with the keys' points kept. The
round with the median ratio counts.

    python -m benchmarks.replay [--transfers 40000] [--rounds 3] [-o json]
"""

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import coincurve
from coincurve import verify_signature

from benchmarks.figure import Figure, add_output_option, show
from consensus import signing
from consensus.hashing import ZERO_HASH
from consensus.types import Block, Commit, block_id
from consensus.validators import Validator, ValidatorSet
from gtxnode import interpreter
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.rules import build_block
from gtxnode.chain.store import ChainStore
from gtxnode.intake import seal_batch
from gtxnode.ledger.bodies import Transfer
from gtxnode.ledger.coins import Cash, HeldCoin
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.addresses import Address, address_of

CHAIN = "bench/geo_bangkok"
TRANSFERS_PER_BATCH = 250
BATCHES_PER_BLOCK = 8
KEYS = 64
COIN_UGTX = 1_000_000
FEE_UGTX = 1_000
CORES = 2
SLICE = 1_000
CHECKS = 2_000
GENESIS_ID = ZERO_HASH
PRODUCER = (77).to_bytes(32, "big")

Check: TypeAlias = tuple[bytes, bytes, bytes]


def keys() -> list[bytes]:
    """The private keys of the benchmark's wallets."""
    return [(1_000 + number).to_bytes(32, "big") for number in range(KEYS)]


def initial(transfers: int) -> dict[bytes, HeldCoin]:
    """One coin for each transfer."""
    owners = [address_of(signing.public_key(key)) for key in keys()]
    return initial_coins(CHAIN, [(owners[n % KEYS], COIN_UGTX) for n in range(transfers)])


def signed_transfers(coins: dict[bytes, HeldCoin]) -> Iterator[bytes]:
    """A transfer of each coin: half to another wallet, the rest back."""
    by_address = {address_of(signing.public_key(key)): key for key in keys()}
    owners = list(by_address)
    for place, (coin_id, held) in enumerate(coins.items()):
        if not isinstance(held.coin, Cash):
            continue
        owner = Address(held.coin.owner)
        other = owners[(place * 7 + 1) % KEYS]
        half = COIN_UGTX // 2
        outputs = (Cash(other, half), Cash(owner, COIN_UGTX - half - FEE_UGTX))
        yield sign(CHAIN, Transfer((coin_id,), outputs), by_address[owner]).encoded


def encoded_batches(transfers: Sequence[bytes]) -> list[bytes]:
    """The transfers in sealed batches."""
    groups = range(0, len(transfers), TRANSFERS_PER_BATCH)
    return [
        seal_batch(
            CHAIN,
            BatchKind.ORDINARY,
            (0, GENESIS_ID),
            transfers[start : start + TRANSFERS_PER_BATCH],
            NO_WORK,
            PRODUCER,
        ).encoded
        for start in groups
    ]


def replay(path: Path, coins: dict[bytes, HeldCoin], batches: Sequence[bytes]) -> float:
    """Seconds from the first byte to the last synced write."""
    store = ChainStore.open(path, CHAIN, GENESIS_ID, 0, ChainParameters(), coins)
    validators = ValidatorSet([Validator(signing.public_key(PRODUCER), 1)])
    waiting: deque[Future[CheckedBatch]] = deque()
    started = time.perf_counter()
    with ThreadPoolExecutor(CORES) as threads:
        todo = iter(batches)

        def read_ahead() -> None:
            while len(waiting) < 2 * BATCHES_PER_BLOCK:
                encoded = next(todo, None)
                if encoded is None:
                    return
                waiting.append(threads.submit(check_batch, CHAIN, encoded, NO_WORK))

        read_ahead()
        while waiting:
            group = [
                waiting.popleft().result() for _ in range(min(BATCHES_PER_BLOCK, len(waiting)))
            ]
            read_ahead()
            for batch in group:
                store.keep_batch(batch, sync=False)
            store.finalise(*final_block(store, group, validators), group)
    elapsed = time.perf_counter() - started
    height, refused = store.tip.height, 0
    for record in store.records(1):
        refused += sum(item.reason is not None for item in record.transactions)
    store.close()
    assert refused == 0, f"{refused} transfers refused in {height} blocks"
    return elapsed


def final_block(
    store: ChainStore, group: Sequence[CheckedBatch], validators: ValidatorSet
) -> tuple[Block, Commit]:
    """The next block over these batches. Its one commit signature is not what is measured."""
    block = build_block(
        store.tip,
        [batch.id for batch in group],
        store.last_commit,
        validators,
        validators,
        signing.public_key(PRODUCER),
        store.tip.time_ms + 1_000,
    )
    return block, Commit(block.header.height, 0, block_id(block.header), ())


def raw_checks(count: int) -> tuple[float, float]:
    """Signatures a second in two threads: by coincurve, and by libsecp256k1."""
    key = coincurve.PrivateKey(keys()[0])
    digests = [number.to_bytes(32, "big") for number in range(1, CHECKS + 1)]
    public = key.public_key.format()
    by_coincurve = [(key.sign(digest, hasher=None), digest, public) for digest in digests]
    bare = [(public, digest, signing.sign(key.secret, digest)) for digest in digests]
    return (
        _rate(
            lambda checks: [verify_signature(*each, None) for each in checks], by_coincurve, count
        ),
        _rate(signing.verify_slice, bare, count),
    )


def _rate(
    verify: Callable[[Sequence[Check]], list[bool]], checks: Sequence[Check], count: int
) -> float:
    slices = [checks[start : start + SLICE] for start in range(0, len(checks), SLICE)]
    rounds = max(1, count // len(checks))
    started = time.perf_counter()
    with ThreadPoolExecutor(CORES) as threads:
        verdicts = list(threads.map(verify, slices * rounds))
    elapsed = time.perf_counter() - started
    assert all(all(verdict) for verdict in verdicts), "a good signature did not verify"
    return rounds * len(checks) / elapsed


def figures(transfers: int, rounds: int) -> tuple[Figure, Figure]:
    """Transfers a second beside checks a second, of the median round."""
    coins = initial(transfers)
    batches = encoded_batches(list(signed_transfers(coins)))
    interpreter.settle()
    found = []
    before = raw_checks(transfers)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            elapsed = replay(Path(folder) / "db", coins, batches)
        after = raw_checks(transfers)
        by_coincurve, bare = ((one + other) / 2 for one, other in zip(before, after, strict=True))
        rate = transfers / elapsed
        found.append(
            (
                Figure("replay, beside coincurve", rate, "tx/s", by_coincurve),
                Figure("replay, beside libsecp256k1", rate, "tx/s", bare),
            )
        )
        before = after
    found.sort(key=lambda pair: pair[0].ratio or 0)
    return found[len(found) // 2]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--transfers", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    add_output_option(parser)
    options = parser.parse_args()
    show(figures(options.transfers, options.rounds), options.output)


if __name__ == "__main__":
    main()
