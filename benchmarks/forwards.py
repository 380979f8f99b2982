"""What delivery slots cost a block: placing orders, gate closure, and settlement.

An hour is offered and bid for by as many meters and buyers as there are orders, half of each, at
prices that overlap. One block takes the orders; the next, in time of gate closure, holds the
auction and gives funds back; a third takes a reading of every meter that sold, which delivers its
contracts; a fourth, on a chain whose meters are silent, ends them all by time alone. And on a chain
whose slot is full then, a second block takes better bids, each of which puts out an order. The
reference is libsecp256k1's time for one signature on one thread, which each order and reading costs
anyway.

    python -m benchmarks.forwards [--orders 2000] [--rounds 3] [-o json]
"""

import argparse
import random
import time
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from benchmarks.figure import Figure, add_output_option, show
from consensus import signing
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import ForwardBid, ForwardOffer, RegisterMeter
from gtxnode.ledger.coins import Cash, decode_coin
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.execute import BlockContext, BlockOutcome, execute
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.slots import HOUR_S, Slot
from gtxnode.metering.meters import Direction, Reading
from gtxnode.metering.readings import ReadingLimits
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

CHAIN = "bench"
START_S = 1_800_000_000
SLOT = Slot(START_S + 4 * HOUR_S, HOUR_S)
PARAMETERS = ChainParameters(zones=(Zone.BANGKOK,), readings=ReadingLimits(anomalies=None))
CASH_UGTX = 10**9
QUANTITY_WH = (1_000, 4_000)
BETTER = (4_000, 7_000)
"""Wh and price of a bid that is better than all others."""
BID_PRICES, ASK_PRICES = (2_500, 6_000), (2_000, 5_500)
STAGES = (
    "order placed",
    "order that puts one out",
    "order closed at its gate",
    "contract delivered",
    "contract ended by time",
)


class Chain:
    """Coins in a dict, and blocks at given times."""

    def __init__(self, pairs: int, seed: int) -> None:
        chance = random.Random(seed)
        self._keys = [number.to_bytes(32, "big") for number in range(1, 2 * pairs + 1)]
        self._public = [signing.public_key(key) for key in self._keys]
        self._owners = [address_of(public) for public in self._public]
        self._meters = [number.to_bytes(16, "big") for number in range(pairs)]
        registered = [
            RegisterMeter(
                *(meter, self._public[place], self._owners[place], Province.BANGKOK, Source.SOLAR),
                *(10_000, Direction.BOTH, START_S),
            )
            for place, meter in enumerate(self._meters)
        ]
        held = initial_coins(CHAIN, [(owner, CASH_UGTX) for owner in self._owners], registered)
        self.coins = {coin_id: coin.encoded for coin_id, coin in held.items()}
        self._cash = {
            coin.coin.owner: (coin_id, coin.coin)
            for coin_id, coin in held.items()
            if isinstance(coin.coin, Cash)
        }
        self.orders = OpenOrders()
        self.parameters = PARAMETERS
        self.height = 0
        self.placing = [self._order(place, chance) for place in range(2 * pairs)]
        chance.shuffle(self.placing)

    def _order(self, place: int, chance: random.Random) -> CheckedTransaction:
        owner, quantity_wh = self._owners[place], chance.randint(*QUANTITY_WH)
        cash = [self._cash[owner]]
        body: ForwardOffer | ForwardBid
        if place < len(self._meters):
            price, meter = chance.randint(*ASK_PRICES), self._meters[place]
            body = wallet.forward_offer(owner, cash, SLOT, meter, quantity_wh, price, 8_000)
        else:
            price = chance.randint(*BID_PRICES)
            body = wallet.forward_bid(owner, cash, SLOT, Zone.BANGKOK, quantity_wh, price)
        return wallet.sign(CHAIN, body, self._keys[place])

    def better(self) -> list[CheckedTransaction]:
        """Another bid of each buyer's, out of its change, over all that were placed."""
        change = {
            coin.owner: (coin_id, coin)
            for coin_id, encoded in self.coins.items()
            if isinstance(coin := decode_coin(encoded), Cash)
        }
        bodies = [
            (wallet.forward_bid(owner, [change[owner]], SLOT, Zone.BANGKOK, *BETTER), key)
            for owner, key in list(zip(self._owners, self._keys, strict=True))[len(self._meters) :]
        ]
        return [wallet.sign(CHAIN, body, key) for body, key in bodies]

    def readings(self) -> list[CheckedTransaction]:
        """One of each meter, from the start to the slot's end."""
        return [
            wallet.sign(
                CHAIN,
                Reading(meter, 1, 0, START_S, SLOT.end_s, 0, 12_000),
                self._keys[place],
            )
            for place, meter in enumerate(self._meters)
        ]

    def block(
        self, time_s: int, transactions: Sequence[CheckedTransaction]
    ) -> tuple[float, BlockOutcome]:
        """Execute a block and keep its coins; the seconds that execution took."""
        self.height += 1
        context = BlockContext(CHAIN, self.height, time_s * 1_000, bytes(20), self.parameters)
        start = time.perf_counter()
        outcome = execute(context, transactions, self.coins, self.orders)
        took = time.perf_counter() - start
        assert all(receipt.ok for receipt in outcome.receipts)
        for coin_id in outcome.spent:
            del self.coins[coin_id]
        self.coins.update({coin_id: held.encoded for coin_id, held in outcome.made.items()})
        return took, outcome


def a_round(pairs: int, seed: int) -> list[float]:
    """Microseconds of each stage, for each order or contract."""
    full = Chain(pairs, seed)
    full.block(START_S + 1, full.placing)
    full.parameters = replace(PARAMETERS, forwards=ForwardRules(max_orders_per_slot=2 * pairs))
    put_out, outcome = full.block(START_S + 2, full.better())
    assert len(outcome.displaced) == pairs
    chain = Chain(pairs, seed)
    placed, _ = chain.block(START_S + 1, chain.placing)
    closed, outcome = chain.block(SLOT.start_s - 900, ())
    contracts = len(outcome.forward_trades)
    silent = dict(chain.coins)
    readings = chain.readings()
    delivered, outcome = chain.block(SLOT.end_s, readings)
    assert len(outcome.settlements) == contracts
    chain.coins, chain.orders = silent, rebuilt(silent)
    due_s = SLOT.end_s + PARAMETERS.forwards.grace_s
    ended, outcome = chain.block(due_s, ())
    assert len(outcome.settlements) == contracts
    each = [placed / (2 * pairs), put_out / pairs, closed / (2 * pairs)]
    each += [delivered / contracts, ended / contracts]
    return [seconds * 1e6 for seconds in each]


def rebuilt(coins: dict[bytes, bytes]) -> OpenOrders:
    """As at a node's start."""
    return OpenOrders.rebuild((coin_id, decode_coin(encoded)) for coin_id, encoded in coins.items())


def signature_us(count: int) -> float:
    """What one signature takes to check."""
    key = (1).to_bytes(32, "big")
    digest = bytes(32)
    checks = [(signing.public_key(key), digest, signing.sign(key, digest))] * count
    start = time.perf_counter()
    assert all(signing.verify_slice(checks))
    return (time.perf_counter() - start) / count * 1e6


def figures(orders: int, rounds: int, seed: int) -> Iterator[Figure]:
    """Each stage at its best."""
    reference = min(signature_us(1_000) for _ in range(rounds))
    runs = [a_round(orders // 2, seed) for _ in range(rounds)]
    for place, name in enumerate(STAGES):
        yield Figure(f"slots, {name}", min(run[place] for run in runs), "us", reference)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    add_output_option(parser)
    options = parser.parse_args()
    show(figures(options.orders, options.rounds, options.seed), options.output)


if __name__ == "__main__":
    main()
