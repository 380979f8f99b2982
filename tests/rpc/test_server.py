"""The server on a real socket: calls, limits, faults, and every way a connection ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from prometheus_client import CollectorRegistry
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
)

from gtxnode.metrics import Metrics
from gtxnode.primitives.addresses import format_address
from gtxnode.rpc.client import Client, Disconnected, RpcError, connect
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.views.transactions import Verdict, VerdictStatus
from tests.rpc.fake_node import ALICE, CRASHES, HANGS, REJECTED, SHARD, digest
from tests.rpc.serving import raw, serving
from tests.rpc.websocket_bytes import UPGRADE
from tests.waiting import until

ALICE_TEXT = format_address(ALICE)


async def ask(socket: WebSocketConnection, text: str | bytes) -> Any:
    await socket.send_message(text)
    return json.loads(await socket.get_message())


async def closing(socket: WebSocketConnection) -> int:
    """The code with which the server closes."""
    try:
        while True:
            await socket.get_message()
    except ConnectionClosed as closed:
        return 0 if closed.reason is None else int(closed.reason.code)


def call(method: str, params: object, id: object = 1) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": id})


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(f"gridtokenx_rpc_{name}", labels) or 0.0


def bytes_sent(metrics: Metrics) -> float:
    labels = {"carrier": "clients", "direction": "out"}
    return metrics.registry.get_sample_value("gridtokenx_network_bytes_total", labels) or 0.0


async def refusal_of(client: Client, method: str, **params: object) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await client.call(method, **params)
    return caught.value


async def test_every_method_answers_in_json_that_its_views_can_read() -> None:
    async with serving() as served, connect(served.url) as client:
        sent = await client.ask(Verdict, "tx.send", shard=SHARD, transaction=b"pay")
        assert sent == Verdict(VerdictStatus.ACCEPTED, digest(b"pay"))
        served.chain.make_block()
        status = await client.call("tx.status", shard=SHARD, id=digest(b"pay"))
        assert status == {
            "id": digest(b"pay").hex(),
            "state": "final",
            "height": 1,
            "position": 0,
        }
        balance = await client.call("account.balance", shard=SHARD, address=ALICE_TEXT)
        assert balance["money_ugtx"] == str(2**60 + 1)
        block = await client.call("chain.block", shard=SHARD, height=1)
        assert block["transactions"] == [digest(b"pay").hex()]
        calls: dict[str, dict[str, object]] = {
            "node.status": {},
            "node.peers": {},
            "node.parameters": {},
            "chain.head": {"shard": SHARD},
            "meter.get": {"shard": SHARD, "meter": b"\x05" * 16},
            "market.book": {"shard": SHARD},
            "market.trades": {"shard": SHARD},
            "ledger.supply": {"shard": SHARD},
            "chain.validators": {"shard": SHARD},
            "chain.checkpoint": {"shard": SHARD},
            "chain.seeds": {"shard": SHARD},
            "rpc.discover": {},
        }
        for method, params in calls.items():
            assert await client.call(method, **params)


async def test_each_reading_has_its_own_verdict() -> None:
    async with serving() as served, connect(served.url) as client:
        readings = [b"one", REJECTED + b"two", b"one"]
        verdicts = await client.ask(
            tuple[Verdict, ...], "meter.submit", shard=SHARD, readings=readings
        )
        assert [verdict.status for verdict in verdicts] == [
            VerdictStatus.ACCEPTED,
            VerdictStatus.REJECTED,
            VerdictStatus.DUPLICATE,
        ]
        assert verdicts[1].refusal is not None
        assert verdicts[1].refusal.reason == "overspent"


async def test_a_page_of_coins_leads_to_the_next() -> None:
    async with serving() as served, connect(served.url) as client:
        seen: list[str] = []
        after = None
        while True:
            page = await client.call(
                "account.coins", shard=SHARD, address=ALICE_TEXT, after=after, limit=999
            )
            seen += [coin["id"] for coin in page["coins"]]
            after = page["next"]
            if after is None:
                break
        assert len(seen) == len(set(seen)) == 2_000


async def test_failures_have_their_codes() -> None:
    async with serving() as served, connect(served.url) as client:
        served.chain.make_block()
        served.chain.make_block()
        served.chain.prune_below(2)
        failures = {
            "NOT_HOSTED": await refusal_of(client, "chain.head", shard="func_governance"),
            "NOT_FOUND": await refusal_of(client, "chain.block", shard=SHARD, height=9),
            "PRUNED": await refusal_of(client, "chain.block", shard=SHARD, height=1),
            "METHOD_NOT_FOUND": await refusal_of(client, "node.stop"),
            "INVALID_PARAMS": await refusal_of(client, "chain.block", shard=SHARD, height="1"),
            "UNKNOWN_SUBSCRIPTION": await refusal_of(client, "events.unsubscribe", subscription=5),
        }
        assert {name: error.name for name, error in failures.items()} == {
            name: name for name in failures
        }
        assert failures["NOT_HOSTED"].data == {"name": "NOT_HOSTED", "shards": [SHARD]}
        assert failures["PRUNED"].data == {"name": "PRUNED", "first_height": 2}


async def test_a_fault_of_the_node_is_an_answer_and_ends_nothing() -> None:
    async with serving() as served, connect(served.url) as client:
        error = await refusal_of(client, "tx.send", shard=SHARD, transaction=CRASHES)
        assert error.code == -32603
        assert "fault" not in error.message, "what went wrong inside is for the log"
        assert (await client.call("chain.head", shard=SHARD))["height"] == 0
        assert (
            value(
                served.metrics.registry, "calls_total", method="tx.send", outcome="INTERNAL_ERROR"
            )
            == 1
        )


async def test_calls_of_one_connection_overtake_one_another() -> None:
    async with serving() as served, connect(served.url) as client, trio.open_nursery() as nursery:
        nursery.start_soon(_send, client, HANGS)
        await until(lambda: served.chain.waiting == 1)
        assert (await client.call("chain.head", shard=SHARD))["height"] == 0
        served.chain.released.set()


async def _send(client: Client, transaction: bytes) -> None:
    await client.call("tx.send", shard=SHARD, transaction=transaction)


async def test_messages_over_the_limit_wait_unread() -> None:
    limits = RpcLimits(messages_per_connection=2)
    async with serving(limits) as served, connect(served.url) as client:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(_send, client, HANGS + bytes([number]))
            await until(lambda: served.chain.waiting == 2)
            async with connect(served.url) as other:
                await other.call("node.status")
            assert served.chain.waiting == 2
            served.chain.released.set()
        assert served.chain.waiting == 0


async def test_messages_of_all_connections_have_a_limit_too() -> None:
    limits = RpcLimits(messages_in_all=1)
    async with (
        serving(limits) as served,
        connect(served.url) as first,
        connect(served.url) as second,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_send, first, HANGS)
        await until(lambda: served.chain.waiting == 1)
        nursery.start_soon(_send, second, b"later")
        served.chain.released.set()


async def test_a_call_that_takes_too_long_is_answered() -> None:
    async with serving(RpcLimits(call_s=0.05)) as served, connect(served.url) as client:
        error = await refusal_of(client, "tx.send", shard=SHARD, transaction=HANGS)
        assert error.name == "TIMED_OUT"


async def test_a_batch_runs_its_calls_side_by_side_and_answers_in_order() -> None:
    async with serving() as served, raw(served.url) as socket:
        batch = [
            json.loads(call("tx.send", [SHARD, (HANGS + bytes([number])).hex()], number))
            for number in range(3)
        ]
        batch.append({"jsonrpc": "2.0", "method": "chain.head", "params": [SHARD]})
        await socket.send_message(json.dumps(batch))
        await until(lambda: served.chain.waiting == 3)
        served.chain.released.set()
        answers = json.loads(await socket.get_message())
        assert [each["id"] for each in answers] == [0, 1, 2]


async def test_an_answer_over_the_limit_is_an_error_and_a_batchs_answers_share_it() -> None:
    limits = RpcLimits(answer_bytes=100_000)
    page = {"shard": SHARD, "address": ALICE_TEXT, "limit": 300}
    async with serving(limits) as served, raw(served.url) as socket:
        alone = await ask(socket, call("account.coins", page))
        assert len(alone["result"]["coins"]) == 300
        batch = json.dumps([json.loads(call("account.coins", page, id)) for id in range(3)])
        answers = await ask(socket, batch)
        assert ["result" in each for each in answers].count(True) == 1
        codes = {each["error"]["data"]["name"] for each in answers if "error" in each}
        assert codes == {"RESPONSE_TOO_LARGE"}
        huge = await ask(socket, call("account.coins", page | {"limit": 1_000}))
        assert huge["error"]["data"] == {"name": "RESPONSE_TOO_LARGE", "limit": 100_000}


async def test_a_message_over_the_limit_ends_the_connection() -> None:
    async with serving() as served:
        async with raw(served.url) as socket:
            await socket.send_message(call("node.status", {}) + " " * (2**20 - 200))
            assert "result" in json.loads(await socket.get_message())
            await socket.send_message("x" * (2**20 + 1))
            assert await closing(socket) == 1009
        async with connect(served.url) as client:
            assert await client.call("node.status")
        assert value(served.metrics.registry, "closed_total", reason="TOO_BIG") == 1


async def test_one_connection_too_many_is_refused_with_503_and_a_place_comes_free() -> None:
    async with serving(RpcLimits(connections=2)) as served:
        async with connect(served.url) as client, connect(served.url):
            with pytest.raises(Disconnected, match="503"):
                async with connect(served.url):
                    pass
            assert await client.call("node.status")
        await until(lambda: value(served.metrics.registry, "connections") == 0)
        async with connect(served.url) as client:
            assert await client.call("node.status")


async def test_a_stopping_node_answers_what_it_took_and_says_goodbye() -> None:
    async with serving() as served, raw(served.url) as socket:
        await socket.send_message(call("tx.send", [SHARD, HANGS.hex()]))
        await until(lambda: served.chain.waiting == 1)
        served.stop()
        served.chain.released.set()
        assert json.loads(await socket.get_message())["result"]["status"] == "accepted"
        assert await closing(socket) == 1001


async def test_a_stopping_node_tells_those_that_still_ask() -> None:
    async with serving() as served, raw(served.url) as socket:
        await socket.send_message(call("tx.send", [SHARD, HANGS.hex()], id="before"))
        await until(lambda: served.chain.waiting == 1)
        served.stop()
        await socket.send_message(call("node.status", {}, id="after"))
        told = json.loads(await socket.get_message())
        assert (told["id"], told["error"]["data"]["name"]) == ("after", "STOPPING")
        served.chain.released.set()
        assert json.loads(await socket.get_message())["id"] == "before"
        assert await closing(socket) == 1001


async def test_a_stopping_node_does_not_wait_for_ever() -> None:
    limits = RpcLimits(drain_s=0.5, close_s=0.05)
    async with serving(limits) as served, raw(served.url) as socket:
        await socket.send_message(call("tx.send", [SHARD, HANGS.hex()]))
        await until(lambda: served.chain.waiting == 1)
        served.stop()
        answer = json.loads(await socket.get_message())
        assert answer["error"]["data"]["name"] == "TIMED_OUT"
        assert await closing(socket) == 1001


async def test_a_node_stops_in_its_time_where_a_client_does_not_read() -> None:
    limits = RpcLimits(drain_s=0.2, close_s=60, slow_client_s=60, queue=1)
    async with serving(limits) as served, raw(served.url) as socket:
        # Nothing is read from here on, so the answers fill every buffer on their way.
        with trio.move_on_after(1):
            for _ in range(100_000):
                await socket.send_message(call("rpc.discover", {}))
        served.stop()
        await until(lambda: value(served.metrics.registry, "connections") == 0)


async def test_a_client_that_answers_no_ping_loses_its_connection() -> None:
    limits = RpcLimits(ping_s=0.05, ping_answer_s=0.05, close_s=0.05)
    async with serving(limits) as served:
        stream = await trio.open_tcp_stream(served.address.host, served.address.port)
        async with stream:
            await stream.send_all(UPGRADE)
            received = bytearray()
            while chunk := await stream.receive_some():
                received += chunk
        assert received.endswith(b"\x88\x0e" + (4009).to_bytes(2, "big") + b"PING_TIMEOUT")
        assert value(served.metrics.registry, "closed_total", reason="PING_TIMEOUT") == 1


async def test_a_client_that_answers_pings_keeps_its_connection() -> None:
    limits = RpcLimits(ping_s=0.01, ping_answer_s=10)
    async with serving(limits) as served, connect(served.url) as client:
        sent = bytes_sent(served.metrics)
        await until(lambda: bytes_sent(served.metrics) > sent + 20)
        assert await client.call("node.status")
