"""Mends of the library's gossip: what it does with messages is replaced, its mesh is kept.

Kept: the mesh (join, graft, prune, heartbeat, IHAVE, IWANT), signing, the wire format.
Replaced, each with its test in tests/p2p/test_mends.py:
- reading: through a buffer; six bytes of garbage no longer end the process; messages are
  handled in the order they came, with no task for each;
- checking: a key that cannot be parsed is a bad signature, not an exception; size, shape and
  rate are looked at first; no cache with a linear search;
- sending: a message is encoded once for all peers; it goes to those who are subscribed, not
  into a queue for those who are not; no map of whole messages to find equivocation; "I do not
  want" only for large messages and never back to where one came from;
- the sender's own signed record in every message, which nobody needs, is left out;
- one writer at a time on a stream; a queue whose drain can be waited for;
- sequence numbers begin at the clock's nanoseconds, so that a restarted node is heard;
- a peer cannot fill our maps with topics that we do not have.
"""

import functools
import logging
import random
import time
import weakref
from collections.abc import Iterable
from typing import Protocol

import trio

from p2p.changes import Changes
from p2p.counters import Counters, Drop
from p2p.errors import MalformedFrame
from p2p.frames import encode_frame
from p2p.identity import PeerId
from p2p.library import (
    ID,
    PROTOCOL_ID_V11,
    PROTOCOL_ID_V12,
    BasicHost,
    GossipSub,
    INetStream,
    MessageCache,
    ProtobufError,
    Pubsub,
    RpcQueue,
    StreamFailure,
    SwarmException,
    TProtocol,
    gossipsub_module,
    pubsub_module,
    rpc_pb2,
    signature_validator,
)
from p2p.mended_host import is_unsupported
from p2p.network import MAX_GOSSIP_BYTES, Offence
from p2p.streams import LIBRARY_ERRORS, FramedStream, reset_quietly

logger = logging.getLogger(__name__)

DEGREE, DEGREE_LOW, DEGREE_HIGH = 4, 3, 6
HEARTBEAT_S = 1
# An inbound RPC may hold several messages; what we send stays within one muxer frame.
MAX_RPC_BYTES = 1024 * 1024
MAX_SENT_RPC_BYTES = 64 * 1024
QUEUE_RPCS = 256
TOPICS_PER_PEER = 256
# Above this size it is worth telling others not to send the same.
LARGE_BYTES = 4 * 1024
MAX_ID_BYTES = 128
CACHE_BYTES = 32 * 1024 * 1024
# `publish` waits this long for a neighbour whose queue is half full, then goes on without.
PATIENCE_S = 1.0


class Sink(Protocol):
    """Where the mended gossip hands what it finds."""

    def is_wanted(self, topic: str) -> bool:
        """Whether we are subscribed to the topic."""
        ...

    def is_within_rate(self, neighbour: PeerId, size: int) -> bool:
        """Whether the neighbour may send this now; counts and charges when not."""
        ...

    def arrived(self, topic: str, author: PeerId, data: bytes) -> bool:
        """A signed, new message; whether it may be passed on."""
        ...

    def offended(self, neighbour: PeerId, offence: Offence, drop: Drop) -> None:
        """The neighbour sent what it must not."""
        ...


class OutQueue(RpcQueue):
    """What waits to be written to one peer: encoded frames, and the library's control RPCs."""

    def __init__(self) -> None:
        super().__init__(max_size=QUEUE_RPCS, max_message_size=MAX_SENT_RPC_BYTES)
        self.changes = Changes()
        self.is_slow = False

    async def pop(self) -> "rpc_pb2.RPC | None":
        item = await super().pop()
        if self.has_room():
            self.is_slow = False
            self.changes.notify()
        return item

    def has_room(self) -> bool:
        """Whether less than half of it is used."""
        return self.closed or len(self) < QUEUE_RPCS // 2


class BoundedCache(MessageCache):
    """Recent messages for repair, bounded in bytes; past the bound newer ones are not kept."""

    def __init__(self) -> None:
        super().__init__(window_size=3, history_size=5)
        self.held_bytes = 0

    def put(self, msg: rpc_pb2.Message) -> None:
        if self.held_bytes + len(msg.data) <= CACHE_BYTES:
            self.held_bytes += len(msg.data)
            super().put(msg)

    def shift(self) -> None:
        super().shift()
        self.held_bytes = sum(len(msg.data) for msg in self.msgs.values())


class MendedRouter(GossipSub):
    """The mesh, with our own way of passing messages on."""

    def __init__(self, counters: Counters) -> None:
        super().__init__(
            protocols=[TProtocol(PROTOCOL_ID_V12), TProtocol(PROTOCOL_ID_V11)],
            degree=DEGREE,
            degree_low=DEGREE_LOW,
            degree_high=DEGREE_HIGH,
            heartbeat_interval=HEARTBEAT_S,
            adaptive_gossip_enabled=False,
            spam_protection_enabled=False,
            eclipse_protection_enabled=False,
            # The library takes 0 for "never trim"; nothing is put there any more.
            max_pending_messages_per_peer=1,
            # A topic left and joined again meshes at the next heartbeat.
            unsubscribe_back_off=1,
            max_idontwant_messages=512,
        )
        self.counters = counters
        self.mcache = BoundedCache()

    async def heartbeat(self) -> None:
        while True:
            try:
                await super().heartbeat()
            except Exception:  # supervised here: what leaves this ends the process
                self.counters.handler_errors += 1
                logger.exception("the gossip heartbeat raised")
                await trio.sleep(HEARTBEAT_S)

    async def publish(self, msg_forwarder: ID, pubsub_msg: rpc_pb2.Message) -> None:
        """Pass a checked message on; our own waits for room in neighbours' queues."""
        assert self.pubsub is not None
        self.mcache.put(pubsub_msg)
        message_id = pubsub_msg.from_id + pubsub_msg.seqno
        origin = ID(pubsub_msg.from_id)
        is_own = msg_forwarder == self.pubsub.my_id
        peers = set(self._get_peers_to_send(pubsub_msg.topicIDs, msg_forwarder, origin, message_id))
        if is_own:
            peers |= self._more_peers(pubsub_msg.topicIDs[0], peers)
        elif len(pubsub_msg.data) >= LARGE_BYTES:
            await self._tell_not_to_send(
                message_id, pubsub_msg.topicIDs[0], (msg_forwarder, origin)
            )
        frame = encode_frame(rpc_pb2.RPC(publish=[pubsub_msg]).SerializeToString())
        for peer in peers:
            queue = self.pubsub.peer_queues.get(peer)
            assert queue is None or isinstance(queue, OutQueue)
            if queue is None:
                continue
            if is_own:
                await _wait_for_room(queue)
            if not queue.push(frame):  # type: ignore[arg-type]  # write_msg knows frames
                self.counters.drops[Drop.QUEUE_FULL] += 1

    def _more_peers(self, topic: str, chosen: set[ID]) -> set[ID]:
        """Others to send our own message to while the mesh is not filled yet."""
        assert self.pubsub is not None
        subscribed = self.pubsub.peer_topics.get(topic, set()) - chosen
        missing = min(DEGREE - len(chosen), len(subscribed))
        return (
            set(random.sample(sorted(subscribed, key=ID.to_bytes), missing))
            if missing > 0
            else set()
        )

    async def _tell_not_to_send(
        self, message_id: bytes, topic: str, senders: tuple[ID, ...]
    ) -> None:
        for peer in self.mesh.get(topic, set()) - set(senders):
            if self.peer_protocol.get(peer) == PROTOCOL_ID_V12:
                await self.emit_idontwant([message_id], peer)

    async def handle_prune(self, prune_msg: rpc_pb2.ControlPrune, sender_peer_id: ID) -> None:
        if prune_msg.topicID in self.mesh:
            del prune_msg.peers[:]  # whom to connect to is the roster's business
            await super().handle_prune(prune_msg, sender_peer_id)


class MendedPubsub(Pubsub):
    """Reads, checks and delivers messages; the library's signing and peer handling below."""

    def __init__(self, host: BasicHost, router: MendedRouter, sink: Sink) -> None:
        # The library looks these names up in its modules each time.
        vars(pubsub_module)["RpcQueue"] = OutQueue
        vars(pubsub_module)["env_to_send_in_RPC"] = _no_record
        vars(gossipsub_module)["env_to_send_in_RPC"] = _no_record
        super().__init__(
            host,
            router,
            strict_signing=True,
            max_inbound_rpc_size=MAX_RPC_BYTES,
            max_subscriptions_per_peer=TOPICS_PER_PEER,
        )
        self.counter = time.time_ns()
        self.sink = sink
        self.counters = router.counters
        self._locks: weakref.WeakKeyDictionary[INetStream, trio.Lock] = weakref.WeakKeyDictionary()

    # -- reading -----------------------------------------------------------------------

    async def continuously_read_stream(self, stream: INetStream) -> None:
        """Read RPCs until the stream ends; garbage charges the peer and ends the stream."""
        frames = FramedStream(stream, MAX_RPC_BYTES)
        sender = stream.muxed_conn.peer_id
        try:
            while (frame := await frames.receive()) is not None:
                rpc = rpc_pb2.RPC()
                rpc.ParseFromString(frame)
                await self._take(sender, frames.peer, rpc)
        except (MalformedFrame, ProtobufError) as error:
            logger.info("%s sent a malformed gossip RPC: %s", frames.peer, error)
            self.sink.offended(frames.peer, Offence.MALFORMED, Drop.MALFORMED)
            await frames.reset()

    async def _take(self, sender: ID, neighbour: PeerId, rpc: rpc_pb2.RPC) -> None:
        for message in rpc.publish:
            await self._take_message(sender, neighbour, message)
        if len(rpc.subscriptions) > TOPICS_PER_PEER:
            self.sink.offended(neighbour, Offence.FLOOD, Drop.FLOOD)
        else:
            for subscription in rpc.subscriptions:
                self.handle_subscription(sender, subscription)
        if rpc.HasField("control"):
            rpc.ClearField("senderRecord")
            await self.router.handle_rpc(rpc, sender)

    async def _take_message(self, sender: ID, neighbour: PeerId, message: rpc_pb2.Message) -> None:
        """One message of a neighbour: check the cheap things first, then pass it on."""
        if not self.sink.is_within_rate(neighbour, len(message.data)):
            return
        message_id = message.from_id + message.seqno
        if len(message.topicIDs) != 1 or len(message_id) > MAX_ID_BYTES:
            self.sink.offended(neighbour, Offence.MALFORMED, Drop.MALFORMED)
        elif len(message.data) > MAX_GOSSIP_BYTES:
            self.sink.offended(neighbour, Offence.OVERSIZE, Drop.OVERSIZE)
        elif not self.sink.is_wanted(message.topicIDs[0]):
            return
        elif self.seen_messages.has(message_id):
            self.counters.drops[Drop.DUPLICATE] += 1
        elif message.from_id == self.my_id.to_bytes():
            return
        elif not is_signed(message):
            self.sink.offended(neighbour, Offence.BAD_SIGNATURE, Drop.BAD_SIGNATURE)
        else:
            self.seen_messages.add(message_id)
            author = author_of(message.from_id)
            if self.sink.arrived(message.topicIDs[0], author, message.data):
                await self.router.publish(sender, message)

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        """Called by the library's `publish` with our own signed message."""
        assert msg_forwarder == self.my_id
        self.seen_messages.add(msg.from_id + msg.seqno)
        await self.router.publish(msg_forwarder, msg)

    # -- writing -----------------------------------------------------------------------

    def get_hello_packet(self) -> rpc_pb2.RPC:
        hello = super().get_hello_packet()
        hello.ClearField("senderRecord")
        return hello

    async def write_msg(self, stream: INetStream, rpc_msg: "rpc_pb2.RPC | bytes") -> bool:
        """Write one RPC, one writer at a time; False when the stream is gone."""
        if not isinstance(rpc_msg, bytes):
            rpc_msg.ClearField("senderRecord")
            rpc_msg = encode_frame(rpc_msg.SerializeToString())
        try:
            async with self._locks.setdefault(stream, trio.Lock()):
                await stream.write(rpc_msg)
        except LIBRARY_ERRORS as error:
            logger.debug("a gossip stream broke: %s", error)
            self._handle_dead_peer(stream.muxed_conn.peer_id)
            return False
        return True

    async def _handle_new_peer(self, peer_id: ID) -> None:
        """Open our stream to a peer; the library retries only for a SwarmException."""
        try:
            await super()._handle_new_peer(peer_id)
        except StreamFailure as error:
            if is_unsupported(error):
                raise
            raise SwarmException("negotiating the gossip stream failed") from error

    def forget_stream(self, peer_id: ID) -> None:
        """Open the stream to a peer anew if it was on a connection that is gone."""
        stream = self.peers.get(peer_id)
        if stream is not None and getattr(stream.muxed_conn, "is_closed", False):
            self._handle_dead_peer(peer_id)

    async def abandon_streams(self) -> None:
        """Let go of threads and streams when the network closes."""
        self.seen_messages.stop()
        for stream in tuple(self.peers.values()):
            await reset_quietly(stream)


def is_signed(message: rpc_pb2.Message) -> bool:
    """Whether the author's signature is good. The library raises for keys it cannot parse."""
    try:
        return signature_validator(message)
    except Exception:  # any type: the library lets its parsers' errors through
        return False


@functools.lru_cache(maxsize=4_096)
def author_of(peer_id: bytes) -> PeerId:
    """The text form of a peer id; base58 in Python costs more than the signature check."""
    return PeerId(ID(peer_id).to_base58())


async def _wait_for_room(queue: OutQueue) -> None:
    """Wait for a neighbour to read, but once only for one that does not."""
    if queue.has_room() or queue.is_slow:
        return
    with trio.move_on_after(PATIENCE_S) as scope:
        await queue.changes.until(queue.has_room)
    queue.is_slow = scope.cancelled_caught


def _no_record(host: object) -> tuple[bytes, bool]:
    """Stands in for building and signing the sender's record for every RPC."""
    return b"", False


def topics_of(peer_topics: dict[str, set[ID]], peer: ID) -> Iterable[str]:
    """The topics a peer has told us it is subscribed to."""
    return (topic for topic, peers in peer_topics.items() if peer in peers)
