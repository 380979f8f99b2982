"""What validators send one another about the height at hand, and how it is encoded.

A proposal carries its block, and a re-proposal the polka that justifies it, so each
message can be used by a peer that has seen nothing else. Decoding checks form and limits
only; `verify.py` checks the rest.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from consensus.encoding import Codec, Hash32, Height, PublicKey, Round, Signature, ValidRound
from consensus.types import (
    MAX_BLOCK_BYTES,
    MAX_COMMIT_BYTES,
    MAX_VALIDATORS,
    Block,
    Commit,
    CommitSignature,
    Proposal,
    Vote,
    VoteKind,
)

MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + 2 * MAX_COMMIT_BYTES
"""A block (with its parent's commit inside), and one certificate beside it."""


class PolkaSignature(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One validator's prevote inside a polka."""

    validator: PublicKey
    valid_round: ValidRound
    signature: Signature


class Polka(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The prevotes of two thirds for one block in one round, ordered by validator."""

    height: Height
    round: Round
    block_id: Hash32
    signatures: Annotated[tuple[PolkaSignature, ...], msgspec.Meta(max_length=MAX_VALIDATORS)]


class ProposalMessage(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A proposal with its block; with the polka of its valid round, if it has one."""

    proposal: Proposal
    block: Block
    polka: Polka | None


class VoteMessage(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """One vote."""

    vote: Vote


class PolkaMessage(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """A polka for a peer that is behind in the round."""

    polka: Polka


class CommitMessage(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """A commit with its block, for a peer that is behind in the height."""

    commit: Commit
    block: Block


Message = ProposalMessage | VoteMessage | PolkaMessage | CommitMessage

_codec: Codec[Message] = Codec(Message, max_bytes=MAX_MESSAGE_BYTES)  # type: ignore[arg-type]


def encode_message(message: Message) -> bytes:
    """The canonical encoding, at most `MAX_MESSAGE_BYTES`."""
    return _codec.encode(message)


def decode_message(data: bytes) -> Message:
    """The message, or `DecodeError`."""
    return _codec.decode(data)


def polka_from_votes(prevotes: Iterable[Vote]) -> Polka:
    """The certificate of prevotes for one block in one round. At least one vote."""
    votes = sorted(prevotes, key=lambda vote: vote.validator)
    first = votes[0]
    assert first.block_id is not None, "a polka is for a block"
    signatures = tuple(
        PolkaSignature(vote.validator, vote.valid_round, vote.signature) for vote in votes
    )
    return Polka(first.height, first.round, first.block_id, signatures)


def votes_of_polka(polka: Polka) -> tuple[Vote, ...]:
    """The prevotes that a polka carries."""
    return tuple(
        Vote(
            VoteKind.PREVOTE,
            polka.height,
            polka.round,
            polka.block_id,
            each.valid_round,
            each.validator,
            each.signature,
        )
        for each in polka.signatures
    )


def commit_from_votes(precommits: Iterable[Vote]) -> Commit:
    """The commit of precommits for one block in one round. At least one vote."""
    votes = sorted(precommits, key=lambda vote: vote.validator)
    first = votes[0]
    assert first.block_id is not None, "a commit is for a block"
    signatures = tuple(CommitSignature(vote.validator, vote.signature) for vote in votes)
    return Commit(first.height, first.round, first.block_id, signatures)


def votes_of_commit(commit: Commit) -> tuple[Vote, ...]:
    """The precommits that a commit carries."""
    return tuple(
        Vote(
            VoteKind.PRECOMMIT,
            commit.height,
            commit.round,
            commit.block_id,
            -1,
            each.validator,
            each.signature,
        )
        for each in commit.signatures
    )
