"""Orders that the grid did not carry, and that trade once it does: what going through them costs.

Half of the orders sell in one zone and half buy in another, at prices that cover the way, while
nothing goes between zones. With the next quarter of an hour everything does, and block by block
they trade, though nobody places another. The reference is the same orders placed while the grid
carries them. Beside it stands a block in which nothing happens, on a chain with a grid where orders
cross that do not cover the way, and on one without a grid.

    python -m benchmarks.passed_over [--orders 4000] [--rounds 3] [--seed 1] [-o json]
"""

import argparse
import random
import time
from collections.abc import Iterator, Sequence

import msgspec

from benchmarks.figure import Figure, add_output_option, show
from consensus import signing
from gtxnode.grid.build import build_model
from gtxnode.grid.model import GridModel
from gtxnode.grid_data import thai_network
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body
from gtxnode.ledger.coins import (
    Cash,
    Energy,
    Origin,
    Supply,
    encode_coin,
    output_id,
    supply_coin_id,
)
from gtxnode.ledger.execute import BlockContext, BlockOutcome, execute
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market import Terms
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

CHAIN = "bench"
START_MS = 1_800_000_000_000
QUARTER_MS = 900_000
QUANTITY_WH = 1_000
TRADERS = 64
ASKED, COVERING, TOO_LITTLE = (3_000, 3_400), (6_500, 6_900), (3_500, 3_900)
IDLE_BLOCKS = 50
OPEN = build_model(thai_network())
SHUT = msgspec.structs.replace(
    OPEN,
    corridors=tuple(
        msgspec.structs.replace(each, forward_mw=0, backward_mw=0) for each in OPEN.corridors
    ),
)
WITHOUT = ChainParameters(zones=tuple(Zone))


class Chain:
    """A chain in a dict."""

    def __init__(self, count: int, seed: int, bids: tuple[int, int]) -> None:
        chance = random.Random(seed)
        keys = [number.to_bytes(32, "big") for number in range(1, TRADERS + 1)]
        owners = [address_of(signing.public_key(key)) for key in keys]
        origin = Origin(Zone.WESTERN, Source.SOLAR, 0, 3_600, bytes(16))
        supply = Supply(count * QUANTITY_WH, 0, 10**15)
        self.coins = {supply_coin_id(CHAIN): encode_coin(supply)}
        self.placed: list[CheckedTransaction] = []
        for number in range(count):
            # Sellers are the even ones, so that nobody meets himself.
            trader = 2 * chance.randrange(TRADERS // 2) + number % 2
            coin_id = output_id(chance.randbytes(32), 0)
            coin: Cash | Energy
            body: Body
            if number % 2:
                coin, price = Cash(owners[trader], QUANTITY_WH * 10_000), chance.randint(*bids)
                body = wallet.buy(
                    *(owners[trader], [(coin_id, coin)], QUANTITY_WH, price),
                    terms=Terms(zone=Zone.CENTRAL),
                )
            else:
                coin, price = Energy(owners[trader], QUANTITY_WH, origin), chance.randint(*ASKED)
                body = wallet.sell(owners[trader], [(coin_id, coin)], QUANTITY_WH, price)
            self.coins[coin_id] = encode_coin(coin)
            self.placed.append(wallet.sign(CHAIN, body, keys[trader]))
        self.orders = OpenOrders()
        self.height, self.time_ms = 0, START_MS

    def block(
        self,
        parameters: ChainParameters,
        placed: Sequence[CheckedTransaction] = (),
        after_ms: int = 3_000,
    ) -> tuple[BlockOutcome, float]:
        """Execute the next block; what came of it, and the seconds that it took."""
        self.height, self.time_ms = self.height + 1, self.time_ms + after_ms
        context = BlockContext(
            *(CHAIN, self.height, self.time_ms, bytes(20), parameters), elapsed_ms=after_ms
        )
        start = time.perf_counter()
        outcome = execute(context, placed, self.coins, self.orders)
        spent_s = time.perf_counter() - start
        assert all(receipt.ok for receipt in outcome.receipts)
        for coin_id in outcome.spent:
            del self.coins[coin_id]
        self.coins |= {coin_id: held.encoded for coin_id, held in outcome.made.items()}
        return outcome, spent_s


def over(model: GridModel | None) -> ChainParameters:
    """Parameters with this grid."""
    return msgspec.structs.replace(WITHOUT, grid=model)


def figures(count: int, rounds: int, seed: int) -> Iterator[Figure]:
    """Of the best of the rounds each."""
    at_once, waited, longest, blocks = [], [], [], 0
    for _ in range(rounds):
        chain = Chain(count, seed, COVERING)
        outcome, spent_s = chain.block(over(OPEN), chain.placed)
        assert len(outcome.trades) == count // 2
        at_once.append(spent_s)
        chain = Chain(count, seed, COVERING)
        outcome, _ = chain.block(over(SHUT), chain.placed)
        assert not outcome.trades
        spent, after_ms = [], QUARTER_MS
        while len(chain.orders):
            outcome, spent_s = chain.block(over(OPEN), after_ms=after_ms)
            spent.append(spent_s)
            after_ms = 3_000
        waited.append(sum(spent))
        longest.append(max(spent))
        blocks = len(spent)
    per_trade = 1e6 / (count // 2)
    name = f"{count:,} passed-over orders trade, in {blocks} blocks"
    yield Figure(name, min(waited) * per_trade, "us each", min(at_once) * per_trade)
    yield Figure("  the longest of the blocks", min(longest) * 1e3, "ms")
    idle = []
    for model in (OPEN, None):
        chain = Chain(count if model else 0, seed, TOO_LITTLE)
        chain.block(over(model), chain.placed)
        idle.append(min(chain.block(over(model), after_ms=1)[1] for _ in range(IDLE_BLOCKS)))
    yield Figure("a block in which nothing happens", idle[0] * 1e6, "us", idle[1] * 1e6)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    add_output_option(parser)
    options = parser.parse_args()
    show(figures(options.orders, options.rounds, options.seed), options.output)


if __name__ == "__main__":
    main()
