"""Which keys the authorities have had, from when on: what rotations have made of the genesis'.

The registry decides, and every other chain takes over what holds at the registry's block that its
headers name; so a rotation stands on each chain, with the block after which it holds there.
Invariant: rotations stand in the order in which they take effect, and none is ever dropped: a chain
that is followed from genesis meets all of them.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec.structs import replace

from consensus.authorities import MAX_AUTHORITIES, MAX_KEYS_PER_ROLE
from consensus.authorities import Authority as Seat
from consensus.encoding import Height, PublicKey
from consensus.hashing import Domain
from gtxnode.ledger.parameters import Authority
from gtxnode.ledger.registry.validators import Epoch
from gtxnode.primitives.zones import Role

MAX_ROTATIONS = 256

RoleKeys = Annotated[
    tuple[PublicKey, ...], msgspec.Meta(min_length=1, max_length=MAX_KEYS_PER_ROLE)
]
"""All the keys of one authority, sorted."""


class Rotation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An authority's keys from some block on."""

    role: Role
    number: Annotated[int, msgspec.Meta(ge=1, le=2**16 - 1)]
    public_keys: RoleKeys
    epoch: Epoch
    """The registry's, from whose beginning they hold."""
    height: Height
    """The block on this chain after which they hold."""


class AuthorityKeys(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=58):
    """All rotations on a chain. There is none before the first."""

    founding: Annotated[tuple[Seat, ...], msgspec.Meta(max_length=MAX_AUTHORITIES)]
    """Whom the genesis names."""
    rotations: Annotated[tuple[Rotation, ...], msgspec.Meta(max_length=MAX_ROTATIONS)]

    def after(self, height: int) -> tuple[Authority, ...]:
        """The keys that count in the state after a block."""
        held = {Role(each.role): each.public_keys for each in self.founding}
        held |= {each.role: each.public_keys for each in self.rotations if each.height <= height}
        return tuple(Authority(role, key) for role, keys in sorted(held.items()) for key in keys)

    def role_once(self, public_key: bytes, height: int) -> int | None:
        """Whom a key spoke for last, in the state after any block up to this one."""
        held = [
            *((each.role, each.public_keys) for each in self.founding),
            *((each.role, each.public_keys) for each in self.rotations if each.height <= height),
        ]
        return next((int(role) for role, keys in reversed(held) if public_key in keys), None)

    def number_of(self, role: Role) -> int:
        """Of the role's latest rotation, 0 for none."""
        return max((each.number for each in self.rotations if each.role is role), default=0)

    def within(self, epoch: int) -> tuple[Rotation, ...]:
        """Those that hold in an epoch of the registry."""
        return tuple(each for each in self.rotations if each.epoch <= epoch)

    def joined_by(self, rotations: Iterable[Rotation]) -> "AuthorityKeys":
        """With more of them, which take effect no earlier than those that are here."""
        return replace(self, rotations=(*self.rotations, *rotations))


@lru_cache(maxsize=64)
def authority_keys_coin_id(chain_id: str) -> bytes:
    """The coin with the rotations of a chain."""
    return Domain("coin/authority_keys", chain_id).hash() + b"\x00\x00"


def founded_by(authorities: Iterable[Authority]) -> AuthorityKeys:
    """The authorities of a genesis, before any rotation."""
    held: dict[Role, list[bytes]] = defaultdict(list)
    for each in authorities:
        held[each.role].append(each.public_key)
    seats = tuple(Seat(role, tuple(sorted(keys))) for role, keys in sorted(held.items()))
    return AuthorityKeys(seats, ())
