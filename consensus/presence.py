"""Whose precommits a final height has, with time for those that its commit left out.

The proposer of h + 1 chooses which precommits stand in the commit of h: any two thirds. So that
it cannot make a rival look absent, a height stays open for a number of heights after, in which
any block may carry a precommit that is missing. Only then is it settled.

Invariant: a validator whose precommit for the final block reached one block of the window is
present, whatever the others left out; nobody is present without having signed that block.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Final

import msgspec

from consensus import signing
from consensus.encoding import Hash32, Height, PublicKey
from consensus.errors import PeerError, Refusal
from consensus.reputation import Conduct
from consensus.types import MAX_VALIDATORS, Commit, Vote, VoteKind, vote_digest
from consensus.validators import ValidatorSet

MAX_LATE_HEIGHTS: Final = 100


class InvalidLateVote(PeerError):
    """A precommit that makes nobody present; `reason` says why."""


class OpenHeight(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A final height that can still be signed, and who has not, by key."""

    height: Height
    block_id: Hash32
    missing: Annotated[tuple[PublicKey, ...], msgspec.Meta(max_length=MAX_VALIDATORS)]


Window = Annotated[tuple[OpenHeight, ...], msgspec.Meta(max_length=MAX_LATE_HEIGHTS)]
"""The heights that are open, oldest first and without a gap."""


def open_height(validators: ValidatorSet, commit: Commit) -> OpenHeight:
    """A height as its commit leaves it. The commit has been verified."""
    signed = {each.validator for each in commit.signatures}
    missing = (each.public_key for each in validators if each.public_key not in signed)
    return OpenHeight(commit.height, commit.block_id, tuple(missing))


def check_late_vote(chain_id: str, window: Window, vote: Vote) -> None:
    """Whether a precommit makes its validator present. `InvalidLateVote` if not.

    Any round's will do: it says that the validator stood behind the final block.
    """
    _check_form(window, vote)
    if not signing.verify(*_signature(chain_id, vote)):
        raise InvalidLateVote(Refusal.BAD_SIGNATURE, "the signature does not hold")


def check_late_votes(chain_id: str, window: Window, votes: Sequence[Vote]) -> None:
    """Whether all the late precommits of a block make their validators present, each once.

    Signatures are checked last, in one go: a fifth of a millisecond for ten. `InvalidLateVote` if
    not.
    """
    check_late_forms(window, votes)
    if not all(signing.verify_slice([_signature(chain_id, vote) for vote in votes])):
        raise InvalidLateVote(Refusal.BAD_SIGNATURE, "a signature does not hold")


def check_late_forms(window: Window, votes: Sequence[Vote]) -> None:
    """All of `check_late_votes` but the signatures.

    They are in order, by height and validator, so there is one way to carry them.
    """
    places = [(vote.height, vote.validator) for vote in votes]
    if any(first >= second for first, second in pairwise(places)):
        raise InvalidLateVote(Refusal.DUPLICATE_SIGNER, "not in strict order")
    for vote in votes:
        _check_form(window, vote)


def missing_at(window: Window, height: int) -> tuple[PublicKey, ...]:
    """Who can still sign a height; nobody where it is not open."""
    return next((each.missing for each in window if each.height == height), ())


def credited(window: Window, votes: Iterable[Vote]) -> Window:
    """The window with the voters present. The votes passed `check_late_votes` on this window."""
    present = {(vote.height, vote.validator) for vote in votes}
    return tuple(
        msgspec.structs.replace(
            each, missing=tuple(key for key in each.missing if (each.height, key) not in present)
        )
        for each in window
    )


def advanced(
    window: Window, newest: OpenHeight, late_heights: int
) -> tuple[Window, tuple[OpenHeight, ...]]:
    """The window with one more height in it, and the heights that are settled with that.

    Of each block after its late votes: every height stays open for the votes of `late_heights`
    blocks after the one whose commit opened it.
    """
    assert 0 <= late_heights <= MAX_LATE_HEIGHTS, "the window is bounded"
    assert not window or newest.height == window[-1].height + 1, "heights follow one another"
    heights = (*window, newest)
    settled = max(0, len(heights) - late_heights)
    return heights[settled:], heights[:settled]


def counted(
    conducts: Mapping[bytes, Conduct], members: Iterable[bytes], settled: OpenHeight
) -> dict[bytes, Conduct]:
    """The conduct of a settled height's members, with that height in it."""
    missing = set(settled.missing)
    return {
        key: msgspec.structs.replace(
            conduct, heights=conduct.heights + 1, signed=conduct.signed + (key not in missing)
        )
        for key in members
        for conduct in [conducts.get(key, Conduct())]
    }


def _check_form(window: Window, vote: Vote) -> None:
    place = next((each for each in window if each.height == vote.height), None)
    if place is None:
        raise InvalidLateVote(Refusal.WRONG_HEIGHT, f"{vote.height} is not open")
    if vote.kind is not VoteKind.PRECOMMIT or vote.valid_round != -1:
        raise InvalidLateVote(Refusal.MALFORMED, "no precommit")
    if vote.block_id != place.block_id:
        raise InvalidLateVote(Refusal.WRONG_BLOCK, "another block is final")
    if vote.validator not in place.missing:
        raise InvalidLateVote(Refusal.UNKNOWN_VALIDATOR, "not missing at this height")


def _signature(chain_id: str, vote: Vote) -> tuple[bytes, bytes, bytes]:
    return vote.validator, vote_digest(chain_id, vote), vote.signature
