"""What the network must withstand, each with real hosts on loopback."""

import contextlib
import os
import random
import signal

import pytest
import trio

from p2p.counters import Drop
from p2p.errors import AddressInUse, DialFailed, ListenFailed
from p2p.frames import encode_frame, encode_varint
from p2p.identity import PeerId, peer_id_of, public_key_of
from p2p.libp2p_host import Libp2pNetwork, open_network
from p2p.library import ID, INetStream, NetStream, TProtocol, Yamux, YamuxStream, rpc_pb2
from p2p.mended_gossip import MAX_RPC_BYTES
from p2p.network import MAX_GOSSIP_BYTES, Limits, Network, NetworkConfig, Offence
from p2p.streams import LIBRARY_ERRORS
from tests.p2p.processes import node_process
from tests.p2p.worlds import QUICK, config, key, sees_topic
from tests.waiting import until

IN_TIME_S = 30
GOSSIP = "/meshsub/1.2.0"


async def echo(peer: PeerId, payload: bytes) -> bytes:
    return payload


async def is_alive(node: Network, asker_number: int = 200) -> bool:
    """Whether a fresh peer is served: the node's loop and its listener both work."""
    async with open_network(config(asker_number, node)) as asker:
        with trio.fail_after(IN_TIME_S):
            await asker.wait_for_peers(1)
            return await asker.request(node.peer_id, "/echo/1", b"?", timeout_s=5) == b"?"


async def raw_stream(evil: Libp2pNetwork, victim: Network, protocol: str) -> INetStream:
    return await evil.host.new_stream(ID.from_base58(victim.peer_id), [TProtocol(protocol)])


def garbage() -> list[bytes]:
    """Bytes that are no RPC, no record, no frame; the same ones each time."""
    dice = random.Random(20)
    return [
        b"\x05\xff\xff\xff\xff\xff",  # the six bytes that end the bare library
        b"",
        encode_varint(MAX_RPC_BYTES + 1),
        encode_varint(2**62),
        b"\xff" * 64,
        b"\x80\x00",
        encode_frame(b"\x0a\x05\x08\x01\x12\x7f\x00"),
        encode_frame(b"half of it")[:-3],
        *(encode_frame(dice.randbytes(dice.randrange(200))) for _ in range(20)),
        *(dice.randbytes(dice.randrange(2_000)) for _ in range(20)),
    ]


@pytest.mark.parametrize(
    "protocol",
    [GOSSIP, "/gtx/channel/1/c", "/echo/1", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0"],
)
async def test_garbage_on_every_protocol_is_charged_and_harms_nothing(protocol: str) -> None:
    # Enough patience that one peer can send all of it.
    patient = Limits(ban_score=1e9)
    async with (
        open_network(config(1, limits=patient)) as victim,
        open_network(config(2, victim)) as evil,
        victim.channel("c"),
        victim.subscribe("t"),
    ):
        victim.serve("/echo/1", echo)
        with trio.fail_after(IN_TIME_S):
            await evil.wait_for_peers(1)
            for piece in garbage():
                stream = await raw_stream(evil, victim, protocol)
                try:
                    await stream.write(piece)
                    await stream.close()
                except LIBRARY_ERRORS:
                    await stream.reset()
            if not protocol.startswith("/ipfs"):
                await until(lambda: victim.counters.offences[Offence.MALFORMED] > 5)
        assert await is_alive(victim)


async def test_a_peer_that_sends_garbage_is_banned() -> None:
    async with (
        open_network(config(1, limits=Limits())) as victim,
        open_network(config(2, victim)) as evil,
    ):
        victim.serve("/echo/1", echo)
        with trio.fail_after(IN_TIME_S):
            await evil.wait_for_peers(1)
            for _ in range(2):
                stream = await raw_stream(evil, victim, GOSSIP)
                await stream.write(b"\x05\xff\xff\xff\xff\xff")
            await until(lambda: victim.banned() == (evil.peer_id,))
            await until(lambda: not victim.peers())
        assert await is_alive(victim)


async def test_garbage_before_any_handshake_harms_nothing() -> None:
    async with open_network(config(1)) as victim:
        victim.serve("/echo/1", echo)
        port = int(victim.addresses()[0].split("/")[4])
        for piece in (*garbage(), b"\x13/multistream/1.0.0\n\x07/noise\n" + b"\x00\xff" * 200):
            async with await trio.open_tcp_stream("127.0.0.1", port) as connection:
                await connection.send_all(piece)
        assert await is_alive(victim)


async def test_garbage_inside_the_encryption_harms_nothing() -> None:
    """Frames of the muxer that are none, from a peer whose handshake was good."""
    dice = random.Random(21)
    async with open_network(config(1)) as victim:
        victim.serve("/echo/1", echo)
        for number in range(8):
            async with open_network(config(10 + number, victim)) as evil:
                with trio.fail_after(IN_TIME_S):
                    await evil.wait_for_peers(1)
                muxer = evil.host.get_network().get_connections()[0].muxed_conn
                assert isinstance(muxer, Yamux)
                with contextlib.suppress(*LIBRARY_ERRORS):
                    for _ in range(20):
                        # A header that begins as one should gets further inside.
                        header = bytes([0, dice.randrange(5), 0, dice.randrange(16)])
                        await muxer.secured_conn.write(header + dice.randbytes(dice.randrange(40)))
        assert await is_alive(victim)
        assert not victim.counters.handler_errors


async def test_a_plaintext_dial_is_refused() -> None:
    async with open_network(config(1)) as victim:
        port = int(victim.addresses()[0].split("/")[4])
        async with await trio.open_tcp_stream("127.0.0.1", port) as connection:
            for proposal in (b"/multistream/1.0.0\n", b"/plaintext/2.0.0\n"):
                await connection.send_all(encode_frame(proposal))
            said = b""
            with trio.fail_after(IN_TIME_S):
                while b"na\n" not in said:
                    chunk = await connection.receive_some()
                    assert chunk, said
                    said += chunk
        assert said == encode_frame(b"/multistream/1.0.0\n") + encode_frame(b"na\n")


def junk_messages() -> list[tuple[rpc_pb2.Message, Offence | None]]:
    """Messages that are well-formed RPCs and wrong in one way each."""
    hashed_id = b"\x12\x20" + b"h" * 32
    own_id = ID.from_base58(_author()).to_bytes()
    number = (1).to_bytes(8, "big")

    def message(
        from_id: bytes = own_id,
        key: bytes | None = None,
        topics: tuple[str, ...] = ("t",),
        data: bytes = b"d",
        signature: bytes = b"s" * 70,
    ) -> rpc_pb2.Message:
        return rpc_pb2.Message(
            from_id=from_id,
            key=key,
            seqno=number,
            topicIDs=topics,
            data=data,
            signature=signature,
        )

    return [
        (message(from_id=hashed_id, key=b"junk"), Offence.BAD_SIGNATURE),
        (message(from_id=hashed_id, key=b"\x08\x63\x12\x01\x00"), Offence.BAD_SIGNATURE),
        (message(from_id=hashed_id), Offence.BAD_SIGNATURE),
        (message(from_id=b""), Offence.BAD_SIGNATURE),
        (message(signature=b""), Offence.BAD_SIGNATURE),
        (message(), Offence.BAD_SIGNATURE),
        (message(from_id=b"x" * 500), Offence.MALFORMED),
        (message(topics=("t", "t2")), Offence.MALFORMED),
        (message(topics=()), Offence.MALFORMED),
        (message(data=b"x" * (MAX_GOSSIP_BYTES + 1)), Offence.OVERSIZE),
        (message(topics=("another",)), None),
    ]


def _author() -> str:
    return peer_id_of(public_key_of(key(77)))


async def test_junk_keys_and_signatures_are_refused_by_name() -> None:
    async with (
        open_network(config(1, limits=Limits(ban_score=1e9))) as victim,
        open_network(config(2, victim)) as evil,
        victim.subscribe("t") as received,
    ):
        victim.serve("/echo/1", echo)
        with trio.fail_after(IN_TIME_S):
            await evil.wait_for_peers(1)
            stream = await raw_stream(evil, victim, GOSSIP)
            expected: dict[Offence, int] = {}
            for message, offence in junk_messages():
                rpc = rpc_pb2.RPC(publish=[message])
                await stream.write(encode_frame(rpc.SerializeToString()))
                if offence is not None:
                    expected[offence] = expected.get(offence, 0) + 1
            await until(lambda: dict(victim.counters.offences) == expected)
        with pytest.raises(trio.WouldBlock):
            received.receive_nowait()
        assert await is_alive(victim)


async def test_a_handler_that_raises_is_counted_and_harms_nothing() -> None:
    async def boom(stream: INetStream) -> None:
        raise ZeroDivisionError("in a stream's handler")

    async with open_network(config(1)) as victim, open_network(config(2, victim)) as peer:
        victim.serve("/echo/1", echo)
        victim.host.set_stream_handler(TProtocol("/boom/1"), boom)
        with trio.fail_after(IN_TIME_S):
            await peer.wait_for_peers(1)
            await raw_stream(peer, victim, "/boom/1")
            await until(lambda: victim.counters.handler_errors == 1)
        assert await is_alive(victim)


async def test_restart_with_the_same_key_after_600_messages() -> None:
    async with open_network(config(1)) as listener, listener.subscribe("t") as received:
        for total in (600, 100):
            async with open_network(config(2, listener)) as speaker, speaker.subscribe("t"):
                await sees_topic(speaker, listener, "t")
                with trio.fail_after(IN_TIME_S):
                    for number in range(total):
                        await speaker.publish("t", b"%d" % number)
                    arrived = {(await received.receive()).data for _ in range(total)}
            assert len(arrived) == total


async def test_joining_during_heavy_traffic() -> None:
    """A peer that joins gets recent messages replayed beside those that are being sent."""
    message = os.urandom(MAX_GOSSIP_BYTES)
    async with (
        open_network(config(1)) as first,
        open_network(config(2, first)) as second,
        first.subscribe("t"),
        second.subscribe("t") as at_second,
        trio.open_nursery() as nursery,
    ):
        await sees_topic(first, second, "t")

        async def speak() -> None:
            while True:
                await first.publish("t", message)
                await at_second.receive()

        nursery.start_soon(speak)
        for number in range(3, 6):
            async with (
                open_network(config(number, first)) as joiner,
                joiner.subscribe("t") as received,
            ):
                with trio.fail_after(IN_TIME_S):
                    for _ in range(30):
                        assert (await received.receive()).data == message
                assert not joiner.counters.offences
        assert not first.counters.offences
        assert not second.counters.offences
        nursery.cancel_scope.cancel()


async def test_a_burst_of_1000_publishes_loses_nothing() -> None:
    async with (
        open_network(config(1)) as first,
        open_network(config(2, first)) as second,
        open_network(config(3, first, second)) as third,
        first.subscribe("t"),
        second.subscribe("t") as at_second,
        third.subscribe("t") as at_third,
    ):
        await sees_topic(first, second, "t")
        await sees_topic(first, third, "t")
        with trio.fail_after(IN_TIME_S):
            for number in range(1_000):
                await first.publish("t", b"%d" % number)
            for received in (at_second, at_third):
                arrived = {(await received.receive()).data for _ in range(1_000)}
                assert len(arrived) == 1_000


async def test_a_frozen_peer_is_dropped_and_comes_back() -> None:
    async with (
        open_network(config(1)) as first,
        open_network(config(2, first)) as second,
        first.subscribe("t"),
        second.subscribe("t") as received,
        first.channel("c") as channel,
        node_process(3, *first.addresses(), *second.addresses()) as (process, _),
    ):
        with trio.fail_after(IN_TIME_S):
            await first.wait_for_peers(2)
            await channel.wait_for_peers(1)
            await sees_topic(first, second, "t")
            os.kill(process.pid, signal.SIGSTOP)
            try:
                number = 0
                while len(first.peers()) == 2:
                    number += 1
                    await first.publish("t", b"%d" % number)
                    channel.broadcast(bytes(1_000))
                    assert (await received.receive()).data == b"%d" % number
            finally:
                os.kill(process.pid, signal.SIGCONT)
            await first.wait_for_peers(2)
            await channel.wait_for_peers(1)
            # Its answers to what came before are given up: it was away for too long.
            said = b""
            while said != b"thawed":
                channel.broadcast(b"thawed")
                with trio.move_on_after(0.5):
                    said = (await channel.receive())[1]


async def test_a_killed_node_returns_within_3_s() -> None:
    async with open_network(config(1)) as first, first.channel("c") as channel:
        async with node_process(2, *first.addresses()) as (process, address):
            with trio.fail_after(IN_TIME_S):
                await channel.wait_for_peers(1)
                process.kill()
                await until(lambda: not first.peers())
        listen = address.rpartition("/p2p/")[0]
        async with node_process(2, *first.addresses(), listen=listen) as (process, again):
            assert again == address
            with trio.fail_after(3):
                await channel.wait_for_peers(1)
                channel.broadcast(b"welcome back")
                assert (await channel.receive())[1] == b"welcome back"


async def test_a_peer_that_opens_streams_while_we_start() -> None:
    """The other dials without a pause, and opens its gossip stream as soon as it may."""
    async with open_network(config(1)) as first:
        listen = tuple(address.rpartition("/p2p/")[0] for address in first.addresses())
        address = first.addresses()
    eager = Limits(redial_min_s=0.001, redial_max_s=0.001)
    async with open_network(config(2, limits=eager)) as dialler, dialler.subscribe("t"):
        dialler.learn(first.peer_id, address)
        with pytest.raises(DialFailed):
            await dialler.dial(address[0])
        for _ in range(5):
            async with open_network(_listening_at(listen)) as again, again.subscribe("t"):
                with trio.fail_after(IN_TIME_S):
                    await sees_topic(again, dialler, "t")


def _listening_at(listen: tuple[str, ...]) -> NetworkConfig:
    return NetworkConfig(key(1), listen, limits=QUICK)


async def test_40_topics() -> None:
    names = [f"shard{number}" for number in range(40)]
    async with (
        open_network(config(1)) as first,
        open_network(config(2, first)) as second,
        open_network(config(3, first)) as bystander,
        trio.open_nursery() as nursery,
    ):
        got: set[str] = set()

        async def listen(node: Network, name: str) -> None:
            async with node.subscribe(name) as received:
                async for gossip in received:
                    got.add(gossip.data.decode())

        for name in names:
            nursery.start_soon(listen, first, name)
            nursery.start_soon(listen, second, name)
        await until(
            lambda: any(len(p.topics) == 40 for p in first.peers() if p.id == second.peer_id)
        )
        with trio.fail_after(IN_TIME_S):
            await bystander.wait_for_peers(1)
            for name in names:
                await first.publish(name, name.encode())
            await until(lambda: got == set(names))
        # Nothing is kept for the one that is subscribed to none of them.
        assert not first.topics.router._pending_messages
        nursery.cancel_scope.cancel()


async def test_crossing_dials_end_in_one_connection() -> None:
    for _ in range(3):
        async with (
            open_network(config(1)) as first,
            open_network(config(2)) as second,
            first.channel("c") as here,
            second.channel("c") as there,
        ):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(first.dial, second.addresses()[0])
                nursery.start_soon(second.dial, first.addresses()[0])
            with trio.fail_after(IN_TIME_S):
                await until(lambda: _connections(first) == _connections(second) == 1)
                await here.wait_for_peers(1)
                await there.wait_for_peers(1)
                here.broadcast(b"hello")
                assert (await there.receive())[1] == b"hello"


def _connections(network: Libp2pNetwork) -> int:
    return len(network.host.get_network().get_connections())


async def test_an_address_that_cannot_be_had_is_named() -> None:
    async with open_network(config(1)) as first:
        taken = first.addresses()[0].partition("/p2p/")[0]
        with pytest.raises(AddressInUse, match=taken):
            async with open_network(NetworkConfig(key(2), (taken,))):
                pass
    elsewhere = "/ip4/192.0.2.1/tcp/1"  # of a network that exists in documents only
    with pytest.raises(ListenFailed, match=elsewhere):
        async with open_network(NetworkConfig(key(2), (elsewhere,))):
            pass


async def test_a_peer_is_dialled_by_name() -> None:
    async with open_network(config(1)) as first, open_network(config(2)) as second:
        address = first.addresses()[0].replace("/ip4/127.0.0.1/", "/dns/localhost/")
        with trio.fail_after(IN_TIME_S):
            await second.dial(address)
        assert second.peers()[0].id == first.peer_id


async def test_connections_that_ended_leave_their_slots() -> None:
    few = Limits(connections=4)
    async with open_network(config(1, limits=few)) as first:
        first.serve("/echo/1", echo)
        for _ in range(10):
            assert await is_alive(first)


async def test_a_peer_that_overruns_its_window_loses_its_connection() -> None:
    async def never_read(stream: INetStream) -> None:
        await trio.sleep_forever()

    async with open_network(config(1)) as victim, open_network(config(2, victim)) as evil:
        victim.serve("/echo/1", echo)
        victim.host.set_stream_handler(TProtocol("/hold/1"), never_read)
        with trio.fail_after(IN_TIME_S):
            await evil.wait_for_peers(1)
            await until(lambda: bool(victim.peers()))
            first_connection = victim.host.get_network().get_connections()[0]
            stream = await raw_stream(evil, victim, "/hold/1")
            assert isinstance(stream, NetStream)
            assert isinstance(stream.muxed_stream, YamuxStream)
            stream.muxed_stream.send_window = 10**9
            with contextlib.suppress(*LIBRARY_ERRORS):
                await stream.write(bytes(50_000_000))
            await until(lambda: first_connection.is_closed)
        assert await is_alive(victim)


async def test_streams_of_one_peer_are_bounded() -> None:
    async with (
        open_network(config(1)) as victim,
        open_network(config(2, victim)) as evil,
    ):
        victim.serve("/echo/1", echo)
        opened: list[INetStream] = []

        async def open_and_hold() -> None:
            try:
                opened.append(await raw_stream(evil, victim, "/echo/1"))
            except LIBRARY_ERRORS:
                return

        with trio.fail_after(IN_TIME_S):
            await evil.wait_for_peers(1)
            async with trio.open_nursery() as nursery:
                for _ in range(250):
                    nursery.start_soon(open_and_hold)
        assert victim.host._open_streams[evil.peer_id] <= 256
        assert await is_alive(victim)


@pytest.mark.parametrize(
    "messages", [800, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
async def test_memory_stays_flat_over_large_messages(messages: int) -> None:
    async with (
        open_network(config(1)) as first,
        open_network(config(2, first)) as second,
        first.subscribe("t"),
        second.subscribe("t") as received,
        first.channel("c") as here,
        second.channel("c") as there,
    ):
        await sees_topic(first, second, "t")
        with trio.fail_after(IN_TIME_S):
            await here.wait_for_peers(1)

        async def exchange(count: int) -> None:
            for _ in range(count):
                await first.publish("t", os.urandom(MAX_GOSSIP_BYTES))
                await received.receive()
                await here.send(second.peer_id, os.urandom(MAX_GOSSIP_BYTES))
                await there.receive()

        # The cache of recent messages fills to its bound first.
        await exchange(700)
        before = _resident_bytes()
        await exchange(messages)
        grown = _resident_bytes() - before
    # Kept whole, the messages of the small run would be 96 MB at each of the two nodes.
    assert grown < 60_000_000


def _resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_a_flood_is_held_back_and_charged() -> None:
    slow = Limits(gossip_per_s=10.0, gossip_burst=50.0, ban_score=1e9)
    async with (
        open_network(config(1, limits=slow)) as victim,
        open_network(config(2, victim)) as flooder,
        victim.subscribe("t") as received,
    ):
        await sees_topic(flooder, victim, "t")
        with trio.fail_after(IN_TIME_S):
            for number in range(300):
                await flooder.publish("t", b"%d" % number)
            await until(lambda: victim.counters.drops[Drop.FLOOD] > 100)
        assert victim.counters.offences[Offence.FLOOD] >= 1
        assert received.statistics().current_buffer_used < 150
