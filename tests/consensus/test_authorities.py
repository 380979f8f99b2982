"""Sets of authorities: what makes one, and what its root covers."""

import pytest

from consensus.authorities import MAX_AUTHORITIES, Authority, AuthoritySet
from consensus.errors import InvalidAuthoritySet
from tests.consensus.keys import KEYS

MEMBERS = [Authority(role, (KEYS[role],)) for role in range(4)]


def numbered(place: int) -> Authority:
    return Authority(place, (place.to_bytes(33, "big"),))


def test_order_does_not_matter() -> None:
    """Of roles and of a role's keys; keys speak for their role alone."""
    one = AuthoritySet([Authority(1, (KEYS[0], KEYS[1])), Authority(2, (KEYS[2],))], 2)
    other = AuthoritySet([Authority(2, (KEYS[2],)), Authority(1, (KEYS[1], KEYS[0]))], 2)
    assert one == other
    assert hash(one) == hash(other)
    assert len(one) == 2
    assert [one.role_of(key) for key in KEYS[:4]] == [1, 1, 2, None]


def test_a_root_covers_roles_keys_and_threshold() -> None:
    """Whatever changes who may say what."""
    sets = [
        AuthoritySet(MEMBERS, 3),
        AuthoritySet(MEMBERS, 4),
        AuthoritySet(MEMBERS[:3], 3),
        AuthoritySet([*MEMBERS[:3], Authority(3, (KEYS[4],))], 3),
        AuthoritySet([*MEMBERS[:3], Authority(3, (KEYS[3], KEYS[4]))], 3),
        AuthoritySet([*MEMBERS[:3], Authority(5, (KEYS[3],))], 3),
    ]
    assert len({each.root for each in sets}) == len(sets)
    assert sets[0] != MEMBERS


@pytest.mark.parametrize(
    ("members", "threshold"),
    [
        ([], 1),
        (MEMBERS, 2),
        (MEMBERS, 5),
        (MEMBERS, 0),
        (MEMBERS[:3], 1),
        ([*MEMBERS, Authority(0, (KEYS[5],))], 3),
        ([*MEMBERS, Authority(9, (KEYS[0],))], 3),
        ([*MEMBERS, Authority(9, (KEYS[5], KEYS[5]))], 3),
        ([*MEMBERS, Authority(9, ())], 3),
        ([*MEMBERS, Authority(9, tuple(bytes([place]) * 33 for place in range(9)))], 3),
        ([numbered(place) for place in range(MAX_AUTHORITIES + 1)], MAX_AUTHORITIES),
    ],
)
def test_what_makes_no_set(members: list[Authority], threshold: int) -> None:
    """Is named before anybody goes by it."""
    with pytest.raises(InvalidAuthoritySet):
        AuthoritySet(members, threshold)


@pytest.mark.parametrize(("count", "least"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_the_least_threshold_is_over_half(count: int, least: int) -> None:
    """So any two certificates share an authority."""
    assert AuthoritySet(map(numbered, range(count)), least).threshold == least
    with pytest.raises(InvalidAuthoritySet):
        AuthoritySet(map(numbered, range(count)), least - 1)
