"""What final commits show of validators: reputation, and jail for those who are not there."""

import msgspec

from consensus.reputation import ReputationRule
from consensus.turns import Turns
from gtxnode.ledger.registry.validators import Validator
from gtxnode.primitives.errors import Reason
from tests.ledger.little_chain import GTX
from tests.ledger.little_registry import (
    GENESIS_STAKE,
    RULES,
    LittleRegistry,
    double_vote,
    node,
)

EPOCH = 10
CONDUCT = msgspec.structs.replace(
    RULES,
    epoch_blocks=EPOCH,
    late_heights=2,
    downtime_jail_epochs=1,
    reputation=ReputationRule(min_heights=5, average_epochs=2),
)


def a_registry(**changes: int) -> LittleRegistry:
    rules = msgspec.structs.replace(CONDUCT, **changes)
    return LittleRegistry(("anan", "boon", "chai"), rules=rules)


def known(chain: LittleRegistry, name: str) -> Validator:
    validator = chain.validator(name)
    assert validator is not None
    return validator


def test_a_height_counts_once_nobody_can_sign_it_late() -> None:
    chain = a_registry()
    chain.absent = {"boon"}
    for _ in range(4):
        chain.block()
    # Blocks 2 to 4 carried the commits of 1 to 3: only the first is out of the window.
    presence = chain.presence()
    assert [(each.height, each.missing) for each in presence.window] == [
        (2, (node("boon"),)),
        (3, (node("boon"),)),
    ]
    conducts = {each.public_key: each.conduct for each in presence.records}
    assert (conducts[node("anan")].heights, conducts[node("anan")].signed) == (1, 1)
    assert (conducts[node("boon")].heights, conducts[node("boon")].signed) == (1, 0)


def test_who_signs_rises_and_who_is_away_sinks_and_is_jailed() -> None:
    chain = a_registry()
    chain.absent = {"boon"}
    chain.to_epoch(1)
    start = CONDUCT.reputation.start
    assert known(chain, "anan").reputation == start + CONDUCT.reputation.max_change
    boon = known(chain, "boon")
    assert boon.reputation == start - CONDUCT.reputation.max_change
    assert (boon.stake_ugtx, boon.jailed_until) == (GENESIS_STAKE, 2)
    assert chain.supply().burned_ugtx == 0
    assert chain.presence().records == ()
    chain.to_epoch(2)
    assert set(chain.power(2)) == {node("anan"), node("chai")}
    # It is not judged again for what its jail keeps it from.
    assert known(chain, "boon") == boon
    chain.absent = set()
    chain.accepted(chain.unjail("boon", by="boon's node"))
    chain.to_epoch(4)
    assert chain.power(4)[node("boon")] == GENESIS_STAKE


def test_some_heights_missed_are_no_downtime() -> None:
    chain = a_registry()
    for height in range(EPOCH):
        chain.absent = {"boon"} if height % 3 == 0 else set()
        chain.block()
    boon = known(chain, "boon")
    assert not boon.jailed_until
    assert boon.reputation > CONDUCT.reputation.start


def test_a_missed_turn_costs_reputation() -> None:
    chain = a_registry()
    chain.turns = Turns(frozenset({node("anan")}), frozenset({node("boon")}), node("anan"))
    chain.block()  # the first block has no parent that anybody proposed
    for _ in range(EPOCH - 1):
        chain.block()
    start = CONDUCT.reputation.start
    assert known(chain, "anan").reputation == start + CONDUCT.reputation.max_change
    assert known(chain, "boon").reputation == start  # it signed all, and proposed nothing
    assert known(chain, "chai").reputation == start + CONDUCT.reputation.max_change


def test_reputation_goes_into_the_committee() -> None:
    chain = a_registry()
    chain.absent = {"boon"}
    chain.to_epoch(1)
    committee = chain.committee(2)
    assert committee is not None
    assert {member.reputation for member in committee.members} == {550_000}


def test_the_commit_of_an_epochs_last_height_is_held_against_its_own_committee() -> None:
    chain = a_registry(late_heights=0)
    chain.accepted(chain.unstake("chai", GENESIS_STAKE, by="chai's node"))
    chain.to_epoch(2)
    assert node("chai") not in chain.power(2)
    chain.block()
    conducts = {each.public_key for each in chain.presence().records}
    assert conducts == {node("anan"), node("boon"), node("chai")}
    chain.block()
    heights = {each.public_key: each.conduct.heights for each in chain.presence().records}
    assert heights == {node("anan"): 2, node("boon"): 2, node("chai"): 1}


def test_good_conduct_does_not_lift_who_was_punished() -> None:
    chain = a_registry()
    chain.block()
    chain.accepted(double_vote("boon", 1))
    chain.to_epoch(1)
    assert known(chain, "boon").reputation == CONDUCT.reputation.floor
    assert known(chain, "boon").jailed_until == CONDUCT.jail_epochs


def test_where_all_are_jailed_for_downtime_the_set_goes_on() -> None:
    chain = a_registry()
    chain.absent = {"anan", "boon", "chai"}
    chain.to_epoch(1)
    assert all(known(chain, name).jailed_until for name in ("anan", "boon", "chai"))
    chain.absent = set()
    chain.to_epoch(3)
    assert chain.power(3) == chain.power(0)
    unjail = chain.unjail("anan", by="anan's node")
    chain.accepted(unjail)
    assert chain.refused(unjail) is Reason.NOT_JAILED
    assert known(chain, "anan").stake_ugtx == 100 * GTX
