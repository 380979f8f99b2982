"""Nodes tell the registry who is there on the chains beside it, on a simulated network."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from consensus.events import Input
from consensus.reputation import ReputationRule
from consensus.types import Commit, Proposal, Vote, commit_codec, header_codec
from gtxnode.batches.checking import open_whole
from gtxnode.engine import Voice
from gtxnode.ledger.bodies import RollCall
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.primitives.zones import REGISTRY, Shard
from gtxnode.roll_caller import Due, RollCaller
from gtxnode.rpc.views.validators import ConductView, ValidatorView
from p2p.simulated import SimulatedWorld, Weather
from tests.node.harness import Cluster, cluster, quick_genesis
from tests.node.test_following import POOR, view_of
from tests.node.test_validators import public

EPOCH, EVERY = 60, 5
RULES = StakingRules(
    epoch_blocks=EPOCH,
    min_stake_ugtx=50,
    roll_call_blocks=EVERY,
    roll_call_open_blocks=6,
    reputation=ReputationRule(turns_weight=0),
)
GENESIS_ARGUMENTS = (Shard.GEO_BANGKOK, ChainParameters(staking=RULES), REGISTRY)
ONE, LAST = public(1), public(4)


async def calls(running: Cluster, number: int) -> list[tuple[RollCall, bool]]:
    """Every call in the registry's blocks, and whether it took effect."""
    view, found = view_of(running.nodes[number], REGISTRY), []
    registry = running.nodes[number].shards[0]
    for height in range(1, view.head().height + 1):
        block = await view.block(height)
        refused = {bytes(each.id) for each in block.refused}
        for identity in block.batches:
            encoded = registry.encoded_batch(bytes(identity))
            assert encoded is not None
            opened = open_whole(registry.chain_id, encoded, b"\xff" * 32)
            found += [
                (each.body, each.id not in refused)
                for each in opened.parsed
                if isinstance(each.body, RollCall)
            ]
    return found


async def standings(running: Cluster, number: int) -> dict[bytes, ValidatorView]:
    """Of all validators, as a node's registry has them."""
    found = await view_of(running.nodes[number], REGISTRY).validators(None)
    return {bytes(each.public_key): each for each in found.validators}


def elsewhere(view: ValidatorView) -> tuple[int, int]:
    """(signed, heights) on the other chain."""
    assert isinstance(view.conduct, ConductView)
    (seen,) = view.conduct.elsewhere
    assert seen.shard == Shard.GEO_BANGKOK
    return seen.signed, seen.heights


def silent(monkeypatch: pytest.MonkeyPatch, key: bytes) -> None:
    """A validator signs nothing on the chain beside the registry."""
    sign = Voice.sign

    def signing(self: Voice, unsigned: Vote | Proposal) -> Input | None:
        away = self.me == key and self._chain_id.endswith(Shard.GEO_BANGKOK)
        return None if away else sign(self, unsigned)

    monkeypatch.setattr(Voice, "sign", signing)


@pytest.mark.parametrize("weather", [Weather(), POOR], ids=["fair", "poor"])
async def test_who_is_silent_on_a_chain_loses_reputation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weather: Weather
) -> None:
    silent(monkeypatch, LAST)
    genesis = quick_genesis(4, 8, *GENESIS_ARGUMENTS)
    with trio.fail_after(120):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(4, weather)) as running:
            registry = view_of(running.nodes[1], REGISTRY)
            await registry.wait_for_height(EPOCH - 2)
            counted = await standings(running, 1)
            await registry.wait_for_height(EPOCH + 1)
            sent, judged = await calls(running, 1), await standings(running, 1)
            headers = {
                height: (await view_of(running.nodes[1], Shard.GEO_BANGKOK).block(height)).header
                for height in {body.header.height for body, _ in sent}
            }
    for key, view in counted.items():
        signed, heights = elsewhere(view)
        assert 0 < heights <= EPOCH
        assert signed == (0 if key == LAST else heights)
    reputations = {key: each.reputation for key, each in judged.items()}
    assert all(reputations[LAST] < reputations[key] for key in reputations if key != LAST)
    in_order([body for body, took in sent if took])
    # What they say is so.
    for body, _ in sent:
        assert header_codec.decode(bytes(headers[body.header.height])) == body.header


def in_order(sent: Sequence[RollCall]) -> int:
    """That no height was skipped, and each was called after the one before; how many there are."""
    heights = list(dict.fromkeys(body.header.height for body in sent))
    assert heights == [EVERY * (place + 1) for place in range(len(heights))]
    return len(heights)


def signers(commit: Commit) -> list[bytes]:
    return [each.validator for each in commit.signatures]


def without(commit: Commit, key: bytes) -> Commit:
    """Three of four are enough."""
    left = tuple(each for each in commit.signatures if each.validator != key)
    return replace(commit, signatures=left) if len(left) == 3 else commit


async def test_who_calls_hides_nobody_who_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the last leave it out of what they call, and never complete a call."""
    due = RollCaller.due

    def hiding(self: RollCaller, late: Sequence[Vote]) -> list[Due]:
        found = due(self, late)
        if self.me == LAST:
            return [each for each in found if signers(each.body.commit) == [LAST]]
        return [
            Due(replace(each.body, commit=without(each.body.commit, LAST)), each.news)
            for each in found
            if len(each.body.commit.signatures) > 2
        ]

    monkeypatch.setattr(RollCaller, "due", hiding)
    genesis = quick_genesis(4, 8, *GENESIS_ARGUMENTS)
    with trio.fail_after(120):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(5, Weather())) as running:
            await view_of(running.nodes[2], REGISTRY).wait_for_height(EPOCH - 2)
            counted, sent = await standings(running, 2), await calls(running, 2)
            own = running.nodes[4].shard
            heights = list(dict.fromkeys(body.header.height for body, _ in sent))[:-1]
            was_there = {
                height
                for height in heights
                for (_, commit) in own.final_blocks(height, 1)
                if LAST in signers(commit_codec.decode(commit))
            }
    brought = {body.header.height for body, _ in sent if signers(body.commit) == [LAST]}
    named = {body.header.height for body, took in sent if took and LAST in signers(body.commit)}
    assert brought
    assert was_there <= named
    signed, _ = elsewhere(counted[LAST])
    assert signed > 0


async def test_the_next_calls_where_the_first_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = RollCaller.due

    def lazy(self: RollCaller, late: Sequence[Vote]) -> list[Due]:
        return due(self, late) if self.me in (ONE, LAST) else []

    monkeypatch.setattr(RollCaller, "due", lazy)
    genesis = quick_genesis(4, 8, *GENESIS_ARGUMENTS)
    with trio.fail_after(120):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(6, Weather())) as running:
            await view_of(running.nodes[2], REGISTRY).wait_for_height(EPOCH)
            sent = await calls(running, 2)
    # Whoever brought one brought something.
    assert all(took for _, took in sent)
    assert in_order([body for body, _ in sent]) >= EPOCH // EVERY // 2
