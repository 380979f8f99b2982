"""What the network carries between processes, beside raw trio TCP in the same run.

    python -m benchmarks.network [-o json] [--seconds S]

One process sends to three others over loopback, each with its own interpreter, on a direct
channel and on a topic, messages of 200 B and of 60 kB. The reference sends the same messages
over plain trio TCP sockets, with a length before each and nothing else: no encryption, no
acknowledgement, no queue. Rates are messages per second that reached each receiver; CPU is the
process's own, per message. With four processes on fewer cores the rate is bound by CPU, so go
by CPU per message.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
import trio

from benchmarks.figure import Figure, add_output_option, show
from p2p.frames import FrameDecoder, encode_frame
from p2p.libp2p_host import open_network
from p2p.network import MAX_GOSSIP_BYTES, Limits, Network, NetworkConfig

RECEIVERS: Final = 3
SIZES: Final = (200, MAX_GOSSIP_BYTES)
KINDS: Final = ("channel", "gossip", "tcp")
LISTEN: Final = ("/ip4/127.0.0.1/tcp/0",)
# A benchmark's peers trust one another: no rate is to be measured by its limit.
LIMITS: Final = Limits(gossip_per_s=1e9, gossip_burst=1e9, subscription_messages=100_000)
READY_S: Final = 60
STOP: Final = b"stop"

Send = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """What one receiver counted between the first message and the last."""

    messages: int
    seconds: float
    cpu_seconds: float


# -- receivers, each in a process of its own -------------------------------------------


async def count(messages: AsyncIterator[bytes]) -> Received:
    """Count messages until STOP."""
    total, begun, cpu = 0, 0.0, 0.0
    async for message in messages:
        if message == STOP:
            break
        if not total:
            begun, cpu = time.perf_counter(), time.process_time()
        total += 1
    return Received(total, time.perf_counter() - begun, time.process_time() - cpu)


async def receive(kind: str, number: int) -> None:
    """Say where to connect, count one run, say the counts."""
    if kind == "tcp":
        await receive_tcp()
        return
    config = NetworkConfig(private_key(number), LISTEN, limits=LIMITS)
    async with open_network(config) as network:
        if kind == "channel":
            async with network.channel("bench") as channel:
                say(network.addresses()[0])
                say(await count(data async for _, data in channel))
        else:
            async with network.subscribe("bench") as topic:
                say(network.addresses()[0])
                say(await count(gossip.data async for gossip in topic))


async def receive_tcp() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    say(str(listener.socket.getsockname()[1]))
    async with listener, await listener.accept() as stream:
        say(await count(frames(stream)))


async def frames(stream: trio.SocketStream) -> AsyncIterator[bytes]:
    decoder = FrameDecoder(MAX_GOSSIP_BYTES)
    async for chunk in stream:
        decoder.feed(chunk)
        while (frame := decoder.next_frame()) is not None:
            yield frame


def say(line: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.flush()


def private_key(number: int) -> bytes:
    return bytes([number]) * 32


# -- the sender ------------------------------------------------------------------------


class Receiver:
    """A receiver's process, seen from the sender's."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._said = b""

    async def line(self) -> bytes:
        assert self.process.stdout is not None
        while b"\n" not in self._said:
            chunk = await self.process.stdout.receive_some()
            assert chunk, "a receiver has ended"
            self._said += chunk
        line, _, self._said = self._said.partition(b"\n")
        return line


@asynccontextmanager
async def receivers(kind: str) -> AsyncIterator[tuple[list[Receiver], list[str]]]:
    """The running receivers and where they are."""
    running: list[Receiver] = []
    try:
        for number in range(RECEIVERS):
            command = [
                sys.executable,
                "-m",
                "benchmarks.network",
                "--receive",
                kind,
                str(number + 2),
            ]
            process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
            running.append(Receiver(process))
        with trio.fail_after(READY_S):
            places = [msgspec.json.decode(await each.line(), type=str) for each in running]
        yield running, places
    finally:
        for each in running:
            each.process.kill()
            with trio.CancelScope() as scope:
                scope.shield = True
                await each.process.wait()


@asynccontextmanager
async def network_sender(kind: str, places: list[str]) -> AsyncIterator[Send]:
    """Send to all receivers over our network."""
    config = NetworkConfig(private_key(1), LISTEN, bootstrap=tuple(places), limits=LIMITS)
    async with open_network(config) as network:
        if kind == "gossip":
            async with network.subscribe("bench"):
                await all_subscribed(network)
                yield lambda message: network.publish("bench", message)
            return
        async with network.channel("bench") as channel:
            with trio.fail_after(READY_S):
                await channel.wait_for_peers(RECEIVERS)
            peers = channel.peers()

            async def send(message: bytes) -> None:
                for peer in peers:
                    await channel.send(peer, message)

            yield send


async def all_subscribed(network: Network) -> None:
    with trio.fail_after(READY_S):
        while sum("bench" in peer.topics for peer in network.peers()) < RECEIVERS:  # noqa: ASYNC110
            await trio.sleep(0.01)


@asynccontextmanager
async def tcp_sender(places: list[str]) -> AsyncIterator[Send]:
    """Send to all receivers over bare sockets."""
    streams = [await trio.open_tcp_stream("127.0.0.1", int(port)) for port in places]

    async def send(message: bytes) -> None:
        frame = encode_frame(message)
        for stream in streams:
            await stream.send_all(frame)

    try:
        yield send
    finally:
        for stream in streams:
            await stream.aclose()


async def measure(kind: str, size: int, seconds: float) -> tuple[float, float, float]:
    """Messages/s to each receiver, and CPU µs per message of the sender and of a receiver."""
    async with receivers(kind) as (running, places):
        opened = tcp_sender(places) if kind == "tcp" else network_sender(kind, places)
        async with opened as send:
            message, sent = os.urandom(size), 0
            begun, cpu = time.perf_counter(), time.process_time()
            while time.perf_counter() - begun < seconds:
                await send(message)
                sent += 1
            cpu = time.process_time() - cpu
            # Gossip keeps no order: what is still on its way is given time to arrive.
            await trio.sleep(1.0 if kind == "gossip" else 0.0)
            await send(STOP)
            with trio.fail_after(READY_S):
                counts = [msgspec.json.decode(await each.line(), type=Received) for each in running]
    rate = statistics.mean(each.messages / each.seconds for each in counts)
    receiver_cpu = statistics.mean(each.cpu_seconds / each.messages for each in counts)
    return rate, cpu / sent * 1e6, receiver_cpu * 1e6


async def figures(seconds: float) -> AsyncIterator[Figure]:
    """The reference first, then each kind beside it."""
    for size in SIZES:
        reference = await measure("tcp", size, seconds)
        for kind in ("channel", "gossip"):
            measured = await measure(kind, size, seconds)
            name = f"{kind} {size} B to {RECEIVERS}"
            yield Figure(f"{name}, rate", measured[0], "msg/s", reference[0])
            yield Figure(f"{name}, sender CPU", measured[1], "us/msg", reference[1])
            yield Figure(f"{name}, receiver CPU", measured[2], "us/msg", reference[2])


async def run(seconds: float, output: str) -> None:
    async for figure in figures(seconds):
        show((figure,), output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_output_option(parser)
    parser.add_argument("--seconds", type=float, default=5.0, help="of sending, per figure")
    parser.add_argument("--receive", nargs=2, metavar=("KIND", "NUMBER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        trio.run(receive, options.receive[0], int(options.receive[1]))
    else:
        trio.run(run, options.seconds, options.output)


if __name__ == "__main__":
    main()
