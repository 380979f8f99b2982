"""Who proposes at a height, as a store's final state says."""

from consensus import signing
from consensus.turns import Turns
from consensus.validators import Validator, ValidatorSet
from gtxnode.chain.proposers import Proposers
from gtxnode.chain.validators import FixedSets
from tests.node.little_chain import PUBLIC_KEY, commit_on, next_block, opened

SEED = bytes(32)
OTHER = signing.public_key((78).to_bytes(32, "big"))
BOTH = ValidatorSet([Validator(PUBLIC_KEY, 1), Validator(OTHER, 1)])


def test_who_missed_three_in_a_row_comes_last_while_it_rests() -> None:
    """And one schedule stands for as long as nothing that it goes by changes."""
    store = opened()
    proposers = Proposers(store.chain_id, store, store.parameters, FixedSets(BOTH, SEED))

    assert proposers.at(1) is proposers.at(2)
    missed = Turns(frozenset({PUBLIC_KEY}), frozenset({OTHER}), PUBLIC_KEY)
    for _ in range(4):
        block = next_block(store)
        turns = missed if store.tip.height else None
        store.finalise(block, commit_on(block), [], turns, BOTH)
    # Turns of the heights 1 to 3 count: the head's schedule stood before.
    first = [proposers.at(4).proposer(height, 0) for height in range(40)]
    assert set(first) == {PUBLIC_KEY, OTHER}
    again = Proposers(store.chain_id, store, store.parameters, FixedSets(BOTH, SEED))
    for schedule in (proposers.at(5), again.at(5)):
        assert {schedule.proposer(height, 0) for height in range(40)} == {PUBLIC_KEY}
        assert {schedule.proposer(height, 1) for height in range(40)} == {OTHER}
