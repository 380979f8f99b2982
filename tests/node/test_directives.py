"""A halt on the registry, on nodes that lose messages: every chain stops, and starts again."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from gtxnode.ledger.authority.halts import OfMarket, OfTrader, Scope
from gtxnode.ledger.bodies import Halt, Lift
from gtxnode.primitives.zones import REGISTRY, Shard
from gtxnode.rpc.views.transactions import TransactionState
from gtxnode.views.chain import ChainView
from p2p.simulated import SimulatedWorld
from tests.node.client import Client
from tests.node.harness import (
    Cluster,
    RunningNode,
    authority_key,
    cluster,
    now_ms,
    quick_genesis,
    wallet,
)
from tests.node.test_following import PARAMETERS, POOR, view_of
from tests.waiting import until_true

FOLLOWERS = (Shard.GEO_BANGKOK, Shard.GEO_SOUTHERN)
HOUR_S = 3_600
ERC = 3


def views(running: Cluster) -> list[ChainView]:
    return [view_of(node, shard) for node in running.nodes.values() for shard in FOLLOWERS]


async def origins(view: ChainView) -> list[str]:
    return [each.origin for each in (await view.compliance.halts()).halts]


def stands(view: ChainView, wanted: list[str]) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return await origins(view) == wanted

    return told


async def say(
    node: RunningNode, scope: Scope, shard: str = REGISTRY, *, lift: bool = False
) -> None:
    """The regulator halts a scope, or lifts that."""
    regulator = Client(view_of(node, shard), authority_key(ERC))
    until_s = now_ms() // 1_000 + HOUR_S
    body = Lift(scope, now_ms()) if lift else Halt(scope, until_s, "a test", now_ms())
    assert (await regulator.send(body)).state is TransactionState.FINAL


async def test_a_halt_reaches_every_chain_and_whoever_comes_later(tmp_path: Path) -> None:
    genesis = quick_genesis(4, 8, Shard.GEO_BANGKOK, PARAMETERS, Shard.GEO_SOUTHERN, REGISTRY)
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(5, POOR)) as running:
            first = running.nodes[1]
            buyers = [Client(view_of(first, shard), wallet(2)) for shard in FOLLOWERS]
            resting = [await buyer.buy(1_000, 2_000) for buyer in buyers]
            assert all(each.state is TransactionState.FINAL for each in resting)
            await say(first, OfMarket())
            for view in views(running):
                await until_true(stands(view, ["registry"]))
            for buyer in buyers:
                refused = await buyer.buy(1_000, 2_000)
                assert refused.refusal is not None
                assert refused.refusal.reason == "halted"
            # Who starts again, and who follows from genesis, find the same.
            await running.stop(4)
            await running.start(4)
            await running.start(5)
            heights = {shard: view_of(first, shard).head().height for shard in FOLLOWERS}
            for node in running.nodes.values():
                for shard, height in heights.items():
                    await view_of(node, shard).wait_for_height(height)
                    assert await origins(view_of(node, shard)) == ["registry"]

            # One of a chain's own stands beside it, and stays when that is lifted.
            await say(first, OfMarket(), Shard.GEO_BANGKOK)
            await say(first, OfMarket(), lift=True)
            for view in views(running):
                own = ["chain"] if view.chain_id.endswith(Shard.GEO_BANGKOK) else []
                await until_true(stands(view, own))
            bangkok, southern = buyers
            assert (await bangkok.buy(1_000, 2_000)).refusal is not None
            assert (await southern.buy(1_000, 2_000)).state is TransactionState.FINAL

            # A trader who is halted once has nothing open anywhere.
            await say(first, OfTrader(southern.address))
            for buyer in buyers:
                await until_true(nothing_open(buyer))


def nothing_open(trader: Client) -> Callable[[], Awaitable[bool]]:
    async def done() -> bool:
        return not (await trader.view.accounts.orders(trader.address)).orders

    return done
