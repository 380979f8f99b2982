"""A Merkle tree of `merkle.py` that grows leaf by leaf: a log, known by its peaks.

The peaks of a log are the roots of the complete subtrees that its length's binary digits name, the
largest first; its root is theirs, joined from the smallest upwards (RFC 6962, section 2.1). To
append costs two hashes on average, whatever the length.

A node is a complete subtree: number `position` of those of 2^`level` leaves. It never changes once
it is complete, so whoever keeps the nodes as they are completed can prove any leaf at any length.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from consensus.merkle import EMPTY_ROOT, Proof, leaf_hash, node_hash


class Node(NamedTuple):
    """A complete subtree, and its hash."""

    level: int
    position: int
    hash: bytes


class Growth(NamedTuple):
    """A log after more leaves: its length and peaks, and the nodes that they completed."""

    total: int
    peaks: tuple[bytes, ...]
    nodes: tuple[Node, ...]


NodeAt: TypeAlias = Callable[[int, int], bytes]
"""The hash of a complete subtree, by its level and position."""


def grown(total: int, peaks: Sequence[bytes], leaves: Iterable[bytes]) -> Growth:
    """The log of `total` leaves with these peaks, after `leaves`, which are not yet hashed."""
    assert len(peaks) == total.bit_count(), "a peak for each binary digit"
    stack, nodes = list(peaks), list[Node]()
    for leaf in leaves:
        node = Node(0, total, leaf_hash(leaf))
        nodes.append(node)
        while total >> node.level & 1:
            above = node_hash(stack.pop(), node.hash)
            node = Node(node.level + 1, node.position >> 1, above)
            nodes.append(node)
        stack.append(node.hash)
        total += 1
    return Growth(total, tuple(stack), tuple(nodes))


def root_of(peaks: Sequence[bytes]) -> bytes:
    """The root of the log with these peaks, 32 bytes."""
    if not peaks:
        return EMPTY_ROOT
    joined = peaks[-1]
    for peak in reversed(peaks[:-1]):
        joined = node_hash(peak, joined)
    return joined


def prove(total: int, index: int, node_at: NodeAt) -> Proof:
    """The proof for one leaf of the log as it was at a length, as `merkle.prove` makes it.

    `IndexError` where there was no such leaf; whatever `node_at` raises.
    """
    if not 0 <= index < total:
        raise IndexError(f"leaf {index} of {total}")
    position, level, path = index, 0, []
    while (width := (total - 1 >> level) + 1) > 1:
        sibling = position ^ 1
        if sibling + 1 << level <= total:
            path.append(node_at(level, sibling))
        elif sibling < width:
            path.append(_edge(total, level, node_at))
        position, level = position >> 1, level + 1
    return Proof(index, total, tuple(path))


def _edge(total: int, level: int, node_at: NodeAt) -> bytes:
    """The last node of a level, which is not complete: the peaks below the level, joined."""
    lower = [each for each in range(level) if total >> each & 1]
    return root_of([node_at(each, (total >> each) - 1) for each in reversed(lower)])
