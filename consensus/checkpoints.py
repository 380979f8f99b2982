"""Checkpoints: authorities sign what stake has made final, and nobody goes back behind it.

A checkpoint is a statement about one final block of one chain. A certificate is the statement
with the signatures of k of n authorities, one for each role. Finality never waits for one.

| rule                                                             | here              |
|------------------------------------------------------------------|-------------------|
| a certificate has enough authorities' signatures, and no others  | `verify`          |
| of two checkpoints of a chain, the later has no smaller epoch    | `contradict`      |
| an authority signs upwards only, a height once                   | `may_sign`        |
| but for what its last word commits to anyway                     | `may_sign_below`  |
| a chain that is followed contains the checkpoint                 | `relation`        |
| a node's checkpoint moves forward only                           | `anchored`        |
| new authorities are named by a checkpoint of the old             | `succeeded`       |

Invariant: who signs only what these two let through never contradicts itself; so two
certificates that contradict each other name a guilty authority (`check_contradiction`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Final, Protocol

import msgspec

from consensus import signing
from consensus.authorities import MAX_AUTHORITIES, AuthoritySet
from consensus.encoding import MAX_HEIGHT, Codec, Hash32, PublicKey, Signature
from consensus.errors import PeerError, Refusal
from consensus.evidence import InvalidEvidence
from consensus.hashing import Domain
from consensus.types import MAX_CHAIN_ID_LENGTH

MAX_CERTIFICATE_BYTES: Final = 512 + MAX_AUTHORITIES * 128


class Checkpoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the authorities say of a final block."""

    chain_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHAIN_ID_LENGTH)]
    epoch: Annotated[int, msgspec.Meta(ge=0, le=MAX_HEIGHT)]
    height: Annotated[int, msgspec.Meta(ge=1, le=MAX_HEIGHT)]
    block_id: Hash32
    state_root: Hash32
    """Of the state after the block was executed."""
    next_validators_root: Hash32
    """Of the set that votes at the next height."""
    next_authorities_root: Hash32
    """Of the authorities whose signatures the chain's next checkpoint needs."""


class SignedCheckpoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One authority's word."""

    checkpoint: Checkpoint
    public_key: PublicKey
    signature: Signature


class AuthoritySignature(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One authority's signature inside a certificate."""

    public_key: PublicKey
    signature: Signature


class Certificate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A checkpoint and its signatures, by role, one for each role."""

    checkpoint: Checkpoint
    signatures: Annotated[tuple[AuthoritySignature, ...], msgspec.Meta(max_length=MAX_AUTHORITIES)]


certificate_codec: Codec[Certificate] = Codec(Certificate, max_bytes=MAX_CERTIFICATE_BYTES)


class InvalidCheckpoint(PeerError):
    """A statement or certificate that is not what the authorities say; `reason` says why."""


class CrossesCheckpoint(PeerError):
    """A chain or checkpoint on the wrong side of the one that this node holds to."""


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that enough authorities signed. Only `verify` makes one."""

    checkpoint: Checkpoint


class Point(Protocol):
    """A place that a chain has to run through: a checkpoint, or whatever else is trusted to be."""

    @property
    def height(self) -> int:
        """Of the block."""

    @property
    def block_id(self) -> bytes:
        """Its id, 32 bytes."""


class Relation(Enum):
    """How a chain lies to a checkpoint."""

    BEHIND = "behind"
    """It has not come to it yet; going on, it must run through it."""
    CONTAINS = "contains"
    """The checkpoint's block is one of its own."""


@lru_cache(maxsize=64)
def _domain(chain_id: str) -> Domain:
    return Domain("checkpoint", chain_id)


def checkpoint_digest(checkpoint: Checkpoint) -> bytes:
    """What an authority signs, 32 bytes."""
    return _domain(checkpoint.chain_id).hash(msgspec.msgpack.encode(checkpoint))


def verify_signed(chain_id: str, authorities: AuthoritySet, signed: SignedCheckpoint) -> int:
    """The role whose word this is. `InvalidCheckpoint` if it is nobody's, or another chain's."""
    if signed.checkpoint.chain_id != chain_id:
        raise InvalidCheckpoint(Refusal.WRONG_CHAIN, signed.checkpoint.chain_id)
    role = _role(authorities, signed.public_key)
    if not signing.verify(
        signed.public_key, checkpoint_digest(signed.checkpoint), signed.signature
    ):
        raise InvalidCheckpoint(Refusal.BAD_SIGNATURE, f"not authority {role}'s")
    return role


def certify(authorities: AuthoritySet, words: Iterable[SignedCheckpoint]) -> Certificate | None:
    """The certificate that these words make, None while they are too few.

    They are about one checkpoint, and each passed `verify_signed`. Of two keys of a role the
    first given counts.
    """
    by_role: dict[int, SignedCheckpoint] = {}
    for each in words:
        by_role.setdefault(_role(authorities, each.public_key), each)
    if len(by_role) < authorities.threshold:
        return None
    chosen = [by_role[role] for role in sorted(by_role)]
    assert len({each.checkpoint for each in chosen}) == 1, "the words are about one checkpoint"
    signatures = (AuthoritySignature(each.public_key, each.signature) for each in chosen)
    return Certificate(chosen[0].checkpoint, tuple(signatures))


def verify(
    chain_id: str, authorities: AuthoritySet, certificate: Certificate
) -> VerifiedCheckpoint:
    """Check that enough authorities signed, one for each role, in the order of roles.

    Every signature must hold, so that a certificate has no room for rubbish. `InvalidCheckpoint`
    with its reason.
    """
    checkpoint = certificate.checkpoint
    if checkpoint.chain_id != chain_id:
        raise InvalidCheckpoint(Refusal.WRONG_CHAIN, checkpoint.chain_id)
    roles = [_role(authorities, each.public_key) for each in certificate.signatures]
    if any(first >= second for first, second in pairwise(roles)):
        raise InvalidCheckpoint(Refusal.DUPLICATE_SIGNER, "roles are not in strict order")
    if len(roles) < authorities.threshold:
        reason = f"{len(roles)} of {authorities.threshold}"
        raise InvalidCheckpoint(Refusal.NOT_ENOUGH_AUTHORITIES, reason)
    digest = checkpoint_digest(checkpoint)
    checks = [(each.public_key, digest, each.signature) for each in certificate.signatures]
    if not all(signing.verify_slice(checks)):
        raise InvalidCheckpoint(Refusal.BAD_SIGNATURE, "a signature does not hold")
    return VerifiedCheckpoint(checkpoint)


def contradict(first: Checkpoint, second: Checkpoint) -> bool:
    """Whether two checkpoints cannot both be about one chain: they differ at one height, or the
    lower one has the greater epoch."""
    if first.chain_id != second.chain_id:
        return False
    if first.height == second.height:
        return first != second
    low, high = sorted((first, second), key=lambda each: each.height)
    return low.epoch > high.epoch


def check_contradiction(
    chain_id: str, authorities: AuthoritySet, first: SignedCheckpoint, second: SignedCheckpoint
) -> int:
    """The role that two signed checkpoints prove guilty, with whichever of its keys.

    `authorities`: those of the pair's time. `InvalidEvidence` where they prove nothing,
    `InvalidCheckpoint` where one of them is no authority's word.
    """
    roles = {_role(authorities, each.public_key) for each in (first, second)}
    if len(roles) != 1 or not contradict(first.checkpoint, second.checkpoint):
        raise InvalidEvidence(Refusal.NO_OFFENCE, "the two can stand beside each other")
    for each in (first, second):
        verify_signed(chain_id, authorities, each)
    return roles.pop()


def may_sign(last: Checkpoint | None, new: Checkpoint) -> bool:
    """Whether an authority that signed `last`, its latest on this chain, may sign `new`.

    Upwards only: the same again, or a greater height in no smaller epoch.
    """
    if last is None or new == last:
        return True
    assert new.chain_id == last.chain_id, "a guard is one chain's"
    return new.height > last.height and new.epoch >= last.epoch


def may_sign_below(last: Checkpoint, new: Checkpoint) -> bool:
    """Whether an authority may sign `new` below `last`, its latest on this chain, of which the
    caller knows that both are of one chain.

    The block of `last` commits to all before it, and so to everything that `new` states: who
    contradicts it later would contradict `last`.
    """
    return new.chain_id == last.chain_id and new.height < last.height and new.epoch <= last.epoch


def relation(checkpoint: Point, tip_height: int, id_at_checkpoint: bytes | None) -> Relation:
    """How a chain lies to a checkpoint. `CrossesCheckpoint` if it runs past another block.

    `id_at_checkpoint`: the chain's block at the checkpoint's height, None for a chain that
    does not reach it. For a node's own chain when it starts, and for any block, range or
    snapshot on offer: what is behind is not to be gone back to.
    """
    if tip_height < checkpoint.height:
        return Relation.BEHIND
    if id_at_checkpoint != checkpoint.block_id:
        reason = f"another block at height {checkpoint.height}"
        raise CrossesCheckpoint(Refusal.CROSSES_CHECKPOINT, reason)
    return Relation.CONTAINS


def anchored(current: Checkpoint | None, verified: VerifiedCheckpoint) -> Checkpoint:
    """What a node holds to after it learned of a checkpoint. `CrossesCheckpoint` for one that is
    lower than the current one, or contradicts it."""
    new = verified.checkpoint
    if not may_sign(current, new):
        assert current is not None, "anything is new to who has none"
        reason = f"height {new.height}, epoch {new.epoch} after {current.height}, {current.epoch}"
        raise CrossesCheckpoint(Refusal.CROSSES_CHECKPOINT, reason)
    return new


def succeeded(
    chain_id: str, authorities: AuthoritySet, steps: Iterable[tuple[Certificate, AuthoritySet]]
) -> AuthoritySet:
    """The authorities after rotations, from those that a node trusts to begin with.

    Each step is a checkpoint by the authorities so far, and the set that it names. Heights rise
    from step to step. `InvalidCheckpoint`, or `CrossesCheckpoint` for steps out of order.
    """
    last: Checkpoint | None = None
    for certificate, successors in steps:
        last = anchored(last, verify(chain_id, authorities, certificate))
        if successors.root != last.next_authorities_root:
            raise InvalidCheckpoint(Refusal.UNKNOWN_AUTHORITY, f"not named at {last.height}")
        authorities = successors
    return authorities


def _role(authorities: AuthoritySet, public_key: bytes) -> int:
    role = authorities.role_of(public_key)
    if role is None:
        raise InvalidCheckpoint(Refusal.UNKNOWN_AUTHORITY, public_key.hex())
    return role
