"""A node's chain takes the meters that its registry has at home there, and says which those are."""

from pathlib import Path

import pytest
import trio

from consensus import signing
from gtxnode.primitives.zones import REGISTRY, Shard
from gtxnode.rpc.errors import BadValue, NotFound
from gtxnode.rpc.views.transactions import TransactionState
from p2p.simulated import SimulatedWorld, Weather
from tests.node.client import Client, TestMeter
from tests.node.harness import cluster, key, now_ms, quick_genesis, wallet


async def test_a_meter_is_registered_once_its_key_has_a_home(tmp_path: Path) -> None:
    genesis = quick_genesis(1, 8, Shard.GEO_BANGKOK, None, REGISTRY)
    with trio.fail_after(60):
        async with cluster(tmp_path, genesis, 1, SimulatedWorld(1, Weather())) as running:
            registry, chain = (shard.view for shard in running.nodes[1].shards)
            owner = Client(chain, wallet(1)).address
            meter = TestMeter(chain, key(3_000), owner, now_ms() // 1_000 - 7_200)
            public = signing.public_key(meter.private_key)
            refused = await meter.register()
            assert refused.state is TransactionState.REFUSED
            assert refused.refusal is not None
            assert refused.refusal.reason == "no_home"
            with pytest.raises(NotFound):
                await registry.meters.home(public, None, None)
            await meter.settle_in(registry)
            home = await registry.meters.home(public, None, None)
            assert (home.meter, home.shard) == (meter.id, Shard.GEO_BANGKOK)
            with pytest.raises(NotFound):
                await registry.meters.home(b"\x04" + bytes(64), "secp256r1", "MT-4711")
            with pytest.raises(BadValue):
                await registry.meters.home(public, "secp256r1", None)
