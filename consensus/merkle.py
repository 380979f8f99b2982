"""Merkle trees in the shape of RFC 6962, section 2.1, over SHA-256.

A leaf is hashed behind 0x00 and a node behind 0x01, so neither passes for the other. An
odd leaf is carried up, not doubled, so two different lists never share a root. The root
of no leaves is the hash of the empty string.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

import msgspec

from consensus.encoding import Hash32

EMPTY_ROOT = sha256(b"").digest()
MAX_LEAVES = 2**48
"""More than a log gets in a thousand years at a thousand entries a second."""
MAX_PATH = 48
"""The depth of a tree of `MAX_LEAVES`."""


class Proof(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """That a leaf is number `index` of `total`: the sibling hashes from the leaf upwards."""

    index: Annotated[int, msgspec.Meta(ge=0, lt=MAX_LEAVES)]
    total: Annotated[int, msgspec.Meta(ge=1, le=MAX_LEAVES)]
    path: Annotated[tuple[Hash32, ...], msgspec.Meta(max_length=MAX_PATH)]


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over the leaves in their order, 32 bytes."""
    if not leaves:
        return EMPTY_ROOT
    level = [leaf_hash(leaf) for leaf in leaves]
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def prove(leaves: Sequence[bytes], index: int) -> Proof:
    """The proof for one leaf. `IndexError` where there is no such leaf."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    level = [leaf_hash(leaf) for leaf in leaves]
    position, path = index, []
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _parents(level)
        position //= 2
    return Proof(index, len(leaves), tuple(path))


def verify(root: bytes, leaf: bytes, proof: Proof) -> bool:
    """Whether the proof shows that `leaf` stands at its index under `root`. Never raises."""
    if not 0 <= proof.index < proof.total:
        return False
    node, position, width = leaf_hash(leaf), proof.index, proof.total
    path = iter(proof.path)
    while width > 1:
        sibling = position ^ 1
        if sibling < width:
            other = next(path, None)
            if other is None:
                return False
            node = node_hash(other, node) if position & 1 else node_hash(node, other)
        position, width = position // 2, (width + 1) // 2
    return next(path, None) is None and node == root


def _parents(level: list[bytes]) -> list[bytes]:
    paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return paired + level[-1:] if len(level) % 2 else paired


def leaf_hash(data: bytes) -> bytes:
    """What a leaf comes to in its tree, 32 bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """What two neighbours come to in the level above, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()
