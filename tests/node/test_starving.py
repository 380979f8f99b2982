"""A proposer that leaves a rival's precommits out wherever it can hides nothing."""

from pathlib import Path

import msgspec
import pytest
import trio

from consensus import signing
from consensus.types import Block, Commit, Vote, block_codec, commit_codec
from gtxnode.application import ChainApplication
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.primitives.zones import REGISTRY
from p2p.simulated import SimulatedWorld, Weather
from tests.node.harness import Cluster, cluster, key, quick_genesis

RULES = StakingRules(epoch_blocks=100, min_stake_ugtx=50, late_heights=8)
STARVER, VICTIM = signing.public_key(key(1)), signing.public_key(key(4))
HONEST = (2, 3)
LENGTH = 40


def without_victim(commit: Commit) -> Commit:
    """Three of four are enough."""
    left = tuple(each for each in commit.signatures if each.validator != VICTIM)
    return msgspec.structs.replace(commit, signatures=left) if len(left) == 3 else commit


@pytest.fixture
def _starving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of the first node leave the victim out, and carry nothing late."""
    build = ChainApplication.build

    async def building(
        self: ChainApplication, height: int, last_commit: Commit | None, late: tuple[Vote, ...]
    ) -> Block:
        block = await build(self, height, last_commit, late)
        if block.header.proposer != STARVER or last_commit is None:
            return block
        return await build(self, height, without_victim(last_commit), ())

    monkeypatch.setattr(ChainApplication, "build", building)


def finals(running: Cluster, number: int) -> list[tuple[Block, Commit]]:
    """A node's blocks, each with the commit by which it decided itself."""
    found = running.nodes[number].shard.final_blocks(1, LENGTH)
    return [(block_codec.decode(block), commit_codec.decode(commit)) for block, commit in found]


def signed(commit: Commit | None) -> bool:
    return commit is not None and any(each.validator == VICTIM for each in commit.signatures)


@pytest.mark.usefixtures("_starving")
async def test_whatever_reached_an_honest_node_is_counted(tmp_path: Path) -> None:
    genesis = quick_genesis(4, name=REGISTRY, parameters=ChainParameters(staking=RULES))
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(8, Weather())) as running:
            for node in running.nodes.values():
                await node.shard.view.wait_for_height(LENGTH)
            chains = [finals(running, number) for number in HONEST]
    blocks = [block for block, _ in chains[0]]
    starved = [
        block.header.height - 1
        for block in blocks[1:]
        if block.header.proposer == STARVER and not signed(block.last_commit)
    ]
    assert starved, "the first node had no turn: nothing was tried"
    on_chain = {block.header.height - 1 for block in blocks if signed(block.last_commit)}
    late = {vote.height for block in blocks for vote in block.late if vote.validator == VICTIM}
    heard = {commit.height for chain in chains for _, commit in chain if signed(commit)}
    settled = range(1, LENGTH - RULES.late_heights)
    assert {height for height in heard if height in settled} <= on_chain | late
    assert late & set(starved)
    assert not late & on_chain
