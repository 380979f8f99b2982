"""Real nodes follow the registry: who stakes there votes, who cheats or is away pays there."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import trio

from consensus import signing
from consensus.messages import VoteMessage, encode_message
from consensus.reputation import SCALE, ReputationRule
from consensus.types import UNSIGNED, Vote, VoteKind, commit_codec, header_codec, vote_digest
from gtxnode.devnet.fleet import STAKE, Validator
from gtxnode.genesis import Allocation, Genesis, chain_id
from gtxnode.home import read_private_key
from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash, decode_coin
from gtxnode.ledger.parameters import StakingRules
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import REGISTRY, Shard, Zone
from gtxnode.relay import ConsensusEnvelope, channel_name, encode_envelope
from gtxnode.rpc import wire
from gtxnode.rpc.client import connect
from gtxnode.rpc.views.accounts import CoinPage
from gtxnode.rpc.views.transactions import TransactionState, TransactionStatus, Verdict
from gtxnode.rpc.views.validators import ValidatorsView, ValidatorView
from p2p.libp2p_host import open_network
from p2p.network import NetworkConfig
from tests.e2e.harness import BANGKOK, FEE_UGTX, MOVES_S, Cluster, events, running
from tests.waiting import until_true

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RULES = StakingRules(epoch_blocks=6, evidence_epochs=100, unbonding_epochs=102)
CALLED = StakingRules(
    epoch_blocks=30,
    roll_call_blocks=5,
    roll_call_open_blocks=4,
    # An epoch's attendance is the reputation; nobody is jailed.
    reputation=ReputationRule(turns_weight=0, average_epochs=1, max_change=SCALE, min_attendance=0),
)
OWNER_KEY = b"\x51" * 32
OWNER = address_of(signing.public_key(OWNER_KEY))
STAKED = 3 * STAKE


def short_epochs(genesis: Genesis) -> Genesis:
    """Epochs of six blocks, and an owner with money to stake."""
    return msgspec.structs.replace(
        genesis,
        parameters=msgspec.structs.replace(genesis.parameters, staking=RULES),
        allocations=(*genesis.allocations, Allocation(REGISTRY, OWNER, 2 * STAKED)),
    )


def called(genesis: Genesis) -> Genesis:
    """Who is there is called every five heights."""
    parameters = msgspec.structs.replace(genesis.parameters, staking=CALLED)
    return msgspec.structs.replace(genesis, parameters=parameters)


async def validators(node: Validator, shard: Shard) -> Sequence[ValidatorView]:
    async with connect(node.websocket) as client:
        view = await client.ask(ValidatorsView, "chain.validators", shard=shard)
    return view.validators


async def votes(node: Validator, shard: Shard, key: bytes) -> bool:
    """Whether a key has a vote at the next height, as a node says."""
    found = await validators(node, shard)
    return any(each.public_key == key and each.power_ugtx > 0 for each in found)


async def signed_latest(cluster: Cluster, node: Validator, key: bytes) -> bool:
    """Whether the newest block of the zone has a key's precommit."""
    block = await cluster.block(node, (await cluster.head(node)).height)
    commit = commit_codec.decode(bytes(block.commit))
    return key in {each.validator for each in commit.signatures}


async def stake(cluster: Cluster, node: Validator, validator_key: bytes) -> None:
    """Lock the owner's GTX behind a new validator, at a node of the network."""
    registry = chain_id(cluster.fleet.genesis.network, REGISTRY)
    async with connect(node.websocket) as client:
        page = await client.ask(
            CoinPage, "account.coins", shard=REGISTRY, address=wire.Address(OWNER)
        )
        decoded = [(bytes(coin.id), decode_coin(coin.encoded)) for coin in page.coins]
        cash = [(id_, coin) for id_, coin in decoded if isinstance(coin, Cash)]
        proof = wallet.prove_possession(registry, validator_key, OWNER, Zone.BANGKOK)
        public = signing.public_key(validator_key)
        body = wallet.stake(OWNER, cash, public, STAKED, FEE_UGTX, proof)
        sent = wallet.sign(registry, body, OWNER_KEY)
        await client.ask(Verdict, "tx.send", shard=REGISTRY, transaction=sent.encoded)

        async def final() -> bool:
            status = await client.ask(TransactionStatus, "tx.status", shard=REGISTRY, id=sent.id)
            assert status.refusal is None, status.refusal
            return status.state is TransactionState.FINAL

        await until_true(final, within_s=MOVES_S)


async def sign_twice(cluster: Cluster, node: Validator, private_key: bytes) -> None:
    """Somebody has a validator's key, and prevotes twice in the zone until a node has seen it."""
    public = signing.public_key(private_key)
    config = NetworkConfig(private_key=b"\x52" * 32, bootstrap=(node.p2p,))
    name = channel_name(cluster.chain_id)
    async with open_network(config) as network, network.channel(name) as channel:
        with trio.fail_after(MOVES_S):
            while not events(node, "equivocation"):
                height = (await cluster.head(node)).height + 1
                for block in (b"\x01" * 32, b"\x02" * 32):
                    vote = Vote(VoteKind.PREVOTE, height, 0, block, -1, public, UNSIGNED)
                    signature = signing.sign(private_key, vote_digest(cluster.chain_id, vote))
                    vote = msgspec.structs.replace(vote, signature=signature)
                    message = encode_message(VoteMessage(vote))
                    channel.broadcast(encode_envelope(ConsensusEnvelope(message)))
                await trio.sleep(0.1)


async def test_who_stakes_votes_in_the_zone_and_who_signs_twice_there_is_slashed(
    tmp_path: Path,
) -> None:
    shards = (BANGKOK, REGISTRY)
    async with running(tmp_path, shards=shards, change=short_epochs) as cluster:
        first, last = cluster.nodes[0], cluster.nodes[3]
        fifth = cluster.add("newcomer")
        await cluster.start([fifth])
        newcomer = read_private_key(fifth.home.validator_key)
        public = signing.public_key(newcomer)
        assert not await votes(first, BANGKOK, public)
        await stake(cluster, first, newcomer)
        for shard in shards:

            async def has_a_vote(shard: Shard = shard) -> bool:
                return await votes(first, shard, public)

            await until_true(has_a_vote, within_s=MOVES_S)

        async def signs() -> bool:
            return await signed_latest(cluster, first, public)

        await until_true(signs, within_s=MOVES_S)
        block = await cluster.block(first, (await cluster.head(first)).height)
        assert header_codec.decode(bytes(block.header)).anchor.height > RULES.epoch_blocks

        # One of the founders is gone, and its key in other hands.
        await cluster.kill(last)
        thief = read_private_key(last.home.validator_key)
        offender = signing.public_key(thief)
        await sign_twice(cluster, first, thief)

        async def slashed() -> bool:
            (found,) = [
                each for each in await validators(first, REGISTRY) if each.public_key == offender
            ]
            assert found.stake_ugtx in (STAKE, STAKE * 95 // 100)
            return found.state == "jailed"

        await until_true(slashed, within_s=MOVES_S)

        async def out_of_the_zone() -> bool:
            return not await votes(first, BANGKOK, offender)

        await until_true(out_of_the_zone, within_s=MOVES_S)
        others = [each for each in cluster.nodes if each is not last]
        await cluster.moves(*others)
        await cluster.agree(*others)

        # A node that was never there follows both chains over all these epochs.
        late = cluster.add("late")
        await cluster.start([late])
        await cluster.reaches((await cluster.head(first)).height, late)
        await cluster.agree(first, late)


async def test_who_does_not_host_a_zone_that_it_serves_loses_reputation(tmp_path: Path) -> None:
    async with running(tmp_path, shards=(BANGKOK, REGISTRY), change=called) as cluster:
        first, last = cluster.nodes[0], cluster.nodes[3]
        away = signing.public_key(read_private_key(last.home.validator_key))
        await cluster.kill(last)
        settings = last.home.config.read_text(encoding="utf-8")
        assert "[node]\n" in settings
        only = f'[node]\nshards = ["{REGISTRY}"]\n'
        last.home.config.write_text(settings.replace("[node]\n", only, 1), encoding="utf-8")
        await cluster.start([last])
        (said,) = events(last, "validator_serves_what_it_does_not_host")
        assert said["shards"] == [BANGKOK]

        async def is_seen_to_be_away() -> bool:
            found = {bytes(each.public_key): each for each in await validators(first, REGISTRY)}
            conduct = found.pop(away).conduct
            assert conduct is not None
            return (
                0 < conduct.heights == conduct.signed
                and any(each.heights > 0 and not each.signed for each in conduct.elsewhere)
                and all(
                    each.conduct is not None
                    and any(seen.signed == seen.heights > 0 for seen in each.conduct.elsewhere)
                    for each in found.values()
                )
            )

        await until_true(is_seen_to_be_away, within_s=MOVES_S)

        async def has_lost() -> bool:
            found = {
                bytes(each.public_key): each.reputation
                for each in await validators(first, REGISTRY)
            }
            return found.pop(away) < SCALE * 3 // 4 < min(found.values())

        await until_true(has_lost, within_s=MOVES_S)
