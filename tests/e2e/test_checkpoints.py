"""The authorities' checkpoints on real nodes: certified, alike, and signed on after a kill -9."""

import urllib.request

import pytest
import trio

from gtxnode.devnet.fleet import CHECKPOINT_BLOCKS, Validator
from gtxnode.rpc.client import Disconnected, RpcError, connect
from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.views.validators import CheckpointView
from tests.e2e.harness import BANGKOK, MOVES_S, Cluster
from tests.waiting import until_true

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def newest(node: Validator, height: int | None = None) -> CheckpointView | None:
    """A node's newest checkpoint, or the one of a height."""
    try:
        async with connect(node.websocket) as client:
            return await client.ask(
                CheckpointView, "chain.checkpoint", shard=BANGKOK, height=height
            )
    except RpcError as error:
        if error.code != ErrorCode.NOT_FOUND:
            raise
        return None
    except Disconnected:
        return None


async def certified(cluster: Cluster, at_least: int) -> list[CheckpointView]:
    """The newest of each node, once all are of that height or above."""
    found: list[CheckpointView | None] = []

    async def all_there() -> bool:
        found[:] = [await newest(node) for node in cluster.nodes]
        return all(each is not None and each.height >= at_least for each in found)

    await until_true(all_there, within_s=MOVES_S)
    return [each for each in found if each is not None]


def gauge(node: Validator, name: str) -> float:
    """One of Bangkok's metrics."""
    with urllib.request.urlopen(f"{node.http}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    line = next(each for each in lines if each.startswith(f'{name}{{shard="{BANGKOK}"}}'))
    return float(line.rpartition(" ")[2])


async def test_every_validator_has_the_same_checkpoint(cluster: Cluster) -> None:
    first = min(each.height for each in await certified(cluster, CHECKPOINT_BLOCKS))
    found = [await newest(node, first) for node in cluster.nodes]
    alike = [each for each in found if each is not None]
    assert len(alike) == len(cluster.nodes)
    assert len({(each.block_id, each.state_root) for each in alike}) == 1
    assert all(len(each.signatures) >= 3 for each in alike)
    node, killed = cluster.nodes[0], cluster.nodes[3]
    assert (await cluster.block(node, first)).id == alike[0].block_id
    height = await trio.to_thread.run_sync(gauge, node, "gridtokenx_checkpoint_height")
    lag = await trio.to_thread.run_sync(gauge, node, "gridtokenx_checkpoint_lag_blocks")
    assert height % CHECKPOINT_BLOCKS == 0 < height
    assert lag >= 0

    await cluster.kill(killed)
    await cluster.start([killed])
    again = await certified(cluster, int(height) + 2 * CHECKPOINT_BLOCKS)
    by_height: dict[int, set[bytes]] = {}
    for each in again:
        by_height.setdefault(each.height, set()).add(each.block_id)
    assert all(len(ids) == 1 for ids in by_height.values())
