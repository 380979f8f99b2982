"""The wire types of consensus: blocks, proposals, votes and commits.

Ids and signed digests are tagged hashes over the canonical encoding of everything but the
signature, under the chain's id, so nothing signed for one purpose or chain serves another.
"""

from enum import IntEnum
from functools import lru_cache
from typing import Annotated

import msgspec

from consensus import merkle
from consensus.encoding import (
    Codec,
    Hash32,
    Height,
    PublicKey,
    Round,
    Signature,
    ValidRound,
)
from consensus.hashing import ZERO_HASH, Domain

BLOCK_VERSION = 1
UNSIGNED = bytes(64)
"""In the place of a signature that has still to be made."""
MAX_VALIDATORS = 1_024
MAX_PAYLOAD_ITEMS = 4_096
MAX_PAYLOAD_ITEM_BYTES = 64
MAX_LATE_VOTES = 256
"""Late precommits in one block."""
MAX_CHAIN_ID_LENGTH = 64
MAX_HEADER_BYTES = 1_024
MAX_COMMIT_BYTES = MAX_VALIDATORS * 128
MAX_BLOCK_BYTES = 512 * 1_024


class Anchor(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The registry chain's final block that this chain goes by."""

    height: Height
    id: Hash32


NO_ANCHOR = Anchor(0, ZERO_HASH)


class Header(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a block's id covers. Roots of state are those after the parent's execution."""

    version: Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)]
    chain_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHAIN_ID_LENGTH)]
    height: Height
    time_ms: Height
    """Milliseconds since 1970 by the proposer's clock."""
    parent_id: Hash32
    last_commit_root: Hash32
    payload_root: Hash32
    app_root: Hash32
    validators_root: Hash32
    next_validators_root: Hash32
    proposer: PublicKey
    anchor: Anchor = NO_ANCHOR
    checkpoint: Hash32 = ZERO_HASH
    """An opaque root for the authorities' checkpoints; zeros where there is none."""
    late_root: Hash32 = merkle.EMPTY_ROOT
    """Over the late precommits that the block carries."""
    reveal: Hash32 | None = None
    """The next value of the proposer's hash chain (consensus/hash_chain.py); None: withheld."""


class CommitSignature(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One validator's precommit inside a commit."""

    validator: PublicKey
    signature: Signature


class Commit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The precommits that make a block final, ordered by validator."""

    height: Height
    round: Round
    block_id: Hash32
    signatures: Annotated[tuple[CommitSignature, ...], msgspec.Meta(max_length=MAX_VALIDATORS)]


class VoteKind(IntEnum):
    """The two votes of a round."""

    PREVOTE = 1
    PRECOMMIT = 2


class Vote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A signed vote. `block_id` None is a vote for nil.

    `valid_round`, of a prevote for a block, is the latest round with a polka for it that
    the voter went by, -1 for none: a precommit for another block in a round after it shows
    that the voter forgot its lock.
    """

    kind: VoteKind
    height: Height
    round: Round
    block_id: Hash32 | None
    valid_round: ValidRound
    validator: PublicKey
    signature: Signature


class Proposal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A signed proposal; the block travels beside it. `valid_round` -1: a fresh value."""

    height: Height
    round: Round
    valid_round: ValidRound
    block_id: Hash32
    proposer: PublicKey
    signature: Signature


PayloadItem = Annotated[bytes, msgspec.Meta(max_length=MAX_PAYLOAD_ITEM_BYTES)]
LateVotes = Annotated[tuple[Vote, ...], msgspec.Meta(max_length=MAX_LATE_VOTES)]


class Block(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A header, its opaque payload, and the commit of its parent (None at the first height)."""

    header: Header
    payload: Annotated[tuple[PayloadItem, ...], msgspec.Meta(max_length=MAX_PAYLOAD_ITEMS)]
    last_commit: Commit | None
    late: LateVotes = ()
    """Precommits that the commits of earlier heights left out (consensus/presence.py)."""


block_codec: Codec[Block] = Codec(Block, max_bytes=MAX_BLOCK_BYTES)
header_codec: Codec[Header] = Codec(Header, max_bytes=MAX_HEADER_BYTES)
commit_codec: Codec[Commit] = Codec(Commit, max_bytes=MAX_COMMIT_BYTES)

_encode = msgspec.msgpack.Encoder().encode


@lru_cache(maxsize=256)
def _domain(tag: str, chain_id: str) -> Domain:
    return Domain(tag, chain_id)


def block_id(header: Header) -> bytes:
    """The id of the block with this header, 32 bytes."""
    return _domain("block", header.chain_id).hash(_encode(header))


def without_signature(signed: Vote | Proposal) -> Vote | Proposal:
    """The same message as it goes to a signer: 64 zero bytes in the signature's place."""
    return msgspec.structs.replace(signed, signature=UNSIGNED)


def payload_root(payload: tuple[bytes, ...]) -> bytes:
    """The Merkle root over a block's payload."""
    return merkle.root(payload)


def commit_root(commit: Commit | None) -> bytes:
    """The Merkle root over a commit's block and signatures; the empty root for None."""
    if commit is None:
        return merkle.EMPTY_ROOT
    leaves = [_encode((commit.height, commit.round, commit.block_id))]
    leaves.extend(_encode(signature) for signature in commit.signatures)
    return merkle.root(leaves)


def late_root(late: tuple[Vote, ...]) -> bytes:
    """The Merkle root over the late precommits of a block; the empty root for none."""
    return merkle.root([_encode(vote) for vote in late])


def is_whole(block: Block) -> bool:
    """Whether all that stands in a block beside its header is what the header commits to."""
    header = block.header
    return (
        payload_root(block.payload) == header.payload_root
        and commit_root(block.last_commit) == header.last_commit_root
        and late_root(block.late) == header.late_root
    )


def vote_digest(chain_id: str, vote: Vote) -> bytes:
    """What a vote's signature signs, 32 bytes. The signature itself plays no part."""
    return _vote_digest(
        chain_id,
        vote.kind,
        vote.height,
        vote.round,
        vote.block_id,
        vote.valid_round,
        vote.validator,
    )


def precommit_digest(chain_id: str, commit: Commit, validator: bytes) -> bytes:
    """What `validator` signed to stand in `commit`."""
    return _vote_digest(
        chain_id,
        VoteKind.PRECOMMIT,
        commit.height,
        commit.round,
        commit.block_id,
        -1,
        validator,
    )


def proposal_digest(chain_id: str, proposal: Proposal) -> bytes:
    """What a proposal's signature signs, 32 bytes."""
    body = (
        proposal.height,
        proposal.round,
        proposal.valid_round,
        proposal.block_id,
        proposal.proposer,
    )
    return _domain("proposal", chain_id).hash(_encode(body))


def _vote_digest(chain_id: str, *body: object) -> bytes:
    return _domain("vote", chain_id).hash(_encode(body))
