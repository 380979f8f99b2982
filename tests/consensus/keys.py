"""Validators for tests: real keys, real signatures, one schedule."""

from dataclasses import dataclass

import msgspec

from consensus import signing
from consensus.events import StartHeight
from consensus.types import (
    UNSIGNED,
    Block,
    Commit,
    Header,
    Proposal,
    Vote,
    VoteKind,
    block_id,
    commit_root,
    payload_root,
    proposal_digest,
    vote_digest,
)
from consensus.validators import Validator, ValidatorSet

CHAIN = "geo_test"
SECRETS = [bytes([place + 1]) * 32 for place in range(7)]
KEYS = [signing.public_key(secret) for secret in SECRETS]
SECRET_OF = dict(zip(KEYS, SECRETS, strict=True))


@dataclass(frozen=True)
class Turns:
    """Proposers in the order of `KEYS`."""

    count: int = 4

    def proposer(self, height: int, round: int) -> bytes:
        """The key of the round's proposer."""
        return KEYS[round % self.count]


def validators(*stakes: int) -> ValidatorSet:
    """The first few keys with these stakes; four of stake 1 by default."""
    return ValidatorSet(
        Validator(key, stake) for key, stake in zip(KEYS, stakes or (1,) * 4, strict=False)
    )


def start(height: int = 1, *stakes: int) -> StartHeight:
    """A height of the first few keys."""
    return StartHeight(height, validators(*stakes), Turns(len(stakes) or 4))


def block(content: bytes = b"a", height: int = 1, commit: Commit | None = None) -> Block:
    """A block with one payload item."""
    payload = (content,)
    header = Header(
        version=1,
        chain_id=CHAIN,
        height=height,
        time_ms=1_700_000_000_000,
        parent_id=bytes(32),
        last_commit_root=commit_root(commit),
        payload_root=payload_root(payload),
        app_root=bytes(32),
        validators_root=validators().root,
        next_validators_root=validators().root,
        proposer=KEYS[0],
    )
    return Block(header, payload, commit)


def vote(
    voter: int,
    kind: VoteKind,
    value: Block | None,
    *,
    round_: int = 0,
    height: int = 1,
    valid_round: int = -1,
) -> Vote:
    """A signed vote of validator number `voter`."""
    choice = None if value is None else block_id(value.header)
    return signed_vote(Vote(kind, height, round_, choice, valid_round, KEYS[voter], UNSIGNED))


def signed_vote(unsigned: Vote) -> Vote:
    """The vote with its voter's signature."""
    digest = vote_digest(CHAIN, unsigned)
    signature = signing.sign(SECRET_OF[unsigned.validator], digest)
    return msgspec.structs.replace(unsigned, signature=signature)


def prevote(voter: int, value: Block | None, round_: int = 0) -> Vote:
    """A signed prevote at height 1."""
    return vote(voter, VoteKind.PREVOTE, value, round_=round_)


def precommit(voter: int, value: Block | None, round_: int = 0) -> Vote:
    """A signed precommit at height 1."""
    return vote(voter, VoteKind.PRECOMMIT, value, round_=round_)


def proposal(value: Block, round_: int = 0, valid_round: int = -1, count: int = 4) -> Proposal:
    """The signed proposal of the round's proposer at the block's height."""
    proposer = Turns(count).proposer(value.header.height, round_)
    return signed_proposal(
        Proposal(
            value.header.height, round_, valid_round, block_id(value.header), proposer, UNSIGNED
        )
    )


def signed_proposal(unsigned: Proposal) -> Proposal:
    """The proposal with its proposer's signature."""
    digest = proposal_digest(CHAIN, unsigned)
    signature = signing.sign(SECRET_OF[unsigned.proposer], digest)
    return msgspec.structs.replace(unsigned, signature=signature)
