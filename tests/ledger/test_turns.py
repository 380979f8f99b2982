"""Turns missed on the ledger: three in a row rest a proposer, and a good one leaves no trace."""

import msgspec

from consensus.turns import RestRule, Turns
from consensus.validators import Validator, ValidatorSet
from gtxnode.ledger.registry.proposers import MissedTurns, missed_turns_coin_id
from tests.ledger.little_chain import CHAIN, PARAMETERS, LittleChain, public_key

RULE = RestRule(misses=3, heights=4)
GOOD, BAD = public_key("good"), public_key("bad")


def a_chain() -> LittleChain:
    """No registry: every chain rests its own proposers."""
    return LittleChain(parameters=msgspec.structs.replace(PARAMETERS, resting=RULE))


def missed(chain: LittleChain) -> MissedTurns | None:
    coin = chain.coin(missed_turns_coin_id(CHAIN))
    assert coin is None or isinstance(coin, MissedTurns)
    return coin


def turn(*, missed: bool) -> Turns:
    """The good one's block, after a round in which the bad one proposed, or did not."""
    good, bad = frozenset({GOOD}), frozenset({BAD})
    return Turns(good, bad, GOOD) if missed else Turns(good | bad, frozenset(), GOOD)


def test_nothing_is_kept_of_who_misses_nothing() -> None:
    chain = a_chain()
    chain.turns = turn(missed=False)
    before = chain.execute()
    assert missed_turns_coin_id(CHAIN) not in before.made
    chain.block()
    assert missed(chain) is None


def test_three_misses_in_a_row_rest_and_a_turn_made_clears() -> None:
    chain = a_chain()
    chain.block()
    chain.turns = turn(missed=True)
    for _ in range(3):  # the turns of heights 1 to 3, in the blocks 2 to 4
        chain.block()
    coin = missed(chain)
    assert coin is not None
    # The schedule of 5 is the first that could take it into account.
    assert [coin.resting(height) for height in (4, 5, 8, 9)] == [set(), {BAD}, {BAD}, set()]
    chain.turns = turn(missed=False)
    chain.block()
    cut = missed(chain)
    assert cut is not None
    assert [cut.resting(height) for height in (5, 6)] == [{BAD}, set()]
    chain.block()
    assert missed(chain) is None


def test_what_does_not_change_is_not_written() -> None:
    chain = a_chain()
    chain.block()
    chain.turns = turn(missed=True)
    chain.block()
    chain.turns = Turns(frozenset({GOOD}), frozenset(), GOOD)
    assert missed_turns_coin_id(CHAIN) not in chain.execute().made
    assert missed(chain) is not None


def test_who_votes_no_more_is_forgotten() -> None:
    chain = a_chain()
    chain.block()
    chain.turns = turn(missed=True)
    chain.voters = ValidatorSet([Validator(GOOD, 1)])
    chain.block()
    assert missed(chain) is None
    chain.voters = ValidatorSet([Validator(GOOD, 1), Validator(BAD, 1)])
    chain.block()
    assert missed(chain) is not None
