"""When a validator has looked far enough to sign."""

from consensus import signing
from consensus.validators import Validator, ValidatorSet
from gtxnode.engine.lookout import Lookout

KEYS = [signing.public_key(bytes([number]) * 32) for number in range(1, 6)]
ME, *OTHERS = KEYS[:4]
STRANGER = KEYS[4]


def lookout(*stakes: int) -> Lookout:
    members = zip(KEYS, stakes, strict=False)
    return Lookout(ME, ValidatorSet(Validator(key, stake) for key, stake in members))


def test_who_is_alone_need_not_look() -> None:
    assert lookout(1).is_over(0)


def test_stake_counts_and_not_heads() -> None:
    some = lookout(1, 1, 1, 7)
    some.heard(OTHERS[0], 0)
    some.heard(OTHERS[1], 0)
    assert not some.is_over(0)
    some.heard(OTHERS[2], 0)
    assert some.is_over(0)


def test_strangers_and_we_ourselves_count_for_nothing() -> None:
    some = lookout(1, 1, 1, 1)
    some.heard(STRANGER, 9)
    some.heard(ME, 9)
    some.heard(OTHERS[0], 0)
    assert not some.is_over(0)
    some.heard(OTHERS[1], 0)
    assert some.is_over(0)


def test_the_furthest_of_them_is_what_we_need() -> None:
    some = lookout(1, 1, 1, 1)
    some.heard(OTHERS[0], 3)
    some.heard(OTHERS[0], 2)  # What comes late says nothing new.
    some.heard(OTHERS[1], 1)
    assert not some.is_over(2)
    assert some.is_over(3)
