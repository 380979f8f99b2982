"""A channel of the simulated network: what is queued is carried message by message."""

from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import trio

from p2p.counters import Drop, Traffic
from p2p.errors import MessageTooLarge, NetworkClosed, NotConnected
from p2p.identity import PeerId
from p2p.network import MAX_CHANNEL_BYTES

if TYPE_CHECKING:
    from p2p.simulated_node import SimulatedNetwork


class SimulatedChannel:
    """One node's end of a channel. Implements `network.Channel`."""

    def __init__(self, network: "SimulatedNetwork", name: str) -> None:
        self.name = name
        self._network = network
        self._world = network.world
        self._pumps: dict[PeerId, trio.CancelScope] = {}
        self._limits = network.config.limits
        self._outboxes: dict[PeerId, deque[bytes]] = {}
        self._lost_at: dict[PeerId, float] = {}
        bound = self._limits.channel_inbox_messages
        self.inbox, self._received = trio.open_memory_channel[tuple[PeerId, bytes]](bound)

    def peers(self) -> tuple[PeerId, ...]:
        return tuple(sorted(peer for peer in self._network.links if self._serves(peer)))

    async def send(self, peer: PeerId, data: bytes) -> None:
        _check_channel_size(data)
        if not self._is_owed(peer):
            raise NotConnected(peer)
        outbox = self._outboxes[peer]
        await self._world.changes.until(lambda: not self._is_full(outbox, data))
        self._enqueue(peer, data)
        await trio.lowlevel.checkpoint()

    def broadcast(self, data: bytes) -> None:
        _check_channel_size(data)
        for peer in filter(self._is_owed, self._outboxes):
            if self._is_full(self._outboxes[peer], data):
                self._network.counters.drops[Drop.CHANNEL_FULL] += 1
            else:
                self._enqueue(peer, data)

    async def receive(self) -> tuple[PeerId, bytes]:
        try:
            return await self._received.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            raise NetworkClosed(self.name) from error

    async def __aiter__(self) -> AsyncIterator[tuple[PeerId, bytes]]:
        async for received in self._received:
            yield received

    async def wait_for_peers(self, count: int) -> None:
        await self._world.changes.until(lambda: len(self.peers()) >= count)

    def close(self) -> None:
        """End reading; what is queued is dropped with the process."""
        self.inbox.close()
        for scope in self._pumps.values():
            scope.cancel()

    def pump_to(self, peer: PeerId) -> None:
        """See that what is queued for this peer gets carried, now and after reconnects."""
        if peer not in self._outboxes:
            self._outboxes[peer] = deque()
            self._pumps[peer] = trio.CancelScope()
            self._network.nursery.start_soon(self._pump, peer)

    def lost(self, peer: PeerId) -> None:
        """The connection to a peer broke: what is sent in the next moments waits for it."""
        if self._serves(peer):
            self._lost_at[peer] = trio.current_time()

    def _is_owed(self, peer: PeerId) -> bool:
        """Whether the peer gets what is sent now: it is up, or may be back in a moment."""
        lost_at = self._lost_at.get(peer, float("-inf"))
        return peer in self.peers() or (
            self._serves(peer) and trio.current_time() - lost_at < self._limits.channel_stall_s
        )

    def _serves(self, peer: PeerId) -> bool:
        node = self._world.nodes.get(peer)
        return node is not None and self.name in node.channels

    def _is_full(self, outbox: deque[bytes], data: bytes) -> bool:
        held = sum(map(len, outbox)) + len(data)
        return len(outbox) >= self._limits.channel_messages or held > self._limits.channel_bytes

    def _enqueue(self, peer: PeerId, data: bytes) -> None:
        self._outboxes[peer].append(data)
        self._network.counters.sent(Traffic.CHANNEL, len(data))
        self._world.changes.notify()

    async def _pump(self, peer: PeerId) -> None:
        """Carry one message after the other, and drop each only once it has arrived."""
        with self._pumps[peer]:
            await self._carry_all(peer, self._outboxes[peer])

    async def _carry_all(self, peer: PeerId, outbox: deque[bytes]) -> None:
        dice = self._world.dice(self._network.peer_id, peer, Traffic.CHANNEL)
        while True:
            await self._world.changes.until(lambda: bool(outbox) and self._target(peer) is not None)
            while not await self._world.travel(dice):
                pass
            target = self._target(peer)
            if target is None:
                continue
            try:
                await target.inbox.send((self._network.peer_id, outbox[0]))
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                continue
            target._network.counters.received(Traffic.CHANNEL, len(outbox[0]))
            outbox.popleft()
            self._world.changes.notify()

    def _target(self, peer: PeerId) -> "SimulatedChannel | None":
        node = self._world.linked(self._network.peer_id, peer)
        return node.channels.get(self.name) if node is not None else None


def _check_channel_size(data: bytes) -> None:
    if len(data) > MAX_CHANNEL_BYTES:
        raise MessageTooLarge(len(data), MAX_CHANNEL_BYTES)
