"""A node in a process of its own, to be frozen and killed: JSON lines out, nothing in.

    python -m tests.p2p.node_process KEY_NUMBER LISTEN [BOOTSTRAP ...]

Prints {"listening": [...]} once, then {"gossip": text} for each message of topic "t". It sends
back on channel "c" whatever arrives there, and serves /echo/1.
"""

import contextlib
import json
import sys

import trio

from p2p.errors import NotConnected
from p2p.identity import PeerId
from p2p.libp2p_host import open_network
from p2p.network import Channel, Network, NetworkConfig
from tests.p2p.worlds import QUICK, key


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


async def echo(peer: PeerId, payload: bytes) -> bytes:
    return payload


async def send_back(channel: Channel) -> None:
    async for peer, data in channel:
        with contextlib.suppress(NotConnected):
            await channel.send(peer, data)


async def tell(network: Network) -> None:
    async with network.subscribe("t") as messages:
        say(listening=network.addresses())
        async for message in messages:
            say(gossip=message.data[:100].decode())


async def main(number: int, listen: str, *bootstrap: str) -> None:
    config = NetworkConfig(key(number), (listen,), bootstrap, limits=QUICK)
    async with open_network(config) as network, network.channel("c") as channel:
        network.serve("/echo/1", echo)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_back, channel)
            nursery.start_soon(tell, network)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), *sys.argv[2:])
