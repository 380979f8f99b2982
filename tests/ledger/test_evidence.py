"""Evidence: proved once, within its window, before anything else in its block."""

import msgspec
import pytest

from consensus.types import Vote
from gtxnode.ledger.coins import Cash
from gtxnode.primitives.errors import Reason
from tests.ledger.little_chain import GTX, address, reasons
from tests.ledger.little_registry import (
    GENESIS_STAKE,
    RULES,
    LittleRegistry,
    double_vote,
    evidence,
    node,
    precommit,
    prevote,
    proposal,
)

FOUNDERS = ("anan", "boon")


def a_registry() -> LittleRegistry:
    chain = LittleRegistry(FOUNDERS, ("chai",))
    chain.block()
    return chain


OFFENCES = {
    "double prevote": lambda: evidence(prevote("anan", 1, "one"), prevote("anan", 1, None)),
    "double precommit": lambda: evidence(precommit("anan", 1, "one"), precommit("anan", 1, "two")),
    "double proposal": lambda: evidence(proposal("anan", 1, "one"), proposal("anan", 1, "two")),
    "amnesia": lambda: evidence(
        precommit("anan", 1, "one", 1), prevote("anan", 1, "two", 3, valid_round=0)
    ),
}


@pytest.mark.parametrize("offence", OFFENCES)
def test_an_offence_costs_stake_reputation_and_the_seat(offence: str) -> None:
    chain = a_registry()
    outcome = chain.accepted(OFFENCES[offence]())
    lost = GENESIS_STAKE * 5 // 100
    assert outcome.burned_ugtx == chain.supply().burned_ugtx == lost
    anan = chain.validator("anan")
    assert anan is not None
    assert anan.stake_ugtx == GENESIS_STAKE - lost
    assert anan.jailed_until == RULES.jail_epochs
    assert anan.reputation == RULES.reputation.floor
    chain.to_epoch(2)
    assert set(chain.power(2)) == {node("boon")}
    boon = chain.validator("boon")
    assert boon is not None
    assert boon.stake_ugtx == GENESIS_STAKE


def test_what_unbonds_is_slashed_too() -> None:
    chain = a_registry()
    chain.accepted(chain.unstake("anan", 60 * GTX, by="anan's node"))
    chain.accepted(double_vote("anan", 1))
    anan = chain.validator("anan")
    assert anan is not None
    assert (anan.stake_ugtx, anan.unbonding[0].amount_ugtx) == (38 * GTX, 57 * GTX)


def test_who_votes_twice_and_leaves_cannot_outrun_the_evidence() -> None:
    chain = a_registry()
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    chain.to_epoch(2)
    chain.accepted(chain.unstake("chai", 50 * GTX))
    last = 12  # in epoch 3, the last that it votes in
    chain.to_epoch(3 + RULES.evidence_epochs)
    assert node("chai") in chain.power(3)
    assert node("chai") not in chain.power(4)
    while chain.height + 1 < 3 * (4 + RULES.evidence_epochs):
        chain.block()
    # The last block that takes it, which is the block that would have paid chai out.
    outcome = chain.accepted(double_vote("chai", last))
    assert outcome.burned_ugtx == 50 * GTX * 5 // 100
    assert chain.epoch == 7
    paid = [held.coin for held in outcome.made.values() if isinstance(held.coin, Cash)]
    assert paid == [Cash(address("chai"), 50 * GTX * 95 // 100)]


def test_evidence_counts_once_for_each_epoch() -> None:
    chain = a_registry()
    chain.accepted(double_vote("anan", 1))
    for again in (
        double_vote("anan", 1),
        double_vote("anan", 1, "other"),
        double_vote("anan", 2),
        evidence(prevote("anan", 1, "two"), prevote("anan", 1, "one")),
        OFFENCES["amnesia"](),
    ):
        assert chain.refused(again) is Reason.ALREADY_PUNISHED
    chain.to_epoch(1)
    chain.accepted(double_vote("boon", 1))
    anan = chain.validator("anan")
    assert anan is not None
    chain.accepted(double_vote("anan", 4))
    twice = chain.validator("anan")
    assert twice is not None
    assert twice.stake_ugtx == anan.stake_ugtx * 95 // 100
    assert twice.jailed_until == 1 + RULES.jail_epochs


def test_evidence_is_taken_within_its_window() -> None:
    chain = a_registry()
    assert chain.refused(double_vote("anan", 3)) is Reason.EVIDENCE_OUT_OF_WINDOW
    assert chain.refused(double_vote("anan", 0)) is Reason.EVIDENCE_OUT_OF_WINDOW
    chain.to_epoch(RULES.evidence_epochs)
    chain.accepted(double_vote("anan", 1))
    chain.to_epoch(RULES.evidence_epochs + 1)
    assert chain.refused(double_vote("boon", 1)) is Reason.EVIDENCE_OUT_OF_WINDOW
    chain.accepted(double_vote("boon", 4))


def forged(vote: Vote) -> Vote:
    return msgspec.structs.replace(vote, signature=bytes(64))


NO_PROOF = {
    "the same vote twice": lambda: evidence(prevote("anan", 1, "one"), prevote("anan", 1, "one")),
    "two rounds": lambda: evidence(prevote("anan", 1, "one"), prevote("anan", 1, "two", 1)),
    "two heights": lambda: evidence(prevote("anan", 1, "one"), prevote("anan", 2, "two")),
    "two validators": lambda: evidence(prevote("anan", 1, "one"), prevote("boon", 1, "two")),
    "a prevote and a precommit": lambda: evidence(
        prevote("anan", 1, "one"), precommit("anan", 1, "two")
    ),
    "forged": lambda: evidence(prevote("anan", 1, "one"), forged(prevote("anan", 1, "two"))),
    "no validator": lambda: double_vote("chai", 1),
    "a lock that moved on": lambda: evidence(
        precommit("anan", 1, "one", 1), prevote("anan", 1, "two", 3, valid_round=2)
    ),
}


@pytest.mark.parametrize("pair", NO_PROOF)
def test_what_proves_nothing(pair: str) -> None:
    chain = a_registry()
    assert chain.refused(NO_PROOF[pair]()) is Reason.INVALID_EVIDENCE


def test_a_new_validator_is_not_charged_for_an_epoch_in_which_it_had_no_vote() -> None:
    chain = a_registry()
    chain.accepted(chain.stake("chai", 50 * GTX, register=True))
    chain.to_epoch(2)
    assert chain.refused(double_vote("chai", 1)) is Reason.INVALID_EVIDENCE
    chain.accepted(double_vote("chai", 7))


def test_evidence_takes_effect_before_what_stands_earlier_in_the_block() -> None:
    chain = a_registry()
    # Its last chance to save what it has: with its stake at 95 it has less than it asks for.
    leaving = chain.unstake("anan", 98 * GTX, by="anan's node")
    accusing, copy = double_vote("anan", 1), double_vote("anan", 1)
    outcome = chain.block(leaving, accusing, copy)
    assert reasons(outcome.receipts) == [Reason.NOT_STAKED, None, Reason.ALREADY_EXECUTED]


def test_who_is_jailed_returns_after_its_term_and_not_before() -> None:
    chain = a_registry()
    chain.accepted(double_vote("anan", 1))
    chain.to_epoch(1)
    assert chain.refused(chain.unjail("anan", by="anan's node")) is Reason.STILL_JAILED
    chain.to_epoch(RULES.jail_epochs)
    chain.accepted(chain.unjail("anan", by="anan's node"))
    chain.to_epoch(RULES.jail_epochs + 2)
    assert node("anan") in chain.power(chain.epoch)


def test_who_lost_too_much_has_to_stake_more_to_return() -> None:
    chain = a_registry()
    chain.accepted(chain.unstake("anan", 90 * GTX, by="anan's node"))
    chain.accepted(double_vote("anan", 1))
    chain.to_epoch(RULES.jail_epochs)
    assert chain.refused(chain.unjail("anan", by="anan's node")) is Reason.STAKE_TOO_SMALL
    chain.accepted(chain.stake("anan", GTX, by="anan's node"))
    chain.accepted(chain.unjail("anan", by="anan's node"))


def test_all_can_be_burned_and_who_has_nothing_is_struck_off() -> None:
    chain = LittleRegistry(FOUNDERS, rules=msgspec.structs.replace(RULES, slash_ppm=1_000_000))
    chain.block()
    outcome = chain.accepted(double_vote("anan", 1))
    assert outcome.burned_ugtx == GENESIS_STAKE
    chain.to_epoch(1)
    assert chain.validator("anan") is not None
    chain.to_epoch(2)
    assert chain.validator("anan") is None
    assert chain.refused(double_vote("anan", 4)) is Reason.UNKNOWN_VALIDATOR
