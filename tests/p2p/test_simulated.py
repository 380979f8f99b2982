"""What only the simulated network does: weather, partitions, and the same again from one seed."""

from contextlib import AsyncExitStack

import pytest
import trio
from trio.testing import MockClock

from p2p.counters import Drop
from p2p.errors import Failure, RequestFailed
from p2p.identity import PeerId
from p2p.network import Channel, Network
from p2p.simulated import SimulatedWorld, Weather
from tests.p2p.worlds import config

STORM = Weather(delay_s=(0.01, 0.5), loss=0.3, duplication=0.3)


async def echo(peer: PeerId, payload: bytes) -> bytes:
    return payload


async def test_a_channel_loses_nothing_in_a_storm(autojump_clock: MockClock) -> None:
    world = SimulatedWorld(3, STORM)
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        first.channel("c") as here,
        second.channel("c") as there,
    ):
        await here.wait_for_peers(1)
        for number in range(100):
            here.broadcast(b"%d" % number)
        assert [int((await there.receive())[1]) for _ in range(100)] == list(range(100))


async def test_gossip_in_a_storm_is_lost_at_times_and_never_doubled(
    autojump_clock: MockClock,
) -> None:
    world = SimulatedWorld(4, STORM)
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        second.subscribe("t") as received,
    ):
        await first.wait_for_peers(1)
        for number in range(300):
            await first.publish("t", b"%d" % number)
        await trio.sleep(1)
        arrived = [received.receive_nowait().data for _ in range(_waiting(received))]
        assert len(arrived) == len(set(arrived))
        assert 180 < len(arrived) < 290
        assert arrived != sorted(arrived, key=int), "delays change the order"
        assert second.counters.drops[Drop.DUPLICATE] > 0


def _waiting(channel: "trio.MemoryReceiveChannel[object]") -> int:
    return channel.statistics().current_buffer_used


async def test_a_partition_holds_channels_and_stops_the_rest(autojump_clock: MockClock) -> None:
    world = SimulatedWorld(5)
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        first.channel("c") as here,
        second.channel("c") as there,
        second.subscribe("t") as received,
    ):
        second.serve("/echo/1", echo)
        await here.wait_for_peers(1)
        world.partition((first.peer_id,), (second.peer_id,))
        here.broadcast(b"held")
        await first.publish("t", b"lost")
        with pytest.raises(RequestFailed) as failed:
            await first.request(second.peer_id, "/echo/1", b"", timeout_s=5)
        assert failed.value.failure is Failure.TIMEOUT
        with pytest.raises(trio.TooSlowError), trio.fail_after(100):
            await there.receive()
        world.heal()
        assert await there.receive() == (first.peer_id, b"held")
        assert await first.request(second.peer_id, "/echo/1", b"x", timeout_s=5) == b"x"
        assert _waiting(received) == 0


async def _story(seed: int) -> list[tuple[float, PeerId, PeerId, bytes]]:
    """What four nodes hear, and when, while wires break and heal."""
    world, heard = SimulatedWorld(seed, STORM), list[tuple[float, PeerId, PeerId, bytes]]()
    begun = trio.current_time()

    async def listen(node: Network, channel: Channel) -> None:
        async for peer, data in channel:
            heard.append((round(trio.current_time() - begun, 6), node.peer_id, peer, data))

    async with AsyncExitStack() as stack:
        nodes: list[Network] = []
        channels: list[Channel] = []
        for number in range(1, 5):
            nodes.append(await stack.enter_async_context(world.open(config(number, *nodes))))
            channels.append(await stack.enter_async_context(nodes[-1].channel("c")))
        async with trio.open_nursery() as nursery:
            for node, channel in zip(nodes, channels, strict=True):
                nursery.start_soon(listen, node, channel)
                await channel.wait_for_peers(3)
            for number in range(20):
                channels[number % 4].broadcast(b"%d" % number)
                await trio.sleep(0.1)
                if number == 10:
                    world.partition((nodes[0].peer_id, nodes[1].peer_id))
            world.heal()
            await trio.sleep(60)
            nursery.cancel_scope.cancel()
    return heard


async def test_the_same_seed_tells_the_same_story(autojump_clock: MockClock) -> None:
    first, again, other = await _story(1), await _story(1), await _story(2)
    assert len(first) == 60
    assert first == again
    assert first != other
