"""A load offered to running validators: coins made on the chain first, then transfers of them."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path

from benchmarks.apart import apart
from benchmarks.load import Plan, Result, spread
from benchmarks.validators import (
    CHAIN,
    SHARD,
    SPLIT,
    Coin,
    Network,
    parts_of,
    pay,
    prepare,
    running,
    split,
)
from consensus import signing
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.parameters import ChainParameters, OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.wallet import buy, sign
from gtxnode.primitives.addresses import address_of

SPLITS_PER_S = 40.0
CONNECTIONS = 32
"""A server answers 16 calls of one connection at once, each after its batch is on disk."""


class Failed(Exception):
    """What had to become final did not."""


class Offered:
    """Validators under a load that comes over many connections, dealt out over all of them."""

    def __init__(self, folder: Path, network: Network, connections: int) -> None:
        self.network = network
        self._folder = folder
        self._wallets = list(network.wallets)
        self._coins: list[Coin] = []
        self._urls = [each.websocket for each in network.validators]
        self._sinks = [secrets.token_bytes(20) for _ in range(connections)]

    async def transfers(self, count: int, rate: float) -> Result:
        """Offer so many transfers at so many a second, each of a coin that is final already."""
        missing = count - len(self._coins)
        if missing > 0:
            await self.split(ceil(missing / SPLIT))
        coins, self._coins = self._coins[:count], self._coins[count:]
        signed = [
            pay(coin, self._sinks[place % len(self._sinks)]) for place, coin in enumerate(coins)
        ]
        return await self._offer(signed, rate)

    async def orders(self, count: int, rate: float) -> Result:
        """Offer so many of the smallest orders to buy, each for a coin that is final already.

        A trader may have only so many open, so they take turns.
        """
        limits = OrderLimits()
        traders = ceil(count / limits.max_open_per_trader)
        by_key: dict[bytes, list[Coin]] = {}
        for coin in self._coins:
            by_key.setdefault(coin.key, []).append(coin)
        # From the end: transfers take from the beginning.
        keys = list(by_key)[-traders:]
        addresses = [bytes(address_of(signing.public_key(key))) for key in keys]
        signed = []
        for place in range(count):
            key, trader = keys[place % traders], addresses[place % traders]
            coin = by_key[key].pop()
            self._coins.remove(coin)
            held = [(coin.id, Cash(trader, coin.amount_ugtx))]
            body = buy(trader, held, limits.min_wh, limits.min_price_mgtx_per_kwh)
            signed.append(sign(CHAIN, body, key))
        return await self._offer(signed, rate, addresses)

    async def split(self, wallets: int, rate: float = SPLITS_PER_S) -> None:
        """Split so many wallets' coins; `Failed` unless all of it becomes final."""
        chosen, self._wallets = self._wallets[:wallets], self._wallets[wallets:]
        assert len(chosen) == wallets, "the genesis has a coin for every split"
        signed = [
            split(wallet, self._sinks[place % len(self._sinks)])
            for place, wallet in enumerate(chosen)
        ]
        result = await self._offer(signed, rate)
        if len(result.finality_s) < wallets:
            raise Failed(f"{len(result.finality_s)} of {wallets} splits; {result.refused}")
        for wallet, transaction in zip(chosen, signed, strict=True):
            self._coins.extend(parts_of(wallet, transaction))

    async def _offer(
        self, signed: list[CheckedTransaction], rate: float, watched: Sequence[bytes] | None = None
    ) -> Result:
        transactions = [(each.id, each.encoded) for each in signed]
        connections = spread(self._urls, watched or self._sinks, transactions, rate)
        return await apart(self._folder, "benchmarks.load", Plan(SHARD, connections), Result)


@asynccontextmanager
async def offered(
    folder: Path,
    *,
    validators: int,
    coins: int,
    connections: int,
    parameters: ChainParameters | None = None,
) -> AsyncIterator[Offered]:
    """Running validators whose genesis is enough for so many coins to be split off."""
    wallets = ceil(coins / SPLIT)
    network = prepare(folder, validators=validators, wallets=wallets, parameters=parameters)
    async with running(network):
        yield Offered(folder, network, connections)
