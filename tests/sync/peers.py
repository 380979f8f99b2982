"""Peers on a simulated network that answer for blocks and batches, each in its own way."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from benchmarks.replay import CHAIN, PRODUCER
from consensus.types import Block, Commit, block_codec, commit_codec
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.chain.store import ChainStore
from gtxnode.intake import seal_batch
from gtxnode.sync.serve import serving
from gtxnode.sync.wire import (
    BLOCKS_ANSWER,
    BLOCKS_REQUEST,
    BlocksAnswer,
    FinalBlock,
    batches_protocol,
    blocks_protocol,
)
from p2p.identity import PeerId
from p2p.network import Handler, NetworkConfig
from p2p.simulated import SimulatedWorld, Weather
from p2p.simulated_node import SimulatedNetwork
from tests.node.little_chain import extend, opened

if TYPE_CHECKING:
    from trio_typing import TaskStatus

Answer = Callable[[bytes], Awaitable[bytes]]


class Archive:
    """What an honest node with this chain answers from."""

    def __init__(self, store: ChainStore, shortest: int = 2**53) -> None:
        self.store = store
        self.asked: list[int] = []
        self.at_most = shortest

    def final_blocks(self, first: int, count: int) -> Sequence[tuple[bytes, bytes]]:
        self.asked.append(first)
        return tuple(self.store.final_blocks(first, min(count, self.at_most)))

    def encoded_batch(self, identity: bytes) -> bytes | None:
        return self.store.encoded_batch(identity)


def chain_of(blocks: int) -> ChainStore:
    """A chain with this many final blocks."""
    store = opened()
    extend(store, blocks)
    return store


async def nothing(payload: bytes) -> bytes:
    """The answer of one that has no block, whatever it claims."""
    return BLOCKS_ANSWER.encode(BlocksAnswer(()))


async def silence(payload: bytes) -> bytes:
    """The answer of one that is asleep."""
    await trio.sleep_forever()
    raise AssertionError


async def garbage(payload: bytes) -> bytes:
    """The answer of one that speaks another language."""
    return b"\xc1"


def answering(made: Callable[[int], Sequence[tuple[bytes, bytes]]]) -> Answer:
    """The answer of one that makes up (block, commit) from the height asked for."""

    async def answer(payload: bytes) -> bytes:
        found = made(BLOCKS_REQUEST.decode(payload).first)
        return BLOCKS_ANSWER.encode(BlocksAnswer(tuple(FinalBlock(*each) for each in found)))

    return answer


def encoded(block: Block, commit: Commit) -> tuple[bytes, bytes]:
    return block_codec.encode(block), commit_codec.encode(commit)


class Neighbourhood:
    """One node of ours, and peers around it."""

    def __init__(
        self, nursery: trio.Nursery, ours: SimulatedNetwork, world: SimulatedWorld
    ) -> None:
        self.network = ours
        self._nursery = nursery
        self._world = world
        self._number = 1

    async def honest(self, archive: Archive) -> PeerId:
        """A peer that answers from its archive."""
        network = await self._join()
        await self._nursery.start(_serve, network, archive)
        return network.peer_id

    async def odd(self, answer: Answer, *, batches: bool = False) -> PeerId:
        """A peer that answers in its own way."""
        network = await self._join()
        protocol = batches_protocol(CHAIN) if batches else blocks_protocol(CHAIN)
        network.serve(protocol, _handler(answer))
        return network.peer_id

    def node(self, peer: PeerId) -> SimulatedNetwork:
        """A peer's own end of the network."""
        return self._world.nodes[peer]

    async def _join(self) -> SimulatedNetwork:
        self._number += 1
        config = NetworkConfig(
            private_key=bytes([self._number]) * 32, bootstrap=self.network.addresses()
        )
        network: SimulatedNetwork = await self._nursery.start(_live, self._world, config)
        await self.network.wait_for_peers(self._number - 1)
        return network


def _handler(answer: Answer) -> Handler:
    async def handle(peer: PeerId, payload: bytes) -> bytes:
        return await answer(payload)

    return handle


async def _serve(
    network: SimulatedNetwork, archive: Archive, task_status: "TaskStatus[None]"
) -> None:
    async with serving(network, CHAIN, archive):
        task_status.started()
        await trio.sleep_forever()


async def _live(
    world: SimulatedWorld,
    config: NetworkConfig,
    task_status: "TaskStatus[SimulatedNetwork]",
) -> None:
    async with world.open(config) as network:
        task_status.started(network)
        await trio.sleep_forever()


@asynccontextmanager
async def neighbourhood() -> AsyncIterator[Neighbourhood]:
    """Our node, alone at first."""
    world = SimulatedWorld(1, Weather(delay_s=(0.0005, 0.002)))
    config = NetworkConfig(private_key=bytes([1]) * 32)
    async with world.open(config) as ours, trio.open_nursery() as nursery:
        yield Neighbourhood(nursery, ours, world)
        nursery.cancel_scope.cancel()


def sealed_by_hand(*transactions: bytes) -> tuple[bytes, bytes]:
    """Id and bytes of a batch that is sealed as it should be, whatever is in it."""
    store = opened()
    sealed = seal_batch(
        CHAIN,
        BatchKind.ORDINARY,
        (store.tip.height, store.tip.id),
        transactions,
        NO_WORK,
        PRODUCER,
    )
    return sealed.id, sealed.encoded
