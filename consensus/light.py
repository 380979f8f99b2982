"""What a light client checks: that a commit proves a block final.

Rests on one assumption: less than a third of the set's stake is faulty.
"""

from itertools import pairwise
from typing import TypeGuard

from consensus import signing
from consensus.errors import InvalidCommit, Refusal
from consensus.types import Commit, precommit_digest
from consensus.validators import ValidatorSet


def verify_commit(
    chain_id: str,
    validators: ValidatorSet,
    block_id: bytes,
    height: int,
    commit: Commit,
    *,
    known: Commit | None = None,
) -> None:
    """Check that validators with over two thirds of the stake precommitted this block.

    Every signature in the commit must hold, so that a commit has no room for rubbish. Those that
    stand in `known` as well, precommits that were verified before, are not checked again.
    Raises `InvalidCommit` with its reason.
    """
    check_commit_shape(validators, block_id, height, commit)
    checked = frozenset(known.signatures) if _says_the_same(known, commit) else frozenset()
    checks = [
        (each.validator, precommit_digest(chain_id, commit, each.validator), each.signature)
        for each in commit.signatures
        if each not in checked
    ]
    if not all(signing.verify_slice(checks)):
        raise InvalidCommit(Refusal.BAD_SIGNATURE, "a signature in the commit does not hold")


def _says_the_same(known: Commit | None, commit: Commit) -> TypeGuard[Commit]:
    """Whether a signature in the one is a signature of what the other says."""
    if known is None:
        return False
    return (known.height, known.round, known.block_id) == (
        commit.height,
        commit.round,
        commit.block_id,
    )


def check_commit_shape(
    validators: ValidatorSet, block_id: bytes, height: int, commit: Commit
) -> None:
    """All of `verify_commit` but the signatures: cheap, and so done first."""
    if commit.height != height:
        raise InvalidCommit(Refusal.WRONG_HEIGHT, f"{commit.height}, not {height}")
    if commit.block_id != block_id:
        raise InvalidCommit(Refusal.WRONG_BLOCK, "the commit is another block's")
    signers = [each.validator for each in commit.signatures]
    if any(first >= second for first, second in pairwise(signers)):
        raise InvalidCommit(Refusal.DUPLICATE_SIGNER, "signers are not in strict order")
    if not all(signer in validators for signer in signers):
        raise InvalidCommit(Refusal.UNKNOWN_VALIDATOR, "a signer is not in the set")
    if not validators.has_quorum(sum(map(validators.stake_of, signers))):
        raise InvalidCommit(Refusal.NOT_ENOUGH_STAKE, "the signers hold no two thirds")
