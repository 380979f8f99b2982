"""Drawing by weight: in proportion, without favour for the remainder, from the seed alone."""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.hashing import Domain
from consensus.sampling import WeightedDraw

SEED = sha256(b"a seed").digest()
DOMAIN = Domain("test")


class Hashes(Domain):
    """A domain whose hashes are laid down, to see what a draw makes of them."""

    __slots__ = ("_answers",)

    def __init__(self, *values: int) -> None:
        super().__init__("laid down")
        self._answers: Iterator[int] = iter(values)

    def hash(self, *parts: bytes) -> bytes:
        return next(self._answers).to_bytes(32, "big")


@given(st.lists(st.integers(0, 2**70), min_size=1, max_size=50).filter(any), st.data())
def test_a_hash_falls_to_whom_it_belongs(weights: list[int], data: st.DataObject) -> None:
    """Counted naively: go along the weights until the number is used up."""
    number = data.draw(st.integers(0, sum(weights) - 1))
    index, left = 0, number
    while left >= weights[index]:
        left -= weights[index]
        index += 1
    assert WeightedDraw(weights, Hashes(number), SEED).index() == index


@pytest.mark.parametrize("total", [3, 10, 2**255 + 1, 2**256 - 1, 2**256])
def test_the_remainder_is_drawn_again(total: int) -> None:
    """A hash past the last whole multiple of the total favours nobody; the last before it
    counts."""
    fair = 2**256 - 2**256 % total
    weights = (1, total - 1)
    too_high = [fair, 2**256 - 1] if fair < 2**256 else []
    assert WeightedDraw(weights, Hashes(*too_high, 0), SEED).index() == 0
    assert WeightedDraw(weights, Hashes(*too_high, 1), SEED).index() == 1
    assert WeightedDraw(weights, Hashes(fair - 1), SEED).index() == 1


def test_draws_come_in_proportion() -> None:
    """Chi-square over 30,000 draws with a fixed seed: 4 degrees of freedom, 18.5 at one in a
    thousand. Weight zero is never drawn."""
    weights = (7, 0, 1, 30, 2, 60)
    draw = WeightedDraw(weights, DOMAIN, SEED)
    counts = 30_000
    drawn = Counter(draw.index(place, place % 3) for place in range(counts))
    expected = {
        index: counts * weight / sum(weights) for index, weight in enumerate(weights) if weight
    }
    assert drawn.keys() == expected.keys()
    assert sum((drawn[each] - wanted) ** 2 / wanted for each, wanted in expected.items()) < 18.5


@given(
    st.lists(st.integers(0, 2**70) | st.integers(0, 2), min_size=1, max_size=30).filter(any),
    st.integers(0, 2**63),
)
def test_an_order_is_draw_after_draw_among_those_left(weights: list[int], height: int) -> None:
    """Each by a draw of its own from weights in which those drawn before have none; once nobody
    left has any, evenly."""
    found = WeightedDraw(weights, DOMAIN, SEED).order(height)
    expected: list[int] = []
    for turn in range(len(weights)):
        left = [0 if index in expected else weight for index, weight in enumerate(weights)]
        if not any(left):
            left = [int(index not in expected) for index in range(len(weights))]
        expected.append(WeightedDraw(left, DOMAIN, SEED).index(height, turn))
    assert list(found) == expected
    assert sorted(found) == list(range(len(weights)))


def test_a_draw_depends_on_domain_seed_and_place() -> None:
    """And on nothing else."""
    weights = [1] * 1_000

    def drawn(domain: Domain, seed: bytes) -> list[int]:
        draw = WeightedDraw(weights, domain, seed)
        return [draw.index(height, round_) for height in range(5) for round_ in range(5)]

    once = drawn(DOMAIN, SEED)
    assert once == drawn(Domain("test"), SEED)
    assert once != drawn(Domain("other"), SEED)
    assert once != drawn(DOMAIN, bytes(32))
    assert len(set(once)) > 15


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [2**256, 1]])
def test_nothing_to_draw_from(weights: list[int]) -> None:
    """Is a fault of the caller."""
    with pytest.raises(AssertionError):
        WeightedDraw(weights, DOMAIN, SEED)


def test_a_known_draw() -> None:
    """By the formula, so that other implementations can check themselves."""
    tag, chain = sha256(b"test").digest(), sha256(b"").digest()
    place = b"".join(number.to_bytes(8, "big") for number in (5, 2, 0))
    number = int.from_bytes(sha256(tag + tag + chain + place + SEED).digest(), "big")
    assert WeightedDraw([1] * 97, DOMAIN, SEED).index(5, 2) == number % 97
