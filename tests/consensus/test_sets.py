"""Validator sets, timeouts, work and tagged hashes."""

from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import work
from consensus.errors import InvalidValidatorSet
from consensus.events import Timeout
from consensus.hashing import Domain
from consensus.round import TimeoutKind
from consensus.timeouts import MAX_TIMEOUT_MS, Timeouts
from consensus.types import MAX_VALIDATORS
from consensus.validators import MAX_STAKE, Validator, ValidatorSet
from tests.consensus.keys import KEYS


def test_a_set_is_sorted_and_its_order_does_not_matter() -> None:
    """Same validators, same root."""
    members = [Validator(key, place + 1) for place, key in enumerate(KEYS)]
    one, other = ValidatorSet(members), ValidatorSet(reversed(members))
    assert one == other
    assert hash(one) == hash(other)
    assert one.root == other.root
    assert all(first.public_key < second.public_key for first, second in pairwise(one))
    assert one.total_stake == sum(each.stake for each in members)
    assert one.get(KEYS[2]) == members[2]
    assert one.stake_of(bytes(33)) == 0
    assert one.root != ValidatorSet(members[1:]).root


@pytest.mark.parametrize(
    "change", [{"stake": 2}, {"reputation": 1}, {"region": 1}, {"public_key": KEYS[5]}]
)
def test_a_root_covers_all_of_a_validator(change: dict[str, Any]) -> None:
    """What the choice of proposers goes by is committed to like the stake."""
    members = [Validator(key, 1) for key in KEYS[:4]]
    other = [msgspec.structs.replace(members[0], **change), *members[1:]]
    assert ValidatorSet(members).root != ValidatorSet(other).root


@pytest.mark.parametrize(
    "members",
    [
        [],
        [Validator(KEYS[0], 1), Validator(KEYS[0], 2)],
        [Validator(KEYS[0], 0)],
        [Validator(KEYS[0], MAX_STAKE + 1)],
        [Validator(place.to_bytes(33, "big"), 1) for place in range(MAX_VALIDATORS + 1)],
        [Validator(place.to_bytes(33, "big"), MAX_STAKE) for place in range(600)],
    ],
    ids=["none", "twice", "no stake", "too much", "too many", "too much together"],
)
def test_what_makes_no_set(members: list[Validator]) -> None:
    """Is named before anybody votes by it."""
    with pytest.raises(InvalidValidatorSet):
        ValidatorSet(members)


@given(st.integers(1, 10**12), st.integers(0, 10**12))
def test_thresholds_are_exact(total: int, stake: int) -> None:
    """In integers: over two thirds, over one third."""
    members = ValidatorSet([Validator(KEYS[0], total)])
    assert members.has_quorum(stake) is (3 * stake > 2 * total)
    assert members.has_honest(stake) is (3 * stake > total)


def test_timeouts_grow_with_the_round() -> None:
    """Base + round * delta, up to a limit; rebroadcasts keep their pace."""
    timeouts = Timeouts(
        propose_ms=300, prevote_ms=200, precommit_ms=100, delta_ms=50, rebroadcast_ms=700
    )

    def lasts(kind: TimeoutKind, round_: int) -> int:
        return timeouts.duration_ms(Timeout(kind, 1, round_))

    assert [lasts(kind, 0) for kind in TimeoutKind] == [300, 200, 100, 700]
    assert [lasts(kind, 4) for kind in TimeoutKind] == [500, 400, 300, 700]
    assert lasts(TimeoutKind.PROPOSE, 10**6) == MAX_TIMEOUT_MS


@pytest.mark.parametrize("bad", [0, -1, MAX_TIMEOUT_MS + 1])
def test_timeouts_out_of_bounds(bad: int) -> None:
    """Are a mistake in a configuration."""
    with pytest.raises(ValueError, match="timeouts are within"):
        Timeouts(propose_ms=bad, prevote_ms=1, precommit_ms=1, delta_ms=1, rebroadcast_ms=1)


@given(st.binary(min_size=32, max_size=32), st.integers(1, work.MAX_TARGET))
def test_a_target_survives_its_journey(digest: bytes, target: int) -> None:
    """And compares with a digest as the integers do."""
    encoded = work.encode_target(target)
    assert work.decode_target(encoded) == target
    assert (digest < encoded) is (int.from_bytes(digest, "big") < target)


def test_what_is_no_target_is_refused() -> None:
    for target in (0, -1, work.MAX_TARGET + 1):
        with pytest.raises(ValueError, match="target"):
            work.encode_target(target)
    for data in (b"", bytes(32), bytes(31) + b"\x01\x00"):
        with pytest.raises(ValueError, match="target"):
            work.decode_target(data)


def test_tagged_hashes_as_defined() -> None:
    """By the formula; another tag or chain, another hash."""
    tag, chain = sha256(b"vote").digest(), sha256(b"geo_test").digest()
    assert Domain("vote", "geo_test").hash(b"a", b"b") == sha256(tag + tag + chain + b"ab").digest()
    places = [("vote", "geo_test"), ("block", "geo_test"), ("vote", "geo_other"), ("vote", "")]
    assert len({Domain(*place).hash(b"x") for place in places}) == 4
    domain = Domain("vote", "geo_test")
    assert domain.hash(b"x") == domain.hash(b"x")
