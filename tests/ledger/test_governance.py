"""Governance: proposals from the first block to the last, and trying to have more than one say."""

import pytest

from gtxnode.ledger import wallet
from gtxnode.ledger.authority.decrees import Decreed
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.amendments import Change
from gtxnode.ledger.registry.proposals import (
    Agenda,
    Electorate,
    InForce,
    Proposal,
    Status,
    agenda_coin_id,
    in_force_at,
    in_force_coin_id,
    replaced_coin_id,
)
from gtxnode.ledger.registry.votes import Choice, Tally
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import CHAIN, FEE, GTX, LittleChain, address, signed
from tests.ledger.little_registry import GENESIS_STAKE, RULES, VOTING, LittleRegistry, double_vote

FEE_CHANGE = ("min_fee_ugtx", "2000")
STAKE = GENESIS_STAKE


def a_registry() -> LittleRegistry:
    """Anan, boon and chai own a hundred GTX of stake each; dao has cash only."""
    return LittleRegistry(("anan", "boon", "chai"), ("dao", "ek"))


def owner(name: str) -> str:
    """Genesis validators belong to their nodes' own keys."""
    return f"{name}'s node"


def votes(chain: LittleRegistry, number: int, **choices: Choice) -> list[CheckedTransaction]:
    return [chain.vote(name, number, choice, by=owner(name)) for name, choice in choices.items()]


def in_force(chain: LittleChain) -> InForce | None:
    coin = chain.coin(in_force_coin_id(CHAIN))
    assert coin is None or isinstance(coin, InForce)
    return coin


def passed(chain: LittleRegistry, *changes: tuple[str, str], activation_epoch: int = 0) -> int:
    """Propose, and vote for it when voting begins; its number. It is still to be counted."""
    chain.accepted(chain.propose("dao", *changes, activation_epoch=activation_epoch))
    number = max(coin.number for _, coin in chain.all_coins() if isinstance(coin, Proposal))
    chain.to_epoch(chain.proposal(number).voting_epoch)
    chain.accepted(*votes(chain, number, anan=Choice.YES, boon=Choice.YES, chai=Choice.YES))
    return number


def test_a_proposal_from_its_deposit_to_its_effect() -> None:
    chain = a_registry()
    before = chain.cash("dao")
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    assert chain.cash("dao") == before - VOTING.deposit_ugtx - FEE
    proposal = chain.proposal(1)
    assert (proposal.voting_epoch, proposal.last_voting_epoch) == (2, 3)
    assert (proposal.activation_epoch, proposal.replaced) == (5, ("1000",))
    chain.to_epoch(2)
    assert chain.proposal(1).status is Status.VOTING
    chain.accepted(*votes(chain, 1, anan=Choice.YES, boon=Choice.YES, chai=Choice.NO))
    chain.to_epoch(4)
    proposal = chain.proposal(1)
    assert proposal.status is Status.PASSED
    assert proposal.tally == Tally(2 * STAKE, STAKE, 0, 3 * STAKE)
    assert chain.cash("dao") == before - FEE
    while chain.epoch < 5:
        assert chain.parameters.min_fee_ugtx == 1_000
        chain.block()
    assert chain.proposal(1).status is Status.ENACTED
    assert chain.parameters.min_fee_ugtx == 2_000
    assert chain.parameters.zones == (Zone.BANGKOK,)
    assert chain.parameters.registry
    paid = wallet.pay(address("dao"), chain.coins("dao", Cash), address("ek"), 1, FEE)
    assert chain.refused(signed(paid, "dao")) is Reason.FEE_TOO_LOW


def test_the_state_says_which_parameters_hold_and_which_held() -> None:
    chain = a_registry()
    assert in_force(chain) is None
    passed(chain, FEE_CHANGE)
    chain.to_epoch(5)
    first = in_force(chain)
    assert first is not None
    assert (first.version, first.epoch, first.proposal) == (1, 5, 1)
    assert not first.parameters.authorities
    assert not first.parameters.zones
    assert not first.parameters.registry
    passed(chain, ("orders.max_open_per_trader", "7"))
    chain.to_epoch(20)
    second = in_force(chain)
    assert second is not None
    assert (second.version, second.parameters.min_fee_ugtx) == (2, 2_000)
    assert second.parameters.orders.max_open_per_trader == 7
    assert chain.coin(replaced_coin_id(CHAIN, 1)) == first

    class Coins:
        get = staticmethod(chain.coin)

    for epoch in range(chain.epoch + 1):
        held = in_force_at(CHAIN, Coins, epoch)
        assert held == (None if epoch < 5 else first if epoch < second.epoch else second)


@pytest.mark.parametrize(
    ("choices", "status"),
    [
        ({}, Status.NO_QUORUM),
        ({"anan": Choice.YES}, Status.NO_QUORUM),
        ({"anan": Choice.ABSTAIN, "boon": Choice.ABSTAIN}, Status.REJECTED),
        ({"anan": Choice.YES, "boon": Choice.ABSTAIN}, Status.PASSED),
        ({"anan": Choice.YES, "boon": Choice.NO}, Status.REJECTED),
        ({"anan": Choice.NO, "boon": Choice.NO, "chai": Choice.NO}, Status.REJECTED),
    ],
)
def test_quorum_and_approval(choices: dict[str, Choice], status: Status) -> None:
    chain = a_registry()
    before = chain.cash("dao")
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    chain.to_epoch(2)
    chain.block(*votes(chain, 1, **choices))
    chain.to_epoch(4)
    assert chain.proposal(1).status is status
    burned = VOTING.deposit_ugtx if status is Status.NO_QUORUM else 0
    assert chain.supply().burned_ugtx == burned
    assert chain.cash("dao") == before - FEE - burned
    chain.to_epoch(6)
    assert (chain.parameters.min_fee_ugtx == 2_000) == (status is Status.PASSED)


def test_a_later_vote_replaces_an_earlier_one() -> None:
    chain = a_registry()
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    chain.to_epoch(2)
    chain.accepted(*votes(chain, 1, anan=Choice.YES, boon=Choice.YES))
    chain.accepted(*votes(chain, 1, anan=Choice.NO))
    chain.to_epoch(4)
    assert chain.proposal(1).tally == Tally(STAKE, STAKE, 0, 3 * STAKE)


def test_a_vote_that_was_replaced_is_not_sent_again() -> None:
    """Whoever has seen it cannot bring it back: it spent its fee's coins."""
    chain = a_registry()
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    chain.to_epoch(2)
    (first,) = votes(chain, 1, anan=Choice.YES)
    chain.accepted(first)
    chain.accepted(*votes(chain, 1, anan=Choice.NO))
    assert chain.refused(first) is Reason.UNKNOWN_COIN
    chain.to_epoch(4)
    assert chain.proposal(1).tally == Tally(0, STAKE, 0, 3 * STAKE)


def test_stake_of_the_last_block_before_voting_counts_and_is_held_for_it() -> None:
    """Whoever buys a vote in that block is bound as long as anyone who validates."""
    chain = a_registry()
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    while chain.epoch == 0 or (chain.height + 1) % RULES.epoch_blocks:
        chain.block()
    chain.accepted(chain.stake("ek", 300 * GTX, register=True))
    assert chain.epoch == 2
    before = chain.cash("ek")
    chain.accepted(chain.unstake("ek", 300 * GTX))
    chain.accepted(chain.vote("ek", 1, Choice.YES))
    chain.to_epoch(4)
    assert chain.proposal(1).tally == Tally(300 * GTX, 0, 0, 600 * GTX)
    chain.to_epoch(1 + RULES.unbonding_epochs)
    assert chain.cash("ek") < before
    chain.to_epoch(2 + RULES.unbonding_epochs)
    assert chain.cash("ek") > before


def test_nobody_votes_early_or_late_or_on_what_is_not_there() -> None:
    chain = a_registry()
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    (vote,) = votes(chain, 1, anan=Choice.YES)
    assert chain.refused(vote) is Reason.VOTING_CLOSED
    (vote,) = votes(chain, 2, anan=Choice.YES)
    assert chain.refused(vote) is Reason.UNKNOWN_PROPOSAL
    for epoch in (4, 6):
        chain.to_epoch(epoch)
        (vote,) = votes(chain, 1, anan=Choice.YES)
        assert chain.refused(vote) is Reason.VOTING_CLOSED


def test_only_the_owner_of_a_stake_votes_with_it() -> None:
    chain = a_registry()
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    chain.to_epoch(2)
    assert chain.refused(chain.vote("anan", 1, Choice.YES, by="dao")) is Reason.NOT_OWNER
    assert chain.refused(chain.vote("dao", 1, Choice.YES)) is Reason.NOT_AN_ELECTOR


def test_stake_that_is_moved_votes_once() -> None:
    """Unstaked after voting began it still votes; staked elsewhere after that it does not."""
    chain = a_registry()
    chain.accepted(chain.stake("ek", 200 * GTX, register=True))
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    chain.to_epoch(2)
    chain.accepted(chain.unstake("ek", 200 * GTX))
    chain.accepted(chain.stake("dao", 200 * GTX, register=True))
    assert chain.refused(chain.vote("dao", 1, Choice.YES)) is Reason.NOT_AN_ELECTOR
    chain.accepted(chain.vote("ek", 1, Choice.YES))
    chain.accepted(chain.stake("ek", 200 * GTX))
    chain.accepted(chain.vote("ek", 1, Choice.YES))
    chain.to_epoch(4)
    assert chain.proposal(1).tally == Tally(200 * GTX, 0, 0, 500 * GTX)


def test_stake_taken_back_before_voting_begins_has_no_vote() -> None:
    chain = a_registry()
    chain.accepted(chain.stake("ek", 200 * GTX, register=True))
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    chain.to_epoch(1)
    chain.accepted(chain.unstake("ek", 200 * GTX))
    chain.to_epoch(2)
    assert chain.refused(chain.vote("ek", 1, Choice.YES)) is Reason.NOT_AN_ELECTOR


def test_whoever_is_jailed_where_voting_begins_has_no_vote() -> None:
    chain = a_registry()
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    chain.accepted(double_vote("anan", 1))
    chain.to_epoch(2)
    (vote,) = votes(chain, 1, anan=Choice.YES)
    assert chain.refused(vote) is Reason.NOT_AN_ELECTOR
    chain.accepted(*votes(chain, 1, boon=Choice.YES, chai=Choice.YES))
    chain.to_epoch(4)
    assert chain.proposal(1).tally == Tally(2 * STAKE, 0, 0, 2 * STAKE)


def test_a_newer_proposal_that_comes_first_supersedes() -> None:
    chain = a_registry()
    chain.accepted(chain.propose("dao", FEE_CHANGE, activation_epoch=9))
    chain.block(after_s=1)
    chain.accepted(chain.propose("ek", ("min_fee_ugtx", "3000"), ("orders.min_wh", "200")))
    chain.to_epoch(2)
    for number in (1, 2):
        chain.accepted(*votes(chain, number, anan=Choice.YES, boon=Choice.YES))
    chain.to_epoch(5)
    assert chain.parameters.min_fee_ugtx == 3_000
    chain.to_epoch(9)
    assert chain.proposal(2).status is Status.ENACTED
    assert chain.proposal(1).status is Status.SUPERSEDED
    assert chain.parameters.min_fee_ugtx == 3_000
    assert chain.parameters.orders.min_wh == 200


def test_two_for_the_same_epoch_take_effect_in_the_order_of_their_numbers() -> None:
    chain = a_registry()
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    chain.accepted(chain.propose("ek", ("min_fee_ugtx", "3000")))
    chain.to_epoch(2)
    for number in (1, 2):
        chain.accepted(*votes(chain, number, anan=Choice.YES, boon=Choice.YES))
    chain.to_epoch(5)
    assert [chain.proposal(n).status for n in (1, 2)] == [Status.ENACTED, Status.SUPERSEDED]
    assert chain.parameters.min_fee_ugtx == 2_000


def test_two_that_only_fit_alone_do_not_both_take_effect() -> None:
    """Each would leave more than a third deciding; together they would not."""
    chain = a_registry()
    chain.accepted(chain.propose("dao", ("governance.approval_ppm", "800000")))
    chain.to_epoch(2)
    chain.accepted(*votes(chain, 1, anan=Choice.YES, boon=Choice.YES))
    chain.to_epoch(5)
    chain.accepted(chain.propose("dao", ("governance.quorum_ppm", "420000")))
    chain.accepted(chain.propose("ek", ("governance.approval_ppm", "700000")))
    chain.to_epoch(7)
    for number in (2, 3):
        chain.accepted(*votes(chain, number, anan=Choice.YES, boon=Choice.YES, chai=Choice.YES))
    chain.to_epoch(10)
    assert [chain.proposal(n).status for n in (2, 3)] == [Status.ENACTED, Status.INVALID]
    assert chain.parameters.governance.approval_ppm == 800_000


def test_a_change_of_the_delays_leaves_what_is_under_way_alone() -> None:
    chain = a_registry()
    chain.accepted(chain.propose("dao", ("governance.voting_epochs", "1")))
    chain.to_epoch(1)
    chain.to_epoch(2)
    chain.accepted(*votes(chain, 1, anan=Choice.YES, boon=Choice.YES))
    chain.to_epoch(4)
    chain.accepted(chain.propose("ek", FEE_CHANGE))
    assert (chain.proposal(2).voting_epoch, chain.proposal(2).last_voting_epoch) == (6, 7)
    chain.to_epoch(7)
    assert chain.parameters.governance.voting_epochs == 1
    chain.accepted(*votes(chain, 2, anan=Choice.YES, boon=Choice.YES))
    chain.accepted(chain.propose("ek", ("min_fee_ugtx", "5000")))
    assert (chain.proposal(3).voting_epoch, chain.proposal(3).last_voting_epoch) == (9, 9)
    chain.to_epoch(9)
    assert chain.proposal(2).status is Status.ENACTED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([("min_fee", "1")], Reason.UNKNOWN_PARAMETER),
        ([("orders.max_wh.more", "1")], Reason.UNKNOWN_PARAMETER),
        ([("min_fee_ugtx", "-1")], Reason.INVALID_CHANGE),
        ([("min_fee_ugtx", "1.0")], Reason.INVALID_CHANGE),
        ([("min_fee_ugtx", '"1"')], Reason.INVALID_CHANGE),
        ([("min_fee_ugtx", "one")], Reason.INVALID_CHANGE),
        ([("min_fee_ugtx", "9" * 400)], Reason.INVALID_CHANGE),
        ([("min_fee_ugtx", "[" * 4_000)], Reason.INVALID_CHANGE),
        ([("min_fee_ugtx", "1000")], Reason.INVALID_CHANGE),
        ([FEE_CHANGE, FEE_CHANGE], Reason.INVALID_CHANGE),
        ([("orders", "{}"), ("orders.min_wh", "5")], Reason.INVALID_CHANGE),
        ([("orders", '{"free": 1}')], Reason.INVALID_CHANGE),
        ([("governance.quorum_ppm", "1")], Reason.INVALID_CHANGE),
        ([("registry", "false")], Reason.FIXED_PARAMETER),
        ([("zones", "[1]")], Reason.FIXED_PARAMETER),
        ([("staking.epoch_blocks", "9")], Reason.FIXED_PARAMETER),
        ([("staking", "{}")], Reason.FIXED_PARAMETER),
        ([("checkpoints.threshold", "9")], Reason.FIXED_PARAMETER),
        ([("tariffs", "[]")], Reason.FIXED_PARAMETER),
    ],
)
def test_what_cannot_be_proposed(changes: list[tuple[str, str]], reason: Reason) -> None:
    chain = a_registry()
    assert chain.refused(chain.propose("dao", *changes)) is reason


def test_the_agenda_is_bounded_and_a_deposit_is_needed() -> None:
    chain = a_registry()
    for fee in range(VOTING.max_open):
        chain.accepted(chain.propose("dao", ("min_fee_ugtx", str(2_000 + fee))))
    assert chain.refused(chain.propose("dao", FEE_CHANGE)) is Reason.TOO_MANY_PROPOSALS
    chain.to_epoch(4)
    chain.accepted(chain.propose("dao", FEE_CHANGE))
    rich = VOTING.deposit_ugtx
    poor = LittleRegistry(("anan",), ("dao",), cash_ugtx=rich)
    inputs = [(coin_id, Cash(address("dao"), 2 * rich)) for coin_id, _ in poor.coins("dao", Cash)]
    body = wallet.propose(address("dao"), inputs, "poor", [Change(*FEE_CHANGE)], rich, FEE)
    assert poor.refused(signed(body, "dao")) is Reason.OVERSPENT


def test_deposits_that_fill_the_agenda_do_not_silence_who_decides() -> None:
    """Anan, boon and chai have the seats; each brings one proposal onto a full agenda."""
    chain = a_registry()
    spam = [("orders.max_open_per_trader", str(number)) for number in range(1, VOTING.max_open + 1)]
    for change in spam:
        chain.accepted(chain.propose("dao", change))
    outcome = chain.block(chain.propose("ek", FEE_CHANGE))
    assert outcome.receipts[0].reason is Reason.TOO_MANY_PROPOSALS
    assert f"at most {VOTING.max_open}" in outcome.receipts[0].detail
    chain.accepted(chain.propose(owner("anan"), FEE_CHANGE))
    mine = VOTING.max_open + 1
    assert chain.refused(chain.propose(owner("anan"), FEE_CHANGE)) is Reason.TOO_MANY_PROPOSALS
    chain.accepted(chain.propose(owner("boon"), ("min_fee_ugtx", "3000")))
    # Nobody votes on what only fills the agenda: its deposits are burned.
    chain.to_epoch(chain.proposal(mine).voting_epoch)
    chain.accepted(*votes(chain, mine, anan=Choice.YES, boon=Choice.YES))
    chain.to_epoch(chain.proposal(mine).activation_epoch)
    assert chain.proposal(mine).status is Status.ENACTED
    assert chain.parameters.min_fee_ugtx == 2_000
    assert chain.supply().burned_ugtx == (VOTING.max_open + 1) * VOTING.deposit_ugtx
    agenda = chain.coin(agenda_coin_id(CHAIN))
    assert isinstance(agenda, Agenda)
    assert (agenda.open, agenda.seats) == ((), ())
    # A seat whose proposal has ended brings another.
    for change in spam:
        chain.accepted(chain.propose("dao", change))
    chain.accepted(chain.propose(owner("anan"), ("min_fee_ugtx", "4000")))


def test_a_stake_without_a_seat_brings_nothing_onto_a_full_agenda() -> None:
    """So that a flood of small stakes is no way round the limit."""
    chain = a_registry()
    chain.accepted(chain.stake("ek", RULES.min_stake_ugtx, register=True))
    for number in range(1, VOTING.max_open + 1):
        chain.accepted(chain.propose("dao", ("orders.max_open_per_trader", str(number))))
    assert chain.validator("ek") is not None
    assert chain.refused(chain.propose("ek", FEE_CHANGE)) is Reason.TOO_MANY_PROPOSALS


def test_activation_is_after_the_delays_and_not_too_far_ahead() -> None:
    chain = a_registry()
    for epoch in (4, 16):
        proposed = chain.propose("dao", FEE_CHANGE, activation_epoch=epoch)
        assert chain.refused(proposed) is Reason.ACTIVATION_OUT_OF_BOUNDS
    chain.accepted(chain.propose("dao", FEE_CHANGE, activation_epoch=15))
    chain.accepted(chain.propose("dao", FEE_CHANGE, activation_epoch=5))


def test_only_the_registry_votes() -> None:
    chain = LittleChain("dao")
    registry = a_registry()
    proposed = registry.propose("dao", FEE_CHANGE)
    assert chain.refused(proposed) is Reason.NOT_REGISTRY
    (vote,) = votes(registry, 1, anan=Choice.YES)
    assert chain.refused(vote) is Reason.NOT_REGISTRY


def test_another_chain_takes_over_what_the_registry_has_decided() -> None:
    registry = a_registry()
    passed(registry, FEE_CHANGE)
    registry.to_epoch(5)
    chain = LittleChain("dao", parameters=ChainParameters(zones=(Zone.CENTRAL,)))
    chain.decreed = Decreed(in_force(registry))
    outcome = chain.block()
    assert outcome.parameters is not None
    assert chain.parameters.min_fee_ugtx == 2_000
    assert chain.parameters.zones == (Zone.CENTRAL,)
    assert chain.parameters.authorities
    assert chain.block().parameters is None
    held = in_force(chain)
    assert held is not None
    assert (held.version, held.height) == (1, 1)


def test_a_block_without_a_change_makes_no_coin_of_governance() -> None:
    chain = a_registry()
    for _ in range(3 * RULES.epoch_blocks):
        outcome = chain.block()
        assert outcome.parameters is None
        kinds = {type(held.coin) for held in outcome.made.values()}
        assert not kinds & {Agenda, Electorate, InForce, Proposal}
