"""What remains of bias in the seed is what docs/decisions/seed.md says, measured."""

from math import sqrt

import pytest

from tests.consensus.seed_bias import (
    COUNT,
    EXPECTED_MAXIMUM,
    OURS,
    SETTINGS,
    Setting,
    deviation,
    measure,
)

BLOCKS, EPOCHS, SEED = 50, 120, 7
HONEST = OURS / COUNT
NOISE = deviation(BLOCKS) / sqrt(EPOCHS)
BY_NAME = {setting.name: setting for setting in SETTINGS}


def share_of(setting: Setting) -> float:
    return measure(setting, BLOCKS, EPOCHS, SEED).share


def test_honest_reveals_give_everybody_his_share() -> None:
    """And nothing is withheld."""
    found = measure(BY_NAME["all honest"], BLOCKS, EPOCHS, SEED)
    assert abs(found.share - HONEST) < 4 * NOISE
    assert found.withheld == 0


def test_validators_gain_nothing_ahead_of_an_honest_authority() -> None:
    """Though they withhold as their guess tells them."""
    for setting in (BY_NAME["validators only"], Setting("one honest", (), (2,))):
        found = measure(setting, BLOCKS, EPOCHS, SEED)
        assert found.withheld > 0
        assert abs(found.share - HONEST) < 4 * NOISE


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_each_late_authority_has_one_bit(bits: int) -> None:
    """The best of 2**bits draws, no more and no less."""
    setting = next(each for each in SETTINGS if len(each.ours) == bits)
    expected = HONEST + EXPECTED_MAXIMUM[bits] * deviation(BLOCKS)
    assert abs(share_of(setting) - expected) < 4 * NOISE


def test_without_authorities_the_last_proposers_choose() -> None:
    """This is what the authorities are for."""
    found = measure(BY_NAME["no authority reveals"], BLOCKS, EPOCHS, SEED)
    assert found.withheld > 0
    assert found.share > HONEST + NOISE
    assert share_of(BY_NAME["and all authorities"]) > HONEST + 1.5 * deviation(BLOCKS)


def test_a_run_is_repeated_by_its_seed() -> None:
    """To the last seed."""
    setting = BY_NAME["and 1 of 4 authorities"]
    assert measure(setting, 20, 5, 1) == measure(setting, 20, 5, 1)
    assert measure(setting, 20, 5, 1) != measure(setting, 20, 5, 2)
