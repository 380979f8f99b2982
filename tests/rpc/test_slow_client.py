"""A client that does not read: its queue is bounded, and its connection ends with the code."""

from __future__ import annotations

import json
import socket

import pytest
import trio
import trio.testing

from gtxnode.primitives.addresses import format_address
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.outbox import Outbox, OutboxClosed, SlowClient
from tests.rpc.fake_node import ALICE, SHARD
from tests.rpc.serving import Served, serving
from tests.rpc.websocket_bytes import UPGRADE, Frames, text_frame
from tests.waiting import until

PADDING = 200_000
BLOCKS = 100


async def test_a_client_that_does_not_read_is_closed_with_slow_client() -> None:
    limits = RpcLimits(queue=4, queue_bytes=2**20, slow_client_s=0.2, close_s=20)
    async with serving(limits) as served:
        stream = await _deaf_subscriber(served)
        async with stream:
            for _ in range(BLOCKS):
                served.chain.make_block()
            closed = served.metrics.registry.get_sample_value
            await until(
                lambda: closed("gridtokenx_rpc_closed_total", {"reason": "SLOW_CLIENT"}) == 1
            )
            # Now it reads again, within the time for goodbyes: whole frames, in order, then why.
            frames = Frames(stream)
            numbers = []
            while (frame := await frames.next()).opcode == 1:
                numbers.append(json.loads(frame.payload).get("params", {}).get("number", 0))
            assert frame.opcode == 8
            assert frame.payload == (4008).to_bytes(2, "big") + b"SLOW_CLIENT"
            assert numbers == sorted(numbers)
            assert len(numbers) < BLOCKS, "what did not fit was not kept for it"


async def test_one_that_never_reads_again_is_cut_off() -> None:
    limits = RpcLimits(queue=4, queue_bytes=2**20, slow_client_s=0.1, close_s=0.1)
    async with serving(limits) as served:
        stream = await _deaf_subscriber(served)
        async with stream:
            for _ in range(BLOCKS):
                served.chain.make_block()
            gauge = served.metrics.registry.get_sample_value
            await until(lambda: gauge("gridtokenx_rpc_connections") == 0)


async def _deaf_subscriber(served: Served) -> trio.SocketStream:
    """A client with a small window, subscribed to large events, that stops reading."""
    served.chain.padding = PADDING
    raw = trio.socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    await raw.connect((served.address.host, served.address.port))
    stream = trio.SocketStream(raw)
    await stream.send_all(UPGRADE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await stream.receive_some(1)
    params = {"shard": SHARD, "topic": "address", "address": format_address(ALICE)}
    request = {"jsonrpc": "2.0", "id": 1, "method": "events.subscribe", "params": params}
    await stream.send_all(text_frame(json.dumps(request)))
    subscriptions = served.metrics.registry.get_sample_value
    await until(lambda: subscriptions("gridtokenx_rpc_subscriptions") == 1)
    return stream


async def test_the_outbox_waits_for_room_and_loses_patience(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outbox = Outbox(max_messages=2, max_bytes=100, patience_s=5)
    await outbox.put(b"one")
    await outbox.put(b"two")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.put, b"three")
        await trio.testing.wait_all_tasks_blocked()
        assert await outbox.get() == b"one"
    assert len(outbox) == 2
    with pytest.raises(SlowClient):
        await outbox.put(b"four")
    assert trio.current_time() >= 5
    assert [await outbox.get(), await outbox.get()] == [b"two", b"three"]


async def test_the_outbox_counts_bytes_and_takes_a_large_message_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outbox = Outbox(max_messages=100, max_bytes=10, patience_s=1)
    await outbox.put(b"x" * 50)
    with pytest.raises(SlowClient):
        await outbox.put(b"y")
    await outbox.get()
    await outbox.put(b"y" * 6)
    with pytest.raises(SlowClient):
        await outbox.put(b"z" * 6)


@pytest.mark.parametrize("discard", [True, False])
async def test_a_closed_outbox_takes_nothing_and_gives_what_it_may(discard: bool) -> None:
    outbox = Outbox(max_messages=1, max_bytes=100, patience_s=60)
    await outbox.put(b"one")
    async with trio.open_nursery() as nursery:

        async def wait_for_room() -> None:
            with pytest.raises(OutboxClosed):
                await outbox.put(b"two")

        nursery.start_soon(wait_for_room)
        await trio.testing.wait_all_tasks_blocked()
        outbox.close(discard=discard)
    if not discard:
        assert await outbox.get() == b"one"
    with pytest.raises(OutboxClosed):
        await outbox.get()
    with pytest.raises(OutboxClosed):
        await outbox.put(b"three")
