"""A chain that follows the registry on a simulated network that loses messages.

Whatever happens on the registry, the chain's headers name its final blocks in order, and its sets
are those that the registry has there.
"""

from itertools import pairwise
from pathlib import Path

import pytest
import trio

from consensus.light import verify_commit
from consensus.types import NO_ANCHOR, Header, block_id, commit_codec, header_codec
from consensus.validators import Validator, ValidatorSet
from gtxnode.ledger import wallet as wallets
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import REGISTRY, Shard, Zone
from gtxnode.rpc.views.transactions import TransactionState
from gtxnode.views.chain import ChainView
from p2p.simulated import SimulatedWorld, Weather
from tests.node.client import FEE_UGTX, Client
from tests.node.harness import Cluster, RunningNode, cluster, key, quick_genesis, wallet
from tests.node.test_validators import public, registered, vote_twice
from tests.waiting import until

EPOCH = 6
RULES = StakingRules(
    epoch_blocks=EPOCH, min_stake_ugtx=50, evidence_epochs=3, unbonding_epochs=5, late_heights=2
)
PARAMETERS = ChainParameters(staking=RULES)
GENESIS_ARGUMENTS = (Shard.GEO_BANGKOK, PARAMETERS, REGISTRY)
POOR = Weather(delay_s=(0.001, 0.02), loss=0.1, duplication=0.05)


def view_of(node: RunningNode, shard: str) -> ChainView:
    (found,) = [each for each in node.shards if each.name == shard]
    return found.view


def votes(node: RunningNode) -> bool:
    return node.shard.status().validator is not None


async def headers(view: ChainView) -> list[Header]:
    return [
        header_codec.decode(bytes((await view.block(height)).header))
        for height in range(1, view.head().height + 1)
    ]


async def sets_follow_the_registry(node: RunningNode) -> int:
    """What must hold of both chains as a node has them; how often the set changed."""
    followed, followers = (
        await headers(view_of(node, REGISTRY)),
        await headers(view_of(node, Shard.GEO_BANGKOK)),
    )
    ids = [NO_ANCHOR.id]
    ids += [bytes((await view_of(node, REGISTRY).block(each.height)).id) for each in followed]
    for one, other in pairwise(followers):
        assert one.anchor.height <= other.anchor.height
        assert one.next_validators_root == other.validators_root
    for each in followers:
        assert ids[each.anchor.height] == each.anchor.id
        if each.anchor.height:
            registry = followed[each.anchor.height - 1]
            assert each.next_validators_root == registry.next_validators_root
    return sum(one.validators_root != other.validators_root for one, other in pairwise(followers))


async def advance(view: ChainView, blocks: int) -> None:
    await view.wait_for_height(view.head().height + blocks)


async def stake(running: Cluster, number: int, amount_ugtx: int) -> None:
    owner = Client(view_of(running.nodes[1], REGISTRY), wallet(number))
    proof = wallets.prove_possession(owner.view.chain_id, key(number), owner.address, Zone.BANGKOK)
    body = wallets.stake(
        owner.address, await owner.cash(), public(number), amount_ugtx, FEE_UGTX, proof
    )
    assert (await owner.send(body)).state is TransactionState.FINAL


@pytest.mark.parametrize("seed", [1, 2])
async def test_who_stakes_on_the_registry_comes_to_vote_on_the_chain(
    tmp_path: Path, seed: int
) -> None:
    genesis = quick_genesis(3, 8, *GENESIS_ARGUMENTS)
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 3, SimulatedWorld(seed, POOR)) as running:
            newcomer = await running.start(5)
            assert not votes(newcomer)
            await stake(running, 5, 1_000)
            await until(lambda: votes(newcomer))
            # With three quarters of the stake nothing becomes final without it.
            await advance(newcomer.shard.view, 2)

            owner = Client(view_of(running.nodes[1], REGISTRY), wallet(5))
            leaving = wallets.unstake(owner.address, await owner.cash(), public(5), 1_000, FEE_UGTX)
            assert (await owner.send(leaving)).state is TransactionState.FINAL
            await until(lambda: not votes(newcomer))
            heights = [each.view.head().height for each in newcomer.shards]
            for node in running.nodes.values():
                for shard, height in zip(node.shards, heights, strict=True):
                    await shard.view.wait_for_height(height)
            await running.stop(5)
            # Committees of its time are forgotten by the registry's state, and still known.
            await advance(view_of(running.nodes[1], REGISTRY), (RULES.evidence_epochs + 2) * EPOCH)

            # A node that was never there follows both from genesis.
            late = await running.start(6)
            await late.shard.view.wait_for_height(running.nodes[1].shard.view.head().height)
            assert await sets_follow_the_registry(late) >= 2


async def test_a_node_that_lacks_the_registry_waits_for_it(tmp_path: Path) -> None:
    genesis = quick_genesis(4, 8, *GENESIS_ARGUMENTS)
    with trio.fail_after(60):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(3, Weather())) as running:
            await advance(running.nodes[1].shard.view, 3)
            await running.stop(4)
            await advance(view_of(running.nodes[1], REGISTRY), EPOCH)
            # Its registry's database is lost; the chain's own names blocks that are not there.
            home = tmp_path / "n4" / "data" / REGISTRY
            assert (home / "db").is_dir()
            for path in sorted((home / "db").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (home / "db").rmdir()
            back = await running.start(4)
            await back.shard.view.wait_for_height(running.nodes[1].shard.view.head().height + 2)
            await sets_follow_the_registry(back)


async def test_who_signs_twice_on_the_chain_is_slashed_on_the_registry(tmp_path: Path) -> None:
    rules = StakingRules(
        epoch_blocks=EPOCH, min_stake_ugtx=50, evidence_epochs=50, unbonding_epochs=52
    )
    genesis = quick_genesis(4, 8, Shard.GEO_BANGKOK, ChainParameters(staking=rules), REGISTRY)
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(7, Weather())) as running:
            # Not at the first heights alone: the proof is a block with an anchor.
            await advance(running.nodes[1].shard.view, 3)
            await running.stop(4)
            await vote_twice(running, 4)
            registry = view_of(running.nodes[2], REGISTRY)
            owner = address_of(public(4))
            while (found := await registered(registry, owner)) is None or not found.jailed_until:
                await advance(registry, 1)
            assert (found.stake_ugtx, found.reputation) == (95, rules.reputation.floor)
            assert (await registry.ledger.supply()).gtx_burned_ugtx == 5
            # It is out of the next set on both, and its machine follows as others do.
            back = await running.start(4)
            await back.shard.view.wait_for_height(running.nodes[1].shard.view.head().height)
            await until(lambda: not votes(back))
            await sets_follow_the_registry(back)


async def told(view: ChainView, height: int) -> ValidatorSet:
    """Who votes at a height, as a node says."""
    found = (await view.validators(height)).validators
    return ValidatorSet(
        Validator(
            bytes(each.public_key), int(each.power_ugtx), each.reputation, Zone[each.region.upper()]
        )
        for each in found
        if each.power_ugtx
    )


async def light_client(view: ChainView, genesis: ValidatorSet) -> list[ValidatorSet]:
    """Follow a chain by its headers and commits alone, believing a node's word of a set only where
    the header before commits to it; the sets, one after another."""
    sets = [genesis]
    for height in range(1, view.head().height + 1):
        block = await view.block(height)
        header = header_codec.decode(bytes(block.header))
        voters, identity = sets[-1], block_id(header)
        assert header.validators_root == voters.root
        verify_commit(
            view.chain_id, voters, identity, height, commit_codec.decode(bytes(block.commit))
        )
        if header.next_validators_root != voters.root:
            sets.append(await told(view, height + 1))
            assert sets[-1].root == header.next_validators_root
    return sets


async def test_headers_alone_say_who_of_the_committee_votes_on_the_chain(tmp_path: Path) -> None:
    genesis = quick_genesis(4, 8, *GENESIS_ARGUMENTS)
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(9, Weather())) as running:
            registry = view_of(running.nodes[1], REGISTRY)
            owner = Client(registry, key(4))
            await Client(registry, wallet(1)).pay(owner.address, 10 * FEE_UGTX)
            body = wallets.serve(
                owner.address, await owner.cash(), public(4), [Shard.GEO_SOUTHERN], FEE_UGTX
            )
            assert (await owner.send(body)).state is TransactionState.FINAL
            await until(lambda: not votes(running.nodes[4]))
            await advance(running.nodes[1].shard.view, 2)
            founders = genesis.stakes_on(REGISTRY)
            assert founders is not None
            sets = await light_client(running.nodes[1].shard.view, founders)
            committee = await told(registry, registry.head().height + 1)
    assert [public(4) in each for each in sets].index(False) > 0
    assert public(4) not in sets[-1]
    assert public(4) in committee
