"""Stakes, epochs and jail: who may vote when, and where the money is meanwhile."""

import msgspec
import pytest

from consensus.validators import MAX_STAKE
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Registration, Serve, Stake
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.parameters import StakingRules
from gtxnode.ledger.registry import epochs
from gtxnode.ledger.registry.validators import (
    MAX_UNBONDING,
    Unbonding,
    Validator,
    epoch_of,
    last_height_of,
)
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import REGISTRY, Shard, Zone
from tests.ledger.little_chain import CHAIN, FEE, GTX, LittleChain, address, private_key, signed
from tests.ledger.little_registry import GENESIS_STAKE, RULES, LittleRegistry, double_vote, node

FOUNDERS = ("anan", "boon")


def a_registry(*people: str) -> LittleRegistry:
    return LittleRegistry(FOUNDERS, people or ("chai",))


def test_epochs_cover_every_height_once() -> None:
    assert [epoch_of(height, 3) for height in range(8)] == [0, 0, 0, 0, 1, 1, 1, 2]
    for epoch in range(4):
        assert epoch_of(last_height_of(epoch, 3), 3) == epoch
        assert epoch_of(last_height_of(epoch, 3) + 1, 3) == epoch + 1


def test_genesis_validators_hold_the_first_two_epochs() -> None:
    chain = a_registry()
    assert chain.power(0) == chain.power(1) == {node(name): GENESIS_STAKE for name in FOUNDERS}
    anan = chain.validator("anan")
    assert anan is not None
    assert (anan.owner, anan.reputation) == (address("anan's node"), RULES.reputation.start)


def test_a_new_validator_votes_from_the_epoch_after_the_next() -> None:
    chain = a_registry()
    before = chain.cash("chai")
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    assert chain.cash("chai") == before - 50 * GTX - FEE
    chain.to_epoch(2)
    assert node("chai") not in chain.power(0) | chain.power(1)
    assert chain.power(2)[node("chai")] == 50 * GTX


def test_what_is_staked_in_an_epochs_last_block_still_counts() -> None:
    chain = a_registry()
    chain.block()
    chain.block()
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    assert (chain.height, chain.epoch) == (3, 1)
    assert node("chai") in chain.power(2)
    chain.accepted(chain.stake("chai", 5 * GTX))
    assert chain.power(2)[node("chai")] == 50 * GTX
    chain.to_epoch(2)
    assert chain.power(3)[node("chai")] == 55 * GTX


def test_the_largest_stakes_sit_and_the_rest_waits() -> None:
    chain = a_registry("chai", "dao", "ek")
    for name, stake_gtx in (("chai", 20), ("dao", 30), ("ek", 30)):
        chain.accepted(chain.stake(name, stake_gtx * GTX, register=True))
    chain.to_epoch(2)
    first = min(node("dao"), node("ek"))  # as much stake: the lower key comes first
    assert set(chain.power(2)) == {node("anan"), node("boon"), first}
    chain.accepted(chain.stake("chai", 11 * GTX))
    chain.to_epoch(4)
    assert set(chain.power(4)) == {node("anan"), node("boon"), node("chai")}


def test_unstaked_money_unbonds_and_is_paid_out_by_itself() -> None:
    chain = a_registry()
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    chain.to_epoch(2)
    cash = chain.cash("chai")
    chain.accepted(chain.unstake("chai", 40 * GTX))
    chain.accepted(chain.unstake("chai", 10 * GTX))
    chai = chain.validator("chai")
    assert chai is not None
    assert (chai.stake_ugtx, chai.unbonding) == (0, (Unbonding(50 * GTX, 7),))
    chain.to_epoch(4)
    assert node("chai") in chain.power(3)
    assert node("chai") not in chain.power(4)
    chain.to_epoch(6)
    assert chain.cash("chai") == cash - 2 * FEE
    chain.to_epoch(7)
    assert chain.cash("chai") == cash - 2 * FEE + 50 * GTX
    assert chain.validator("chai") is None
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))


def test_registering_takes_both_keys() -> None:
    chain = a_registry("chai", "dao")
    proof = wallet.prove_possession(
        CHAIN, private_key("chai's node"), address("chai"), Zone.BANGKOK
    )
    for registration in (
        msgspec.structs.replace(proof, owner=address("dao")),
        msgspec.structs.replace(proof, possession=bytes(64)),
        wallet.prove_possession(
            "another", private_key("chai's node"), address("chai"), Zone.BANGKOK
        ),
    ):
        assert refused(chain, "dao", registration) is Reason.BAD_POSSESSION_PROOF
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    assert refused(chain, "chai", proof) is Reason.VALIDATOR_EXISTS


def refused(chain: LittleRegistry, by: str, registration: Registration) -> Reason:
    cash = chain.coins(by, Cash)
    body = wallet.stake(address(by), cash, node("chai"), 50 * GTX, FEE, registration)
    return chain.refused(signed(body, by))


def test_what_is_refused() -> None:
    chain = a_registry("chai", "dao")
    assert chain.refused(chain.stake("chai", 50 * GTX)) is Reason.UNKNOWN_VALIDATOR
    small = chain.stake("chai", 10 * GTX - 1, register=True)
    assert chain.refused(small) is Reason.STAKE_TOO_SMALL
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    assert chain.refused(chain.stake("chai", GTX, by="dao")) is Reason.NOT_OWNER
    assert chain.refused(chain.unstake("chai", GTX, by="dao")) is Reason.NOT_OWNER
    assert chain.refused(chain.unjail("chai", by="dao")) is Reason.NOT_OWNER
    assert chain.refused(chain.unstake("chai", 50 * GTX + 1)) is Reason.NOT_STAKED
    assert chain.refused(chain.unstake("chai", 41 * GTX)) is Reason.STAKE_TOO_SMALL
    assert chain.refused(chain.unjail("chai")) is Reason.NOT_JAILED
    _, largest = max(chain.coins("chai", Cash), key=lambda pair: pair[1].amount_ugtx)
    inputs = tuple(coin_id for coin_id, _ in chain.coins("chai", Cash))
    for body, reason in (
        (Stake(node("chai"), inputs, largest.amount_ugtx), Reason.FEE_TOO_LOW),
        (Stake(node("chai"), inputs, largest.amount_ugtx + 1), Reason.OVERSPENT),
        (Stake(node("chai"), inputs, MAX_STAKE), Reason.STAKE_TOO_LARGE),
    ):
        assert chain.refused(signed(body, "chai")) is reason


def test_only_the_registry_holds_stakes() -> None:
    chain = LittleChain("chai")
    proof = wallet.prove_possession(
        CHAIN, private_key("chai's node"), address("chai"), Zone.BANGKOK
    )
    cash = chain.coins("chai", Cash)
    body = wallet.stake(address("chai"), cash, node("chai"), 50 * GTX, FEE, proof)
    assert chain.refused(signed(body, "chai")) is Reason.NOT_REGISTRY
    assert chain.refused(double_vote("chai", 1)) is Reason.NOT_REGISTRY


def test_who_serves_some_chains_votes_on_these_and_on_the_registry() -> None:
    chain = a_registry()
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    chain.accepted(chain.serve("chai", Shard.GEO_SOUTHERN, Shard.FUNC_COMPLIANCE))
    chain.to_epoch(2)
    committee = chain.committee(2)
    assert committee is not None
    all_three = {node(name) for name in (*FOUNDERS, "chai")}
    for shard in Shard:
        served = shard in (Shard.GEO_SOUTHERN, Shard.FUNC_COMPLIANCE, REGISTRY)
        voters = {each.public_key for each in committee.validator_set(shard)}
        assert voters == (all_three if served else all_three - {node("chai")})
    chain.accepted(chain.serve("chai"))
    chain.to_epoch(chain.epoch + 2)
    later = chain.committee(chain.epoch)
    assert later is not None
    assert later.serving == ()


def test_a_chain_that_nobody_serves_is_everyones() -> None:
    chain = a_registry()
    for name in FOUNDERS:
        owner = f"{name}'s node"
        chain.accepted(chain.serve(name, Shard.GEO_BANGKOK, by=owner))
    chain.to_epoch(2)
    committee = chain.committee(2)
    assert committee is not None
    everyone = {node(name) for name in FOUNDERS}
    assert {each.public_key for each in committee.validator_set(Shard.GEO_CENTRAL)} == everyone


def test_chains_are_named_in_order_each_once_and_by_the_owner() -> None:
    chain = a_registry()
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    right = chain.serve("chai", Shard.GEO_BANGKOK, Shard.GEO_SOUTHERN).body
    assert isinstance(right, Serve)
    for shards in ((Shard.GEO_SOUTHERN, Shard.GEO_BANGKOK), (Shard.GEO_BANGKOK,) * 2):
        wrong = msgspec.structs.replace(right, shards=shards)
        assert chain.refused(signed(wrong, "chai")) is Reason.SHARDS_UNSORTED
    by_another = chain.serve("chai", Shard.GEO_BANGKOK, by="anan's node")
    assert chain.refused(by_another) is Reason.NOT_OWNER


def test_the_last_validator_cannot_leave() -> None:
    chain = a_registry()
    chain.accepted(chain.unstake("anan", GENESIS_STAKE, by="anan's node"))
    leaving = chain.unstake("boon", GENESIS_STAKE, by="boon's node")
    assert chain.refused(leaving) is Reason.LAST_VALIDATOR
    chain.accepted(chain.unstake("boon", GENESIS_STAKE // 2, by="boon's node"))
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    chain.accepted(chain.unstake("boon", GENESIS_STAKE // 2, by="boon's node"))
    assert chain.refused(chain.unstake("chai", 50 * GTX)) is Reason.LAST_VALIDATOR


def test_where_nobody_is_eligible_the_set_goes_on() -> None:
    chain = LittleRegistry(("anan",))
    chain.accepted(double_vote("anan", 1))
    chain.to_epoch(5)
    assert chain.power(5) == chain.power(6) == {node("anan"): GENESIS_STAKE}
    chain.accepted(chain.unjail("anan", by="anan's node"))
    chain.to_epoch(7)
    assert chain.power(7) == {node("anan"): GENESIS_STAKE * 95 // 100}


def test_unbonding_amounts_are_bounded() -> None:
    rules = msgspec.structs.replace(RULES, unbonding_epochs=MAX_UNBONDING + 5)
    chain = LittleRegistry(FOUNDERS, rules=rules)
    for _ in range(MAX_UNBONDING):
        chain.accepted(chain.unstake("anan", GTX, by="anan's node"))
        chain.to_epoch(chain.epoch + 1)
    more = chain.unstake("anan", GTX, by="anan's node")
    assert chain.refused(more) is Reason.TOO_MANY_UNBONDINGS


def test_a_roster_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtxnode.ledger.registry.staking.MAX_REGISTERED", 2)
    chain = a_registry()
    assert chain.refused(chain.stake("chai", 50 * GTX, register=True)) is Reason.TOO_MANY_VALIDATORS


def test_a_stake_that_unbonds_can_be_slashed_as_long_as_it_has_voted() -> None:
    with pytest.raises(ValueError, match="unbonding_epochs is 4"):
        StakingRules(evidence_epochs=3, unbonding_epochs=4)
    assert StakingRules(evidence_epochs=3, unbonding_epochs=5).unbonding_epochs == 5


def test_a_height_is_settled_while_its_committee_is_known() -> None:
    with pytest.raises(ValueError, match="late_heights is 6"):
        StakingRules(epoch_blocks=2, evidence_epochs=3, unbonding_epochs=5, late_heights=6)
    rules = StakingRules(epoch_blocks=2, evidence_epochs=3, unbonding_epochs=5, late_heights=5)
    chain = LittleRegistry(FOUNDERS, rules=rules)
    chain.to_epoch(9)
    assert chain.presence().window[0].height == chain.height - 5


def test_choosing_is_by_stake_then_key_and_leaves_out_who_may_not() -> None:
    def candidate(name: str, stake: int, jailed_until: int = 0) -> Validator:
        return Validator(
            node(name), address(name), Zone.BANGKOK, stake, (), jailed_until, 1, bytes(32)
        )

    keys = sorted("abcdef", key=node)
    some = [candidate(keys[0], 5), candidate(keys[1], 7), candidate(keys[2], 5)]
    others = [candidate(keys[3], 0), candidate(keys[4], 9, jailed_until=1)]
    chosen = epochs.choose([*others, *reversed(some)], 2)
    assert [(each.public_key, each.stake) for each in chosen] == [
        (node(keys[0]), 5),
        (node(keys[1]), 7),
    ]
    assert epochs.choose(others, 2) == ()
