"""What is said on a chain's channel and topic: garbage is charged, nobody slow holds it up."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from gtxnode.relay import (
    GOSSIP_QUEUE,
    MAX_ADDRESSES,
    Announcement,
    BatchEnvelope,
    ConsensusEnvelope,
    Envelope,
    FinalEnvelope,
    HeadEnvelope,
    MalformedEnvelope,
    Relay,
    channel_name,
    decode_envelope,
    encode_envelope,
    topic_name,
)
from p2p.identity import PeerId
from p2p.network import NetworkConfig, Offence
from p2p.simulated import SimulatedWorld, Weather
from p2p.simulated_node import SimulatedNetwork
from tests.node.little_chain import commit_on, next_block, opened
from tests.node.test_engine import CHAIN
from tests.waiting import until

BLOCK = next_block(opened())
ENVELOPES: Sequence[Envelope] = (
    ConsensusEnvelope(b"anything"),
    BatchEnvelope(b"anything"),
    HeadEnvelope(7, bytes(32)),
    FinalEnvelope(BLOCK.header, commit_on(BLOCK)),
    Announcement(("/ip4/127.0.0.1/tcp/1/p2p/x",), b"\x02" * 33, 7),
    Announcement((), None, 0),
)
GOOD = [encode_envelope(each) for each in ENVELOPES]


def parses_or_is_malformed(data: bytes) -> None:
    """The sentence: garbage parses, to what encodes to the same bytes, or raises that error."""
    try:
        envelope = decode_envelope(data)
    except MalformedEnvelope:
        return
    assert encode_envelope(envelope) == data


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_an_envelope_comes_out_as_it_went_in(envelope: Envelope) -> None:
    assert decode_envelope(encode_envelope(envelope)) == envelope


@given(st.binary(max_size=400))
def test_garbage_parses_or_raises_that_one_error(data: bytes) -> None:
    parses_or_is_malformed(data)


@given(
    st.sampled_from(GOOD),
    st.integers(0, 10_000),
    st.integers(0, 255),
    st.sampled_from(["set", "cut", "insert", "repeat"]),
)
def test_an_envelope_with_a_change_parses_or_raises_that_one_error(
    good: bytes, place: int, byte: int, change: str
) -> None:
    at = place % len(good)
    match change:
        case "set":
            data = good[:at] + bytes([byte]) + good[at + 1 :]
        case "cut":
            data = good[:at]
        case "insert":
            data = good[:at] + bytes([byte]) + good[at:]
        case _:
            data = good[:at] + good
    parses_or_is_malformed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 300_000,
        b"\x91" * 100_000,  # arrays in arrays
        b"\xdd\xff\xff\xff\xff",  # four billion entries are announced
        b"\x92\x01\xc6\xff\xff\xff\xff",  # four gigabytes are announced
        encode_envelope(Announcement(("x",) * (MAX_ADDRESSES + 1), None, 0)),
        encode_envelope(HeadEnvelope(1, bytes(31))),
        encode_envelope(HeadEnvelope(-1, bytes(32))),
        GOOD[2] + b"\x00",
    ],
    ids=lambda data: f"{data[:6].hex()} {len(data)}",
)
def test_what_is_over_a_limit_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEnvelope):
        decode_envelope(data)


@dataclass
class Heard:
    """Who said what to our relay."""

    said: list[tuple[PeerId, Envelope]] = field(default_factory=list)

    async def receive(self, peer: PeerId, envelope: Envelope) -> None:
        self.said.append((peer, envelope))


@asynccontextmanager
async def two() -> AsyncIterator[tuple[Relay, Heard, SimulatedNetwork, SimulatedNetwork]]:
    """Our relay, what it hears, our network, and another's that is connected."""
    world = SimulatedWorld(1, Weather())
    async with world.open(NetworkConfig(private_key=b"\x01" * 32)) as ours:
        config = NetworkConfig(private_key=b"\x02" * 32, bootstrap=ours.addresses())
        async with world.open(config) as other, trio.open_nursery() as nursery:
            relay, heard = Relay(ours, CHAIN), Heard()
            await nursery.start(relay.run, heard.receive)
            await ours.wait_for_peers(1)
            yield relay, heard, ours, other
            nursery.cancel_scope.cancel()


async def test_garbage_on_channel_and_topic_is_charged_to_its_sender(
    autojump_clock: MockClock,
) -> None:
    dice = random.Random(1)
    async with two() as (_, heard, ours, other):
        async with other.channel(channel_name(CHAIN)) as channel:
            await channel.wait_for_peers(1)
            await channel.send(ours.peer_id, GOOD[2])
            await channel.send(ours.peer_id, dice.randbytes(500))
            await until(lambda: ours.counters.offences[Offence.MALFORMED] == 1)
            await other.publish(topic_name(CHAIN), dice.randbytes(50))
            await until(lambda: bool(ours.banned()))
        assert heard.said == [(other.peer_id, ENVELOPES[2])]
        assert ours.counters.offences == {Offence.MALFORMED: 2}
        assert ours.banned() == (other.peer_id,)


async def test_gossip_waits_for_nobody_and_is_bounded(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two() as (relay, _, ours, _):
        published = 0
        reads = trio.Event()

        async def publish(topic: str, data: bytes) -> None:
            nonlocal published
            published += 1
            await reads.wait()

        monkeypatch.setattr(ours, "publish", publish)
        before = trio.current_time()
        for height in range(2 * GOSSIP_QUEUE):
            await relay.announce(HeadEnvelope(height, bytes(32)))
        assert trio.current_time() == before
        reads.set()
        await wait_all_tasks_blocked()
        assert published <= GOSSIP_QUEUE + 1


async def test_gossip_goes_to_who_is_reached_by_no_stream(autojump_clock: MockClock) -> None:
    async with two() as (relay, _, ours, other), other.subscribe(topic_name(CHAIN)) as gossip:
        await relay.publish(ENVELOPES[2])
        assert (await gossip.receive()).data == GOOD[2]
        async with other.channel(channel_name(CHAIN)) as channel:
            await channel.wait_for_peers(1)
            await relay.publish(ENVELOPES[2])
            relay.broadcast(ENVELOPES[2])
            assert await channel.receive() == (ours.peer_id, GOOD[2])
            await wait_all_tasks_blocked(1)
            with pytest.raises(trio.WouldBlock):
                gossip.receive_nowait()
