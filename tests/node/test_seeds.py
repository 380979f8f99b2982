"""Seeds on a simulated network: nodes commit and reveal by themselves, also after a restart."""

from collections.abc import Callable
from pathlib import Path

import trio

from consensus import signing
from consensus.types import Header, header_codec
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.primitives.zones import REGISTRY
from gtxnode.rpc.views.seeds import SeedsView
from p2p.simulated import SimulatedWorld, Weather
from tests.node.harness import Cluster, RunningNode, cluster, key, quick_genesis

EPOCH = 12
RULES = StakingRules(epoch_blocks=EPOCH, min_stake_ugtx=50, evidence_epochs=50, unbonding_epochs=52)
PARAMETERS = ChainParameters(staking=RULES)
SEATS = {1: (0,), 2: (1,), 3: (2, 3)}
"""Every authority has a node."""


async def headers(node: RunningNode, first: int, last: int) -> list[Header]:
    view = node.shard.view
    return [
        header_codec.decode(bytes((await view.block(height)).header))
        for height in range(first, last + 1)
    ]


async def until_shown(running: Cluster, wanted: Callable[[SeedsView], bool]) -> SeedsView:
    """Block by block."""
    view = running.nodes[1].shard.view
    while not wanted(shown := await view.seeds()):
        await view.wait_for_height(shown.height)
    return shown


def revealed(view: SeedsView) -> set[str]:
    return {each.role for each in view.authorities if each.state == "revealed"}


async def test_nodes_make_the_seeds_that_their_proposers_are_drawn_from(tmp_path: Path) -> None:
    genesis = quick_genesis(3, name=REGISTRY, parameters=PARAMETERS)
    everyone = {"mea", "pea", "egat", "erc"}
    with trio.fail_after(120):
        async with cluster(tmp_path, genesis, 3, SimulatedWorld(7, Weather()), SEATS) as running:
            begun = await until_shown(
                running, lambda view: {each.chain for each in view.proposers} == {"in_use"}
            )
            # What the authorities committed to by themselves, they reveal two epochs later.
            mixed = await until_shown(running, lambda view: revealed(view) == everyone)
            assert mixed.epoch is not None
            assert begun.epoch is not None
            await running.stop(2)
            await running.start(2)
            fixed = await until_shown(running, lambda view: view.next_seed is not None)
            assert fixed.epoch is not None
            for node in running.nodes.values():
                await node.shard.view.wait_for_height((fixed.epoch + 2) * EPOCH)
            after = [await node.shard.view.seeds() for node in running.nodes.values()]
            assert len({each.seed for each in after if each.epoch == after[0].epoch}) == 1
            assert fixed.next_seed not in (fixed.seed, after[0].seed)

            # Since all have a chain, every block has its proposer's reveal: after a restart too.
            blocks = await headers(running.nodes[1], begun.height, after[0].height - 1)
            assert all(each.reveal for each in blocks)
            restarted = signing.public_key(key(2))
            assert any(each.proposer == restarted and each.height > fixed.height for each in blocks)
            told = running.nodes[1].recorder.shown
            assert {each.epoch for each in told} >= {0, begun.epoch, mixed.epoch, fixed.epoch}
            assert not any(each.withheld for each in told[begun.height :])
