"""Garbage on the port: whatever comes, only its own connection ends, and nothing stays behind."""

from __future__ import annotations

import random

import pytest
import trio

from gtxnode.rpc.client import connect
from gtxnode.rpc.limits import RpcLimits
from tests.rpc.fake_node import SHARD
from tests.rpc.serving import Served, serving
from tests.rpc.websocket_bytes import MASK, UPGRADE, frame, text_frame
from tests.waiting import until

CASES = 400
LISTEN_S = 0.05
END_OF_HEAD = b"\r\n\r\n"
CALL = '{"jsonrpc":"2.0","id":1,"method":"chain.head","params":["geo_bangkok"]}'
SUBSCRIBE = '{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":["geo_bangkok","blocks"]}'
SEEDS = (
    UPGRADE,
    UPGRADE + text_frame(CALL),
    UPGRADE + text_frame(SUBSCRIBE) + text_frame(CALL),
    UPGRADE + frame(1, b'{"jsonrpc":', fin=False) + frame(9, b"ping") + frame(0, b'"2.0"}'),
    UPGRADE + frame(2, b"\xff\xfe\xfd") + frame(8, b"\x03\xe8"),
    UPGRADE + frame(10, b"a pong that nothing asked for") + text_frame("[]"),
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
)

# What RFC 6455 forbids, one by one.
BROKEN = {
    "an unmasked frame": b"\x81\x01x",
    "a reserved bit": b"\xf1\x81" + MASK + b"x",
    "a reserved opcode": frame(3, b""),
    "a continuation of nothing": frame(0, b"x"),
    "text inside a fragmented message": frame(1, b"a", fin=False) + frame(1, b"b"),
    "a fragmented ping": frame(9, b"", fin=False),
    "a ping too long": frame(9, b"x" * 126),
    "text that is not UTF-8": frame(1, b"\xc0\xaf"),
    "a close code that is not one": frame(8, b"\x00\x01"),
    "a close frame of one byte": frame(8, b"\x03"),
    "frames after a close": frame(8, b"\x03\xe8") * 3 + text_frame(CALL),
    "a length of 2**63": b"\x81\xff" + b"\xff" * 8 + MASK,
    "a length of 2**62": b"\x81\xff\x40" + b"\x00" * 7 + MASK + b"x" * 100,
}


async def poke(served: Served, data: bytes) -> None:
    """Send bytes, frames only after the handshake's answer, and be gone without a word."""
    head, end, frames = data.partition(END_OF_HEAD)
    stream = await trio.open_tcp_stream(served.address.host, served.address.port)
    async with stream:
        try:
            await stream.send_all(head + end)
            with trio.move_on_after(LISTEN_S):
                await stream.receive_some()
            await stream.send_all(frames)
            with trio.move_on_after(LISTEN_S):
                while await stream.receive_some():
                    pass
        except trio.BrokenResourceError:
            return  # The server has had enough, which is its right.


async def fragment_without_end(stream: trio.SocketStream) -> None:
    """Send empty fragments of one message, and stop when the server has had enough."""
    await stream.send_all(UPGRADE)
    await stream.receive_some()
    await stream.send_all(frame(1, b"", fin=False))
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(frame(0, b"", fin=False) * 5_000_000)


async def is_well(served: Served) -> None:
    """The server answers, and holds nothing of those that are gone."""
    async with connect(served.url) as client:
        assert (await client.call("chain.head", shard=SHARD))["shard"] == SHARD
    sample = served.metrics.registry.get_sample_value
    await until(lambda: sample("gridtokenx_rpc_connections") == 0)
    assert sample("gridtokenx_rpc_subscriptions") == 0
    assert sample("gridtokenx_rpc_closed_total", {"reason": "INTERNAL"}) in (None, 0)


def mutated(source: random.Random) -> bytes:
    """A seed, cut, changed or followed by noise; or noise alone."""
    data = bytearray(source.choice(SEEDS))
    match source.randrange(5):
        case 0:
            return source.randbytes(source.randrange(400))
        case 1:
            return bytes(data[: source.randrange(len(data))])
        case 2:
            for _ in range(source.randrange(1, 6)):
                data[source.randrange(len(data))] = source.randrange(256)
        case 3:
            data += source.randbytes(source.randrange(1, 200))
        case 4:
            place = source.randrange(len(data))
            data[place:place] = source.randbytes(source.randrange(1, 20))
    return bytes(data)


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_bytes_end_only_their_own_connection(seed: int) -> None:
    source = random.Random(seed)
    async with serving(RpcLimits(handshake_s=1, close_s=0.1)) as served:
        limit = trio.CapacityLimiter(20)

        async def one(data: bytes) -> None:
            async with limit:
                await poke(served, data)

        async with trio.open_nursery() as nursery:
            for _ in range(CASES):
                nursery.start_soon(one, mutated(source))
        await is_well(served)


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_frame_ends_only_its_own_connection(broken: str) -> None:
    async with serving(RpcLimits(close_s=0.1)) as served:
        await poke(served, UPGRADE + BROKEN[broken])
        await is_well(served)


async def test_oversize_in_one_frame_or_in_many_ends_only_its_own_connection() -> None:
    limits = RpcLimits(message_bytes=10_000, close_s=0.1)
    async with serving(limits) as served:
        await poke(served, UPGRADE + frame(1, b"x" * 20_000))
        pieces = frame(1, b"x" * 2_000, fin=False) + frame(0, b"x" * 2_000, fin=False) * 10
        await poke(served, UPGRADE + pieces)
        sample = served.metrics.registry.get_sample_value
        await until(lambda: sample("gridtokenx_rpc_closed_total", {"reason": "TOO_BIG"}) == 2)
        await is_well(served)


async def test_fragments_without_end_are_cut_off() -> None:
    limits = RpcLimits(message_bytes=10_000, close_s=0.1)
    async with serving(limits) as served:
        stream = await trio.open_tcp_stream(served.address.host, served.address.port)
        async with stream:
            await fragment_without_end(stream)
        await is_well(served)


async def test_whoever_says_nothing_is_dropped() -> None:
    async with serving(RpcLimits(handshake_s=0.05)) as served:
        stream = await trio.open_tcp_stream(served.address.host, served.address.port)
        async with stream:
            assert await stream.receive_some() == b""
        await is_well(served)
