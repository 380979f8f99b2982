"""Who signs a chain's checkpoints: the authorities of its parameters, without those it has barred.

An authority has no stake. What it loses for two checkpoints that contradict each other is the keys
that signed them: once the block that took the evidence is behind a checkpoint, they sign none
after it, until new parameters name other keys (docs/decisions/checkpoints.md). Each chain bars for
what was signed about itself, so all its nodes agree from its own coins alone.

Invariant: the threshold is one of the roles that the parameters name, barred or not; so fewer that
are left never make it easier.
"""

from collections import defaultdict
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec.structs import replace

from consensus.authorities import MAX_AUTHORITIES, MAX_KEYS_PER_ROLE, Authority, AuthoritySet
from consensus.encoding import Height, PublicKey
from consensus.hashing import Domain
from gtxnode.ledger.authority.authority_keys import MAX_ROTATIONS, AuthorityKeys
from gtxnode.ledger.parameters import ChainParameters

MAX_BARRED = (MAX_AUTHORITIES + MAX_ROTATIONS) * MAX_KEYS_PER_ROLE
"""Every key that was ever an authority's."""


class BarredKey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A key, and the block that took the evidence against it."""

    public_key: PublicKey
    height: Height


class BarredKeys(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=11):
    """The authorities' keys that no longer count, by key. There is none while all count."""

    keys: Annotated[tuple[BarredKey, ...], msgspec.Meta(min_length=1, max_length=MAX_BARRED)]

    def at(self, height: int) -> frozenset[bytes]:
        """Those that were barred in the state after a block."""
        return frozenset(each.public_key for each in self.keys if each.height <= height)


def all_authorities(parameters: ChainParameters) -> AuthoritySet | None:
    """The authorities that the parameters name; None where they name none.

    `InvalidAuthoritySet` where they make no set.
    """
    return _authorities(parameters, frozenset())


def authorities_at(
    parameters: ChainParameters,
    barred: BarredKeys | None,
    height: int,
    keys: AuthorityKeys | None = None,
) -> AuthoritySet | None:
    """The authorities in force after a block: whose signatures the next checkpoint needs.

    `keys` are the chain's rotations, where there were any. None where there are no authorities, or
    where fewer are left than it takes.
    """
    if keys is not None:
        parameters = replace(parameters, authorities=keys.after(height))
    return _authorities(parameters, barred.at(height) if barred is not None else frozenset())


def threshold_of(parameters: ChainParameters) -> int:
    """How many roles it takes."""
    roles = {each.role for each in parameters.authorities}
    return parameters.checkpoints.threshold or len(roles) // 2 + 1


def changes(
    barred: BarredKeys | None, keys: AuthorityKeys | None, interval_blocks: int
) -> list[int]:
    """The checkpoints that may name others than those who sign them, rising: the first at or after
    each block that barred or rotated keys."""
    found = {each.height for each in keys.rotations} if keys is not None else set()
    if barred is not None:
        found |= {each.height for each in barred.keys}
    return sorted({-(-height // interval_blocks) * interval_blocks for height in found})


def signing_height(height: int, interval_blocks: int) -> int:
    """The block whose state says who signs the checkpoint at a height: the checkpoint before."""
    return max(0, height - interval_blocks)


@lru_cache(maxsize=64)
def barred_coin_id(chain_id: str) -> bytes:
    """The coin with the authorities' keys that no longer count."""
    return Domain("coin/barred_authorities", chain_id).hash() + b"\x00\x00"


def _authorities(parameters: ChainParameters, without: frozenset[bytes]) -> AuthoritySet | None:
    keys: dict[int, list[bytes]] = defaultdict(list)
    for each in parameters.authorities:
        if each.public_key not in without:
            keys[each.role].append(each.public_key)
    threshold = threshold_of(parameters)
    if not keys or (without and len(keys) < threshold):
        return None
    return AuthoritySet([Authority(role, tuple(held)) for role, held in keys.items()], threshold)
