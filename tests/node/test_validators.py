"""A registry on a simulated network: validators come, are caught, and go, block by block."""

from itertools import pairwise
from pathlib import Path

import msgspec
import trio

from consensus import signing
from consensus.messages import VoteMessage, encode_message
from consensus.types import UNSIGNED, Vote, VoteKind, header_codec, vote_digest
from gtxnode.ledger import wallet as wallets
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.ledger.registry.validators import Validator
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import REGISTRY, Zone
from gtxnode.relay import ConsensusEnvelope, Envelope, Relay
from gtxnode.rpc.views.transactions import TransactionState
from gtxnode.views.chain import ChainView
from p2p.identity import PeerId
from p2p.network import NetworkConfig
from p2p.simulated import SimulatedWorld, Weather
from tests.node.client import FEE_UGTX, Client
from tests.node.harness import FUNDS_UGTX, Cluster, cluster, key, quick_genesis, wallet
from tests.waiting import until

STAKE = 100
RULES = StakingRules(
    epoch_blocks=4, min_stake_ugtx=50, evidence_epochs=50, unbonding_epochs=52, jail_epochs=100
)
PARAMETERS = ChainParameters(staking=RULES)


def public(number: int) -> bytes:
    return signing.public_key(key(number))


async def registered(view: ChainView, owner: bytes) -> Validator | None:
    """The validator that an address owns."""
    page = await view.accounts.coins(owner, after=None, limit=1_000)
    coins = [decode_coin(bytes(each.encoded)) for each in page.coins]
    return next((coin for coin in coins if isinstance(coin, Validator)), None)


def votes(running: Cluster, number: int) -> bool:
    """Whether a node is a validator of the height at hand."""
    return running.nodes[number].shard.status().validator is not None


async def headers_commit_to_the_next_set(view: ChainView) -> int:
    """What a light client goes by, checked over the whole chain; how often the set changed."""
    headers = [
        header_codec.decode(bytes((await view.block(height)).header))
        for height in range(1, view.head().height + 1)
    ]
    pairs = tuple(pairwise(headers))
    assert all(one.next_validators_root == other.validators_root for one, other in pairs)
    return sum(one.validators_root != other.validators_root for one, other in pairs)


async def vote_twice(running: Cluster, number: int) -> None:
    """A second machine with a validator's key, which prevotes for two blocks."""
    node = running.nodes[1]
    config = NetworkConfig(private_key=key(90), bootstrap=(node.network.addresses()[0],))
    async with running.world.open(config) as network, trio.open_nursery() as nursery:
        relay = Relay(network, node.shard.chain_id)

        async def ignore(peer: PeerId, envelope: Envelope) -> None:
            await trio.lowlevel.checkpoint()

        await nursery.start(relay.run, ignore)
        await until(lambda: node.network.peer_id in relay.peers())
        while not node.recorder.evidence_found:
            height = node.shard.view.head().height + 1
            for block in (b"\x01" * 32, b"\x02" * 32):
                vote = Vote(VoteKind.PREVOTE, height, 0, block, -1, public(number), UNSIGNED)
                digest = vote_digest(node.shard.chain_id, vote)
                signed = msgspec.structs.replace(vote, signature=signing.sign(key(number), digest))
                relay.broadcast(ConsensusEnvelope(encode_message(VoteMessage(signed))))
            await node.shard.view.wait_for_height(height)
        nursery.cancel_scope.cancel()


async def test_whoever_signs_twice_is_slashed_and_loses_its_seat(tmp_path: Path) -> None:
    genesis = quick_genesis(4, name=REGISTRY, parameters=PARAMETERS)
    with trio.fail_after(60):
        async with cluster(tmp_path, genesis, 4, SimulatedWorld(5, Weather())) as running:
            await running.stop(4)
            await vote_twice(running, 4)
            view = running.nodes[2].shard.view
            owner = address_of(public(4))
            while (found := await registered(view, owner)) is None or not found.jailed_until:
                await view.wait_for_height(view.head().height + 1)
            assert found.stake_ugtx == STAKE * 95 // 100
            assert found.reputation == RULES.reputation.floor
            supply = await view.ledger.supply()
            assert supply.gtx_burned_ugtx == 5
            assert supply.gtx_supply_ugtx == 8 * FUNDS_UGTX + 4 * STAKE - 5

            # Its machine comes back, catches up across epochs, and has no vote.
            back = (await running.start(4)).shard
            await back.view.wait_for_height(view.head().height + 3 * RULES.epoch_blocks)
            assert not votes(running, 4)
            assert await headers_commit_to_the_next_set(back.view) >= 1
            balance = await back.view.accounts.balance(owner)
            assert balance.money_staked_ugtx == STAKE * 95 // 100


async def test_who_stakes_comes_to_vote_and_who_leaves_goes(tmp_path: Path) -> None:
    genesis = quick_genesis(3, name=REGISTRY, parameters=PARAMETERS)
    with trio.fail_after(60):
        async with cluster(tmp_path, genesis, 3, SimulatedWorld(6, Weather())) as running:
            newcomer = await running.start(5)
            view = running.nodes[1].shard.view
            owner = Client(view, wallet(0))
            assert not votes(running, 5)
            registration = wallets.prove_possession(
                view.chain_id, key(5), owner.address, Zone.BANGKOK
            )
            status = await owner.send(
                wallets.stake(
                    owner.address, await owner.cash(), public(5), 1_000, FEE_UGTX, registration
                )
            )
            assert status.state is TransactionState.FINAL
            await until(lambda: votes(running, 5))
            # With three quarters of the stake nothing becomes final without it.
            before = newcomer.shard.view.head().height
            await newcomer.shard.view.wait_for_height(before + 2)

            leaving = wallets.unstake(owner.address, await owner.cash(), public(5), 1_000, FEE_UGTX)
            assert (await owner.send(leaving)).state is TransactionState.FINAL
            await until(lambda: not votes(running, 5))
            # The others must have what it has: its last votes were two thirds of the stake.
            height = newcomer.shard.view.head().height
            for node in running.nodes.values():
                await node.shard.view.wait_for_height(height)
            await running.stop(5)
            height += 2
            await view.wait_for_height(height)

            # A node that was never there follows all of it from genesis.
            late = (await running.start(6)).shard.view
            await late.wait_for_height(height)
            assert await headers_commit_to_the_next_set(late) >= 2
            assert (await late.block(height)).app_root == (await view.block(height)).app_root
