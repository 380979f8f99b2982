"""What callers may rely on, of the simulated and of the real network alike."""

import pytest
import trio

from p2p.counters import Drop
from p2p.errors import (
    AlreadyOpen,
    DialFailed,
    Failure,
    InvalidAddress,
    InvalidIdentity,
    MessageTooLarge,
    NetworkClosed,
    NotConnected,
    Refused,
    RequestFailed,
)
from p2p.identity import PeerId, peer_id_of, public_key_of
from p2p.network import (
    MAX_CHANNEL_BYTES,
    MAX_GOSSIP_BYTES,
    MAX_REQUEST_BYTES,
    MAX_RESPONSE_BYTES,
    Direction,
    Limits,
    NetworkConfig,
    Offence,
)
from tests.p2p.worlds import World, config, key, sees_topic
from tests.waiting import until

IN_TIME_S = 20


async def test_a_node_has_the_peer_id_of_its_key(world: World) -> None:
    async with world.open(config(1)) as node:
        assert node.peer_id == peer_id_of(public_key_of(key(1)))
        assert node.addresses()
        assert all(address.endswith(f"/p2p/{node.peer_id}") for address in node.addresses())


async def test_a_key_that_is_none_is_refused(world: World) -> None:
    with pytest.raises(InvalidIdentity):
        async with world.open(NetworkConfig(b"\0" * 32)):
            pass


async def test_bootstrap_connects_and_both_describe_the_other(world: World) -> None:
    async with world.open(config(1)) as first, world.open(config(2, first)) as second:
        with trio.fail_after(IN_TIME_S):
            await first.wait_for_peers(1)
            await second.wait_for_peers(1)
        (there,), (here,) = first.peers(), second.peers()
        assert (there.id, there.direction) == (second.peer_id, Direction.INBOUND)
        assert (here.id, here.direction) == (first.peer_id, Direction.OUTBOUND)
        assert here.addresses == first.addresses()
        assert here.score == 0


async def test_a_closed_node_is_noticed(world: World) -> None:
    async with world.open(config(1)) as first:
        async with world.open(config(2, first)):
            with trio.fail_after(IN_TIME_S):
                await first.wait_for_peers(1)
        await until(lambda: not first.peers())


async def test_dialling_by_hand_and_by_hearsay(world: World) -> None:
    async with (
        world.open(config(1)) as first,
        world.open(config(2)) as second,
        world.open(config(3)) as third,
    ):
        await first.dial(second.addresses()[0])
        first.learn(third.peer_id, third.addresses())
        with trio.fail_after(IN_TIME_S):
            await first.wait_for_peers(2)
        assert set(second.addresses() + third.addresses()) <= set(first.known())


async def test_one_list_serves_all_nodes(world: World) -> None:
    """A node passes over its own address, and refuses to be told to dial itself."""
    async with world.open(config(1)) as first, world.open(config(2, first)) as second:
        with trio.fail_after(IN_TIME_S):
            await second.wait_for_peers(1)
        with pytest.raises(DialFailed):
            await second.dial(second.addresses()[0])
        assert [peer.id for peer in second.peers()] == [first.peer_id]


async def test_addresses_that_lead_nowhere(world: World) -> None:
    async with world.open(config(1)) as node:
        with pytest.raises(InvalidAddress):
            await node.dial("nonsense")
        with pytest.raises(DialFailed):
            await node.dial(world.unreachable(peer_id_of(public_key_of(key(9)))))
        node.learn(PeerId("nonsense"), ("nonsense", "", "/ip4/1.2.3.4/udp/1"))
        assert node.known() == (world.unreachable(peer_id_of(public_key_of(key(9)))),)
        assert node.counters.dial_failures >= 1


# -- topics ----------------------------------------------------------------------------


async def test_a_message_reaches_subscribers_with_its_author(world: World) -> None:
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        first.subscribe("t") as own,
        second.subscribe("t") as other,
    ):
        await sees_topic(first, second, "t")
        with trio.fail_after(IN_TIME_S):
            await first.publish("t", b"x" * MAX_GOSSIP_BYTES)
            gossip = await other.receive()
        assert (gossip.topic, gossip.sender) == ("t", first.peer_id)
        assert gossip.data == b"x" * MAX_GOSSIP_BYTES
        with pytest.raises(trio.WouldBlock):
            own.receive_nowait()


async def test_a_message_is_passed_on_by_those_in_between(world: World) -> None:
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as middle,
        world.open(config(3, middle)) as last,
        first.subscribe("t"),
        middle.subscribe("t"),
        last.subscribe("t") as receive,
    ):
        await sees_topic(first, middle, "t")
        await sees_topic(middle, last, "t")
        await sees_topic(last, middle, "t")
        with trio.fail_after(IN_TIME_S):
            await first.publish("t", b"from afar")
            assert (await receive.receive()).sender == first.peer_id
        assert not any(peer.id == first.peer_id for peer in last.peers())


async def test_what_is_not_accepted_is_dropped_there(world: World) -> None:
    def accept(author: PeerId, data: bytes) -> bool:
        if data == b"raise":
            raise ValueError(author)
        return data != b"no"

    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        second.subscribe("t", accept=accept) as receive,
    ):
        await sees_topic(first, second, "t")
        for data in (b"no", b"raise", b"yes"):
            await first.publish("t", data)
        with trio.fail_after(IN_TIME_S):
            assert (await receive.receive()).data == b"yes"
        await until(lambda: second.counters.drops[Drop.NOT_ACCEPTED] == 2)
        assert second.counters.handler_errors == 1


async def test_limits_of_topics(world: World) -> None:
    async with world.open(config(1)) as node:
        with pytest.raises(MessageTooLarge):
            await node.publish("t", b"x" * (MAX_GOSSIP_BYTES + 1))
        async with node.subscribe("t") as receive:
            with pytest.raises(AlreadyOpen):
                async with node.subscribe("t"):
                    pass
        with pytest.raises(trio.ClosedResourceError):
            receive.receive_nowait()
        async with node.subscribe("t"):
            pass


async def test_a_full_subscription_drops_the_newest_and_counts(world: World) -> None:
    small = Limits(subscription_messages=3)
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first, limits=small)) as second,
        second.subscribe("t") as receive,
    ):
        await sees_topic(first, second, "t")
        for number in range(5):
            await first.publish("t", bytes([number]))
        await until(lambda: second.counters.drops[Drop.SUBSCRIPTION_FULL] == 2)
        assert len([receive.receive_nowait() for _ in range(3)]) == 3


# -- requests --------------------------------------------------------------------------


async def reverse(peer: PeerId, payload: bytes) -> bytes:
    return payload[::-1]


async def test_a_request_is_answered(world: World) -> None:
    async with world.open(config(1)) as first, world.open(config(2, first)) as second:
        first.serve("/reverse/1", reverse)
        with trio.fail_after(IN_TIME_S):
            await second.wait_for_peers(1)
            assert await second.request(first.peer_id, "/reverse/1", b"abc", timeout_s=5) == b"cba"
            assert await second.request(first.peer_id, "/reverse/1", b"", timeout_s=5) == b""


async def test_the_largest_request_and_answer(world: World) -> None:
    async def fill(peer: PeerId, payload: bytes) -> bytes:
        return payload[:1] * MAX_RESPONSE_BYTES

    async with world.open(config(1)) as first, world.open(config(2, first)) as second:
        first.serve("/fill/1", fill)
        with trio.fail_after(IN_TIME_S):
            await second.wait_for_peers(1)
            largest = b"y" * MAX_REQUEST_BYTES
            answer = await second.request(first.peer_id, "/fill/1", largest, timeout_s=10)
        assert answer == b"y" * MAX_RESPONSE_BYTES
        with pytest.raises(MessageTooLarge):
            await second.request(first.peer_id, "/fill/1", largest + b"y", timeout_s=5)


async def test_ways_in_which_a_request_fails(world: World) -> None:
    async def refuse(peer: PeerId, payload: bytes) -> bytes:
        raise Refused("not today")

    async def fail(peer: PeerId, payload: bytes) -> bytes:
        raise KeyError("a fault of the handler")

    async def hang(peer: PeerId, payload: bytes) -> bytes:
        await trio.sleep_forever()

    async def flood(peer: PeerId, payload: bytes) -> bytes:
        return b"z" * (MAX_RESPONSE_BYTES + 1)

    async with world.open(config(1)) as first, world.open(config(2, first)) as second:
        first.serve("/refuse/1", refuse)
        first.serve("/fail/1", fail)
        first.serve("/hang/1", hang)
        first.serve("/flood/1", flood)
        first.serve("/reverse/1", reverse)
        with pytest.raises(AlreadyOpen):
            first.serve("/hang/1", hang)

        async def failure(protocol: str, peer: PeerId = first.peer_id) -> tuple[Failure, str]:
            with pytest.raises(RequestFailed) as raised:
                await second.request(peer, protocol, b"?", timeout_s=0.5)
            return raised.value.failure, raised.value.detail

        with trio.fail_after(IN_TIME_S):
            await second.wait_for_peers(1)
            assert await failure("/refuse/1") == (Failure.REFUSED, "not today")
            assert await failure("/fail/1") == (Failure.REFUSED, "internal error")
            assert await failure("/flood/1") == (Failure.REFUSED, "answer too large")
            assert (await failure("/unknown/1"))[0] is Failure.UNSUPPORTED
            assert (await failure("/hang/1"))[0] is Failure.TIMEOUT
            nobody = peer_id_of(public_key_of(key(9)))
            assert (await failure("/reverse/1", nobody))[0] is Failure.NOT_CONNECTED
            # None of it harmed the node.
            assert await second.request(first.peer_id, "/reverse/1", b"ab", timeout_s=5) == b"ba"
        assert first.counters.handler_errors == 1
        assert second.counters.offences[Offence.UNANSWERED] == 1


async def test_requests_at_once_are_bounded_per_peer(world: World) -> None:
    release = trio.Event()

    async def wait(peer: PeerId, payload: bytes) -> bytes:
        await release.wait()
        return b"done"

    answers: list[bytes | Failure] = []

    async with (
        world.open(config(1, limits=Limits(requests_per_peer=3))) as first,
        world.open(config(2, first)) as second,
    ):
        first.serve("/wait/1", wait)

        async def ask() -> None:
            try:
                answers.append(await second.request(first.peer_id, "/wait/1", b"", timeout_s=10))
            except RequestFailed as failed:
                answers.append(failed.failure)

        with trio.fail_after(IN_TIME_S):
            await second.wait_for_peers(1)
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(ask)
                await until(lambda: len(answers) == 2)
                release.set()
        assert answers == [Failure.REFUSED] * 2 + [b"done"] * 3


# -- channels --------------------------------------------------------------------------


async def test_a_channel_keeps_order_both_ways(world: World) -> None:
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        first.channel("c") as here,
        second.channel("c") as there,
    ):
        with trio.fail_after(IN_TIME_S):
            await here.wait_for_peers(1)
            await there.wait_for_peers(1)
            for number in range(200):
                await here.send(second.peer_id, b"%d" % number)
                there.broadcast(b"-%d" % number)
            for number in range(200):
                assert await there.receive() == (first.peer_id, b"%d" % number)
                assert await here.receive() == (second.peer_id, b"-%d" % number)
            large = bytes(MAX_CHANNEL_BYTES)
            await here.send(second.peer_id, large)
            assert (await there.receive())[1] == large
        assert [peer.channels for peer in first.peers()] == [("c",)]


async def test_a_channel_has_only_the_peers_that_opened_it(world: World) -> None:
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        first.channel("c") as here,
    ):
        with trio.fail_after(IN_TIME_S):
            await first.wait_for_peers(1)
            assert here.peers() == ()
            with pytest.raises(NotConnected):
                await here.send(second.peer_id, b"too early")
            async with second.channel("c"):
                await here.wait_for_peers(1)
                assert here.peers() == (second.peer_id,)
            await until(lambda: not here.peers())
            async with second.channel("c") as again:
                await here.wait_for_peers(1)
                await again.wait_for_peers(1)
                here.broadcast(b"back")
                assert (await again.receive())[1] == b"back"


async def test_limits_of_channels(world: World) -> None:
    async with world.open(config(1)) as node:
        async with node.channel("c") as channel:
            with pytest.raises(AlreadyOpen):
                async with node.channel("c"):
                    pass
            with pytest.raises(MessageTooLarge):
                channel.broadcast(bytes(MAX_CHANNEL_BYTES + 1))
            with pytest.raises(MessageTooLarge):
                await channel.send(PeerId("x"), bytes(MAX_CHANNEL_BYTES + 1))
        with pytest.raises(NetworkClosed):
            await channel.receive()


async def test_a_channel_loses_nothing_over_broken_connections(world: World) -> None:
    total = 400
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        first.channel("c") as here,
        second.channel("c") as there,
        trio.open_nursery() as nursery,
    ):
        with trio.fail_after(IN_TIME_S):
            await here.wait_for_peers(1)

            async def send_all() -> None:
                for number in range(total):
                    await here.send(second.peer_id, b"%d" % number)
                    if number % 100 == 50:
                        await world.cut(first, second)

            nursery.start_soon(send_all)
            for number in range(total):
                assert await there.receive() == (first.peer_id, b"%d" % number)
        with pytest.raises(trio.TooSlowError), trio.fail_after(0.2):
            await there.receive()


async def test_broadcast_also_reaches_a_peer_that_is_just_reconnecting(world: World) -> None:
    async with (
        world.open(config(1)) as first,
        world.open(config(2, first)) as second,
        first.channel("c") as here,
        second.channel("c") as there,
    ):
        with trio.fail_after(IN_TIME_S):
            await here.wait_for_peers(1)
            await world.cut(first, second)
            await until(lambda: not here.peers())
            here.broadcast(b"while away")
            assert (await there.receive())[1] == b"while away"


async def test_a_full_queue_drops_broadcasts_and_holds_senders(world: World) -> None:
    small = Limits(channel_messages=4, channel_inbox_messages=1, channel_stall_s=30)
    async with (
        world.open(config(1, limits=small)) as first,
        world.open(config(2, first, limits=small)) as second,
        first.channel("c") as here,
        second.channel("c") as there,
    ):
        with trio.fail_after(IN_TIME_S):
            await here.wait_for_peers(1)
            for number in range(20):
                here.broadcast(b"%d" % number)
            assert first.counters.drops[Drop.CHANNEL_FULL] >= 10
            arrived = [int((await there.receive())[1]) for _ in range(4)]
            assert arrived == [0, 1, 2, 3]

            async def send_more() -> None:
                for number in range(100, 110):
                    await here.send(second.peer_id, b"%d" % number)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_more)
                for number in range(100, 110):
                    assert (await there.receive())[1] == b"%d" % number


# -- offences --------------------------------------------------------------------------


async def test_a_peer_that_offends_is_banned_for_a_while(world: World) -> None:
    async with world.open(config(1)) as first, world.open(config(2, first)) as second:
        with trio.fail_after(IN_TIME_S):
            await first.wait_for_peers(1)
            first.report(second.peer_id, Offence.MALFORMED)
            assert first.peers()[0].score > 0
            assert first.banned() == ()
            first.report(second.peer_id, Offence.WRONG_CHAIN)
            assert first.banned() == (second.peer_id,)
            await until(lambda: not first.peers())
            assert first.counters.bans == 1
            assert first.counters.offences[Offence.WRONG_CHAIN] == 1
            # The ban ends by itself, and the other has been redialling all the while.
            await until(lambda: not first.banned())
            await first.wait_for_peers(1)


async def test_a_node_that_comes_back_is_found_again(world: World) -> None:
    async with world.open(config(1)) as first, first.channel("c") as here:
        for _ in range(2):
            async with world.open(config(2, first)) as second, second.channel("c") as there:
                with trio.fail_after(IN_TIME_S):
                    await here.wait_for_peers(1)
                    await there.wait_for_peers(1)
                    here.broadcast(b"to it")
                    there.broadcast(b"from it")
                    assert (await there.receive())[1] == b"to it"
                    assert (await here.receive())[1] == b"from it"
