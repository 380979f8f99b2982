"""What the ledger's Python costs per transfer: read, checked, executed, rooted.

Blocks of signed 1-in-2-out transfers; the signatures' own cost is left out, because it falls on
worker threads, and is the reference: libsecp256k1's time for one signature on one thread. While
the sum of the stages is below half of that, two cores that verify are never kept waiting.

    python -m benchmarks.execution [--transfers 5000] [--rounds 5] [-o json]
"""

import argparse
import time
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.figure import Figure, add_output_option, show
from consensus import signing
from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.execute import BlockContext, execute
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.state_root import StateRoot
from gtxnode.ledger.transactions import parse
from gtxnode.primitives.addresses import address_of

CHAIN = "bench"
KEYS = 64
COIN_UGTX = 10**9
STAGES = ("read and identified", "checks and addresses", "executed", "rooted")


def transfers(count: int) -> tuple[list[bytes], dict[bytes, bytes]]:
    """Signed transfers, each of a coin of its own, and the coins before them."""
    keys = [number.to_bytes(32, "big") for number in range(1, KEYS + 1)]
    owners: list[bytes] = [address_of(signing.public_key(key)) for key in keys]
    made = initial_coins(CHAIN, [(owners[n % KEYS], COIN_UGTX) for n in range(count)])
    encoded = []
    for coin_id, held in made.items():
        if isinstance(held.coin, Cash):
            number = owners.index(held.coin.owner)
            to = owners[(number + 1) % KEYS]
            body = wallet.pay(owners[number], [(coin_id, held.coin)], to, 1_000_000, 1_000)
            encoded.append(wallet.sign(CHAIN, body, keys[number]).encoded)
    return encoded, {coin_id: held.encoded for coin_id, held in made.items()}


def a_round(encoded: list[bytes], store: dict[bytes, bytes]) -> list[float]:
    """Seconds of each stage over all transfers, and of their signatures last."""
    context = BlockContext(CHAIN, 1, 1_800_000_000_000, bytes(20), ChainParameters())
    state = StateRoot.compute(CHAIN, store.items())
    clock = time.perf_counter
    times = [clock()]
    unverified = [parse(CHAIN, data) for data in encoded]
    times.append(clock())
    checks = [check for transaction in unverified for check in transaction.signature_checks()]
    checked = [transaction.verified() for transaction in unverified]
    times.append(clock())
    outcome = execute(context, checked, store, OpenOrders())
    times.append(clock())
    state.apply(outcome.spent, outcome.made)
    times.append(clock())
    assert all(signing.verify_slice(checks))
    times.append(clock())
    assert all(receipt.ok for receipt in outcome.receipts)
    return [after - before for before, after in pairwise(times)]


def figures(count: int, rounds: int) -> Iterator[Figure]:
    """The stages and their sum, of the best of the rounds each."""
    encoded, store = transfers(count)
    runs = [a_round(encoded, store) for _ in range(rounds)]
    *stages, verified = (min(run[n] for run in runs) / count * 1e6 for n in range(5))
    for name, cost in zip(STAGES, stages, strict=True):
        yield Figure(f"ledger, transfer {name}", cost, "us", verified)
    yield Figure("ledger, transfer in all", sum(stages), "us", verified)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--transfers", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    add_output_option(parser)
    options = parser.parse_args()
    show(figures(options.transfers, options.rounds), options.output)


if __name__ == "__main__":
    main()
