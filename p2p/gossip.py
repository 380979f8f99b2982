"""Topics: the subscriptions of this node, what arrives on them, and how much a peer may send."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from p2p.counters import Counters, Drop, Traffic
from p2p.errors import AlreadyOpen, MessageTooLarge
from p2p.identity import PeerId
from p2p.mended_gossip import MendedPubsub, MendedRouter
from p2p.mended_host import MendedHost
from p2p.network import MAX_GOSSIP_BYTES, Accept, Gossip, Limits, Offence
from p2p.rates import Rate

logger = logging.getLogger(__name__)

Charge = Callable[[PeerId, Offence], None]


class Topics:
    """The gossip half of the network. It is the mended library's `Sink`."""

    def __init__(
        self, host: MendedHost, limits: Limits, counters: Counters, charge: Charge
    ) -> None:
        self.router = MendedRouter(counters)
        self.pubsub = MendedPubsub(host, self.router, self)
        self._limits = limits
        self._counters = counters
        self._charge = charge
        self._open: dict[str, tuple[trio.MemorySendChannel[Gossip], Accept | None]] = {}
        self._rates: dict[PeerId, Rate] = {}

    async def publish(self, topic: str, data: bytes) -> None:
        """Sign and send to the topic's subscribers. Raises MessageTooLarge."""
        if len(data) > MAX_GOSSIP_BYTES:
            raise MessageTooLarge(len(data), MAX_GOSSIP_BYTES)
        self._counters.sent(Traffic.GOSSIP, len(data))
        await self.pubsub.publish(topic, data)

    @asynccontextmanager
    async def subscribe(
        self, topic: str, accept: Accept | None
    ) -> AsyncIterator[trio.MemoryReceiveChannel[Gossip]]:
        """Join a topic while the context lasts. Raises AlreadyOpen."""
        if topic in self._open:
            raise AlreadyOpen(f"topic {topic}")
        send, receive = trio.open_memory_channel[Gossip](self._limits.subscription_messages)
        self._open[topic] = (send, accept)
        try:
            with send, receive:
                await self.pubsub.subscribe(topic)
                yield receive
        finally:
            del self._open[topic]
            if self.pubsub.manager.is_running:
                with trio.move_on_after(1.0) as scope:
                    scope.shield = True
                    await self.pubsub.unsubscribe(topic)

    def forget(self, peer: PeerId) -> None:
        """The peer is gone: its rate need not be kept."""
        self._rates.pop(peer, None)

    # -- what the mended library asks for ----------------------------------------------

    def is_wanted(self, topic: str) -> bool:
        return topic in self._open

    def is_within_rate(self, neighbour: PeerId, size: int) -> bool:
        rate = self._rates.get(neighbour)
        if rate is None:
            rate = self._rates[neighbour] = Rate(
                self._limits.gossip_per_s, self._limits.gossip_burst, trio.current_time()
            )
        if rate.takes(trio.current_time()):
            return True
        self._counters.drops[Drop.FLOOD] += 1
        if rate.is_first_over(trio.current_time()):
            self._charge(neighbour, Offence.FLOOD)
        return False

    def arrived(self, topic: str, author: PeerId, data: bytes) -> bool:
        send, accept = self._open[topic]
        if accept is not None and not self._accepts(topic, accept, author, data):
            self._counters.drops[Drop.NOT_ACCEPTED] += 1
            return False
        self._counters.received(Traffic.GOSSIP, len(data))
        try:
            send.send_nowait(Gossip(topic, author, data))
        except trio.WouldBlock:
            self._counters.drops[Drop.SUBSCRIPTION_FULL] += 1
        except trio.BrokenResourceError:
            logger.debug("topic %s is being left", topic)
        return True

    def offended(self, neighbour: PeerId, offence: Offence, drop: Drop) -> None:
        self._counters.drops[drop] += 1
        self._charge(neighbour, offence)

    def _accepts(self, topic: str, accept: Accept, author: PeerId, data: bytes) -> bool:
        try:
            return accept(author, data)
        except Exception:  # a caller's function, supervised here as the contract says
            self._counters.handler_errors += 1
            logger.exception("the check of topic %s raised", topic)
            return False
