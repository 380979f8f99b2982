"""The authorities that sign checkpoints: k of n roles, each with keys of its own.

They anchor what stake has made final, and have no part in making it so.

Invariant: the threshold is over half of the roles, so any two certificates share an authority,
and two that contradict each other prove one guilty.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Final

import msgspec

from consensus import merkle
from consensus.encoding import PublicKey
from consensus.errors import InvalidAuthoritySet

MAX_AUTHORITIES: Final = 64
MAX_KEYS_PER_ROLE: Final = 8

Role = Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)]


class Authority(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A role and the keys that speak for it, by key; any one of them does."""

    role: Role
    public_keys: Annotated[
        tuple[PublicKey, ...], msgspec.Meta(min_length=1, max_length=MAX_KEYS_PER_ROLE)
    ]


class AuthoritySet:
    """The authorities of one time, by role, and how many of them it takes. Immutable.

    `InvalidAuthoritySet` for no authorities, too many, a role or a key twice, a role without
    keys, or a threshold that is not over half of them and within their number.
    """

    def __init__(self, authorities: Iterable[Authority], threshold: int) -> None:
        self.authorities = tuple(
            Authority(each.role, tuple(sorted(each.public_keys)))
            for each in sorted(authorities, key=lambda each: each.role)
        )
        self.threshold = threshold
        self._roles = {key: each.role for each in self.authorities for key in each.public_keys}
        self._check()

    @cached_property
    def root(self) -> bytes:
        """The Merkle root over the threshold and the authorities, 32 bytes."""
        encode = msgspec.msgpack.Encoder().encode
        return merkle.root([encode(self.threshold), *map(encode, self.authorities)])

    def role_of(self, public_key: bytes) -> int | None:
        """Whom a key speaks for, None if for nobody."""
        return self._roles.get(public_key)

    def __len__(self) -> int:
        return len(self.authorities)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AuthoritySet) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    def _check(self) -> None:
        count = len(self.authorities)
        if not 1 <= count <= MAX_AUTHORITIES:
            raise InvalidAuthoritySet(f"{count} authorities, 1 to {MAX_AUTHORITIES}")
        if len({each.role for each in self.authorities}) != count:
            raise InvalidAuthoritySet("a role stands twice")
        if not all(1 <= len(each.public_keys) <= MAX_KEYS_PER_ROLE for each in self.authorities):
            raise InvalidAuthoritySet(f"a role has 1 to {MAX_KEYS_PER_ROLE} keys")
        if len(self._roles) != sum(len(each.public_keys) for each in self.authorities):
            raise InvalidAuthoritySet("a public key stands twice")
        if not count < 2 * self.threshold <= 2 * count:
            raise InvalidAuthoritySet(f"{self.threshold} of {count} is not over half and within")
