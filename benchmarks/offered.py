"""A load offered to running validators: coins made on the chain first, then transfers of them."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path

from benchmarks.load import Plan, Result, apply, spread
from benchmarks.validators import (
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
from gtxnode.ledger.transactions import CheckedTransaction

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

    async def _offer(self, signed: list[CheckedTransaction], rate: float) -> Result:
        transactions = [(each.id, each.encoded) for each in signed]
        connections = spread(self._urls, self._sinks, transactions, rate)
        return await apply(self._folder, Plan(SHARD, connections))


@asynccontextmanager
async def offered(
    folder: Path, *, validators: int, coins: int, connections: int
) -> AsyncIterator[Offered]:
    """Running validators whose genesis is enough for so many coins to be split off."""
    network = prepare(folder, validators=validators, wallets=ceil(coins / SPLIT))
    async with running(network):
        yield Offered(folder, network, connections)
