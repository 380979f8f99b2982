"""A flooder: a peer of the validators that seals energy batches of rubbish and sends them to all.

Open loop: a batch is due at a steady rate, sealed under the target of the newest final block, and
sent by the validators' own channel. Each carries one order to cancel that nobody ever placed, so
that it costs whoever checks it a whole transaction. What it cannot seal in time it seals late.

    python -m benchmarks.flooder PLAN RESULT

reads a `Plan` and writes a `Result`, both MessagePack.
"""

import secrets
import sys
import time
from pathlib import Path

import msgspec
import trio

from consensus.work import decode_target
from gtxnode.batches.batch import BatchKind, SealedBatch
from gtxnode.intake import StaleWork, seal_batch
from gtxnode.ledger.bodies import Cancel
from gtxnode.ledger.wallet import sign
from gtxnode.relay import BatchEnvelope, channel_name, encode_envelope
from gtxnode.rpc.client import Client, connect
from gtxnode.rpc.views.blocks import HeadView
from p2p.libp2p_host import open_network
from p2p.network import NetworkConfig

FOLLOW_S = 0.1
MAX_AGE_BLOCKS = 5
"""Work on a block older than this is begun anew: the target may have moved a lot."""


class Plan(msgspec.Struct, frozen=True):
    """All that the flooder does."""

    shard: str
    chain_id: str
    websocket: str
    peers: tuple[str, ...]
    rate: float
    """Batches a second."""
    seconds: float


class Result(msgspec.Struct, frozen=True):
    """What came of it."""

    sent: int
    seconds: float
    hashes: int
    last_price: float
    """Hashes that a batch costs on average, by the last target."""
    cpu_s: float


class _Flood:
    def __init__(self, plan: Plan, client: Client, head: HeadView) -> None:
        self._plan = plan
        self._client = client
        self._head = head
        self._key = secrets.token_bytes(32)
        self.sent = 0
        self.hashes = 0
        self._ends_s = 0.0

    @property
    def price(self) -> float:
        """Hashes that a batch costs on average now."""
        return 2.0**256 / decode_target(self._head.energy_target)

    async def follow(self) -> None:
        while True:
            self._head = await head_of(self._client, self._plan.shard)
            await trio.sleep(FOLLOW_S)

    async def flood(self) -> None:
        plan = self._plan
        config = NetworkConfig(private_key=secrets.token_bytes(32), bootstrap=plan.peers)
        async with (
            open_network(config) as network,
            network.channel(channel_name(plan.chain_id)) as channel,
        ):
            await channel.wait_for_peers(len(plan.peers))
            begun_s = time.perf_counter()
            self._ends_s = begun_s + plan.seconds
            while (batch := await trio.to_thread.run_sync(self._seal)) is not None:
                channel.broadcast(encode_envelope(BatchEnvelope(batch)))
                self.sent += 1
                due_s = begun_s + self.sent / plan.rate
                await trio.sleep(max(0.0, due_s - time.perf_counter()))

    def _seal(self) -> bytes | None:
        """The next batch, or None once the time is over."""
        rubbish = sign(self._plan.chain_id, Cancel(secrets.token_bytes(32)), self._key)
        while time.perf_counter() < self._ends_s:
            try:
                sealed = self._seal_on(self._head, rubbish.encoded)
            except StaleWork:
                continue
            self.hashes += sealed.batch.header.nonce + 1
            return sealed.encoded
        return None

    def _seal_on(self, head: HeadView, transaction: bytes) -> SealedBatch:
        def stale() -> bool:
            is_old = self._head.height > head.height + MAX_AGE_BLOCKS
            return is_old or time.perf_counter() >= self._ends_s

        return seal_batch(
            self._plan.chain_id,
            BatchKind.ENERGY,
            (head.height, bytes(head.id)),
            [transaction],
            bytes(head.energy_target),
            self._key,
            stale,
        )


async def head_of(client: Client, shard: str) -> HeadView:
    """The last final block."""
    return await client.ask(HeadView, "chain.head", shard=shard)


async def run(plan: Plan) -> Result:
    """Flood for as long as the plan says."""
    begun_s = trio.current_time()
    async with connect(plan.websocket) as client:
        flood = _Flood(plan, client, await head_of(client, plan.shard))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood.follow)
            await flood.flood()
            nursery.cancel_scope.cancel()
    seconds = trio.current_time() - begun_s
    return Result(flood.sent, seconds, flood.hashes, flood.price, time.process_time())


def main(plan: Path, result: Path) -> None:
    """Run a plan."""
    made = trio.run(run, msgspec.msgpack.decode(plan.read_bytes(), type=Plan))
    result.write_bytes(msgspec.msgpack.encode(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
