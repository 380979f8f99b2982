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
    OwnChain,
    committed,
    in_epoch,
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
    return in_epoch(committed(NO_CHAIN, OwnChain(CHAIN, KEY, SECRET, LENGTH).end, 4), 5)


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
    own, chain, all_values = OwnChain(CHAIN, KEY, SECRET, LENGTH), fresh(), values()
    for count, turn in enumerate(turns, start=1):
        mine = own.next_reveal(chain)
        assert mine == (all_values[LENGTH - count] if count <= LENGTH else None)
        assert own.left(chain) == max(0, LENGTH + 1 - count)
        right = [value for value in all_values if not refused(chain, value)]
        assert right == ([] if mine is None else [mine])
        if turn == "+" and mine is not None:
            chain = opened(CHAIN, KEY, chain, mine)
            assert chain == HashChain(mine, since=chain.since)
        else:
            chain = passed(chain)


def test_a_chain_belongs_to_its_key_and_network() -> None:
    """Who copies another's commitment cannot reveal with it, nor with what the other reveals."""
    end = OwnChain(CHAIN, KEY, SECRET, LENGTH).end
    assert end == values()[-1]
    assert end != OwnChain("geo_other", KEY, SECRET, LENGTH).end
    assert not refused(fresh(), values()[-2])
    assert refused(fresh(), values()[-2], KEYS[1])
    assert OwnChain(CHAIN, KEYS[1], SECRET, LENGTH).next_reveal(fresh()) is None


def test_long_absence_is_bounded() -> None:
    """However many turns were missed, a reveal costs `MAX_LINKS` hashes to check at most, and
    there is still one value that fits."""
    length = MAX_LINKS + 10
    chain = HashChain(OwnChain(CHAIN, KEY, SECRET, length).end)
    for _ in range(MAX_LINKS + 5):
        chain = passed(chain)
    assert chain.skipped == MAX_LINKS - 1
    mine = OwnChain(CHAIN, KEY, SECRET, length).next_reveal(chain)
    assert mine == OwnChain(CHAIN, KEY, SECRET, 10).end
    assert opened(CHAIN, KEY, chain, mine) == HashChain(mine, since=chain.since)


def test_a_new_chain_waits_for_the_next_epoch() -> None:
    """The old one goes on until then, so changing chains escapes no reveal."""
    other = OwnChain(CHAIN, KEY, bytes(32), 7).end
    chain = committed(passed(fresh()), other, 8)
    assert in_epoch(chain, 8) == chain
    assert not refused(chain, values()[-3])
    chain = opened(CHAIN, KEY, chain, values()[-3])
    assert in_epoch(chain, 9) == in_epoch(chain, 12) == HashChain(other, since=9)
    latest = committed(chain, bytes(32), 8)
    assert in_epoch(latest, 9) == HashChain(bytes(32), since=9)


def test_no_chain_has_nothing_to_reveal() -> None:
    """And nothing to use up."""
    assert refused(NO_CHAIN, SECRET)
    assert passed(NO_CHAIN) == NO_CHAIN
    assert OwnChain(CHAIN, KEY, SECRET, LENGTH).next_reveal(NO_CHAIN) is None
    with pytest.raises(AssertionError):
        OwnChain(CHAIN, KEY, SECRET, 0)
