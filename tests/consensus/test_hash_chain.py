"""A validator's hash chain: one next value at any time, whatever was missed between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import Refusal
from consensus.hash_chain import (
    MAX_LINKS,
    NO_CHAIN,
    HashChain,
    InvalidReveal,
    chain_end,
    committed,
    in_epoch,
    next_reveal,
    opened,
    passed,
)
from consensus.hashing import Domain
from tests.consensus.keys import CHAIN, KEYS

KEY = KEYS[0]
SECRET = bytes(range(32))
LENGTH = 40


def values(key: bytes = KEY) -> list[bytes]:
    """All of the chain by the definition, secret first, end last."""
    found = [SECRET]
    for _ in range(LENGTH):
        found.append(Domain("seed/link", CHAIN).hash(key, found[-1]))
    return found


def fresh() -> HashChain:
    """The chain in use, nothing revealed."""
    return in_epoch(committed(NO_CHAIN, chain_end(CHAIN, KEY, SECRET, LENGTH), 4), 5)


def refused(chain: HashChain, reveal: bytes, key: bytes = KEY) -> bool:
    try:
        opened(CHAIN, key, chain, reveal)
    except InvalidReveal as refusal:
        return refusal.reason is Refusal.BAD_REVEAL
    return False


@given(st.text("+-", max_size=60))
def test_each_turn_has_one_value(turns: str) -> None:
    """Any history of turns revealed (`+`) and not (`-`): the value of a turn is the one as many
    links before the end as there were turns, whether or not those before it were shown. Every
    other value of the chain is refused."""
    chain, all_values = fresh(), values()
    for count, turn in enumerate(turns, start=1):
        mine = next_reveal(CHAIN, KEY, SECRET, LENGTH, chain)
        assert mine == (all_values[LENGTH - count] if count <= LENGTH else None)
        right = [value for value in all_values if not refused(chain, value)]
        assert right == ([] if mine is None else [mine])
        if turn == "+" and mine is not None:
            chain = opened(CHAIN, KEY, chain, mine)
            assert chain == HashChain(mine)
        else:
            chain = passed(chain)


def test_a_chain_belongs_to_its_key_and_network() -> None:
    """Who copies another's commitment cannot reveal with it, nor with what the other reveals."""
    end = chain_end(CHAIN, KEY, SECRET, LENGTH)
    assert end == values()[-1]
    assert end != chain_end("geo_other", KEY, SECRET, LENGTH)
    assert not refused(fresh(), values()[-2])
    assert refused(fresh(), values()[-2], KEYS[1])
    assert next_reveal(CHAIN, KEYS[1], SECRET, LENGTH, fresh()) is None


def test_long_absence_is_bounded() -> None:
    """However many turns were missed, a reveal costs `MAX_LINKS` hashes to check at most, and
    there is still one value that fits."""
    length = MAX_LINKS + 10
    chain = HashChain(chain_end(CHAIN, KEY, SECRET, length))
    for _ in range(MAX_LINKS + 5):
        chain = passed(chain)
    assert chain.skipped == MAX_LINKS - 1
    mine = next_reveal(CHAIN, KEY, SECRET, length, chain)
    assert mine == chain_end(CHAIN, KEY, SECRET, 10)
    assert opened(CHAIN, KEY, chain, mine) == HashChain(mine)


def test_a_new_chain_waits_for_the_next_epoch() -> None:
    """The old one goes on until then, so changing chains escapes no reveal."""
    other = chain_end(CHAIN, KEY, bytes(32), 7)
    chain = committed(passed(fresh()), other, 8)
    assert in_epoch(chain, 8) == chain
    assert not refused(chain, values()[-3])
    chain = opened(CHAIN, KEY, chain, values()[-3])
    assert in_epoch(chain, 9) == in_epoch(chain, 12) == HashChain(other)
    latest = committed(chain, bytes(32), 8)
    assert in_epoch(latest, 9) == HashChain(bytes(32))


def test_no_chain_has_nothing_to_reveal() -> None:
    """And nothing to use up."""
    assert refused(NO_CHAIN, SECRET)
    assert passed(NO_CHAIN) == NO_CHAIN
    assert next_reveal(CHAIN, KEY, SECRET, LENGTH, NO_CHAIN) is None
    with pytest.raises(AssertionError):
        chain_end(CHAIN, KEY, SECRET, 0)
