"""Each mend of the library: that the bare library still needs it, and that ours does its work."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from p2p.libp2p_host import open_network
from p2p.library import ID, INetStream, TProtocol, Yamux, rpc_pb2, yamux_module
from p2p.mended_gossip import LARGE_BYTES, QUEUE_RPCS
from p2p.streams import FramedStream
from tests.p2p.stock import FAULTS
from tests.p2p.worlds import config, sees_topic
from tests.waiting import until

ROOT = Path(__file__).resolve().parent.parent.parent
IN_TIME_S = 20


@pytest.fixture(scope="session")
def stock() -> dict[str, bool]:
    """What the bare library does, shown by a process that has no mends."""
    command = [sys.executable, "-m", "tests.p2p.stock"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=100, check=True)
    faults = json.loads(ran.stdout)
    assert isinstance(faults, dict)
    return faults


@pytest.mark.parametrize("fault", [fault.__name__ for fault in FAULTS])
def test_the_bare_library_still_has_the_fault(stock: dict[str, bool], fault: str) -> None:
    assert stock[fault], f"{fault}: no longer, so its mend can be deleted"


async def test_what_is_offered_and_what_is_not_there() -> None:
    async with open_network(config(1)) as node:
        swarm = node.host.swarm
        assert list(swarm.upgrader.security_multistream.transports) == ["/noise"]
        assert list(swarm.upgrader.muxer_multistream.transports) == ["/yamux/1.0.0"]
        assert swarm._resource_manager is None


async def test_nothing_is_kept_of_messages_that_went_by() -> None:
    async with (
        open_network(config(1)) as first,
        open_network(config(2, first)) as second,
        first.subscribe("t") as received,
        first.subscribe("ours alone"),
        second.subscribe("t"),
    ):
        await sees_topic(second, first, "t")
        router, pubsub = first.topics.router, first.topics.pubsub
        with trio.fail_after(IN_TIME_S):
            for number in range(50):
                await second.publish("t", b"%d" % number)
                await first.publish("ours alone", b"x")
                await received.receive()
        for number in range(100):
            junk = rpc_pb2.ControlPrune(topicID=f"junk{number}")
            await router.handle_prune(junk, ID.from_base58(second.peer_id))
        assert pubsub.counter > 10**18
        assert not router._pending_messages
        assert not router.equivocation_detection
        assert not router.recent_message_deliveries
        assert not router.back_off
        assert not pubsub.validation_cache.cache
        (queue,) = pubsub.peer_queues.values()
        assert queue._queue.max_size == QUEUE_RPCS


async def test_only_large_messages_are_declined_and_never_to_where_they_came_from() -> None:
    async with (
        open_network(config(1)) as first,
        open_network(config(2, first)) as second,
        open_network(config(3, first, second)) as third,
        first.subscribe("t"),
        second.subscribe("t") as received,
        third.subscribe("t"),
    ):
        router, declined = second.topics.router, list[ID]()

        async def note(message_ids: list[bytes], to_peer: ID) -> None:
            declined.append(to_peer)

        router.emit_idontwant = note  # type: ignore[method-assign,assignment]
        await sees_topic(first, second, "t")
        await until(lambda: len(router.mesh.get("t", ())) == 2)
        with trio.fail_after(IN_TIME_S):
            await first.publish("t", b"small")
            await received.receive()
            assert not declined
            await first.publish("t", bytes(LARGE_BYTES))
            await received.receive()
            await until(lambda: bool(declined))
        assert ID.from_base58(first.peer_id) not in declined


async def test_small_reads_cost_no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    updates: list[bytes] = []
    write_frame = Yamux._write_frame

    async def counting(self: Yamux, data: bytes) -> None:
        if data[1] == yamux_module.TYPE_WINDOW_UPDATE and data[2:4] == b"\0\0":
            updates.append(data)
        await write_frame(self, data)

    monkeypatch.setattr(Yamux, "_write_frame", counting)
    done = trio.Event()
    total = 1_000_000

    async def read_all(stream: INetStream) -> None:
        read = 0
        while read < total:
            read += len(await stream.read(5_000))
        done.set()

    async with open_network(config(1)) as first, open_network(config(2, first)) as second:
        first.host.set_stream_handler(TProtocol("/sink/1"), read_all)
        with trio.fail_after(IN_TIME_S):
            await second.wait_for_peers(1)
            peer = ID.from_base58(first.peer_id)
            stream = await second.host.new_stream(peer, [TProtocol("/sink/1")])
            await stream.write(bytes(total))
            await done.wait()
    # One for each half of the 256 KiB window, and a few for the library's own streams.
    assert len(updates) <= total // (128 * 1024) + 2


async def test_rpcs_go_out_whole_and_without_the_senders_record() -> None:
    frames: list[bytes] = []
    done = trio.Event()

    async def collect(stream: INetStream) -> None:
        framed = FramedStream(stream, 10**6)
        while len(frames) < 40 and (frame := await framed.receive()) is not None:
            frames.append(frame)
        done.set()

    async with open_network(config(1)) as first, open_network(config(2, first)) as second:
        first.host.set_stream_handler(TProtocol("/sink/1"), collect)
        with trio.fail_after(IN_TIME_S):
            await second.wait_for_peers(1)
            peer = ID.from_base58(first.peer_id)
            stream = await second.host.new_stream(peer, [TProtocol("/sink/1")])
            async with trio.open_nursery() as nursery:
                for number in range(40):
                    message = rpc_pb2.Message(data=bytes([number]) * 100_000)
                    rpc = rpc_pb2.RPC(publish=[message], senderRecord=b"r" * 200)
                    nursery.start_soon(second.topics.pubsub.write_msg, stream, rpc)
            await done.wait()
    for frame in frames:
        rpc = rpc_pb2.RPC()
        rpc.ParseFromString(frame)
        assert not rpc.HasField("senderRecord")
        assert len(set(rpc.publish[0].data)) == 1
