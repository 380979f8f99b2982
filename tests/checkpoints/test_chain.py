"""Checkpoints of a whole chain: validators and followers that hold authorities' keys."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from consensus import signing
from consensus.checkpoints import Checkpoint, SignedCheckpoint, checkpoint_digest
from gtxnode.checkpoints import service
from gtxnode.checkpoints.statement import CheckpointCrossed
from gtxnode.config import CheckpointsConfig, Config
from gtxnode.ledger.authority.authorities import BarredKey, BarredKeys, authorities_at
from gtxnode.ledger.parameters import ChainParameters, CheckpointRules
from gtxnode.rpc.errors import NotFound
from p2p.network import Offence
from p2p.simulated import SimulatedWorld, Weather
from tests.node.harness import SHARD, Cluster, authority_key, cluster, quick_genesis
from tests.waiting import until, until_true

INTERVAL = 5
PARAMETERS = ChainParameters(checkpoints=CheckpointRules(interval_blocks=INTERVAL))
ONE_EACH = {1: (0,), 2: (1,), 3: (2,), 4: (3,)}
"""Which authority each node is."""


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REPEAT_S", 0.1)


def height(running: Cluster, number: int) -> int:
    """Of a node's newest checkpoint."""
    return running.nodes[number].shard.status().checkpoint or 0


async def certified(running: Cluster, numbers: Iterable[int], at_least: int) -> None:
    """Return once all of these nodes have a checkpoint of that height or above."""
    await until(lambda: all(height(running, number) >= at_least for number in numbers))


async def test_a_checkpoint_is_certified_and_the_same_everywhere(tmp_path: Path) -> None:
    genesis = quick_genesis(4, parameters=PARAMETERS)
    world = SimulatedWorld(1, Weather())
    async with cluster(tmp_path, genesis, 4, world, ONE_EACH) as running:
        await certified(running, ONE_EACH, 2 * INTERVAL)
        views = [node.shard.view for node in running.nodes.values()]
        lowest = min(height(running, number) for number in running.nodes)
        found = [await view.checkpoint(lowest) for view in views]
        assert len({each.block_id for each in found}) == 1
        await views[0].wait_for_height(lowest + 1)
        block, after = await views[0].block(lowest), await views[0].block(lowest + 1)
        assert (found[0].block_id, found[0].state_root) == (block.id, after.app_root)
        assert all(len(each.signatures) >= 3 for each in found)
        assert not any(node.recorder.conflicts for node in running.nodes.values())
        with pytest.raises(NotFound):
            await views[0].checkpoint(lowest + 1)


async def test_without_two_of_four_the_chain_goes_on_and_the_lag_grows(tmp_path: Path) -> None:
    """Nodes 5 and 6 follow, and are the third and the fourth authority."""
    genesis = quick_genesis(4, parameters=PARAMETERS)
    seats = {1: (0,), 2: (1,), 5: (2,), 6: (3,)}
    async with cluster(tmp_path, genesis, 4, SimulatedWorld(2, Weather()), seats) as running:
        view = running.nodes[1].shard.view
        await view.wait_for_height(3 * INTERVAL)
        assert height(running, 1) == 0
        told, lag = running.nodes[1].recorder.checkpoints[-1]
        assert (told, lag) == (0, view.head().height)
        for number in (5, 6):
            await running.start(number)
        await certified(running, range(1, 7), 4 * INTERVAL)
        for number in (5, 6):
            await running.stop(number)
        stood = height(running, 1)
        await view.wait_for_height(stood + 4 * INTERVAL)
        # What was signed before they went may have been certified since.
        assert height(running, 1) <= stood + INTERVAL
        for number in (5, 6):
            await running.start(number)
        await certified(running, range(1, 7), stood + 4 * INTERVAL)
        assert not any(node.recorder.conflicts for node in running.nodes.values())


async def test_a_node_that_joins_learns_the_newest_and_a_restart_keeps_it(tmp_path: Path) -> None:
    genesis = quick_genesis(4, parameters=PARAMETERS)
    async with cluster(tmp_path, genesis, 4, SimulatedWorld(3, Weather()), ONE_EACH) as running:
        await certified(running, ONE_EACH, 2 * INTERVAL)
        for number in (3, 4):
            await running.stop(number)  # no certificate is made from now on, nor any block
        await running.start(5)
        known = height(running, 1)
        await certified(running, [5], known)
        await running.stop(5)
        again = await running.start(5)
        assert (again.shard.status().checkpoint or 0) >= known


def trusting(running: Cluster, at: int, block_id: bytes) -> None:
    """Let nodes that start from now on trust a block."""
    trusted = CheckpointsConfig(trusted=(f"{SHARD}:{at}:{block_id.hex()}",))
    running.config = msgspec.structs.replace(Config(), checkpoints=trusted)


async def test_a_new_node_follows_through_the_block_that_it_is_told_to_trust(
    tmp_path: Path,
) -> None:
    genesis = quick_genesis(1, parameters=PARAMETERS)
    async with cluster(tmp_path, genesis, 1, SimulatedWorld(4, Weather())) as running:
        view = running.nodes[1].shard.view
        await view.wait_for_height(8)
        trusting(running, 6, (await view.block(6)).id)
        told = await running.start(2)
        await told.shard.view.wait_for_height(8)
        trusting(running, 6, bytes(32))
        wrong = await running.start(3)
        offences = wrong.network.counters.offences
        await until(lambda: offences[Offence.INVALID] > 0)
        assert wrong.shard.view.head().height == 0
        await running.stop(2)
        with pytest.raises(CheckpointCrossed, match="at height 6"):
            await running.start(2)


async def test_an_authority_that_contradicts_itself_no_longer_counts(tmp_path: Path) -> None:
    genesis = quick_genesis(4, parameters=PARAMETERS)
    liar = authority_key(3)
    public = signing.public_key(liar)
    async with cluster(tmp_path, genesis, 4, SimulatedWorld(5, Weather()), ONE_EACH) as running:
        node, chain_id = running.nodes[1], running.nodes[1].shard.chain_id
        at = (node.shard.view.head().height // INTERVAL + 2) * INTERVAL
        for block in (b"\x01", b"\x02"):
            stated = Checkpoint(chain_id, 0, at, block * 32, *[bytes(32)] * 3)
            signature = signing.sign(liar, checkpoint_digest(stated))
            word = SignedCheckpoint(stated, public, signature)
            node.shard.checkpoints.receive(running.nodes[4].network.peer_id, word)
        assert node.recorder.conflicts == 1
        parameters = genesis.chain_parameters(SHARD)
        honest = authorities_at(parameters, BarredKeys((BarredKey(public, 1),)), 1)
        assert honest is not None

        naming: list[int] = []

        async def names_the_others() -> bool:
            if height(running, 1) == 0:
                return False
            newest = await node.shard.view.checkpoint(None)
            naming.append(newest.height)
            return newest.next_authorities_root == honest.root

        await until_true(names_the_others)
        await certified(running, ONE_EACH, naming[-1] + INTERVAL)
        for number in ONE_EACH:
            found = await running.nodes[number].shard.view.checkpoint(None)
            assert {each.role for each in found.signatures} == {"mea", "pea", "egat"}
