"""Seeds on a simulated network: nodes commit and reveal by themselves, also after a restart."""

from pathlib import Path

import trio

from consensus import signing
from consensus.types import Header, header_codec
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.primitives.zones import REGISTRY
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


async def to_height(running: Cluster, height: int) -> None:
    for node in running.nodes.values():
        await node.shard.view.wait_for_height(height)


async def test_nodes_make_the_seeds_that_their_proposers_are_drawn_from(tmp_path: Path) -> None:
    genesis = quick_genesis(3, name=REGISTRY, parameters=PARAMETERS)
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 3, SimulatedWorld(7, Weather()), SEATS) as running:
            drawn = []
            for epoch in range(5):
                # Past the first half, and so the next seed is fixed.
                await to_height(running, epoch * EPOCH + EPOCH // 2 + 1)
                shown = [await node.shard.view.seeds() for node in running.nodes.values()]
                assert {each.epoch for each in shown} == {epoch}
                assert len({each.seed for each in shown}) == 1
                drawn.append(shown[0].seed)
                assert [each.next_seed for each in shown[:1]] != drawn[-1:]
                if epoch == 3:
                    # All that committed in epoch 1 have revealed in time.
                    seen = {each.role: each.state for each in shown[0].authorities[:4]}
                    assert seen == dict.fromkeys(("mea", "pea", "egat", "erc"), "revealed")
                    await running.stop(2)
                    await running.start(2)
            assert len(set(drawn)) == 5
            await to_height(running, 5 * EPOCH)
            # From epoch 1 on every block has its proposer's reveal, and so after a restart.
            blocks = await headers(running.nodes[1], EPOCH + 1, 5 * EPOCH)
            assert all(each.reveal for each in blocks)
            restarted = signing.public_key(key(2))
            assert any(each.proposer == restarted for each in blocks[3 * EPOCH :])
            told = running.nodes[1].recorder.shown
            assert max(each.epoch or 0 for each in told) == 5
            assert not any(each.withheld or each.authorities_withheld for each in told)
