"""Checkpoints and words for tests: authorities go by numbers, and so do blocks."""

from consensus import signing
from consensus.authorities import Authority, AuthoritySet
from consensus.checkpoints import Checkpoint, SignedCheckpoint, checkpoint_digest

CHAIN = "test/geo_bangkok"


def key(role: int) -> bytes:
    """An authority's private key."""
    return bytes([role]) * 32


def public(role: int) -> bytes:
    return signing.public_key(key(role))


AUTHORITIES = AuthoritySet([Authority(role, (public(role),)) for role in (1, 2, 3, 4)], 3)


def checkpoint(height: int, block: int = 1, *, epoch: int = 0, chain_id: str = CHAIN) -> Checkpoint:
    return Checkpoint(chain_id, epoch, height, block.to_bytes(32, "big"), *[bytes(32)] * 3)


def word(role: int, stated: Checkpoint) -> SignedCheckpoint:
    signature = signing.sign(key(role), checkpoint_digest(stated))
    return SignedCheckpoint(stated, public(role), signature)
