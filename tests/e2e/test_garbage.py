"""Garbage on every port, topic and stream: an error or a dropped peer, and the node lives on.

The sentence that is tried here with real processes: whatever arrives is refused with an error, or
costs its sender the connection; no node ends, no block is missed, and memory does not grow.
"""

import contextlib
import random
from collections.abc import Iterable

import pytest
import trio
from trio_websocket import ConnectionClosed, wrap_client_stream

from consensus import signing
from gtxnode.devnet.fleet import Validator
from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash, decode_coin
from gtxnode.ledger.transactions import Transaction, Witness, encode_transaction, parse
from gtxnode.primitives.errors import Reason
from gtxnode.relay import (
    BatchEnvelope,
    ConsensusEnvelope,
    HeadEnvelope,
    channel_name,
    encode_envelope,
    topic_name,
)
from gtxnode.rpc import wire
from gtxnode.rpc.client import Client, connect
from gtxnode.rpc.views.accounts import CoinPage
from gtxnode.rpc.views.transactions import Verdict, VerdictStatus
from gtxnode.sync.wire import batches_protocol, blocks_protocol
from p2p.errors import MessageTooLarge, NetworkError
from p2p.libp2p_host import open_network
from p2p.network import MAX_GOSSIP_BYTES, Network, NetworkConfig
from tests.e2e.harness import BANGKOK, Cluster, events, memory_kib

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROUNDS = 20
GROWTH_KIB = 40_000
MIB = 1_024 * 1_024
# The order of secp256k1's group: S and ORDER - S sign the same.
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


async def unharmed(cluster: Cluster, before_kib: int) -> None:
    """All nodes run, make blocks, agree, and the one that was pelted is ready and has not grown."""
    await cluster.moves(*cluster.nodes)
    await cluster.ready(cluster.nodes)
    assert memory_kib(cluster.nodes[0]) - before_kib < GROWTH_KIB
    await cluster.agree(*cluster.nodes)


async def warm(cluster: Cluster) -> int:
    """The memory of the first node once it has been at work for a while."""
    await cluster.moves(*cluster.nodes, blocks=4)
    return memory_kib(cluster.nodes[0])


async def throw(port: int, data: bytes) -> None:
    """Open a connection, send the bytes, read what comes back, until the other side ends it."""
    with trio.move_on_after(2):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            try:
                await stream.send_all(data)
                await stream.send_eof()
                while await stream.receive_some(65_536):
                    pass
            except trio.BrokenResourceError:
                pass  # dropped, as it should be


async def test_random_bytes_on_every_port(cluster: Cluster, chance: random.Random) -> None:
    before_kib = await warm(cluster)
    node = cluster.nodes[0]
    beginnings = [b"", b"GET / HTTP/1.1\r\n", b"\x13/multistream/1.0.0\n", b"\x00" * 64]
    for port in (node.ports.p2p, node.ports.rpc, node.ports.http):
        for _ in range(ROUNDS):
            size = chance.choice([1, 6, 100, 10_000, 300_000])
            await throw(port, chance.choice(beginnings) + chance.randbytes(size))
    await unharmed(cluster, before_kib)


async def say(node: Validator, message: str | bytes) -> None:
    """Send one message over a WebSocket of its own, and wait for an answer or the end."""
    stream = await trio.open_tcp_stream("127.0.0.1", node.ports.rpc)
    async with stream, trio.open_nursery() as nursery:
        socket = await wrap_client_stream(nursery, stream, "127.0.0.1", "/")
        # Being closed is the answer to what is too long.
        with contextlib.suppress(ConnectionClosed):
            await socket.send_message(message)
            await socket.get_message()
        nursery.cancel_scope.cancel()


async def test_garbage_over_websocket(cluster: Cluster, chance: random.Random) -> None:
    before_kib = await warm(cluster)
    node = cluster.nodes[0]
    messages: list[str | bytes] = [
        "",
        "[]",
        "[1,2]",
        "{" * 50_000,
        '{"jsonrpc":"2.0","method":"tx.send","params":{"shard":"geo_bangkok"},"id":1}',
        '{"jsonrpc":"2.0","method":"tx.send","params":["geo_bangkok","zz"],"id":1}',
        '{"jsonrpc":"2.0","method":"chain.block","params":["geo_bangkok",-1],"id":1}',
        '{"jsonrpc":"2.0","method":"chain.head","params":["geo_atlantis"],"id":[]}',
        chance.randbytes(1_000),
        "x" * (2 * MIB),
    ]
    for message in messages:
        with trio.move_on_after(5):
            await say(node, message)
    await unharmed(cluster, before_kib)


async def refused(client: Client, transaction: bytes) -> str:
    verdict = await client.ask(Verdict, "tx.send", shard=BANGKOK, transaction=transaction)
    assert verdict.status is VerdictStatus.REJECTED
    assert verdict.refusal is not None
    return verdict.refusal.reason


async def test_bad_transactions_are_refused_with_their_reason(
    cluster: Cluster, chance: random.Random
) -> None:
    before_kib = await warm(cluster)
    household = cluster.fleet.households[0]
    async with connect(cluster.nodes[0].websocket) as client:
        page = await client.ask(
            CoinPage, "account.coins", shard=BANGKOK, address=wire.Address(household.owner)
        )
        cash = [(bytes(each.id), decode_coin(each.encoded)) for each in page.coins]
        money = [(id_, coin) for id_, coin in cash if isinstance(coin, Cash)]
        body = wallet.pay(household.owner, money, household.owner, 5_000, 1_000)
        good = wallet.sign(cluster.chain_id, body, household.wallet_key)

        def with_signature(signature: bytes) -> bytes:
            witness = Witness(signing.public_key(household.wallet_key), signature)
            return encode_transaction(Transaction(body, (witness,)))

        signature = parse(cluster.chain_id, good.encoded).witnesses[0].signature
        high_s = (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
        for _ in range(ROUNDS):
            junk = chance.randbytes(chance.randrange(1, 5_000))
            assert await refused(client, junk) == Reason.MALFORMED_TRANSACTION
            cut = good.encoded[: chance.randrange(len(good.encoded))]
            assert await refused(client, cut) == Reason.MALFORMED_TRANSACTION
        assert await refused(client, good.encoded + b"\x00") == Reason.MALFORMED_TRANSACTION
        assert await refused(client, bytes(20_000)) == Reason.MALFORMED_TRANSACTION
        assert await refused(client, with_signature(bytes(64))) == Reason.BAD_SIGNATURE
        assert await refused(client, with_signature(b"\xff" * 64)) == Reason.BAD_SIGNATURE
        assert await refused(client, with_signature(signature[:32] + high_s)) == (
            Reason.BAD_SIGNATURE
        )
        elsewhere = wallet.sign("devnet/geo_northern", body, household.wallet_key)
        assert await refused(client, elsewhere.encoded) == Reason.BAD_SIGNATURE
        # The good one is taken, once.
        for expected in (VerdictStatus.ACCEPTED, VerdictStatus.DUPLICATE):
            verdict = await client.ask(Verdict, "tx.send", shard=BANGKOK, transaction=good.encoded)
            assert verdict.status is expected
    await unharmed(cluster, before_kib)


def nonsense(chance: random.Random) -> Iterable[bytes]:
    """What no honest node says on a chain's channel or topic."""
    yield b""
    yield chance.randbytes(6)
    yield chance.randbytes(50_000)
    yield encode_envelope(ConsensusEnvelope(chance.randbytes(400)))
    yield encode_envelope(ConsensusEnvelope(b""))
    yield encode_envelope(BatchEnvelope(chance.randbytes(5_000)))
    whole = encode_envelope(HeadEnvelope(1, bytes(32)))
    yield whole[:-1]
    yield whole + b"\x00"
    yield encode_envelope(HeadEnvelope(2**40, bytes(32)))


async def pelt(network: Network, node: Validator, chain_id: str, data: bytes) -> None:
    """Say it on the chain's topic, on its channel and as a request; being dropped is fine."""
    await network.dial(node.p2p)
    await network.wait_for_peers(1)
    peer = network.peers()[0].id
    async with network.channel(channel_name(chain_id)) as channel:
        with trio.move_on_after(2):
            await channel.wait_for_peers(1)
            await channel.send(peer, data)
        with contextlib.suppress(MessageTooLarge):
            await network.publish(topic_name(chain_id), data[:MAX_GOSSIP_BYTES])
        for protocol in (blocks_protocol(chain_id), batches_protocol(chain_id)):
            with contextlib.suppress(NetworkError):
                await network.request(peer, protocol, data[:50_000], timeout_s=2)


async def test_nonsense_from_a_peer(cluster: Cluster, chance: random.Random) -> None:
    before_kib = await warm(cluster)
    node = cluster.nodes[0]
    strange = [("devnet/geo_atlantis", b"\x00"), ("other/geo_bangkok", chance.randbytes(1_000))]
    for chain_id, data in [*((cluster.chain_id, each) for each in nonsense(chance)), *strange]:
        key = chance.randbytes(32)
        with trio.move_on_after(10):
            async with open_network(NetworkConfig(private_key=key)) as network:
                # It may be dropped, or not let in any more.
                with contextlib.suppress(NetworkError):
                    await pelt(network, node, chain_id, data)
    # It has arrived, and was refused for what it is.
    for refusal in ("envelope_refused", "message_refused", "batch_refused"):
        assert events(node, refusal), f"nothing came of {refusal}"
    await unharmed(cluster, before_kib)
