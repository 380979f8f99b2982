"""The choice of proposers: four components, exact in integers, and drawn in proportion."""

from collections import Counter
from fractions import Fraction
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import MAX_HEIGHT, MAX_ROUND
from consensus.hashing import Domain
from consensus.proposers import (
    SHARE_UNIT,
    ProposerWeights,
    WeightedSchedule,
    proposer_weights,
)
from consensus.types import MAX_VALIDATORS
from consensus.validators import MAX_STAKE, Validator, ValidatorSet
from tests.consensus.keys import CHAIN, KEYS, validators

SEED = sha256(b"a seed").digest()
USUAL = ProposerWeights()

members = st.lists(
    st.builds(
        Validator,
        st.binary(min_size=33, max_size=33),
        st.integers(1, MAX_STAKE) | st.integers(1, 5),
        st.integers(0, 10**6) | st.just(0),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda each: each.public_key,
).map(ValidatorSet)
component = st.integers(0, 100)
some_weights = (
    st.tuples(component, component, component, component)
    .filter(any)
    .map(lambda each: ProposerWeights(*each))
)


def exact(group: ValidatorSet, weights: ProposerWeights, resting: set[bytes]) -> list[Fraction]:
    """Each validator's chance as the rule's words have it, in fractions."""
    active = [each for each in group if each.public_key not in resting] or list(group)
    regions = {each.region for each in active}
    earned = sum(each.stake * each.reputation for each in active)

    def chance(each: Validator) -> Fraction:
        beside = sum(other.stake for other in active if other.region == each.region)
        by_stake = Fraction(each.stake, sum(other.stake for other in active))
        return (
            weights.stake * by_stake
            + weights.reputation
            * (Fraction(each.stake * each.reputation, earned) if earned else by_stake)
            + weights.region * Fraction(each.stake, beside) / len(regions)
            + weights.chance * Fraction(1, len(active))
        )

    whole = weights.stake + weights.reputation + weights.region + weights.chance
    return [chance(each) / whole if each in active else Fraction(0) for each in group]


@given(members, some_weights, st.data())
def test_weights_are_the_rule_in_integers(
    group: ValidatorSet, weights: ProposerWeights, data: st.DataObject
) -> None:
    """Against fractions: each chance is met to one unit in 2**64 a validator."""
    keys = [each.public_key for each in group]
    resting = set(data.draw(st.lists(st.sampled_from(keys))))
    found = proposer_weights(group, weights, resting)
    total = sum(found)
    for weight, wanted in zip(found, exact(group, weights, resting), strict=True):
        assert abs(Fraction(weight, total) - wanted) <= Fraction(len(keys) + 1, SHARE_UNIT)


@given(members)
def test_whoever_has_stake_has_a_turn(group: ValidatorSet) -> None:
    """However little, whatever component counts alone but reputation, which may be zero."""
    for weights in ((1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (40, 35, 15, 10)):
        assert all(proposer_weights(group, ProposerWeights(*weights)))


@given(members)
def test_where_all_rest_nobody_does(group: ValidatorSet) -> None:
    """There is always somebody to propose."""
    everybody = {each.public_key for each in group}
    assert proposer_weights(group, USUAL, everybody) == proposer_weights(group, USUAL)


@given(st.integers(1, 20), st.integers(1, 10**6), st.integers(2, 30))
def test_a_split_stake_gains_no_more_than_chance(others: int, reputation: int, pieces: int) -> None:
    """One key or thirty of the same stake, region and reputation together: stake, reputation
    and region weigh the same, and only the 10 % of chance go by heads."""

    def weight_of(count: int) -> Fraction:
        mine = [
            Validator(place.to_bytes(33, "big"), 60 // count or 1, reputation, 1)
            for place in range(count)
        ]
        rest = [
            Validator((100 + place).to_bytes(33, "big"), 60, 500_000, place % 3)
            for place in range(others)
        ]
        found = proposer_weights(ValidatorSet([*mine, *rest]), USUAL)
        return Fraction(sum(found[:count]), sum(found))

    pieces = max(size for size in range(1, pieces + 1) if 60 % size == 0)
    one, many = weight_of(1), weight_of(pieces)
    gained = Fraction(pieces, pieces + others) - Fraction(1, 1 + others)
    assert abs(many - one - gained / 10) < Fraction(1, 2**50)


def test_each_region_has_its_share() -> None:
    """The lone validator of the south proposes more than each of Bangkok's four."""
    group = ValidatorSet(
        Validator(key, 10, 500_000, int(place == 4)) for place, key in enumerate(KEYS[:5])
    )
    south = [each.public_key for each in group].index(KEYS[4])
    found = proposer_weights(group, USUAL)
    share = Fraction(found[south], sum(found))
    assert abs(share - (Fraction(85, 500) + Fraction(15, 200))) < Fraction(1, 2**50)


def test_no_weights() -> None:
    """Are a mistake in the parameters."""
    with pytest.raises(ValueError, match="all zero"):
        ProposerWeights(0, 0, 0, 0)


def unlike_validators() -> ValidatorSet:
    """Seven that differ in stake, reputation and region."""
    return ValidatorSet(
        Validator(key, 10 + 7 * place, 50_000 + 130_000 * (place * 3 % 7), place % 3)
        for place, key in enumerate(KEYS)
    )


@pytest.mark.parametrize("resting", [set(), set(KEYS[2:4])])
def test_proposers_come_in_proportion_to_weights(resting: set[bytes]) -> None:
    """Chi-square over the first rounds of 30,000 heights with a fixed seed, against the fractions:
    with 6 degrees of freedom 22.5 at one in a thousand, with 4 of them 18.5."""
    group = unlike_validators()
    chances = dict(zip([e.public_key for e in group], exact(group, USUAL, resting), strict=True))
    schedule = WeightedSchedule(CHAIN, group, SEED, USUAL, resting)
    assert distance(schedule, 0, 30_000, chances) < (18.5 if resting else 22.5)


def test_later_rounds_go_by_the_weights_of_those_left() -> None:
    """Chi-square over the second rounds of 30,000 heights: the chance to come second is, over all
    who may come first, their chance times the share of what they leave. Not the chance to come
    first."""
    group = unlike_validators()
    first = dict(zip([e.public_key for e in group], exact(group, USUAL, set()), strict=True))
    second = {
        key: chance * sum(first[other] / (1 - first[other]) for other in first if other != key)
        for key, chance in first.items()
    }
    assert sum(second.values()) == 1
    schedule = WeightedSchedule(CHAIN, group, SEED, USUAL)
    assert distance(schedule, 1, 30_000, second) < 22.5
    assert distance(schedule, 1, 30_000, first) > 100


def distance(
    schedule: WeightedSchedule, round_: int, heights: int, chances: dict[bytes, Fraction]
) -> float:
    """The chi-square statistic of a round's proposers against their chances."""
    drawn = Counter(schedule.proposer(height, round_) for height in range(heights))
    assert drawn.keys() == {key for key, chance in chances.items() if chance}
    return sum(
        (drawn[key] - heights * float(chance)) ** 2 / (heights * float(chance))
        for key, chance in chances.items()
        if chance
    )


@given(members, some_weights, st.binary(min_size=32, max_size=32), st.data())
def test_any_n_rounds_in_a_row_are_each_anothers(
    group: ValidatorSet, weights: ProposerWeights, seed: bytes, data: st.DataObject
) -> None:
    """From whatever round on, by whatever weights and seed, whoever rests; so f who propose
    nothing cost f rounds in a row at most. Who rests comes when all others have come."""
    keys = [each.public_key for each in group]
    resting = set(data.draw(st.lists(st.sampled_from(keys))))
    height, start = data.draw(st.integers(1, MAX_HEIGHT)), data.draw(st.integers(0, MAX_ROUND))
    schedule = WeightedSchedule(CHAIN, group, seed, weights, resting)
    rounds = range(start, start + len(keys))
    assert {schedule.proposer(height, round_) for round_ in rounds} == set(keys)
    # Where all components but reputation count for nothing, and nobody of theirs is earned,
    # the weights of those left are as zero as a rest.
    awake = [k for k, w in zip(keys, proposer_weights(group, weights, resting), strict=True) if w]
    early = {schedule.proposer(height, round_) for round_ in range(len(awake))}
    assert early == set(awake)


def test_where_only_those_who_rest_are_up_they_propose() -> None:
    """Or the chain would stand for good: rests end with heights, and there would be none."""
    group = validators(5, 5, 5, 5)
    resting = set(KEYS[1:4])
    schedule = WeightedSchedule(CHAIN, group, SEED, USUAL, resting)
    for height in range(1, 50):
        assert schedule.proposer(height, 0) == KEYS[0]
        assert {schedule.proposer(height, round_) for round_ in (1, 2, 3)} == resting


def test_a_height_costs_one_draw_a_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever round a peer asks for: an order is drawn once, and comes again."""
    hashed = 0
    real = Domain.hash

    def counting(domain: Domain, *parts: bytes) -> bytes:
        nonlocal hashed
        hashed += 1
        return real(domain, *parts)

    monkeypatch.setattr(Domain, "hash", counting)
    schedule = WeightedSchedule(CHAIN, validators(5, 5, 5, 5), SEED, USUAL)
    for round_ in (1, 2, 3, 4, 64, 10**6, MAX_ROUND):
        schedule.proposer(1, round_)
    assert hashed == 4


def test_the_same_draws_are_not_in_proportion_to_stake() -> None:
    """So the test above can tell."""
    group = unlike_validators()
    schedule = WeightedSchedule(CHAIN, group, SEED, USUAL)
    draws = 30_000
    drawn = Counter(schedule.proposer(height, 0) for height in range(draws))
    statistic = sum(
        (drawn[each.public_key] - wanted) ** 2 / wanted
        for each in group
        for wanted in [draws * each.stake / group.total_stake]
    )
    assert statistic > 1_000


def test_the_choice_depends_on_chain_seed_height_and_round() -> None:
    """And on each of them."""
    group = validators(5, 5, 5, 5, 5, 5, 5)

    def drawn(chain: str, seed: bytes) -> list[bytes]:
        schedule = WeightedSchedule(chain, group, seed, USUAL)
        return [schedule.proposer(height, round_) for height in range(20) for round_ in range(5)]

    assert drawn(CHAIN, SEED) == drawn(CHAIN, SEED)
    assert drawn(CHAIN, SEED) != drawn("geo_other", SEED)
    assert drawn(CHAIN, SEED) != drawn(CHAIN, bytes(32))
    schedule = WeightedSchedule(CHAIN, group, SEED, USUAL)
    assert len({schedule.proposer(1, round_) for round_ in range(7)}) == 7
    assert len({schedule.proposer(height, 0) for height in range(50)}) == 7


def test_the_largest_set() -> None:
    """Of the most validators with all the stake there may be, nobody is left without weight."""
    group = ValidatorSet(
        Validator(place.to_bytes(33, "big"), 2**52, 10**6, place % 7)
        for place in range(MAX_VALIDATORS)
    )
    assert min(proposer_weights(group, USUAL)) > 0
    schedule = WeightedSchedule(CHAIN, group, SEED, USUAL)
    assert all(schedule.proposer(height, 0) in group for height in range(100))
