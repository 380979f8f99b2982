"""One node of the simulated network: the whole contract of `network.Network`, in memory."""

import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from p2p.counters import Counters, Drop, Traffic
from p2p.errors import (
    AlreadyOpen,
    DialFailed,
    Failure,
    InvalidAddress,
    MessageTooLarge,
    Refused,
    RequestFailed,
)
from p2p.identity import PeerId, peer_id_of, public_key_of
from p2p.network import (
    MAX_GOSSIP_BYTES,
    MAX_REFUSAL_BYTES,
    MAX_REQUEST_BYTES,
    MAX_RESPONSE_BYTES,
    Accept,
    Direction,
    Gossip,
    Handler,
    NetworkConfig,
    Offence,
    Peer,
)
from p2p.peers import Roster
from p2p.simulated_channel import SimulatedChannel

if TYPE_CHECKING:
    from p2p.simulated import SimulatedWorld

logger = logging.getLogger(__name__)

_ADDRESS_PREFIX = "/memory/0/p2p/"
# Gossip ids remembered per node, so that a flood ends.
_SEEN_MESSAGES = 8_192
_TICK_S = 0.25


class SimulatedNetwork:
    """One node. Implements `network.Network`."""

    def __init__(self, world: "SimulatedWorld", config: NetworkConfig) -> None:
        self.world = world
        self.config = config
        self.peer_id = peer_id_of(public_key_of(config.private_key))
        self.counters = Counters()
        self.nursery: trio.Nursery
        self.links: dict[PeerId, Direction] = {}
        self.subscriptions: dict[str, tuple[trio.MemorySendChannel[Gossip], Accept | None]] = {}
        self.channels: dict[str, SimulatedChannel] = {}
        self._handlers: dict[str, Handler] = {}
        self._running: Counter[PeerId] = Counter()
        self._roster = Roster(self.peer_id, config.limits)
        self._seen: OrderedDict[tuple[PeerId, int], None] = OrderedDict()
        self._sequence = 0
        for address in (*config.bootstrap, *config.known):
            wanted = address in config.bootstrap
            peer = _parse(address)
            if wanted:
                self._roster.want(peer, address, trio.current_time())
            else:
                self._roster.learn(peer, (address,), trio.current_time())

    # -- peers -------------------------------------------------------------------------

    def addresses(self) -> tuple[str, ...]:
        return (_ADDRESS_PREFIX + self.peer_id,)

    def peers(self) -> tuple[Peer, ...]:
        return tuple(self._describe(peer) for peer in sorted(self.links))

    def _describe(self, peer: PeerId) -> Peer:
        node = self.world.nodes[peer]
        score = self._roster.score(peer, trio.current_time())
        topics, channels = tuple(sorted(node.subscriptions)), tuple(sorted(node.channels))
        return Peer(peer, node.addresses(), self.links[peer], score, topics, channels)

    async def wait_for_peers(self, count: int) -> None:
        await self.world.changes.until(lambda: len(self.links) >= count)

    async def dial(self, address: str) -> None:
        peer = _parse(address)
        if peer == self.peer_id:
            raise DialFailed("that is this node itself")
        self._roster.want(peer, address, trio.current_time())
        if peer not in self.links and not self._connect(peer):
            raise DialFailed(f"{peer} does not answer")
        await trio.lowlevel.checkpoint()

    def learn(self, peer: PeerId, addresses: tuple[str, ...]) -> None:
        usable = [a for a in addresses if a == _ADDRESS_PREFIX + peer]
        self._roster.learn(peer, usable, trio.current_time())

    def known(self) -> tuple[str, ...]:
        return tuple(address for _, address in self._roster.known())

    def report(self, peer: PeerId, offence: Offence) -> None:
        self.counters.offences[offence] += 1
        if self._roster.charge(peer, offence, trio.current_time()):
            self.counters.bans += 1
            self.world.cut(self.peer_id, peer)

    def banned(self) -> tuple[PeerId, ...]:
        return self._roster.banned(trio.current_time())

    async def keep_connected(self) -> None:
        """Dial whoever is due, for ever."""
        while True:
            for peer, _ in self._roster.due(trio.current_time()):
                self._connect(peer)
            await trio.sleep(_TICK_S)

    def _connect(self, peer: PeerId) -> bool:
        self.counters.dials += 1
        now = trio.current_time()
        node = self.world.nodes.get(peer)
        if (
            node is None
            or peer == self.peer_id
            or not self.world.reaches(self.peer_id, peer)
            or not node._roster.admits(self.peer_id, now)
            or not self._roster.admits(peer, now)
        ):
            self.counters.dial_failures += 1
            self._roster.dial_failed(peer, now)
            return False
        self._linked(peer, Direction.OUTBOUND)
        node._linked(self.peer_id, Direction.INBOUND)
        self.world.changes.notify()
        return True

    def _linked(self, peer: PeerId, direction: Direction) -> None:
        self.links[peer] = direction
        self._roster.connected(peer, direction)
        for channel in self.channels.values():
            channel.pump_to(peer)

    def lost(self, peer: PeerId) -> None:
        """The connection to a peer is gone."""
        if self.links.pop(peer, None) is not None:
            self._roster.disconnected(peer, trio.current_time())
            for channel in self.channels.values():
                channel.lost(peer)

    def close(self) -> None:
        """Break every connection, as the end of a process does."""
        for peer in tuple(self.links):
            self.world.cut(self.peer_id, peer)
        for channel in self.channels.values():
            channel.close()

    # -- topics ------------------------------------------------------------------------

    async def publish(self, topic: str, data: bytes) -> None:
        if len(data) > MAX_GOSSIP_BYTES:
            raise MessageTooLarge(len(data), MAX_GOSSIP_BYTES)
        self._sequence += 1
        self._remember((self.peer_id, self._sequence))
        self._forward(self._sequence, Gossip(topic, self.peer_id, data), None)
        await trio.lowlevel.checkpoint()

    @asynccontextmanager
    async def subscribe(
        self, topic: str, *, accept: Accept | None = None
    ) -> AsyncIterator[trio.MemoryReceiveChannel[Gossip]]:
        if topic in self.subscriptions:
            raise AlreadyOpen(f"topic {topic}")
        bound = self.config.limits.subscription_messages
        send, receive = trio.open_memory_channel[Gossip](bound)
        self.subscriptions[topic] = (send, accept)
        try:
            with send, receive:
                yield receive
        finally:
            del self.subscriptions[topic]

    def _forward(self, number: int, gossip: Gossip, origin: PeerId | None) -> None:
        for peer in self.links:
            node = self.world.linked(self.peer_id, peer)
            if node is None or peer in (origin, gossip.sender):
                continue
            if gossip.topic in node.subscriptions:
                self.counters.sent(Traffic.GOSSIP, len(gossip.data))
                dice = self.world.dice(self.peer_id, peer, Traffic.GOSSIP)
                twice = dice.random() < self.world.weather.duplication
                for _ in range(1 + twice):
                    delay_s = dice.uniform(*self.world.weather.delay_s)
                    if dice.random() >= self.world.weather.loss:
                        self.nursery.start_soon(self._carry, peer, delay_s, number, gossip)

    async def _carry(self, peer: PeerId, delay_s: float, number: int, gossip: Gossip) -> None:
        await trio.sleep(delay_s)
        node = self.world.linked(self.peer_id, peer)
        if node is not None:
            node._gossiped(self.peer_id, number, gossip)

    def _gossiped(self, origin: PeerId, number: int, gossip: Gossip) -> None:
        if (gossip.sender, number) in self._seen:
            self.counters.drops[Drop.DUPLICATE] += 1
            return
        self._remember((gossip.sender, number))
        if gossip.topic not in self.subscriptions:
            return
        send, accept = self.subscriptions[gossip.topic]
        if accept is not None and not self._accepts(accept, gossip):
            self.counters.drops[Drop.NOT_ACCEPTED] += 1
            return
        self.counters.received(Traffic.GOSSIP, len(gossip.data))
        try:
            send.send_nowait(gossip)
        except trio.WouldBlock:
            self.counters.drops[Drop.SUBSCRIPTION_FULL] += 1
        self._forward(number, gossip, origin)

    def _accepts(self, accept: Accept, gossip: Gossip) -> bool:
        try:
            return accept(gossip.sender, gossip.data)
        except Exception:  # a caller's function, supervised here as the contract says
            self.counters.handler_errors += 1
            logger.exception("the check of topic %s raised", gossip.topic)
            return False

    def _remember(self, message: tuple[PeerId, int]) -> None:
        self._seen[message] = None
        if len(self._seen) > _SEEN_MESSAGES:
            self._seen.popitem(last=False)

    # -- requests ----------------------------------------------------------------------

    async def request(
        self, peer: PeerId, protocol: str, payload: bytes, *, timeout_s: float
    ) -> bytes:
        if len(payload) > MAX_REQUEST_BYTES:
            raise MessageTooLarge(len(payload), MAX_REQUEST_BYTES)
        if peer not in self.links:
            raise RequestFailed(Failure.NOT_CONNECTED, peer)
        self.counters.sent(Traffic.REQUEST, len(payload))
        try:
            with trio.fail_after(timeout_s):
                return await self._ask(peer, protocol, payload)
        except trio.TooSlowError as error:
            self.report(peer, Offence.UNANSWERED)
            raise RequestFailed(Failure.TIMEOUT, f"{timeout_s} s") from error

    async def _ask(self, peer: PeerId, protocol: str, payload: bytes) -> bytes:
        there = self.world.dice(self.peer_id, peer, Traffic.REQUEST)
        if not await self.world.travel(there) or not self.world.reaches(self.peer_id, peer):
            await trio.sleep_forever()
        node = self.world.linked(self.peer_id, peer)
        if node is None:
            raise RequestFailed(Failure.DISCONNECTED)
        answer = await node._answer(self.peer_id, protocol, payload)
        back = self.world.dice(peer, self.peer_id, Traffic.REQUEST)
        if not await self.world.travel(back) or not self.world.reaches(self.peer_id, peer):
            await trio.sleep_forever()
        if peer not in self.links:
            raise RequestFailed(Failure.DISCONNECTED)
        self.counters.received(Traffic.REQUEST, len(answer))
        return answer

    async def _answer(self, peer: PeerId, protocol: str, payload: bytes) -> bytes:
        handler = self._handlers.get(protocol)
        if handler is None:
            raise RequestFailed(Failure.UNSUPPORTED, protocol)
        if self._running[peer] >= self.config.limits.requests_per_peer:
            raise RequestFailed(Failure.REFUSED, "too many requests at once")
        self._running[peer] += 1
        try:
            answer = await handler(peer, payload)
        except Refused as refusal:
            detail = refusal.reason[:MAX_REFUSAL_BYTES]
            raise RequestFailed(Failure.REFUSED, detail) from refusal
        except Exception as error:  # a caller's handler, supervised here
            self.counters.handler_errors += 1
            logger.exception("the handler of %s raised", protocol)
            raise RequestFailed(Failure.REFUSED, "internal error") from error
        finally:
            self._running[peer] -= 1
        if len(answer) > MAX_RESPONSE_BYTES:
            raise RequestFailed(Failure.REFUSED, "answer too large")
        return answer

    def serve(self, protocol: str, handler: Handler) -> None:
        if protocol in self._handlers:
            raise AlreadyOpen(f"protocol {protocol}")
        self._handlers[protocol] = handler

    # -- channels ----------------------------------------------------------------------

    @asynccontextmanager
    async def channel(self, name: str) -> AsyncIterator["SimulatedChannel"]:
        if name in self.channels:
            raise AlreadyOpen(f"channel {name}")
        channel = self.channels[name] = SimulatedChannel(self, name)
        for peer in self.links:
            channel.pump_to(peer)
        self.world.changes.notify()
        try:
            yield channel
        finally:
            channel.close()
            del self.channels[name]
            self.world.changes.notify()


def _parse(address: str) -> PeerId:
    if not address.startswith(_ADDRESS_PREFIX) or len(address) == len(_ADDRESS_PREFIX):
        raise InvalidAddress(address)
    return PeerId(address.removeprefix(_ADDRESS_PREFIX))
