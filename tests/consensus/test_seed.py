"""The seed of each epoch: what enters it, when, and what cannot change it."""

from hashlib import sha256
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import Refusal
from consensus.hash_chain import HashChain, InvalidReveal, OwnChain, committed
from consensus.seed import (
    SeedState,
    first_state,
    may_reveal,
    next_seed,
    pledge_commitment,
    pledged,
    proposed,
    redeemed,
    turned,
    withholding,
)
from tests.consensus.keys import CHAIN, KEYS

ROLES = (1, 2, 3, 4)
LENGTH = 30
GENESIS = bytes(31) + b"g"


def value_of(role: int, epoch: int) -> bytes:
    """An authority's value for what it commits to in an epoch."""
    return bytes([role]) * 16 + epoch.to_bytes(16, "big")


def secret_of(key: bytes) -> bytes:
    return key[1:]


def chain_of(key: bytes) -> HashChain:
    return HashChain(OwnChain(CHAIN, key, secret_of(key), LENGTH).end)


def proposing(state: SeedState, *keys: bytes) -> SeedState:
    """The state after blocks of these validators, each with its chain's first reveal."""
    for key in keys:
        reveal = OwnChain(CHAIN, key, secret_of(key), LENGTH).next_reveal(chain_of(key))
        state, _ = proposed(CHAIN, state, key, chain_of(key), reveal)
    return state


def pledging(state: SeedState, *roles: int) -> SeedState:
    for role in roles:
        commitment = pledge_commitment(CHAIN, state.epoch, role, value_of(role, state.epoch))
        state = pledged(state, role, commitment)
    return state


def redeeming(state: SeedState, *roles: int) -> SeedState:
    for role in roles:
        state = redeemed(CHAIN, state, role, value_of(role, state.epoch - 2))
    return state


def at_epoch(epoch: int, *roles: int) -> SeedState:
    """A chain on which these authorities do their part, and validators 0 and 1 propose."""
    state = first_state(CHAIN, GENESIS)
    while state.epoch < epoch:
        if state.epoch >= 2:
            state = redeeming(state, *roles)
        state = turned(CHAIN, proposing(pledging(state, *roles), KEYS[0], KEYS[1]))
    return state


def refusal_of(state: SeedState, role: int, value: bytes) -> Refusal:
    with pytest.raises(InvalidReveal) as refused:
        redeemed(CHAIN, state, role, value)
    return refused.value.reason


def test_what_enters_which_seed() -> None:
    """A reveal by a proposer in epoch e changes the seed of e + 2 and not that of e + 1; a value
    that an authority committed to in e - 1 and reveals in e + 1 changes that of e + 2."""
    with_one = proposing(at_epoch(5), KEYS[2])
    without = at_epoch(5)
    assert turned(CHAIN, with_one).seed == turned(CHAIN, without).seed
    one, other = (turned(CHAIN, turned(CHAIN, each)) for each in (with_one, without))
    assert (one.epoch, other.epoch) == (7, 7)
    assert one.seed != other.seed

    promised = pledging(at_epoch(4), 1)
    later = turned(CHAIN, turned(CHAIN, promised))
    assert later.epoch == 6
    assert turned(CHAIN, redeeming(later, 1)).seed != turned(CHAIN, later).seed


def test_every_reveal_and_its_maker_count() -> None:
    """Which proposers, which order of blocks, which authorities, which genesis, which network."""

    def seed_after(state: SeedState) -> bytes:
        return turned(CHAIN, turned(CHAIN, state)).seed

    base = at_epoch(3)
    states = [
        base,
        proposing(base, KEYS[2]),
        proposing(base, KEYS[3]),
        proposing(base, KEYS[2], KEYS[3]),
        proposing(base, KEYS[3], KEYS[2]),
    ]
    assert len({seed_after(state) for state in states}) == len(states)
    ready = turned(CHAIN, turned(CHAIN, pledging(base, 1, 2)))
    seeds = [next_seed(CHAIN, redeeming(ready, *roles)) for roles in ((), (1,), (2,), (1, 2))]
    assert len(set(seeds)) == 4
    assert next_seed(CHAIN, ready) != next_seed("geo_other", ready)
    assert first_state(CHAIN, GENESIS).seed != first_state(CHAIN, bytes(32)).seed
    assert first_state(CHAIN, GENESIS).seed != first_state("geo_other", GENESIS).seed


def test_a_seed_by_its_formula() -> None:
    """Hash by hash, so that other implementations can check themselves."""

    def tagged(tag: str, *parts: bytes) -> bytes:
        tag_hash = sha256(tag.encode()).digest()
        chain_hash = sha256(CHAIN.encode()).digest()
        return sha256(tag_hash * 2 + chain_hash + b"".join(parts)).digest()

    def number(value: int) -> bytes:
        return value.to_bytes(8, "big")

    values = {role: value_of(role, 0) for role in (2, 4)}
    state = proposing(turned(CHAIN, pledging(first_state(CHAIN, GENESIS), 4, 2, 3)), *KEYS[:2])
    reveals = []
    for key in KEYS[:2]:
        reveal = secret_of(key)
        for _ in range(LENGTH - 1):
            reveal = tagged("seed/link", key, reveal)
        reveals.append(reveal)
    mix = tagged("seed/mix", bytes(32), KEYS[0], reveals[0])
    mix = tagged("seed/mix", mix, KEYS[1], reveals[1])
    zeroth = tagged("seed/genesis", GENESIS)
    first = tagged("seed", number(1), zeroth, bytes(32))
    second = tagged("seed", number(2), first, bytes(32))
    third = tagged("seed", number(3), second, mix, number(2), values[2], number(4), values[4])
    state = turned(CHAIN, state)
    assert state.seed == second
    assert state.revealing[0].commitment == tagged("seed/pledge", number(0), number(2), values[2])
    assert turned(CHAIN, redeeming(state, 4, 2)).seed == third


def test_the_order_of_the_authorities_changes_nothing() -> None:
    """Else whoever orders a block's transactions would choose among 24 seeds."""
    base = at_epoch(4)
    seeds = set()
    for first in permutations(ROLES):
        ready = turned(CHAIN, turned(CHAIN, pledging(base, *first)))
        seeds |= {next_seed(CHAIN, redeeming(ready, *order)) for order in permutations(ROLES)}
    assert len(seeds) == 1


def test_the_seeds_of_an_honest_chain_differ() -> None:
    """From epoch to epoch."""
    assert len({at_epoch(epoch, *ROLES).seed for epoch in range(10)}) == 10


def test_an_authority_reveals_what_it_committed_to() -> None:
    """In its time, its own value of that epoch, once."""
    state = at_epoch(4, 1, 2)
    value = value_of(1, 2)
    assert refusal_of(state, 3, value_of(3, 2)) is Refusal.WRONG_TIME
    assert refusal_of(state, 1, value_of(1, 3)) is Refusal.BAD_REVEAL
    assert refusal_of(state, 1, value_of(2, 2)) is Refusal.BAD_REVEAL
    assert refusal_of(state, 2, value) is Refusal.BAD_REVEAL
    assert refusal_of(redeemed(CHAIN, state, 1, value), 1, value) is Refusal.DUPLICATE
    assert refusal_of(turned(CHAIN, state), 1, value) is Refusal.BAD_REVEAL
    fresh = pledging(turned(CHAIN, turned(CHAIN, at_epoch(4))), 1)
    assert refusal_of(fresh, 1, value_of(1, 6)) is Refusal.WRONG_TIME


def test_a_commitment_is_made_once() -> None:
    """An authority that could replace it would have more than one bit."""
    with pytest.raises(InvalidReveal) as refused:
        pledged(pledging(at_epoch(4), 1), 1, bytes(32))
    assert refused.value.reason is Refusal.DUPLICATE


def test_who_withholds_is_known() -> None:
    """Who committed and did not reveal; who never committed promised nothing."""
    state = at_epoch(4, 1, 2, 4)
    assert withholding(state) == (1, 2, 4)
    assert withholding(redeeming(state, 4, 1)) == (2,)
    assert withholding(at_epoch(4)) == ()


@pytest.mark.parametrize(("blocks", "last"), [(2, 0), (3, 1), (10, 4), (1_200, 599)])
def test_authorities_reveal_in_the_first_half(blocks: int, last: int) -> None:
    """So the seed is known, and fixed, half an epoch before its use."""
    offsets = [offset for offset in range(blocks) if may_reveal(offset, blocks)]
    assert offsets == list(range(last + 1))


@given(st.text("+-", max_size=LENGTH))
def test_a_turn_without_reveal_leaves_the_mix(turns: str) -> None:
    """Whether missed or withheld: the state is that of the turns that revealed, and the chain is
    as deep as there were turns."""
    state, chain, key = at_epoch(3), chain_of(KEYS[0]), KEYS[0]
    own, mixes = OwnChain(CHAIN, key, secret_of(key), LENGTH), [state.mix]
    for turn in turns:
        reveal = own.next_reveal(chain) if turn == "+" else None
        state, chain = proposed(CHAIN, state, key, chain, reveal)
        mixes.append(state.mix)
    assert len(set(mixes)) == 1 + turns.count("+")
    assert chain.skipped == len(turns) - len(turns.rstrip("-"))


def test_a_wrong_reveal_is_refused() -> None:
    """By whoever proposes it."""
    with pytest.raises(InvalidReveal):
        proposed(CHAIN, at_epoch(3), KEYS[0], chain_of(KEYS[0]), bytes(32))


def test_a_new_chain_is_used_from_its_epoch() -> None:
    """Without anybody turning it over by hand."""
    key, other = KEYS[0], bytes(range(32))
    chain = committed(chain_of(key), OwnChain(CHAIN, key, other, 5).end, 3)
    state = at_epoch(4)
    reveal = OwnChain(CHAIN, key, other, 4).end
    _, after = proposed(CHAIN, state, key, chain, reveal)
    assert after == HashChain(reveal, since=4)
    with pytest.raises(InvalidReveal):
        proposed(CHAIN, at_epoch(3), key, chain, reveal)
