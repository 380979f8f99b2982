"""A registry's sets as its store knows them: after a restart, at an epoch's edge, to clients."""

import pytest

from consensus.types import NO_ANCHOR
from consensus.validators import Validator, ValidatorSet
from gtxnode.chain.rules import Fault, InvalidBlock, build_block, check_block
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import FixedSets, SetUnknown
from gtxnode.ledger import wallet
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.validators import committee_coin_id
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.wire import Address
from gtxnode.views.validators import validators_view
from storage.memory import MemoryStore
from tests.chain.registry import (
    ADDRESS,
    CHAIN,
    EPOCH,
    FEE,
    FOUNDER,
    GENESIS,
    GENESIS_ID,
    NEWCOMER,
    OWNER,
    PUBLIC,
    Registry,
)


def test_headers_commit_to_the_sets_that_the_state_fixes() -> None:
    chain = Registry()
    chain.add(chain.stake(100))
    while chain.store.tip.height < 2 * EPOCH:
        chain.add()
    both = chain.sets.at(2 * EPOCH + 1)
    assert {each.public_key for each in both} == {PUBLIC[FOUNDER], PUBLIC[NEWCOMER]}
    last, _ = chain.store.block(2 * EPOCH)
    assert last.header.validators_root == GENESIS.root
    assert last.header.next_validators_root == both.root
    chain.add()
    first, _ = chain.store.block(2 * EPOCH + 1)
    assert first.header.validators_root == both.root


def test_a_block_of_another_set_is_invalid() -> None:
    chain = Registry()
    chain.add(chain.stake(100))
    while chain.store.tip.height < 2 * EPOCH - 1:
        chain.add()
    tip, both = chain.store.tip, chain.sets.at(2 * EPOCH + 1)
    right = (GENESIS, both, GENESIS)
    check_block(tip, chain.next_block(), *right, chain.store.recent)
    for validators, next_validators in ((GENESIS, GENESIS), (both, both)):
        wrong = build_block(
            tip, (), chain.store.last_commit, validators, next_validators, PUBLIC[FOUNDER], 10**6
        )
        with pytest.raises(InvalidBlock) as refused:
            check_block(tip, wrong, *right, chain.store.recent)
        assert refused.value.fault is Fault.VALIDATORS


def test_sets_are_known_from_genesis_on_as_far_as_the_state_fixes_them() -> None:
    chain = Registry()
    assert chain.sets.at(0) == chain.sets.at(2 * EPOCH) == GENESIS
    with pytest.raises(SetUnknown):
        chain.sets.at(2 * EPOCH + 1)
    for _ in range(4 * EPOCH):
        chain.add()
    # The state forgets what evidence is about no more; whoever follows from genesis needs it.
    _, fresh = chain.opened()
    assert chain.store.get(committee_coin_id(CHAIN, 0)) is None
    for height in range(6 * EPOCH + 1):
        assert fresh.at(height) == chain.sets.at(height)
    with pytest.raises(SetUnknown):
        fresh.at(6 * EPOCH + 1)
    assert (fresh.epoch(2 * EPOCH + 1), fresh.until(2 * EPOCH + 1)) == (2, 3 * EPOCH)


def test_a_chain_without_a_registry_keeps_its_set() -> None:
    sets = FixedSets(GENESIS, GENESIS_ID)
    assert sets.at(10**6) is GENESIS
    assert sets.after(10**6, NO_ANCHOR) is GENESIS
    assert sets.epoch(5) is sets.until(5) is None


def test_clients_see_who_votes_and_who_waits() -> None:
    chain = Registry()
    chain.add(chain.stake(100))
    now = validators_view("func_governance", chain.store, chain.sets, None)
    assert (now.height, now.epoch, now.epoch_ends, now.total_power_ugtx) == (2, 0, EPOCH, 1_000)
    founder, newcomer = now.validators
    assert (founder.public_key, founder.state, founder.power_ugtx) == (
        PUBLIC[FOUNDER],
        "active",
        1_000,
    )
    assert (newcomer.state, newcomer.power_ugtx, newcomer.stake_ugtx) == ("waiting", 0, 100)
    assert newcomer.owner == Address(ADDRESS)
    assert newcomer.region == "eastern"
    while chain.store.tip.height < EPOCH:
        chain.add()
    later = validators_view("func_governance", chain.store, chain.sets, 2 * EPOCH + 1)
    assert [each.state for each in later.validators] == ["active", "active"]
    assert later.total_power_ugtx == 1_100
    with pytest.raises(NotFound):
        validators_view("func_governance", chain.store, chain.sets, 3 * EPOCH + 1)

    chain.add(wallet.unstake(ADDRESS, chain.cash(), PUBLIC[NEWCOMER], 100, FEE))
    left = validators_view("func_governance", chain.store, chain.sets, None).validators[1]
    assert (left.state, left.stake_ugtx) == ("leaving", 0)
    assert [(each.amount_ugtx, each.release_epoch) for each in left.unbonding] == [(100, 5)]


def test_clients_of_a_chain_without_stakes_see_its_set() -> None:
    plain = ValidatorSet([Validator(PUBLIC[OWNER], 5, region=Zone.SOUTHERN)])
    coins = initial_coins("test/other", [])
    other = ChainStore.on(MemoryStore(), "test/other", GENESIS_ID, 0, ChainParameters(), coins)
    view = validators_view("geo_southern", other, FixedSets(plain, GENESIS_ID), None)
    (only,) = view.validators
    assert (view.epoch, only.power_ugtx, only.region, only.owner) == (None, 5, "southern", None)
