"""A block of spot orders: what its execution takes, and which part of it.

1,000 signed orders, half to sell and half to buy, all of one size, in a random order from a seed;
every price asked is below every price bid, so that each pair makes one trade: 500. The reference of
the whole is libsecp256k1's time for the orders' signatures on one thread; that of each part is the
whole, so that its ratio is its share.

*Matching* is the book alone, given the same orders. *Coins* is the time inside the block's view of
the coins: reading and encoding them, the clock's own cost included. *Rules* is what is left of the
execution: signers, limits, delivery versus payment. *Grid* comes on top of it on a chain that
trades between zones: the same orders in the book over the seven zones of the Thai grid, with bids
that cover the way, less what they take there without the grid.

    python -m benchmarks.trading [--orders 1000] [--rounds 15] [--seed 1] [-o json]
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import structs

from benchmarks.figure import Figure, add_output_option, show
from consensus import signing
from gtxnode.grid.build import BuildPolicy, build_model
from gtxnode.grid_data import thai_network
from gtxnode.ledger import wallet
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.coins import Cash, Energy, HeldCoin, Origin, encode_coin, output_id
from gtxnode.ledger.execute import BlockContext, execute
from gtxnode.ledger.grid import carriage
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.state_root import StateRoot
from gtxnode.ledger.transactions import CheckedTransaction, parse
from gtxnode.market import ANY_SOURCE, Book, Order, Side, Terms
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

CHAIN = "bench"
TIME_MS = 1_800_000_000_000
TRADERS = 64
QUANTITY_WH = 1_000
ASKED, BID = (3_000, 3_400), (3_500, 3_900)
TOLL_COVER = 3_000
"""More, in mGTX per kWh, than the way between any two zones costs."""
PARAMETERS = ChainParameters(zones=(Zone.BANGKOK,))
GRID_ZONES = tuple(Zone)


def block_of(count: int, seed: int) -> tuple[list[CheckedTransaction], dict[bytes, HeldCoin]]:
    """The orders in the block's order, and the coins that they take."""
    chance = random.Random(seed)
    keys = [number.to_bytes(32, "big") for number in range(1, TRADERS + 1)]
    owners = [address_of(signing.public_key(key)) for key in keys]
    origin = Origin(Zone.BANGKOK, Source.SOLAR, 0, 3_600, bytes(16))
    coins: dict[bytes, HeldCoin] = {}
    placed: list[CheckedTransaction] = []
    for number in range(count):
        # Sellers are the even ones, so that nobody meets himself.
        trader = 2 * chance.randrange(TRADERS // 2) + number % 2
        coin_id = output_id(chance.randbytes(32), 0)
        coin: Cash | Energy
        if number % 2:
            coin = Cash(owners[trader], QUANTITY_WH * BID[1])
            price = chance.randint(*BID)
            body: Any = wallet.buy(owners[trader], [(coin_id, coin)], QUANTITY_WH, price)
        else:
            coin = Energy(owners[trader], QUANTITY_WH, origin)
            price = chance.randint(*ASKED)
            body = wallet.sell(owners[trader], [(coin_id, coin)], QUANTITY_WH, price)
        coins[coin_id] = HeldCoin(coin, encode_coin(coin))
        placed.append(wallet.sign(CHAIN, body, keys[trader]))
    chance.shuffle(placed)
    return placed, coins


def executed(
    block: list[CheckedTransaction], coins: dict[bytes, HeldCoin], root: StateRoot
) -> tuple[float, float]:
    """Seconds of execution, and of bringing the state root up to it."""
    context = BlockContext(CHAIN, 1, TIME_MS, bytes(20), PARAMETERS)
    store = {coin_id: held.encoded for coin_id, held in coins.items()}
    orders = OpenOrders()
    start = time.perf_counter()
    outcome = execute(context, block, store, orders)
    middle = time.perf_counter()
    root.apply(outcome.spent, outcome.made)
    end = time.perf_counter()
    assert all(receipt.ok for receipt in outcome.receipts)
    assert len(outcome.trades) == len(block) // 2
    return middle - start, end - middle


def in_coins(block: list[CheckedTransaction], coins: dict[bytes, HeldCoin]) -> float:
    """Seconds of an execution inside the view of the coins."""
    spent = 0.0

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            nonlocal spent
            start = time.perf_counter()
            answer = method(*arguments)
            spent += time.perf_counter() - start
            return answer

        return run

    names = ("get", "make", "spend", "spent", "made")
    methods = {name: getattr(CoinView, name) for name in names}
    for name, method in methods.items():
        setattr(CoinView, name, timed(method))
    try:
        executed(block, coins, StateRoot(CHAIN))
    finally:
        for name, method in methods.items():
            setattr(CoinView, name, method)
    return spent


def book_orders(block: list[CheckedTransaction], zones: tuple[Zone, ...] = ()) -> list[Order]:
    """The block's orders as the book has them; with zones, each in one of them in turn."""
    orders = []
    for number, transaction in enumerate(block):
        body: Any = transaction.body
        selling = type(body).__name__ == "PlaceSell"
        order = Order(
            transaction.id,
            body.trader,
            Side.SELL if selling else Side.BUY,
            body.price_mgtx_per_kwh,
            body.quantity_wh,
            1 << Source.SOLAR if selling else ANY_SOURCE,
        )
        if zones:
            order = structs.replace(
                order,
                price_mgtx_per_kwh=body.price_mgtx_per_kwh + (0 if selling else TOLL_COVER),
                terms=Terms(zone=zones[number % len(zones)]),
            )
        orders.append(order)
    return orders


def matched(orders: list[Order], book: Book) -> float:
    """Seconds that a book takes for them."""
    place = book.place
    start = time.perf_counter()
    for order in orders:
        place(order)
    return time.perf_counter() - start


def book_over_the_grid(parameters: ChainParameters) -> Book:
    """An empty book as a block of the chain would find it."""
    context = BlockContext(CHAIN, 1, TIME_MS, bytes(20), parameters)
    state = BlockState(context, CoinView({}), OpenOrders())
    carriage.begin(state)
    return state.orders.book


def signatures(block: list[CheckedTransaction]) -> float:
    """Seconds for the orders' signatures, on one thread."""
    checks = [c for each in block for c in parse(CHAIN, each.encoded).signature_checks()]
    start = time.perf_counter()
    assert all(signing.verify_slice(checks))
    return time.perf_counter() - start


def figures(count: int, rounds: int, seed: int) -> Iterator[Figure]:
    """The whole and its parts, of the best of the rounds each."""
    block, coins = block_of(count, seed)
    plain, zoned = book_orders(block), book_orders(block, GRID_ZONES)
    model = build_model(thai_network(), BuildPolicy())
    parameters = ChainParameters(zones=GRID_ZONES, grid=model)
    store = [(coin_id, held.encoded) for coin_id, held in coins.items()]
    runs = []
    for _ in range(rounds):
        root = StateRoot.compute(CHAIN, store)
        runs.append(
            (
                *executed(block, coins, root),
                in_coins(block, coins),
                matched(plain, Book()),
                matched(zoned, book_over_the_grid(parameters)),
                matched(zoned, Book()),
                signatures(block),
            )
        )
    best = [min(run[n] for run in runs) * 1e3 for n in range(7)]
    execution, root_ms, in_view, matching, over_grid, in_terms, verified = best
    whole = execution + root_ms
    name = f"block of {count:,} orders, {count // 2:,} trades"
    yield Figure(name, whole, "ms", verified)
    yield Figure("  matching", matching, "ms", whole)
    yield Figure("  coins", in_view, "ms", whole)
    yield Figure("  rules", execution - matching - in_view, "ms", whole)
    yield Figure("  state root", root_ms, "ms", whole)
    yield Figure("  grid, where there is one", over_grid - in_terms, "ms", whole)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    add_output_option(parser)
    options = parser.parse_args()
    show(figures(options.orders, options.rounds, options.seed), options.output)


if __name__ == "__main__":
    main()
