"""The bare library's faults, each shown by running it as it ships.

    python -m tests.p2p.stock

Prints {fault: whether it is there}. It runs in a process of its own, because our mends change
the library for the whole process. A fault that is no longer there means that its mend can go;
`test_mends` says so then.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import libp2p.network.swarm as swarm_module
import trio
from libp2p import new_host
from libp2p.crypto.secp256k1 import create_new_key_pair
from libp2p.host.basic_host import BasicHost
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.peer.peerstore import env_to_send_in_RPC
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V12, GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.pubsub.validators import signature_validator
from libp2p.stream_muxer.yamux.yamux import TYPE_WINDOW_UPDATE, Yamux
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

LISTEN = Multiaddr("/ip4/127.0.0.1/tcp/0")
TOPIC = "t"
ECHO = "/echo/1"
SIX_BYTES = b"\x05\xff\xff\xff\xff\xff"


def host() -> BasicHost:
    made = new_host(key_pair=create_new_key_pair(), listen_addrs=[LISTEN])
    assert isinstance(made, BasicHost)
    return made


def swarm_of(node: BasicHost) -> Swarm:
    swarm = node.get_network()
    assert isinstance(swarm, Swarm)
    return swarm


def info(node: BasicHost) -> PeerInfo:
    addresses = [Multiaddr(str(each).partition("/p2p/")[0]) for each in node.get_addrs()]
    return PeerInfo(node.get_id(), addresses)


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[BasicHost, BasicHost]]:
    """Two hosts, the second connected to the first."""
    first, second = host(), host()
    async with first.run([LISTEN]), second.run([LISTEN]):
        await second.connect(info(first))
        yield first, second
        await second.close()
        await first.close()


@asynccontextmanager
async def gossiping() -> AsyncIterator[tuple[Pubsub, Pubsub, GossipSub]]:
    """Two connected hosts with gossip; the first is subscribed. And the second's router."""
    first, second = host(), host()
    routers = [
        GossipSub([PROTOCOL_ID_V12], 4, 3, 6, heartbeat_interval=1, spam_protection_enabled=False)
        for _ in range(2)
    ]
    services = [Pubsub(node, router) for node, router in zip((first, second), routers, strict=True)]
    async with (
        background_trio_service(services[0]),
        background_trio_service(services[1]),
        background_trio_service(routers[0]),
        background_trio_service(routers[1]),
        first.run([LISTEN]),
        second.run([LISTEN]),
    ):
        await second.connect(info(first))
        await services[0].subscribe(TOPIC)
        await services[1].wait_for_peer(first.get_id())
        await services[1].wait_for_subscription(first.get_id(), TOPIC)
        yield services[0], services[1], routers[1]
        await second.close()
        await first.close()


async def ends_the_process(act: Callable[[BasicHost, BasicHost], Awaitable[None]]) -> bool:
    """Whether what one peer does brings down the other's host."""
    try:
        async with pair() as (first, second):
            await act(first, second)
            await trio.sleep(1)
    except (Exception, BaseExceptionGroup):
        return True
    return False


async def garbage_rpc_ends_the_process() -> bool:
    try:
        async with gossiping() as (first, second, _):
            stream = await second.host.new_stream(first.host.get_id(), [PROTOCOL_ID_V12])
            await stream.write(SIX_BYTES)
            await trio.sleep(1)
    except (Exception, BaseExceptionGroup):
        return True
    return False


async def a_raising_handler_ends_the_process() -> bool:
    async def boom(stream: object) -> None:
        raise ZeroDivisionError

    async def act(first: BasicHost, second: BasicHost) -> None:
        first.set_stream_handler(ECHO, boom)  # type: ignore[arg-type]
        await second.new_stream(first.get_id(), [ECHO])  # type: ignore[list-item]

    return await ends_the_process(act)


async def a_junk_key_raises_in_the_check() -> bool:
    message = rpc_pb2.Message(
        from_id=b"\x12\x20" + b"h" * 32, seqno=b"1", topicIDs=[TOPIC], key=b"junk", signature=b"s"
    )
    try:
        signature_validator(message)
    except Exception:
        return True
    return False


async def plaintext_is_offered() -> bool:
    return "/plaintext/2.0.0" in swarm_of(host()).upgrader.security_multistream.transports


async def a_resource_manager_comes_along() -> bool:
    return swarm_of(host())._resource_manager is not None


async def sequence_numbers_begin_at_seconds() -> bool:
    node = host()
    pubsub = Pubsub(node, GossipSub([PROTOCOL_ID_V12], 4, 3, 6))
    return pubsub.counter < time.time() + 10


async def the_outbound_queue_holds_32() -> bool:
    queue = RpcQueue()
    return sum(queue.push(rpc_pb2.RPC()) for _ in range(100)) == 32


async def messages_wait_for_peers_that_are_not_subscribed() -> bool:
    async with gossiping() as (first, second, router):
        await second.subscribe("another")
        for _ in range(50):
            await second.publish("another", b"x")
        return len(router._pending_messages[first.host.get_id()]) >= 50


async def whole_messages_are_kept_to_find_equivocation() -> bool:
    async with gossiping() as (_, second, router):
        for _ in range(50):
            await second.publish(TOPIC, b"x")
        return len(router.equivocation_detection) >= 50


async def deliveries_are_remembered_for_ever() -> bool:
    async with gossiping() as (_, second, router):
        router.adaptive_gossip_enabled = False
        for _ in range(50):
            await second.publish(TOPIC, b"x")
        return len(router.recent_message_deliveries[TOPIC]) >= 50


async def idontwant_goes_out_for_small_messages() -> bool:
    async with gossiping() as (first, second, router):
        sent: list[ID] = []

        async def note(message_ids: object, to_peer: ID) -> None:
            sent.append(to_peer)

        router.emit_idontwant = note  # type: ignore[method-assign,assignment]
        await second.subscribe(TOPIC)
        await router.wait_for_mesh(first.host.get_id(), TOPIC)
        await second.publish(TOPIC, b"x")
        return bool(sent)


async def each_rpc_carries_the_senders_record() -> bool:
    async with pair() as (first, _):
        return len(env_to_send_in_RPC(first)[0]) > 100


async def topics_we_do_not_have_fill_our_maps() -> bool:
    async with gossiping() as (first, _, router):
        for number in range(100):
            prune = rpc_pb2.ControlPrune(topicID=f"junk{number}")
            await router.handle_prune(prune, first.host.get_id())
        return len(router.back_off) >= 100


async def two_writers_interleave_on_one_stream() -> bool:
    size, read = 200_000, bytearray()
    done = trio.Event()

    async def collect(stream: object) -> None:
        while len(read) < 2 * size:
            read.extend(await stream.read(65_536))  # type: ignore[attr-defined]
        done.set()

    async with pair() as (first, second):
        first.set_stream_handler(ECHO, collect)  # type: ignore[arg-type]
        stream = await second.new_stream(first.get_id(), [ECHO])  # type: ignore[list-item]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.write, b"a" * size)
            nursery.start_soon(stream.write, b"b" * size)
        with trio.fail_after(10):
            await done.wait()
    return bytes(read[:size]) not in (b"a" * size, b"b" * size)


async def each_read_is_answered_with_a_window_update() -> bool:
    updates: list[bytes] = []
    stock = Yamux._write_frame

    async def counting(self: Yamux, data: bytes) -> None:
        if data[1] == TYPE_WINDOW_UPDATE and data[2:4] == b"\0\0":
            updates.append(data)
        await stock(self, data)

    Yamux._write_frame = counting  # type: ignore[method-assign]
    done = trio.Event()

    async def read_slowly(stream: object) -> None:
        for _ in range(50):
            await stream.read(1)  # type: ignore[attr-defined]
        done.set()

    try:
        async with pair() as (first, second):
            first.set_stream_handler(ECHO, read_slowly)  # type: ignore[arg-type]
            stream = await second.new_stream(first.get_id(), [ECHO])  # type: ignore[list-item]
            await stream.write(b"x" * 50)
            with trio.fail_after(10):
                await done.wait()
    finally:
        Yamux._write_frame = stock  # type: ignore[method-assign]
    return len(updates) >= 50


async def a_peer_may_overrun_its_window() -> bool:
    async def never_read(stream: object) -> None:
        await trio.sleep_forever()

    async with pair() as (first, second):
        first.set_stream_handler(ECHO, never_read)  # type: ignore[arg-type]
        stream = await second.new_stream(first.get_id(), [ECHO])  # type: ignore[list-item]
        stream.muxed_stream.send_window = 10**9  # type: ignore[attr-defined]
        await stream.write(bytes(3_000_000))
        await trio.sleep(0.5)
        (connection,) = swarm_of(first).get_connections()
        held = max(map(len, connection.muxed_conn.stream_buffers.values()))  # type: ignore[attr-defined]
    return held > 2_000_000


async def an_inbound_slot_is_never_given_back() -> bool:
    async with pair() as (first, second):
        await second.disconnect(first.get_id())
        await trio.sleep(1)
        assert not first.get_connected_peers()
        return swarm_of(first)._inbound_limiter.borrowed_tokens == 1


async def the_dialler_waits_250_ms() -> bool:
    return swarm_module._HAPPY_EYEBALLS_DELAY >= 0.25


async def a_failed_dial_blocks_the_peer() -> bool:
    async with pair() as (first, _):
        gone, network = host().get_id(), swarm_of(first)
        network.peerstore.add_addrs(gone, [Multiaddr("/ip4/127.0.0.1/tcp/9")], 60)
        for _ in range(2):
            try:
                await network.dial_peer(gone)
            except SwarmException as error:
                last = str(error)
        return "negative cache" in last


async def only_one_of_a_peers_addresses_is_dialled() -> bool:
    first, second = host(), host()
    async with first.run([LISTEN]), second.run([LISTEN]):
        dead = Multiaddr("/ip4/127.0.0.1/tcp/9")
        try:
            await second.connect(PeerInfo(first.get_id(), [dead, *info(first).addrs]))
        except SwarmException:
            return True
        finally:
            await second.close()
            await first.close()
    return False


async def the_library_dials_by_itself() -> bool:
    async with pair() as (first, second):
        dialled: list[ID] = []
        network = swarm_of(second)
        network.connection_config.low_watermark = network.connection_config.min_connections = 0
        await second.disconnect(first.get_id())

        async def note(peer_id: ID) -> list[object]:
            dialled.append(peer_id)
            return []

        network.dial_peer = note  # type: ignore[method-assign,assignment]
        for _ in range(20):
            network.auto_connector.clear_all_cooldowns()
            await network.auto_connector.maybe_connect()
            await trio.sleep(0.1)
        return bool(dialled)


FAULTS: tuple[Callable[[], Awaitable[bool]], ...] = (
    garbage_rpc_ends_the_process,
    a_raising_handler_ends_the_process,
    a_junk_key_raises_in_the_check,
    plaintext_is_offered,
    a_resource_manager_comes_along,
    sequence_numbers_begin_at_seconds,
    the_outbound_queue_holds_32,
    messages_wait_for_peers_that_are_not_subscribed,
    whole_messages_are_kept_to_find_equivocation,
    deliveries_are_remembered_for_ever,
    idontwant_goes_out_for_small_messages,
    each_rpc_carries_the_senders_record,
    topics_we_do_not_have_fill_our_maps,
    two_writers_interleave_on_one_stream,
    each_read_is_answered_with_a_window_update,
    a_peer_may_overrun_its_window,
    an_inbound_slot_is_never_given_back,
    the_dialler_waits_250_ms,
    a_failed_dial_blocks_the_peer,
    only_one_of_a_peers_addresses_is_dialled,
    the_library_dials_by_itself,
)


async def main() -> None:
    print(json.dumps({fault.__name__: await fault() for fault in FAULTS}))


if __name__ == "__main__":
    trio.run(main)
