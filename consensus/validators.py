"""Validator sets: who may vote, and how much of the slashable stake stands behind a vote.

Thresholds are integers in stake alone. Two thirds: `3 * stake > 2 * total`. More than the
faulty third can be: `3 * stake > total`.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated

import msgspec

from consensus import merkle
from consensus.encoding import PublicKey
from consensus.errors import InvalidValidatorSet
from consensus.types import MAX_VALIDATORS

MAX_STAKE = 2**53 - 1
MAX_TOTAL_STAKE = 2**62


class Validator(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A validator. Votes weigh `stake`; the rest serves the choice of proposers only."""

    public_key: PublicKey
    stake: Annotated[int, msgspec.Meta(ge=1, le=MAX_STAKE)]
    reputation: Annotated[int, msgspec.Meta(ge=0, le=MAX_STAKE)] = 0
    region: Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)] = 0


class ValidatorSet:
    """The validators of one height, sorted by public key. Immutable.

    `InvalidValidatorSet` for no validators, too many, a key twice, or stake out of range.
    """

    def __init__(self, validators: Iterable[Validator]) -> None:
        self.validators = tuple(sorted(validators, key=lambda each: each.public_key))
        self._by_key = {each.public_key: each for each in self.validators}
        self.total_stake = sum(each.stake for each in self.validators)
        self._check()

    @cached_property
    def root(self) -> bytes:
        """The Merkle root that a header commits to."""
        encode = msgspec.msgpack.Encoder().encode
        return merkle.root([encode(each) for each in self.validators])

    def get(self, public_key: bytes) -> Validator | None:
        """The validator with this key, or None."""
        return self._by_key.get(public_key)

    def stake_of(self, public_key: bytes) -> int:
        """The stake of this key, 0 where it is no validator."""
        validator = self._by_key.get(public_key)
        return 0 if validator is None else validator.stake

    def has_quorum(self, stake: int) -> bool:
        """More than two thirds: any two such sets share an honest validator."""
        return 3 * stake > 2 * self.total_stake

    def has_honest(self, stake: int) -> bool:
        """More than one third: at least one honest validator is among them."""
        return 3 * stake > self.total_stake

    def __contains__(self, public_key: object) -> bool:
        return public_key in self._by_key

    def __iter__(self) -> Iterator[Validator]:
        return iter(self.validators)

    def __len__(self) -> int:
        return len(self.validators)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValidatorSet) and self.validators == other.validators

    def __hash__(self) -> int:
        return hash(self.root)

    def __repr__(self) -> str:
        return f"ValidatorSet({len(self)} validators, stake {self.total_stake})"

    def _check(self) -> None:
        if not 1 <= len(self.validators) <= MAX_VALIDATORS:
            raise InvalidValidatorSet(f"{len(self.validators)} validators, 1 to {MAX_VALIDATORS}")
        if len(self._by_key) != len(self.validators):
            raise InvalidValidatorSet("a public key stands twice")
        if any(not 1 <= each.stake <= MAX_STAKE for each in self.validators):
            raise InvalidValidatorSet(f"a stake is not within 1 to {MAX_STAKE}")
        if self.total_stake > MAX_TOTAL_STAKE:
            raise InvalidValidatorSet(f"total stake {self.total_stake} > {MAX_TOTAL_STAKE}")
