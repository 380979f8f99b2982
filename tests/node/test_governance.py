"""A vote on the registry, on nodes that lose messages: every chain comes to go by it."""

from pathlib import Path

import trio

from gtxnode.ledger import wallet as wallets
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.ledger.registry.amendments import Change
from gtxnode.ledger.registry.votes import Choice, GovernanceRules
from gtxnode.primitives.zones import REGISTRY, Shard
from gtxnode.rpc.views.transactions import TransactionState
from p2p.simulated import SimulatedWorld
from tests.node.client import FEE_UGTX, Client
from tests.node.harness import Cluster, RunningNode, cluster, key, quick_genesis, wallet
from tests.node.test_following import POOR, view_of
from tests.node.test_validators import public

PARAMETERS = ChainParameters(
    staking=StakingRules(
        epoch_blocks=6, min_stake_ugtx=50, evidence_epochs=3, unbonding_epochs=5, late_heights=2
    ),
    governance=GovernanceRules(
        deposit_ugtx=5_000, start_delay_epochs=0, voting_epochs=2, execution_delay_epochs=0
    ),
)
DEARER_UGTX = 2 * FEE_UGTX
CHAINS = (REGISTRY, Shard.GEO_BANGKOK)


async def decided(running: Cluster) -> None:
    """Propose a dearer fee, and vote for it with three of four validators."""
    registry = view_of(running.nodes[1], REGISTRY)
    proposer = Client(registry, wallet(1))
    voters = [Client(registry, key(number)) for number in (1, 2, 3)]
    for voter in voters:
        paid = wallets.pay(
            proposer.address, await proposer.cash(), voter.address, 3 * FEE_UGTX, FEE_UGTX
        )
        assert (await proposer.send(paid)).state is TransactionState.FINAL
    change = Change("min_fee_ugtx", str(DEARER_UGTX))
    proposal = wallets.propose(
        proposer.address, await proposer.cash(), "Dearer", [change], 5_000, FEE_UGTX
    )
    assert (await proposer.send(proposal)).state is TransactionState.FINAL
    while (await registry.governance.proposal(1)).status != "voting":
        await registry.wait_for_height(registry.head().height + 1)
    for number, voter in enumerate(voters, 1):
        vote = wallets.vote(
            voter.address, await voter.cash(), 1, public(number), Choice.YES, FEE_UGTX
        )
        assert (await voter.send(vote)).state is TransactionState.FINAL


async def least_fee(node: RunningNode, shard: str) -> int:
    found = await view_of(node, shard).governance.in_force()
    return int(found.parameters["min_fee_ugtx"])


async def test_a_vote_reaches_every_chain_and_whoever_comes_later(tmp_path: Path) -> None:
    genesis = quick_genesis(4, 8, Shard.GEO_BANGKOK, PARAMETERS, REGISTRY)
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(11, POOR)) as running:
            first = running.nodes[1]
            for shard in CHAINS:
                assert await least_fee(first, shard) == PARAMETERS.min_fee_ugtx
            await decided(running)
            for node in running.nodes.values():
                for shard in CHAINS:
                    while await least_fee(node, shard) != DEARER_UGTX:
                        await view_of(node, shard).wait_for_height(
                            view_of(node, shard).head().height + 1
                        )
            assert (await view_of(first, REGISTRY).governance.proposal(1)).status == "enacted"
            # What paid enough before does not any more, on the chain that only follows.
            payer = Client(view_of(first, Shard.GEO_BANGKOK), wallet(2))
            cheap = wallets.pay(payer.address, await payer.cash(), payer.address, 1, FEE_UGTX)
            refused = await payer.send(cheap)
            assert refused.refusal is not None
            assert refused.refusal.reason == "fee_too_low"
            dear = wallets.pay(payer.address, await payer.cash(), payer.address, 1, DEARER_UGTX)
            assert (await payer.send(dear)).state is TransactionState.FINAL
            # Who starts again goes by it at once; who follows from genesis comes to the same state.
            await running.stop(4)
            back = await running.start(4)
            assert await least_fee(back, REGISTRY) == DEARER_UGTX
            late = await running.start(5)
            heights = {shard: view_of(first, shard).head().height for shard in CHAINS}
            for shard, height in heights.items():
                await view_of(late, shard).wait_for_height(height)
                assert await least_fee(late, shard) == DEARER_UGTX
