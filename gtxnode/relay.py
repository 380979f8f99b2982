"""One chain's traffic: what its nodes tell one another, by direct streams first, gossip second.

Everything on a chain's channel and on its topic is one `Envelope`. The channel reaches every node
of the chain that we are connected to, in order and acknowledged; the topic reaches whoever is not,
so it is used only while somebody is. Whatever is missed by both is asked for by height or by id.

Invariant: what leaves `decode_envelope` is one of the wire types below, within its limit; garbage
raises `MalformedEnvelope` and nothing else.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import structlog
import trio

from consensus.checkpoints import SignedCheckpoint
from consensus.encoding import Codec, DecodeError, Hash32, Height, PublicKey
from consensus.errors import Refusal
from consensus.types import Commit, Header
from gtxnode.batches.batch import MAX_BATCH_BYTES
from p2p.errors import NetworkClosed
from p2p.identity import PeerId
from p2p.network import MAX_GOSSIP_BYTES, Channel, Network, Offence

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = structlog.get_logger(__name__)

MAX_CONSENSUS_BYTES = 250_000
MAX_ADDRESSES = 8
ENVELOPE_OVERHEAD = 16
# What waits to be gossiped; past it a message is dropped: it is asked for by height or by id.
GOSSIP_QUEUE = 64

Address = Annotated[str, msgspec.Meta(max_length=256)]


class ConsensusEnvelope(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A proposal, vote or certificate as `consensus.messages` encodes it."""

    message: Annotated[bytes, msgspec.Meta(max_length=MAX_CONSENSUS_BYTES)]


class BatchEnvelope(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """A sealed batch as `batches.batch` encodes it."""

    batch: Annotated[bytes, msgspec.Meta(max_length=MAX_BATCH_BYTES)]


class HeadEnvelope(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """The newest final block of the sender: whoever is behind knows whom to ask.

    `validator` is a claim that nothing proves.
    """

    height: Height
    block_id: Hash32
    validator: PublicKey | None = None


class FinalEnvelope(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """A final header with the commit that proves it, for those who follow by gossip."""

    header: Header
    commit: Commit


class Announcement(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """A node of this chain: where it is reached and what it is.

    Gossip's own signature proves the peer id; `validator` is a claim that only its votes prove.
    """

    addresses: Annotated[tuple[Address, ...], msgspec.Meta(max_length=MAX_ADDRESSES)]
    validator: PublicKey | None
    height: Height


class CheckpointEnvelope(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """What one authority signed of a final block."""

    word: SignedCheckpoint


Envelope = (
    ConsensusEnvelope
    | BatchEnvelope
    | HeadEnvelope
    | FinalEnvelope
    | Announcement
    | CheckpointEnvelope
)

_ENVELOPE: Final[Codec[Envelope]] = Codec(
    Envelope,  # type: ignore[arg-type]
    max_bytes=MAX_CONSENSUS_BYTES + ENVELOPE_OVERHEAD,
)


class MalformedEnvelope(Exception):
    """Bytes from a peer that are no envelope of ours."""


def encode_envelope(envelope: Envelope) -> bytes:
    """Encode for the channel or the topic."""
    return _ENVELOPE.encode(envelope)


def decode_envelope(data: bytes) -> Envelope:
    """Decode what a peer sent; raises `MalformedEnvelope`."""
    try:
        return _ENVELOPE.decode(data)
    except DecodeError as error:
        raise MalformedEnvelope(str(error)) from error


def channel_name(chain_id: str) -> str:
    """The direct channel of a chain."""
    return f"/gtx/1/direct/{chain_id}"


def topic_name(chain_id: str) -> str:
    """The gossip topic of a chain."""
    return f"/gtx/1/topic/{chain_id}"


Receive = Callable[[PeerId, Envelope], Awaitable[None]]


class Relay:
    """Carries envelopes of one chain out, and hands those that come in to `receive`."""

    def __init__(
        self, network: Network, chain_id: str, refused: Callable[[str], None] = lambda reason: None
    ) -> None:
        self._network = network
        self._chain_id = chain_id
        self._refused = refused
        self._channel: Channel | None = None
        self._queue, self._queued = trio.open_memory_channel[bytes](GOSSIP_QUEUE)

    async def run(
        self,
        receive: Receive,
        task_status: "TaskStatus[None]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Hold the channel and the topic open until cancelled."""
        topic = topic_name(self._chain_id)
        async with AsyncExitStack() as stack:
            channel = await stack.enter_async_context(
                self._network.channel(channel_name(self._chain_id))
            )
            gossip = await stack.enter_async_context(self._network.subscribe(topic))
            self._channel = channel
            nursery = await stack.enter_async_context(trio.open_nursery())
            nursery.start_soon(self._read_channel, channel, receive)
            nursery.start_soon(self._gossip)
            task_status.started()
            async for message in gossip:
                await self._deliver(message.sender, message.data, receive)

    async def _read_channel(self, channel: Channel, receive: Receive) -> None:
        while True:
            peer, data = await channel.receive()
            await self._deliver(peer, data, receive)

    async def _deliver(self, peer: PeerId, data: bytes, receive: Receive) -> None:
        try:
            envelope = decode_envelope(data)
        except MalformedEnvelope as error:
            log.warning("envelope_refused", peer=peer, chain=self._chain_id, reason=str(error))
            self._refused(Refusal.MALFORMED)
            self._network.report(peer, Offence.MALFORMED)
            return
        await receive(peer, envelope)

    def peers(self) -> tuple[PeerId, ...]:
        """The nodes of this chain with a direct stream to us."""
        return self._channel.peers() if self._channel is not None else ()

    def broadcast(self, envelope: Envelope) -> None:
        """Send to every node of the chain with a direct stream; never waits."""
        if self._channel is not None:
            self._channel.broadcast(encode_envelope(envelope))

    async def send(self, peer: PeerId, envelope: Envelope) -> None:
        """Send to one node; raises `NotConnected`."""
        assert self._channel is not None, "send before run"
        await self._channel.send(peer, encode_envelope(envelope))

    async def publish(self, envelope: Envelope) -> None:
        """Gossip to those of the topic that no direct stream of ours reaches, if there are any."""
        topic, channel = topic_name(self._chain_id), channel_name(self._chain_id)
        if any(
            topic in peer.topics and channel not in peer.channels for peer in self._network.peers()
        ):
            await self.announce(envelope)

    async def spread(self, envelope: Envelope) -> None:
        """Send both ways: for what is small and rare, and has to come to all."""
        self.broadcast(envelope)
        await self.announce(envelope)

    async def announce(self, envelope: Envelope) -> None:
        """Gossip to the whole topic; never waits for a neighbour, as consensus calls this."""
        data = encode_envelope(envelope)
        try:
            self._queue.send_nowait(data)
        except trio.WouldBlock:
            log.debug("gossip_queue_full", chain=self._chain_id)
        await trio.lowlevel.checkpoint()

    async def _gossip(self) -> None:
        """Publish what is queued; a neighbour that does not read holds up nothing but this."""
        async for data in self._queued:
            if len(data) > MAX_GOSSIP_BYTES:
                log.debug("too_large_to_gossip", chain=self._chain_id, size=len(data))
                continue
            try:
                await self._network.publish(topic_name(self._chain_id), data)
            except NetworkClosed as error:
                log.warning("gossip_failed", chain=self._chain_id, reason=str(error))
