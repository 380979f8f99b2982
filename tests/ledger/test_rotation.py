"""Rotation of authorities' keys: enough of them sign, from the next epoch on, everywhere."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from gtxnode.ledger.authority.authorities import all_authorities, authorities_at
from gtxnode.ledger.authority.authority_keys import (
    AuthorityKeys,
    Rotation,
    authority_keys_coin_id,
    founded_by,
)
from gtxnode.ledger.authority.decrees import Decreed, decreed_in, parameters_after
from gtxnode.ledger.bodies import RotateKeys
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.parameters import Authority, ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role
from tests.ledger.little_chain import CHAIN, LittleChain, public_key, signed
from tests.ledger.little_registry import LittleRegistry
from tests.ledger.test_authorities import barred, pair, word

OTHERS = ("PEA", "EGAT", "ERC")


def a_registry() -> LittleRegistry:
    return LittleRegistry(("anan", "boon"), ("malee",))


def rotation(
    *keys: str,
    role: Role = Role.MEA,
    number: int = 1,
    by: tuple[str, ...] = OTHERS,
    signing: tuple[str, ...] | None = None,
) -> CheckedTransaction:
    """A role's new keys, signed by authorities and by the keys themselves."""
    new = tuple(sorted(public_key(key) for key in keys))
    return signed(RotateKeys(role, number, new), *by, *(keys if signing is None else signing))


def held(chain: LittleChain, role: Role = Role.MEA) -> frozenset[bytes]:
    return chain.parameters.keys_of(frozenset({role}))


def keys_coin(chain: LittleChain) -> AuthorityKeys:
    coin = chain.coin(authority_keys_coin_id(CHAIN))
    assert isinstance(coin, AuthorityKeys)
    return coin


def test_new_keys_hold_from_the_next_epoch_on_and_the_old_do_not() -> None:
    chain = a_registry()
    chain.accepted(rotation("mea-1", "mea-2"))
    assert held(chain) == {public_key("MEA")}
    chain.to_epoch(1)
    assert held(chain) == {public_key("mea-1"), public_key("mea-2")}
    assert held(chain, Role.PEA) == {public_key("PEA")}
    old = rotation("pea-1", role=Role.PEA, by=("MEA", "EGAT", "PEA"))
    assert chain.refused(old) is Reason.NOT_ENOUGH_AUTHORITIES
    chain.accepted(rotation("pea-1", role=Role.PEA, by=("mea-2", "EGAT", "PEA")))


def test_any_three_of_four_do_the_own_key_among_them_or_not() -> None:
    for by in (OTHERS, ("MEA", "PEA", "EGAT"), ("MEA", "PEA", "EGAT", "ERC")):
        a_registry().accepted(rotation("mea-1", by=by))


REFUSED = {
    "two of four": (rotation("mea-1", by=("MEA", "PEA")), Reason.NOT_ENOUGH_AUTHORITIES),
    "new keys do not count": (
        rotation("mea-1", by=("PEA", "ERC"), signing=("mea-1", "malee")),
        Reason.NOT_ENOUGH_AUTHORITIES,
    ),
    "nobody speaks for another's key": (
        rotation("mea-1", "mea-2", signing=("mea-1",)),
        Reason.BAD_POSSESSION_PROOF,
    ),
    "another authority's key": (rotation("ERC"), Reason.KEY_NOT_FREE),
    "not the first": (rotation("mea-1", number=2), Reason.STALE_ACT),
    "in no order": (
        signed(RotateKeys(Role.MEA, 1, (public_key("mea-1"),) * 2), *OTHERS, "mea-1"),
        Reason.KEYS_UNSORTED,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str) -> None:
    transaction, reason = REFUSED[what]
    assert a_registry().refused(transaction) is reason


def test_a_rotation_is_taken_once_and_one_at_a_time() -> None:
    chain = a_registry()
    first = rotation("mea-1")
    chain.accepted(first)
    assert chain.refused(rotation("mea-2", number=2)) is Reason.ROTATION_PENDING
    assert chain.refused(rotation("mea-1", role=Role.PEA, by=("MEA", "EGAT", "ERC"))) is (
        Reason.KEY_NOT_FREE
    )
    chain.to_epoch(1)
    chain.accepted(rotation("MEA", number=2))
    chain.to_epoch(2)
    assert held(chain) == {public_key("MEA")}
    # Whoever has seen the first cannot bring its keys back.
    assert chain.refused(first) is Reason.STALE_ACT
    assert keys_coin(chain).number_of(Role.MEA) == 2


def test_barred_keys_neither_sign_nor_come_back() -> None:
    chain = a_registry()
    chain.accepted(pair(word("PEA", 100, 1), word("PEA", 100, 2)))
    assert chain.refused(rotation("mea-1")) is Reason.NOT_ENOUGH_AUTHORITIES
    again = rotation("PEA", role=Role.PEA, by=("MEA", "EGAT", "ERC"))
    assert chain.refused(again) is Reason.KEY_NOT_FREE
    chain.accepted(rotation("pea-1", role=Role.PEA, by=("MEA", "EGAT", "ERC")))


def test_only_the_registry_rotates() -> None:
    assert LittleChain("malee").refused(rotation("mea-1")) is Reason.NOT_REGISTRY


def test_another_chain_takes_them_over_where_its_reference_comes_to_the_epoch() -> None:
    registry = a_registry()
    registry.accepted(rotation("mea-1"))
    chain = LittleChain("dao")
    chain.block()
    chain.decreed = decreed_in(CHAIN, CoinView(registry.store), 0, registry.height, 0)
    assert chain.block().parameters is None
    chain.decreed = decreed_in(CHAIN, CoinView(registry.store), 1, registry.height, 0)
    chain.block()
    chain.block()
    assert held(chain) == {public_key("mea-1")}
    (only,) = keys_coin(chain).rotations
    assert (only.epoch, only.height) == (1, 3)
    genesis = replace(chain.parameters, authorities=keys_coin(chain).after(0))
    assert parameters_after(CHAIN, CoinView(chain.store), genesis, chain.height) == chain.parameters
    # Whose word counts for a checkpoint follows, for each block.
    for height in range(1, 6):
        found = authorities_at(chain.parameters, None, height, keys_coin(chain))
        assert found is not None
        assert (found.role_of(public_key("mea-1")) is not None) == (height >= 3)
        assert (found.role_of(public_key("MEA")) is not None) == (height < 3)
        assert found.threshold == 3


def test_parameters_and_keys_may_change_in_one_block() -> None:
    registry = a_registry()
    registry.accepted(rotation("mea-1"))
    decreed = decreed_in(CHAIN, CoinView(registry.store), 1, registry.height, 0)
    chain = LittleChain("dao")
    chain.decreed = Decreed(decreed.parameters, decreed.rotations)
    chain.block()
    assert held(chain) == {public_key("mea-1")}
    chain.decreed = None
    chain.block()
    assert held(chain) == {public_key("mea-1")}


ROTATED = st.tuples(st.sampled_from(list(Role)), st.integers(1, 3), st.integers(0, 3))


@settings(max_examples=60)
@given(st.lists(ROTATED, max_size=12))
def test_what_counts_after_a_block_is_the_latest_that_came_no_later(
    steps: list[tuple[Role, int, int]],
) -> None:
    founding = tuple(Authority(role, public_key(role.name)) for role in Role)
    now = {role: frozenset({public_key(role.name)}) for role in Role}
    height, rotations, expected = 0, [], [dict(now)]
    for number, (role, count, step) in enumerate(steps, 1):
        keys = tuple(sorted(public_key(f"{role.name} {number} {each}") for each in range(count)))
        for _ in range(step):
            expected.append(dict(now))
            height += 1
        now[role] = frozenset(keys)
        expected[height] = dict(now)
        rotations.append(Rotation(role, number, keys, number, height))
    coin = founded_by(founding).joined_by(rotations)
    for at, roles in enumerate(expected):
        parameters = ChainParameters(authorities=coin.after(at))
        assert {role: parameters.keys_of(frozenset({role})) for role in Role} == roles
        found = all_authorities(parameters)
        assert found is not None
        assert len(found) == len(Role)


def test_rotations_are_kept_for_good_and_so_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtxnode.ledger.authority.rotation.MAX_ROTATIONS", 1)
    chain = a_registry()
    chain.accepted(rotation("mea-1"))
    pea = rotation("pea-1", role=Role.PEA, by=("MEA", "EGAT", "ERC"))
    assert chain.refused(pea) is Reason.TOO_MANY_ROTATIONS


def rotated_out() -> LittleRegistry:
    """MEA has a new key, and its old one counts no longer."""
    chain = a_registry()
    chain.accepted(rotation("mea-1"))
    chain.to_epoch(1)
    return chain


def test_a_key_that_was_rotated_out_answers_for_itself_and_never_comes_back() -> None:
    chain = rotated_out()
    chain.accepted(pair(word("MEA", 100, 1), word("MEA", 100, 2)))
    assert chain.refused(pair(word("MEA", 90, 1), word("MEA", 90, 2))) is Reason.ALREADY_PUNISHED
    assert held(chain) == {public_key("mea-1")}
    found = authorities_at(chain.parameters, barred(chain), chain.height, keys_coin(chain))
    assert found is not None
    assert found.role_of(public_key("mea-1")) == Role.MEA
    assert chain.refused(rotation("MEA", number=2)) is Reason.KEY_NOT_FREE


def test_whoever_holds_an_old_key_cannot_have_the_new_one_barred() -> None:
    chain = rotated_out()
    both = pair(word("MEA", 100, 1), word("mea-1", 100, 2))
    assert chain.refused(both) is Reason.INVALID_EVIDENCE
    assert barred(chain) is None


def test_a_key_that_never_was_or_is_not_yet_an_authoritys_proves_nothing() -> None:
    chain = rotated_out()
    stranger = pair(word("malee", 100, 1), word("malee", 100, 2))
    assert chain.refused(stranger) is Reason.INVALID_EVIDENCE
    chain.accepted(rotation("mea-2", number=2, by=OTHERS))
    early = pair(word("mea-2", 100, 1), word("mea-2", 100, 2))
    assert chain.refused(early) is Reason.INVALID_EVIDENCE
    chain.to_epoch(2)
    chain.accepted(early)
