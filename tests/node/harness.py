"""Several nodes' shards in one process on a simulated network, for tests of the whole chain."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import trio

from consensus import signing
from gtxnode.chain.records import BlockRecord
from gtxnode.config import Config
from gtxnode.genesis import Allocation, Genesis, GenesisValidator, Timeouts, arranged, new_genesis
from gtxnode.home import Home
from gtxnode.hosting import Hosting, Identity
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.orders import Depth
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import Role, Shard, Zone
from gtxnode.shard import Shard as HostedShard
from gtxnode.shard import open_shard
from p2p.network import Network, NetworkConfig
from p2p.simulated import SimulatedWorld

if TYPE_CHECKING:
    from trio_typing import TaskStatus

SHARD = "geo_bangkok"
FUNDS_UGTX = 10_000_000_000


def key(number: int) -> bytes:
    """A private key for tests."""
    return number.to_bytes(32, "big")


def wallet(number: int) -> bytes:
    """The private key of a funded client."""
    return key(1_000 + number)


def utility_key() -> bytes:
    """The key with which MEA registers Bangkok's meters."""
    return key(2_000)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def quick_genesis(
    validators: int,
    wallets: int = 8,
    name: Shard = Shard.GEO_BANGKOK,
    parameters: ChainParameters | None = None,
) -> Genesis:
    """One shard that makes ten blocks a second."""
    genesis = new_genesis(
        network="test",
        time_ms=now_ms(),
        shards=[name],
        validators=[
            GenesisValidator(f"v{number}", signing.public_key(key(number)), 100, Zone.BANGKOK)
            for number in range(1, validators + 1)
        ],
        authorities={
            role: (signing.public_key(key(2_000 + place)),)
            for place, role in enumerate((Role.MEA, Role.PEA, Role.EGAT, Role.ERC))
        },
        allocations=[
            Allocation(
                name,
                address_of(signing.public_key(wallet(number))),
                FUNDS_UGTX,
            )
            for number in range(wallets)
        ],
        parameters=parameters,
    )
    shard = msgspec.structs.replace(
        genesis.shards[0],
        block_interval_ms=100,
        timeouts=Timeouts(
            propose_ms=400, prevote_ms=200, precommit_ms=200, delta_ms=100, rebroadcast_ms=300
        ),
    )
    return arranged(msgspec.structs.replace(genesis, shards=(shard,)))


@dataclass
class Recorder:
    """Keeps what a shard tells its observer."""

    blocks: list[BlockRecord] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    finality_s: list[float] = field(default_factory=list)
    depth: Depth | None = None
    pending: int = 0
    syncs: int = 0
    evidence_found: int = 0

    def block(self, record: BlockRecord, consensus_s: float, execution_s: float) -> None:
        self.blocks.append(record)

    def waiting(self, transactions: int, batches: int, catching_up: bool) -> None:
        self.pending = transactions

    def book(self, depth: Depth) -> None:
        self.depth = depth

    def final(self, seconds: float) -> None:
        self.finality_s.append(seconds)

    def refused_message(self, reason: str) -> None:
        self.refused.append(reason)

    def refused_transaction(self, reason: str) -> None:
        self.refused.append(reason)

    def journal_synced(self, seconds: float) -> None:
        self.syncs += 1

    def evidence(self) -> None:
        self.evidence_found += 1


@dataclass
class RunningNode:
    """One node of the test's network, with a way to stop it at once."""

    shard: HostedShard
    network: Network
    recorder: Recorder
    stop: trio.CancelScope
    stopped: trio.Event


@asynccontextmanager
async def cluster(
    home: Path, genesis: Genesis, count: int, world: SimulatedWorld
) -> AsyncIterator["Cluster"]:
    """`count` validators of the genesis, running."""
    async with trio.open_nursery() as nursery:
        running = Cluster(home, genesis, world, nursery)
        for number in range(1, count + 1):
            await running.start(number)
        yield running
        nursery.cancel_scope.cancel()


class Cluster:
    """Starts and stops nodes by number, from 1; one that the genesis does not know follows."""

    def __init__(
        self, home: Path, genesis: Genesis, world: SimulatedWorld, nursery: trio.Nursery
    ) -> None:
        self._home = home
        self.genesis = genesis
        self.world = world
        self._nursery = nursery
        self._addresses: dict[int, str] = {}
        self.nodes: dict[int, RunningNode] = {}

    async def start(self, number: int) -> RunningNode:
        node: RunningNode = await self._nursery.start(self._run, number)
        return node

    async def stop(self, number: int) -> None:
        """End a node at once, as a crash would but for its buffers."""
        node = self.nodes.pop(number)
        node.stop.cancel()
        await node.stopped.wait()

    async def _run(self, number: int, task_status: "TaskStatus[RunningNode]") -> None:
        stopped = trio.Event()
        private = key(number)
        identity = Identity(private, private)
        recorder = Recorder()
        try:
            with trio.CancelScope() as scope:
                async with AsyncExitStack() as stack:
                    network = await stack.enter_async_context(
                        self.world.open(
                            NetworkConfig(
                                private_key=private,
                                bootstrap=tuple(
                                    address
                                    for other, address in self._addresses.items()
                                    if other != number
                                ),
                            )
                        )
                    )
                    self._addresses[number] = network.addresses()[0]
                    shard = await stack.enter_async_context(
                        open_shard(
                            self.genesis.shards[0].id,
                            Hosting(self.genesis, Config(), identity, network, recorder, now_ms),
                            Home(self._home / f"n{number}"),
                        )
                    )
                    node = RunningNode(shard, network, recorder, scope, stopped)
                    self.nodes[number] = node
                    task_status.started(node)
                    await shard.run()
        finally:
            stopped.set()
