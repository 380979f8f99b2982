"""Checkpoints go on over a rotation of the authorities' keys, on the registry and beside it."""

from pathlib import Path

import pytest
import trio

from consensus import signing
from gtxnode.checkpoints import service
from gtxnode.checkpoints.trust import decode_trust, trusted_checkpoint
from gtxnode.ledger import wallet
from gtxnode.ledger.authority.authorities import all_authorities
from gtxnode.ledger.bodies import RotateKeys
from gtxnode.ledger.parameters import ChainParameters, CheckpointRules, StakingRules
from gtxnode.primitives.zones import REGISTRY, Role, Shard
from gtxnode.rpc.views.transactions import TransactionState, VerdictStatus
from gtxnode.shard import Shard as HostedShard
from p2p.simulated import SimulatedWorld, Weather
from tests.node.harness import authority_key, cluster, quick_genesis
from tests.waiting import until_true

INTERVAL = 5
PARAMETERS = ChainParameters(
    checkpoints=CheckpointRules(interval_blocks=INTERVAL),
    staking=StakingRules(
        epoch_blocks=8, min_stake_ugtx=50, evidence_epochs=50, unbonding_epochs=52
    ),
)
MEA, NEW = 0, 9
"""Places of keys in the harness: MEA's of the genesis, and its next."""
SEATS = {1: (MEA, NEW), 2: (1,), 3: (2,), 4: (3,)}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REPEAT_S", 0.1)


async def rotate(registry: HostedShard) -> None:
    """MEA gets a new key by the word of the three others."""
    new = authority_key(NEW)
    body = RotateKeys(Role.MEA, 1, (signing.public_key(new),))
    sent = wallet.sign(registry.chain_id, body, new, *map(authority_key, (1, 2, 3)))
    (verdict,) = await registry.view.transactions.submit([sent.encoded])
    assert verdict.status is VerdictStatus.ACCEPTED

    async def final() -> bool:
        status = await registry.view.transactions.status(sent.id)
        assert status.refusal is None, status.refusal
        return status.state is TransactionState.FINAL

    await until_true(final)


async def signers(shard: HostedShard) -> set[bytes]:
    """Of a chain's newest checkpoint, once each is who its chain says."""
    if not shard.status().checkpoint:
        return set()
    found = await shard.view.checkpoint(None)
    assert len({each.role for each in found.signatures}) == len(found.signatures) >= 3
    return {bytes(each.public_key) for each in found.signatures}


async def test_checkpoints_need_the_new_key_and_no_longer_the_old(tmp_path: Path) -> None:
    genesis = quick_genesis(4, 8, Shard.GEO_BANGKOK, PARAMETERS, REGISTRY)
    old, new = (signing.public_key(authority_key(place)) for place in (MEA, NEW))
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(1, Weather()), SEATS) as running:
            shards = running.nodes[1].shards
            await rotate(shards[0])
            # Without ERC it takes the three others, and so MEA's key, whichever counts.
            await running.stop(4)
            for shard in shards:

                async def by_the_new_key(shard: HostedShard = shard) -> bool:
                    found = await signers(shard)
                    assert not {old, new} <= found
                    return new in found

                await until_true(by_the_new_key, within_s=60)

            # A node that starts now comes to the same, from both chains' blocks alone.
            late = await running.start(5)
            for shard in late.shards:

                async def as_well(shard: HostedShard = shard) -> bool:
                    return new in await signers(shard)

                await until_true(as_well, within_s=60)
            for shard in late.shards:
                # What it kept leads over the change from the genesis on.
                founders = all_authorities(genesis.chain_parameters(shard.name))
                assert founders is not None
                trust = decode_trust((await shard.view.trust()).trust)
                assert len(trust.steps) == 1
                assert trusted_checkpoint(shard.chain_id, founders, trust).height > 0
            assert not any(node.recorder.conflicts for node in running.nodes.values())
            assert not any(node.recorder.wrong_words for node in running.nodes.values())
