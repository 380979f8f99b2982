"""The client: what reaches whoever uses it, and as which error."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

import pytest
import trio
import trio.testing

from gtxnode.rpc.client import Disconnected, RpcError, connect
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.views.blocks import HeadView
from tests.rpc.fake_node import HANGS, SHARD
from tests.rpc.serving import serving
from tests.waiting import until


class UsersOwn(Exception):
    """What whoever uses the client raises."""


async def test_nobody_there_is_disconnected() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    with pytest.raises(Disconnected, match="cannot be reached"):
        await AsyncExitStack().enter_async_context(connect(f"ws://127.0.0.1:{port}"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ws://", "127.0.0.1:1", "ws://x:99999"])
async def test_what_is_no_address_of_a_node_is_disconnected(url: str) -> None:
    with pytest.raises(Disconnected):
        await AsyncExitStack().enter_async_context(connect(url))


async def test_a_server_of_another_kind_is_disconnected() -> None:
    async def say_nothing(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, say_nothing, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        with pytest.raises(Disconnected, match="speaks no WebSocket"):
            await AsyncExitStack().enter_async_context(
                connect(f"ws://127.0.0.1:{port}", timeout_s=0.1)
            )
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "greeting", [b"", b"\x13/multistream/1.0.0\n", bytes(100), b"SSH-2.0-x\r\n"], ids=repr
)
async def test_whoever_speaks_another_protocol_is_disconnected(greeting: bytes) -> None:
    async def greet(stream: trio.SocketStream) -> None:
        await stream.send_all(greeting)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, greet, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        with pytest.raises(Disconnected, match="speaks no WebSocket"):
            await AsyncExitStack().enter_async_context(
                connect(f"ws://127.0.0.1:{port}", timeout_s=2)
            )
        nursery.cancel_scope.cancel()


async def test_a_ping_while_it_closes_is_nobodys_error() -> None:
    """Pings come one after the other here, so that some meet a connection that is closing."""
    async with serving(RpcLimits(ping_s=0.001, ping_answer_s=10)) as served:
        for _ in range(30):
            async with connect(served.url) as client:
                await client.call("node.status")


async def test_what_its_user_raises_comes_out_as_it_is() -> None:
    async with serving() as served:
        with pytest.raises(UsersOwn) as caught:
            async with connect(served.url):
                raise UsersOwn from ValueError("the cause")
        assert isinstance(caught.value.__cause__, ValueError)
        with pytest.raises(RpcError) as refused:
            async with connect(served.url) as client:
                await client.call("node.stop")
        assert refused.value.name == "METHOD_NOT_FOUND"


async def test_a_callers_timeout_leaves_the_connection_whole() -> None:
    async with serving() as served, connect(served.url) as client:
        with trio.move_on_after(0.05) as timeout:
            await client.call("tx.send", shard=SHARD, transaction=HANGS)
        assert timeout.cancelled_caught
        assert await client.ask(HeadView, "chain.head", shard=SHARD)
        served.chain.released.set()


async def test_a_subscription_given_up_before_its_answer_is_ended_when_it_comes() -> None:
    async with serving() as served, connect(served.url) as client:
        with trio.CancelScope() as scope:
            scope.cancel()
            async with client.subscribe(SHARD, "blocks"):
                pass
        sample = served.metrics.registry.get_sample_value
        await client.call("node.peers")
        await until(lambda: sample("gridtokenx_rpc_subscriptions") == 0)


async def test_a_lost_connection_reaches_every_caller() -> None:
    limits = RpcLimits(message_bytes=4_096)
    async with (
        serving(limits) as served,
        connect(served.url) as client,
        trio.open_nursery() as nursery,
    ):
        ends: list[int | None] = []

        async def wait(transaction: bytes) -> None:
            with pytest.raises(Disconnected) as caught:
                await client.call("tx.send", shard=SHARD, transaction=transaction)
            ends.append(caught.value.code)

        for _ in range(5):
            nursery.start_soon(wait, HANGS)
        await until(lambda: served.chain.waiting == 5)
        nursery.start_soon(wait, bytes(limits.message_bytes))
        await until(lambda: len(ends) == 6)
        assert set(ends) == {1009}
