"""Several nodes' shards in one process on a simulated network, for tests of the whole chain."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import trio

from consensus import signing
from gtxnode.chain.proposing import Proposing
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.registry import Registry
from gtxnode.config import Config
from gtxnode.genesis import Allocation, Genesis, GenesisValidator, Timeouts, arranged, new_genesis
from gtxnode.home import Home
from gtxnode.hosting import Hosting, Identity
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.orders import Depth
from gtxnode.metering.readings import ReadingLimits
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import REGISTRY, Role, Shard, Zone
from gtxnode.shard import Shard as HostedShard
from gtxnode.shard import open_shard
from p2p.network import Network, NetworkConfig
from p2p.simulated import SimulatedWorld

if TYPE_CHECKING:
    from trio_typing import TaskStatus

SHARD = "geo_bangkok"
FUNDS_UGTX = 10_000_000_000
NO_SEATS: Mapping[int, Sequence[int]] = {}


def key(number: int) -> bytes:
    """A private key for tests."""
    return number.to_bytes(32, "big")


def wallet(number: int) -> bytes:
    """The private key of a funded client."""
    return key(1_000 + number)


def utility_key() -> bytes:
    """The key with which MEA registers Bangkok's meters."""
    return authority_key(0)


def authority_key(place: int) -> bytes:
    """The key of MEA (0), PEA, EGAT or ERC (3)."""
    return key(2_000 + place)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


UNWATCHED = ChainParameters(readings=ReadingLimits(anomalies=None))
"""Nothing is suspect: a test's meters export by night as by day."""


def quick_genesis(
    validators: int,
    wallets: int = 8,
    name: Shard = Shard.GEO_BANGKOK,
    parameters: ChainParameters | None = None,
    *beside: Shard,
) -> Genesis:
    """Shards that make ten blocks a second: one, where no others are named."""
    genesis = new_genesis(
        network="test",
        time_ms=now_ms(),
        shards=[name, *beside],
        validators=[
            GenesisValidator(f"v{number}", signing.public_key(key(number)), 100, Zone.BANGKOK)
            for number in range(1, validators + 1)
        ],
        authorities={
            role: (signing.public_key(authority_key(place)),)
            for place, role in enumerate((Role.MEA, Role.PEA, Role.EGAT, Role.ERC))
        },
        allocations=[
            Allocation(
                each,
                address_of(signing.public_key(wallet(number))),
                FUNDS_UGTX,
            )
            for number in range(wallets)
            for each in (name, *beside)
        ],
        parameters=parameters or UNWATCHED,
    )
    shards = [
        msgspec.structs.replace(
            each,
            block_interval_ms=100,
            timeouts=Timeouts(
                propose_ms=400, prevote_ms=200, precommit_ms=200, delta_ms=100, rebroadcast_ms=300
            ),
        )
        for each in genesis.shards
    ]
    return arranged(msgspec.structs.replace(genesis, shards=tuple(shards)))


@dataclass
class Recorder:
    """Keeps what a shard tells its observer."""

    blocks: list[BlockRecord] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    refused_checkpoints: list[str] = field(default_factory=list)
    finality_s: list[float] = field(default_factory=list)
    depth: Depth | None = None
    pending: int = 0
    syncs: int = 0
    shown: list[Proposing] = field(default_factory=list)
    evidence_found: int = 0
    checkpoints: list[tuple[int, int]] = field(default_factory=list)
    """(height of the newest, lag in blocks)"""
    turn: int = 0
    """The checkpoint at which authorities change that is not certified, 0 for none."""
    conflicts: int = 0
    wrong_words: list[str] = field(default_factory=list)
    """Why words and certificates were refused, but for what only came again or at another time."""

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

    def proposing(self, shown: Proposing) -> None:
        self.shown.append(shown)

    def journal_synced(self, seconds: float) -> None:
        self.syncs += 1

    def evidence(self) -> None:
        self.evidence_found += 1

    def checkpoint(self, height: int, lag_blocks: int) -> None:
        self.checkpoints.append((height, lag_blocks))

    def turn_missing(self, height: int) -> None:
        self.turn = height

    def refused_checkpoint(self, reason: str) -> None:
        self.refused_checkpoints.append(reason)
        if reason not in ("duplicate", "wrong_height"):
            self.wrong_words.append(reason)

    def conflicting_checkpoints(self) -> None:
        self.conflicts += 1


@dataclass
class RunningNode:
    """One node of the test's network, with a way to stop it at once."""

    shards: tuple[HostedShard, ...]
    """The registry first, where there is one beside others."""
    network: Network
    recorder: Recorder
    stop: trio.CancelScope
    stopped: trio.Event

    @property
    def shard(self) -> HostedShard:
        """The one that the test is about."""
        return self.shards[-1]


@asynccontextmanager
async def cluster(
    home: Path,
    genesis: Genesis,
    count: int,
    world: SimulatedWorld,
    seats: Mapping[int, Sequence[int]] = NO_SEATS,
) -> AsyncIterator["Cluster"]:
    """`count` validators of the genesis, running; `seats` says which authorities a node is."""
    async with trio.open_nursery() as nursery:
        running = Cluster(home, genesis, world, nursery, seats)
        for number in range(1, count + 1):
            await running.start(number)
        yield running
        nursery.cancel_scope.cancel()


class Cluster:
    """Starts and stops nodes by number, from 1; one that the genesis does not know follows."""

    def __init__(
        self,
        home: Path,
        genesis: Genesis,
        world: SimulatedWorld,
        nursery: trio.Nursery,
        seats: Mapping[int, Sequence[int]] = NO_SEATS,
    ) -> None:
        self._home = home
        self._seats = seats
        self.config = Config()
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
        seats = self._seats.get(number, ())
        identity = Identity(private, private, tuple(authority_key(seat) for seat in seats))
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
                    shards = await self._open(stack, number, identity, network, recorder)
                    node = RunningNode(shards, network, recorder, scope, stopped)
                    self.nodes[number] = node
                    task_status.started(node)
                    nursery = await stack.enter_async_context(trio.open_nursery())
                    for shard in shards:
                        nursery.start_soon(shard.run)
        finally:
            stopped.set()

    async def _open(
        self,
        stack: AsyncExitStack,
        number: int,
        identity: Identity,
        network: Network,
        recorder: Recorder,
    ) -> tuple[HostedShard, ...]:
        """A node's chains; `recorder` is told of the one that the test is about."""
        registry: Registry | None = None
        shards: list[HostedShard] = []
        names = sorted((each.id for each in self.genesis.shards), key=lambda name: name != REGISTRY)
        for name in names:
            told = recorder if name == names[-1] else Recorder()
            host = Hosting(self.genesis, self.config, identity, network, told, now_ms, registry)
            home = Home(self._home / f"n{number}")
            shard = await stack.enter_async_context(open_shard(name, host, home))
            registry = shard.registry() or registry
            shards.append(shard)
        return tuple(shards)
