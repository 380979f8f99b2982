"""A node's values for the seeds: the same from the same key, and nothing to do with others'."""

from consensus.hash_chain import MAX_CHAIN_LENGTH, HashChain, opened
from gtxnode.seeds.secrets import LEAST_LENGTH, OwnChains, authority_value, chain_length

KEY, OTHER = bytes([1]) * 32, bytes([2]) * 32
CHAIN = "test/func_governance"


def test_a_chain_is_the_same_from_the_same_key_and_epoch() -> None:
    """And of none other is any value shared."""
    ends = {
        OwnChains(CHAIN, KEY, 9).end(4),
        OwnChains(CHAIN, KEY, 9).end(5),
        OwnChains(CHAIN, OTHER, 9).end(4),
        OwnChains("other/func_governance", KEY, 9).end(4),
    }
    assert len(ends) == 4
    assert OwnChains(CHAIN, KEY, 9).end(4) in ends


def test_all_of_a_chain_is_revealed_value_by_value_and_no_other() -> None:
    own = OwnChains(CHAIN, KEY, 9)
    chain = HashChain(own.end(4), since=4)
    for left in range(9, 0, -1):
        assert own.left(chain) == left
        reveal = own.next_reveal(chain)
        assert reveal is not None
        chain = opened(CHAIN, own.public_key, chain, reveal)
    assert own.left(chain) == 0
    assert own.next_reveal(chain) is None
    foreign = HashChain(OwnChains(CHAIN, OTHER, 9).end(4), since=4)
    assert own.left(foreign) == own.left(HashChain()) == 0
    assert own.next_reveal(foreign) is None


def test_several_chains_do_not_get_in_each_others_way() -> None:
    own = OwnChains(CHAIN, KEY, 5)
    for since in (1, 2, 3, 1):
        chain = HashChain(own.end(since), since=since)
        assert own.next_reveal(chain) == OwnChains(CHAIN, KEY, 4).end(since)


def test_half_a_chain_outlasts_an_epoch() -> None:
    assert chain_length(1_200) == LEAST_LENGTH
    assert chain_length(100_000) == 400_000
    assert chain_length(10**6) == MAX_CHAIN_LENGTH


def test_an_authoritys_value_is_one_epochs_and_one_keys() -> None:
    values = {authority_value(CHAIN, key, epoch) for key in (KEY, OTHER) for epoch in (1, 2)} | {
        authority_value("other", KEY, 1)
    }
    assert len(values) == 5
    assert authority_value(CHAIN, KEY, 1) in values
