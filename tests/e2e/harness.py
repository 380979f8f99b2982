"""Real validators for the tests of bad days: started, killed, paused, joined, and asked.

Everything is as `gtxnode devnet` makes it (homes, genesis, processes); what is here on top is what
a bad day needs. Waiting has a deadline everywhere, and nothing is concluded from how long it took.
"""

import dataclasses
import json
import random
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import time

import msgspec
import pytest
import trio

from gtxnode.devnet.fleet import Fleet, Ports, Validator, prepare, write_homes
from gtxnode.devnet.household import Household
from gtxnode.devnet.processes import free_ports, stop
from gtxnode.devnet.session import is_ready
from gtxnode.genesis import Genesis, arranged, chain_id
from gtxnode.genesis_file import format_genesis
from gtxnode.home import Home, write_private_key
from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash, decode_coin
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.zones import Shard
from gtxnode.rpc import wire
from gtxnode.rpc.client import Client, Disconnected, RpcError, connect
from gtxnode.rpc.views.accounts import CoinPage
from gtxnode.rpc.views.blocks import BlockView, HeadView
from gtxnode.rpc.views.ledger import SupplyView
from gtxnode.rpc.views.transactions import (
    TransactionState,
    TransactionStatus,
    Verdict,
    VerdictStatus,
)
from tests.waiting import until_true

BANGKOK = Shard.GEO_BANGKOK
INTERVAL_MS = 400
READY_S = 60.0
MOVES_S = 60.0
FEE_UGTX = 1_000


class Cluster:
    """A prepared network whose nodes are started and stopped one by one."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.nodes: list[Validator] = list(fleet.validators)
        self.chain_id = chain_id(fleet.genesis.network, BANGKOK)

    async def start(self, nodes: Iterable[Validator] | None = None) -> None:
        """Start nodes, all if none is named, and wait until they are ready."""
        chosen = list(self.nodes if nodes is None else nodes)
        for node in chosen:
            node.process.start()
        await self.ready(chosen)

    async def ready(self, nodes: Iterable[Validator]) -> None:
        """Wait until the nodes say that they are ready; their log if one stopped instead."""
        for node in nodes:

            async def answers(node: Validator = node) -> bool:
                assert node.process.running, f"{node.name} stopped:\n{node.process.last_lines()}"
                return await is_ready(node)

            await until_true(answers, within_s=READY_S)

    async def kill(self, *nodes: Validator) -> None:
        """kill -9, all at once, and wait until they are gone."""
        for node in nodes:
            node.process.signal(signal.SIGKILL)
        for node in nodes:
            await node.process.exited()

    def pause(self, node: Validator) -> None:
        """Freeze a node as it stands."""
        node.process.signal(signal.SIGSTOP)

    def resume(self, node: Validator) -> None:
        """Let a frozen node go on."""
        node.process.signal(signal.SIGCONT)

    async def stop(self) -> None:
        """Stop whatever runs."""
        await stop([node.process for node in self.nodes], grace_s=5)

    def add(self, name: str) -> Validator:
        """Write the home of one more node, which knows the others and whose key nobody knows."""
        known = [node.p2p for node in self.nodes]
        ports = [Ports(*free_ports(3))]
        write_private_key(Home(self.fleet.folder / name).validator_key, secrets.token_bytes(32))
        (node,) = write_homes(self.fleet.folder, self.fleet.genesis, [name], ports, known)
        self.nodes.append(node)
        return node

    # -- what nodes say

    async def head(self, node: Validator) -> HeadView:
        """A node's newest final block."""
        async with connect(node.websocket) as client:
            return await client.ask(HeadView, "chain.head", shard=BANGKOK)

    async def block(self, node: Validator, height: int) -> BlockView:
        """A final block as a node has it."""
        async with connect(node.websocket) as client:
            return await client.ask(BlockView, "chain.block", shard=BANGKOK, height=height)

    async def reaches(self, height: int, *nodes: Validator) -> None:
        """Wait until the nodes have a height."""
        for node in nodes:

            async def high_enough(node: Validator = node) -> bool:
                assert node.process.running, f"{node.name} stopped:\n{node.process.last_lines()}"
                try:
                    return (await self.head(node)).height >= height
                except (Disconnected, RpcError):
                    return False

            await until_true(high_enough, within_s=MOVES_S)

    async def moves(self, *nodes: Validator, blocks: int = 2) -> None:
        """Wait until the nodes have made or followed that many more blocks."""
        for node in nodes:
            await self.reaches((await self.head(node)).height + blocks, node)

    async def agree(self, *nodes: Validator) -> int:
        """Every node has the same blocks up to the lowest head, whose height is returned."""
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connect(node.websocket)) for node in nodes]
            heads = [await client.ask(HeadView, "chain.head", shard=BANGKOK) for client in clients]
            lowest = min(head.height for head in heads)
            for height in range(1, lowest + 1):
                blocks = [
                    await client.ask(BlockView, "chain.block", shard=BANGKOK, height=height)
                    for client in clients
                ]
                assert len({block.id for block in blocks}) == 1, f"two blocks at {height}"
        # What each has computed itself is in the header of the next block.
        for node, head in zip(nodes, heads, strict=True):
            await self.reaches(head.height + 1, nodes[0])
            following = await self.block(nodes[0], head.height + 1)
            assert following.app_root == head.state_root, f"{node.name} has another state"
        return lowest

    def nobody_signed_twice(self) -> None:
        """No node has seen two signatures of one validator that contradict each other."""
        for node in self.nodes:
            assert events(node, "block_final"), f"{node.name} wrote no log that could tell"
            assert not events(node, "equivocation")


def events(node: Validator, name: str) -> list[dict[str, object]]:
    """The log entries of that name that a node has written."""
    found = []
    for line in node.process.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if f'"{name}"' in line:
            entry = json.loads(line)
            if entry.get("message") == name:
                found.append(entry)
    return found


@asynccontextmanager
async def running(
    folder: Path,
    *,
    validators: int = 4,
    shards: Sequence[Shard] = (BANGKOK,),
    change: Callable[[Genesis], Genesis] = lambda genesis: genesis,
) -> AsyncIterator[Cluster]:
    """A network that is started, and stopped in the end whatever happens.

    `change` makes its genesis another than `gtxnode devnet` writes.
    """
    fleet = prepare(
        folder,
        validators=validators,
        shards=shards,
        port_base=None,
        now_ms=int(time() * 1_000),
    )
    cluster = Cluster(hurried(fleet, change))
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.stop()


def hurried(fleet: Fleet, change: Callable[[Genesis], Genesis] = lambda genesis: genesis) -> Fleet:
    """The same network with more blocks in a second, so that tests wait less."""
    quick = [
        msgspec.structs.replace(shard, block_interval_ms=INTERVAL_MS)
        for shard in fleet.genesis.shards
    ]
    genesis = arranged(change(msgspec.structs.replace(fleet.genesis, shards=tuple(quick))))
    for validator in fleet.validators:
        validator.home.genesis.write_bytes(format_genesis(genesis))
    return dataclasses.replace(fleet, genesis=genesis)


async def submit(client: Client, transaction: CheckedTransaction) -> Verdict:
    """Send a transaction."""
    return await client.ask(Verdict, "tx.send", shard=BANGKOK, transaction=transaction.encoded)


async def status(client: Client, id_: bytes) -> TransactionStatus | None:
    """Where a transaction stands; None where it is not known."""
    try:
        return await client.ask(TransactionStatus, "tx.status", shard=BANGKOK, id=id_)
    except RpcError:
        return None


async def fate(client: Client, transaction: CheckedTransaction, *, reading: bool = False) -> str:
    """What becomes of a transaction: `final`, or the code of the reason it was refused for."""
    if reading:
        (verdict,) = await client.ask(
            tuple[Verdict, ...], "meter.submit", shard=BANGKOK, readings=[transaction.encoded]
        )
    else:
        verdict = await submit(client, transaction)
    if verdict.status is VerdictStatus.REJECTED:
        assert verdict.refusal is not None
        return verdict.refusal.reason
    assert verdict.id == transaction.id
    settled: list[TransactionStatus] = []

    async def decided() -> bool:
        now = await status(client, transaction.id)
        if now is None or now.state is TransactionState.PENDING:
            return False
        settled.append(now)
        return True

    await until_true(decided, within_s=MOVES_S)
    refusal = settled[0].refusal
    return refusal.reason if refusal else settled[0].state.value


async def supply(client: Client) -> SupplyView:
    """The chain's totals."""
    return await client.ask(SupplyView, "ledger.supply", shard=BANGKOK)


class Payer:
    """Sends small payments from one household to itself, one after another, for ever.

    `acknowledged` are the ids that a node has accepted; none of them may be lost.
    """

    def __init__(self, cluster: Cluster, household: Household) -> None:
        self.acknowledged: list[bytes] = []
        self._chain_id = cluster.chain_id
        self._household = household
        self._coin: tuple[bytes, Cash] | None = None

    async def run(self, node: Validator, *, every_s: float = 0.1) -> None:
        """Pay through a node for as long as it answers, and come back when it does again."""
        while True:
            try:
                async with connect(node.websocket) as client:
                    while True:
                        await self._pay(client)
                        await trio.sleep(every_s)
            except (Disconnected, RpcError):
                await trio.sleep(every_s)

    async def _pay(self, client: Client) -> None:
        owner = self._household.owner
        page = await client.ask(
            CoinPage, "account.coins", shard=BANGKOK, address=wire.Address(owner)
        )
        coins = [(bytes(coin.id), decode_coin(coin.encoded)) for coin in page.coins]
        cash = [(id_, coin) for id_, coin in coins if isinstance(coin, Cash)]
        memo = random.randbytes(8)
        body = wallet.pay(owner, cash, owner, 1_000, FEE_UGTX, memo)
        paid = wallet.sign(self._chain_id, body, self._household.wallet_key)
        verdict = await submit(client, paid)
        if verdict.status is VerdictStatus.ACCEPTED:
            self.acknowledged.append(paid.id)


async def all_known(node: Validator, ids: Collection[bytes]) -> None:
    """Every transaction of these ends up in a block, executed or refused with a reason."""
    async with connect(node.websocket) as client:
        for id_ in ids:

            async def in_a_block(id_: bytes = id_) -> bool:
                now = await status(client, id_)
                return now is not None and now.height is not None

            await until_true(in_a_block, within_s=MOVES_S)


def memory_kib(node: Validator) -> int:
    """A node's resident memory."""
    text = Path(f"/proc/{node.process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


def seeded(request: pytest.FixtureRequest) -> random.Random:
    """A source of chance whose seed is printed, for the run that fails."""
    seed = random.randrange(2**32)
    print(f"{request.node.name}: seed {seed}")
    return random.Random(seed)
