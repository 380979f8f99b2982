"""Running validators of one shard, for the benchmarks that measure a whole node.

The processes are those of `gtxnode devnet`, with a genesis of their own: wallets that hold one
coin each, to be split into as many coins as a benchmark's load spends.

Invariant: no process that `running` started outlives its block, and everything that was written
lies in the folder that the caller gave.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time

import trio

from consensus import signing
from gtxnode.devnet.fleet import NETWORK, PORTS_EACH, STAKE, Ports, Validator, write_homes
from gtxnode.devnet.processes import free_ports, stop
from gtxnode.devnet.session import is_ready
from gtxnode.genesis import Allocation, GenesisValidator, chain_id, new_genesis
from gtxnode.home import Home, write_private_key
from gtxnode.ledger.bodies import Transfer
from gtxnode.ledger.coins import Cash, output_id
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import Role, Shard, Zone

SHARD = Shard.GEO_BANGKOK
CHAIN = chain_id(NETWORK, SHARD)
CORES = 2
READY_S = 60.0
STOP_S = 5.0
POLL_S = 0.02
SPLIT = 250
"""Coins that one wallet's coin is split into."""
FEE_UGTX = 1_000
COIN_UGTX = 200_000
"""Enough for the smallest order at the lowest price, and for a fee."""
WALLET_UGTX = SPLIT * COIN_UGTX + 2 * FEE_UGTX


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin that is there to be spent, and the key that spends it."""

    id: bytes
    amount_ugtx: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Network:
    """Prepared validators, and the coins of their genesis."""

    validators: tuple[Validator, ...]
    wallets: tuple[Coin, ...]


def prepare(
    folder: Path,
    *,
    validators: int,
    wallets: int,
    parameters: ChainParameters | None = None,
    utility_key: bytes | None = None,
) -> Network:
    """Write the homes of a new network: one shard, one coin for each wallet."""
    names = [f"validator-{number}" for number in range(1, validators + 1)]
    members = []
    for name in names:
        key = secrets.token_bytes(32)
        write_private_key(Home(folder / name).validator_key, key)
        members.append(GenesisValidator(name, signing.public_key(key), STAKE, Zone.BANGKOK))
    keys = {}
    for number in range(wallets):
        key = (1_000 + number).to_bytes(32, "big")
        keys[bytes(address_of(signing.public_key(key)))] = key
    genesis = new_genesis(
        network=NETWORK,
        time_ms=int(time() * 1_000),
        shards=(SHARD,),
        validators=members,
        authorities={
            Role.ERC: (signing.public_key(secrets.token_bytes(32)),),
            Role.MEA: (signing.public_key(utility_key or secrets.token_bytes(32)),),
        },
        allocations=[Allocation(SHARD, address, WALLET_UGTX) for address in keys],
        parameters=parameters,
    )
    ports = free_ports(PORTS_EACH * validators)
    grouped = [Ports(*ports[at : at + PORTS_EACH]) for at in range(0, len(ports), PORTS_EACH)]
    allocated = [(each.address, each.amount_ugtx) for each in genesis.allocations_on(SHARD)]
    coins = initial_coins(CHAIN, allocated)
    return Network(
        write_homes(folder, genesis, names, grouped),
        tuple(
            Coin(coin_id, held.coin.amount_ugtx, keys[held.coin.owner])
            for coin_id, held in coins.items()
            if isinstance(held.coin, Cash)
        ),
    )


@asynccontextmanager
async def running(network: Network) -> AsyncIterator[None]:
    """All validators started and ready, and stopped in the end."""
    processes = [each.process for each in network.validators]
    try:
        for process in processes:
            process.start()
        with trio.fail_after(READY_S):
            for validator in network.validators:
                await ready(validator)
        yield
    finally:
        await stop(processes, grace_s=STOP_S)


async def ready(validator: Validator) -> None:
    """Return once a validator says that it is ready; `RuntimeError` if it has stopped."""
    while not await is_ready(validator):
        if not validator.process.running:
            raise RuntimeError(f"{validator.name} stopped: {validator.process.last_lines()}")
        await trio.sleep(POLL_S)


def split(wallet: Coin, sink: bytes) -> CheckedTransaction:
    """A wallet's coin in `SPLIT` parts, and one more for whoever waits to hear of it."""
    owner = address_of(signing.public_key(wallet.key))
    parts = (Cash(owner, COIN_UGTX),) * SPLIT
    return sign(CHAIN, Transfer((wallet.id,), (*parts, Cash(sink, FEE_UGTX))), wallet.key)


def parts_of(wallet: Coin, transaction: CheckedTransaction) -> Iterator[Coin]:
    """The coins that `split` made."""
    for index in range(SPLIT):
        yield Coin(output_id(transaction.id, index), COIN_UGTX, wallet.key)


def pay(coin: Coin, sink: bytes) -> CheckedTransaction:
    """A transfer of one coin in two: to the sink, and back."""
    owner = address_of(signing.public_key(coin.key))
    outputs = (Cash(sink, FEE_UGTX), Cash(owner, coin.amount_ugtx - 2 * FEE_UGTX))
    return sign(CHAIN, Transfer((coin.id,), outputs), coin.key)


def resident_mib(pid: int) -> float:
    """A process's resident size (Linux)."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1_024


def keep_to_two_cores() -> None:
    """Bind this process, and those that it starts, to two cores where there are more."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
