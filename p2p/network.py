"""What callers program against: one Protocol, its types and its limits.

Three ways to carry bytes, from loosest to strictest:
- a topic (`publish`, `subscribe`): to everyone, signed by its author, no promise of order or
  of delivery; what was missed is pulled by a request;
- a request (`request`, `serve`): one question to one peer, one answer;
- a channel (`channel`): a long-lived ordered stream to each peer that has the same channel
  open, acknowledged, so that a reconnect loses nothing within the queue's bound.

Every size, queue and rate has a named limit here, and the docstrings say what happens at it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Protocol

import trio

from p2p.counters import Counters
from p2p.identity import PeerId

# One yamux frame: larger messages interleave with others on the same stream.
MAX_GOSSIP_BYTES = 60_000
MAX_REQUEST_BYTES = 64 * 1024
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
MAX_CHANNEL_BYTES = 256 * 1024
MAX_NAME_BYTES = 128
MAX_REFUSAL_BYTES = 256


@unique
class Direction(StrEnum):
    """Who dialled: us (outbound) or the peer (inbound)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@unique
class Offence(StrEnum):
    """What a peer can be charged with. `peers.WEIGHTS` says how much each weighs."""

    MALFORMED = "malformed"  # bytes that are not the wire format
    OVERSIZE = "oversize"  # a message over its limit
    BAD_SIGNATURE = "bad_signature"
    INVALID = "invalid"  # well formed, and against the rules of what it claims to be
    WRONG_CHAIN = "wrong_chain"
    FLOOD = "flood"  # more than the rate allows
    STALLED = "stalled"  # does not read what it is sent
    UNANSWERED = "unanswered"  # let a request run into its timeout


@dataclass(frozen=True, slots=True)
class Peer:
    """One connected peer. `score` is 0 for a clean one and rises with offences."""

    id: PeerId
    addresses: tuple[str, ...]
    direction: Direction
    score: float
    topics: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gossip:
    """One message of a topic. `sender` is its author, proved by signature, not the relay."""

    topic: str
    sender: PeerId
    data: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of queues, rates and times; the defaults fit a validator."""

    # A subscription's queue; when full the newest message is dropped and counted.
    subscription_messages: int = 1_024
    # A channel's queue per peer, unacknowledged included. `send` waits, `broadcast` drops.
    channel_messages: int = 1_024
    channel_bytes: int = 16 * 1024 * 1024
    # Messages received on a channel and not yet read; past it the peer's writing waits.
    channel_inbox_messages: int = 128
    # A peer that acknowledges nothing for this long while its queue holds something is cut.
    channel_stall_s: float = 10.0
    # Requests served at once for one peer; more are refused. One takes at most this long.
    requests_per_peer: int = 16
    serve_timeout_s: float = 30.0
    # New gossip messages per second from one neighbour, and the burst on top of it.
    gossip_per_s: float = 1_000.0
    gossip_burst: float = 5_000.0
    connections: int = 128
    redial_min_s: float = 1.0
    redial_max_s: float = 5.0
    health_interval_s: float = 2.0
    health_timeout_s: float = 4.0
    ban_score: float = 100.0
    ban_s: float = 600.0
    score_half_life_s: float = 300.0


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """How to open a network.

    `private_key` is 32 bytes of secp256k1 and decides the peer id. `listen` holds
    multiaddresses without /p2p; port 0 takes a free one. `bootstrap` and `known` hold full
    addresses, /ip4/127.0.0.1/tcp/4001/p2p/16Uiu2HA...; the first are redialled for ever.
    """

    private_key: bytes = field(repr=False)
    listen: tuple[str, ...] = ("/ip4/127.0.0.1/tcp/0",)
    bootstrap: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    limits: Limits = Limits()


Handler = Callable[[PeerId, bytes], Awaitable[bytes]]
"""Answers a request. Raises `errors.Refused(reason)` to say no."""

Accept = Callable[[PeerId, bytes], bool]
"""Whether a topic's message (author, data) has the right shape, and so may be passed on.

Called on the network's thread for every message: size and shape only, in microseconds. One
that raises counts as False, is logged, and does not charge the peer.
"""


class Channel(Protocol):
    """Ordered, acknowledged streams to the connected peers that have the same channel open.

    Each message arrives once and in order, across reconnects, unless a queue overflowed
    (counted as `channel_full`) or either process ended.
    """

    name: str

    def peers(self) -> tuple[PeerId, ...]:
        """The peers that can be sent to now."""
        ...

    async def send(self, peer: PeerId, data: bytes) -> None:
        """Queue `data` for one peer; waits while its queue is full.

        Raises MessageTooLarge (over MAX_CHANNEL_BYTES), or NotConnected when the peer does
        not have the channel or was cut for not reading.
        """
        ...

    def broadcast(self, data: bytes) -> None:
        """Queue `data` for all peers, never waiting; a full queue drops it and counts that.

        Raises MessageTooLarge.
        """
        ...

    async def receive(self) -> tuple[PeerId, bytes]:
        """The next message and who sent it. Raises NetworkClosed at the end."""
        ...

    def __aiter__(self) -> AsyncIterator[tuple[PeerId, bytes]]:
        """Messages until the channel is closed. One reader at a time."""
        ...

    async def wait_for_peers(self, count: int) -> None:
        """Return once at least `count` peers can be sent to."""
        ...


class Network(Protocol):
    """A node's place in the network; see the module's docstring. Not thread-safe: trio only."""

    peer_id: PeerId
    counters: Counters

    def addresses(self) -> tuple[str, ...]:
        """Full addresses others can dial, with the real port and /p2p/<peer id>."""
        ...

    def peers(self) -> tuple[Peer, ...]:
        """The connected peers, sorted by id."""
        ...

    async def wait_for_peers(self, count: int) -> None:
        """Return once at least `count` peers are connected."""
        ...

    async def publish(self, topic: str, data: bytes) -> None:
        """Send to the topic's subscribers; waits while neighbours' queues are half full.

        Our own subscription does not get it. Raises MessageTooLarge.
        """
        ...

    def subscribe(
        self, topic: str, *, accept: Accept | None = None
    ) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Gossip]]:
        """Join a topic while the context lasts. Raises AlreadyOpen."""
        ...

    async def request(
        self, peer: PeerId, protocol: str, payload: bytes, *, timeout_s: float
    ) -> bytes:
        """Ask one connected peer. Raises MessageTooLarge or RequestFailed(failure)."""
        ...

    def serve(self, protocol: str, handler: Handler) -> None:
        """Answer requests on `protocol` from now on. Raises AlreadyOpen.

        The handler may raise Refused(reason); anything else it raises is logged, counted,
        and reaches the peer as a refusal "internal error".
        """
        ...

    def channel(self, name: str) -> AbstractAsyncContextManager[Channel]:
        """Open a channel while the context lasts. Raises AlreadyOpen."""
        ...

    def report(self, peer: PeerId, offence: Offence) -> None:
        """Charge a peer; at the limit it is disconnected and banned until `Limits.ban_s`."""
        ...

    async def dial(self, address: str) -> None:
        """Connect now, and keep the connection up. Raises InvalidAddress or DialFailed."""
        ...

    def learn(self, peer: PeerId, addresses: tuple[str, ...]) -> None:
        """Addresses heard of, from announcements or the disk; dialled when there is room.

        Unusable addresses are ignored; at most peers.ADDRESSES_PER_PEER are kept per peer.
        """
        ...

    def known(self) -> tuple[str, ...]:
        """Full addresses worth storing for the next start: those that once connected first."""
        ...

    def banned(self) -> tuple[PeerId, ...]:
        """Peers that are banned now."""
        ...
