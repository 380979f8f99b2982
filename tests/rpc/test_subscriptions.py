"""Subscriptions: what each topic tells, and that resuming leaves no gap and repeats nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.primitives.addresses import format_address
from gtxnode.rpc.backend import EVENTS_PER_BLOCK
from gtxnode.rpc.client import Client, Disconnected, EventsLost, RpcError, connect
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.methods.row import Topic
from gtxnode.rpc.subscriptions import CACHED_BLOCKS, EventFeed, Interest, Told, follow
from gtxnode.rpc.views.events import BlockEvent, Event, OrderEvent, TradeEvent
from gtxnode.rpc.wire import Address
from tests.rpc.fake_node import ALICE, BOB, SHARD, FakeChain, a_trade, an_order
from tests.rpc.serving import raw, serving
from tests.waiting import until

if TYPE_CHECKING:
    from trio_typing import TaskStatus


async def take(client: Client, count: int, topic: str, **options: object) -> list[Event]:
    """The first events of a subscription."""
    async with client.subscribe(SHARD, topic, **options) as events:  # type: ignore[arg-type]
        return [await anext(events) for _ in range(count)]


def eventful(chain: FakeChain) -> None:
    """Two blocks: an order of Alice's and a trade with Bob, then an order of Bob's."""
    chain.make_block(an_order(ALICE), a_trade(1, 2))
    chain.make_block(an_order(BOB))


async def test_each_topic_tells_of_its_own() -> None:
    async with serving() as served, connect(served.url) as client:
        eventful(served.chain)
        blocks = await take(client, 2, "blocks", from_=0)
        assert all(isinstance(event.body, BlockEvent) for event in blocks)
        market = await take(client, 3, "market", from_=0)
        assert [type(event.body) for event in market] == [OrderEvent, TradeEvent, OrderEvent]
        assert [event.number - event.height * EVENTS_PER_BLOCK for event in market] == [1, 2, 1]
        bobs = await take(client, 2, "address", address=BOB, from_=0)
        assert [type(event.body) for event in bobs] == [TradeEvent, OrderEvent]
        alices = await take(client, 2, "address", address=format_address(ALICE), from_=0)
        assert [type(event.body) for event in alices] == [OrderEvent, TradeEvent]


async def test_a_notification_is_what_the_reference_says() -> None:
    async with serving() as served, raw(served.url) as socket:
        served.chain.make_block(an_order(ALICE))
        params = {"shard": SHARD, "topic": "market", "from": 0}
        request = {"jsonrpc": "2.0", "id": 1, "method": "events.subscribe", "params": params}
        await socket.send_message(json.dumps(request))
        assert json.loads(await socket.get_message())["result"] == {"subscription": 1, "next": 0}
        notification = json.loads(await socket.get_message())
        order = notification["params"].pop("event")
        assert notification == {
            "jsonrpc": "2.0",
            "method": "events.event",
            "params": {
                "subscription": 1,
                "number": EVENTS_PER_BLOCK + 1,
                "topic": "market",
                "height": 1,
            },
        }
        assert (order["kind"], order["owner"]) == ("order", format_address(ALICE))


async def test_without_a_number_it_begins_after_the_last_final_block() -> None:
    async with serving() as served, connect(served.url) as client:
        served.chain.make_block()
        async with client.subscribe(SHARD, "blocks") as events:
            assert events.next == 2 * EVENTS_PER_BLOCK
            served.chain.make_block()
            assert (await anext(events)).height == 2


async def test_a_number_of_the_future_is_waited_for() -> None:
    async with (
        serving() as served,
        connect(served.url) as client,
        client.subscribe(SHARD, "blocks", from_=3 * EVENTS_PER_BLOCK) as events,
    ):
        for _ in range(3):
            served.chain.make_block()
        assert (await anext(events)).height == 3


async def test_from_the_beginning_of_a_chain_that_has_no_block_yet() -> None:
    async with (
        serving() as served,
        connect(served.url) as client,
        client.subscribe(SHARD, "blocks", from_=0) as events,
    ):
        served.chain.make_block()
        assert (await anext(events)).height == 1


async def test_many_subscriptions_on_one_connection_read_each_block_once() -> None:
    async with serving() as served, connect(served.url) as client, trio.open_nursery() as nursery:
        seen: list[int] = []

        async def listen(task_status: TaskStatus[None]) -> None:
            async with client.subscribe(SHARD, "blocks") as events:
                task_status.started()
                seen.append((await anext(events)).height)

        for _ in range(20):
            await nursery.start(listen)
        served.chain.make_block()
        await until(lambda: len(seen) == 20)
        assert served.chain.event_reads == 1


async def test_limits_and_faults_of_subscribing() -> None:
    async with serving(RpcLimits(subscriptions=2)) as served, connect(served.url) as client:
        for _ in range(3):
            served.chain.make_block()
        served.chain.prune_below(3)

        async def fault(**params: object) -> str:
            with pytest.raises(RpcError) as caught:
                await client.call("events.subscribe", **params)
            return caught.value.name

        assert await fault(shard="none", topic="blocks") == "NOT_HOSTED"
        assert await fault(shard=SHARD, topic="blocks", address=ALICE) == "INVALID_PARAMS"
        assert await fault(shard=SHARD, topic="address") == "INVALID_PARAMS"
        assert await fault(shard=SHARD, topic="blocks", **{"from": 0}) == "PRUNED"
        async with client.subscribe(SHARD, "blocks"), client.subscribe(SHARD, "market"):
            assert await fault(shard=SHARD, topic="blocks") == "TOO_MANY_SUBSCRIPTIONS"
        gauge = served.metrics.registry.get_sample_value
        await until(lambda: gauge("gridtokenx_rpc_subscriptions") == 0)
        assert len(await take(client, 1, "blocks", from_=3 * EVENTS_PER_BLOCK)) == 1


async def test_an_ended_subscription_tells_nothing_more() -> None:
    async with serving() as served, raw(served.url) as socket:
        subscribe: dict[str, object] = {"method": "events.subscribe", "params": [SHARD, "blocks"]}
        unsubscribe: dict[str, object] = {"method": "events.unsubscribe", "params": [1]}
        for id, request in enumerate([subscribe, unsubscribe, unsubscribe]):
            await socket.send_message(json.dumps({"jsonrpc": "2.0", "id": id, **request}))
            answer = json.loads(await socket.get_message())
        assert answer["error"]["data"]["name"] == "UNKNOWN_SUBSCRIPTION"
        served.chain.make_block()
        await socket.send_message('{"jsonrpc":"2.0","id":"last","method":"node.peers"}')
        assert json.loads(await socket.get_message())["id"] == "last"


async def test_a_subscription_without_an_answer_is_not_made() -> None:
    async with serving() as served, raw(served.url) as socket:
        request = {"jsonrpc": "2.0", "method": "events.subscribe", "params": [SHARD, "blocks"]}
        await socket.send_message(json.dumps(request))
        served.chain.make_block()
        await socket.send_message('{"jsonrpc":"2.0","id":"last","method":"node.peers"}')
        assert json.loads(await socket.get_message())["id"] == "last"


async def test_a_subscription_ends_with_the_connection() -> None:
    async with (
        serving() as served,
        connect(served.url) as client,
        client.subscribe(SHARD, "blocks") as events,
    ):
        served.stop()
        with pytest.raises(Disconnected) as caught:
            await anext(events)
        assert caught.value.code == 1001
        with pytest.raises(Disconnected):
            await client.call("node.peers")


async def test_a_consumer_too_far_behind_is_told_where_to_resume(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gtxnode.rpc.client.MAX_BUFFERED_EVENTS", 5)
    async with serving() as served, connect(served.url) as client:
        for _ in range(20):
            served.chain.make_block()
        async with client.subscribe(SHARD, "blocks", from_=0) as events:
            await until(lambda: events.ended)
            heights = [(await anext(events)).height for _ in range(5)]
            with pytest.raises(EventsLost) as caught:
                await anext(events)
        assert heights == [1, 2, 3, 4, 5]
        again = await take(client, 1, "blocks", from_=caught.value.resume_from)
        assert again[0].height == 6


async def test_events_pruned_before_they_were_told_end_the_connection() -> None:
    async with serving() as served, raw(served.url) as socket:
        subscribe = {"method": "events.subscribe", "params": [SHARD, "blocks"], "id": 1}
        await socket.send_message(json.dumps({"jsonrpc": "2.0", **subscribe}))
        await socket.get_message()
        served.chain.prune_below(10)
        served.chain.make_block()
        await until(lambda: socket.closed is not None)
        assert socket.closed is not None
        assert socket.closed.code == 4010


DROPS = st.lists(
    st.one_of(
        st.integers(1, 6).map(lambda blocks: ("blocks", blocks)),
        st.integers(0, 12).map(lambda events: ("take", events)),
    ),
    max_size=30,
)


@given(DROPS, st.sampled_from([None, ALICE]))
@settings(max_examples=60)
def test_resuming_after_any_drops_leaves_no_gap_and_repeats_nothing(
    history: list[tuple[str, int]], address: Address | None
) -> None:
    trio.run(_resume_after_drops, history, address)


async def _resume_after_drops(history: list[tuple[str, int]], address: Address | None) -> None:
    """Follow a chain by fits and starts: each "take" is a connection that lasts so many events."""
    chain = FakeChain()
    interest = Interest(Topic.MARKET if address is None else Topic.ADDRESS, address)
    feed = EventFeed(chain)
    heard: list[int] = []
    for action, count in history:
        if action == "blocks":
            for _ in range(count):
                height = chain.height + 1
                owner = ALICE if height % 2 else BOB
                chain.make_block(an_order(owner), *[a_trade(height, 2)] * (height % 3))
        else:
            await _listen(feed, interest, heard, count)
    expected = [
        event.number
        for height in range(1, chain.height + 1)
        for event in await chain.events(height)
        if _of_interest(event, address)
    ]
    assert heard == expected[: len(heard)]
    await _listen(feed, interest, heard, len(expected) - len(heard))
    assert heard == expected


async def _listen(feed: EventFeed, interest: Interest, heard: list[int], count: int) -> None:
    """Hear at most `count` more events, from the number after the last, while there are any."""
    remaining = count

    async def deliver(told: Told) -> None:
        nonlocal remaining
        if remaining == 0:
            scope.cancel()
            await trio.lowlevel.checkpoint()
        heard.append(told.event.number)
        remaining -= 1

    async def run(task_status: TaskStatus[None]) -> NoReturn:
        task_status.started()
        await follow(feed, interest, heard[-1] + 1 if heard else 0, deliver)

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()


def _of_interest(event: Event, address: Address | None) -> bool:
    """What the topic means, said once more without the code under test."""
    if isinstance(event.body, TradeEvent):
        return True
    return isinstance(event.body, OrderEvent) and address in (None, event.body.owner)


async def test_the_feed_keeps_a_few_blocks_only() -> None:
    chain = FakeChain()
    feed = EventFeed(chain)
    for _ in range(CACHED_BLOCKS + 1):
        chain.make_block()
    for height in (*range(1, CACHED_BLOCKS + 2), CACHED_BLOCKS + 1):
        await feed.at(height)
    assert chain.event_reads == CACHED_BLOCKS + 1
    await feed.at(1)
    assert chain.event_reads == CACHED_BLOCKS + 2
