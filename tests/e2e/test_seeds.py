"""Real nodes make the seeds: commit, reveal, rest who is down, and go on after kill -9."""

from pathlib import Path

import msgspec
import pytest

from consensus import signing
from consensus.turns import RestRule
from gtxnode.devnet.fleet import Validator
from gtxnode.genesis import Genesis
from gtxnode.home import read_private_key
from gtxnode.ledger.parameters import StakingRules
from gtxnode.primitives.zones import REGISTRY, Shard
from gtxnode.rpc.client import connect
from gtxnode.rpc.views.seeds import ProposerView, SeedsView
from tests.e2e.harness import BANGKOK, MOVES_S, running
from tests.waiting import until_true

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EPOCH = 10
RULES = StakingRules(epoch_blocks=EPOCH, evidence_epochs=100, unbonding_epochs=102)
REST = RestRule(misses=3, heights=10)


def short_epochs(genesis: Genesis) -> Genesis:
    parameters = msgspec.structs.replace(genesis.parameters, staking=RULES, resting=REST)
    return msgspec.structs.replace(genesis, parameters=parameters)


async def seeds(node: Validator, shard: Shard) -> SeedsView:
    async with connect(node.websocket) as client:
        return await client.ask(SeedsView, "chain.seeds", shard=shard)


async def proposer(node: Validator, shard: Shard, key: bytes) -> ProposerView:
    (found,) = [each for each in (await seeds(node, shard)).proposers if each.public_key == key]
    return found


async def test_every_epoch_has_a_seed_of_its_own_and_who_is_down_rests(tmp_path: Path) -> None:
    async with running(tmp_path, shards=(BANGKOK, REGISTRY), change=short_epochs) as cluster:
        first, last = cluster.nodes[0], cluster.nodes[3]
        drawn: dict[int, bytes] = {}

        async def four_epochs_later() -> bool:
            """With all that committed in the second epoch revealed in the fourth."""
            view = await seeds(first, REGISTRY)
            assert view.epoch is not None
            drawn[view.epoch] = view.seed
            revealed = [each.role for each in view.authorities if each.state == "revealed"]
            return view.epoch >= 3 and len(revealed) == 4

        await until_true(four_epochs_later, within_s=2 * MOVES_S)
        assert len(set(drawn.values())) == len(drawn)
        view = await seeds(first, REGISTRY)
        assert {each.chain for each in view.proposers} == {"in_use"}
        zone = await seeds(last, BANGKOK)
        assert zone.epoch is not None
        assert zone.seed in {*drawn.values(), view.seed}

        await cluster.kill(last)
        key = signing.public_key(read_private_key(last.home.validator_key))
        for shard in (BANGKOK, REGISTRY):

            async def rests(shard: Shard = shard) -> bool:
                return (await proposer(first, shard, key)).rests_until is not None

            await until_true(rests, within_s=2 * MOVES_S)

        await cluster.start([last])

        async def has_made_a_turn() -> bool:
            """On the registry that is a block of its own, with the right reveal in it."""
            found = await proposer(first, REGISTRY, key)
            return not found.missed_in_a_row and bool(found.made) and not found.withheld

        await until_true(has_made_a_turn, within_s=2 * MOVES_S)
        await cluster.agree(*cluster.nodes)
