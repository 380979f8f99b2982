"""Precommits for blocks that are final, which no block has carried yet.

A proposer chooses which two thirds of the precommits stand in a commit. What it left out may be
carried by the blocks after it (consensus/presence.py), so whoever proposes one keeps what it heard.
On a chain that goes by the registry, that is told who was there at some heights (roll_caller.py).

Invariant: what is held was verified, is for a final block, once for each validator and height, and
can still be carried; so there is at most one for each seat and open height.
"""

from collections.abc import Iterable

from consensus.presence import Window, missing_at
from consensus.types import MAX_LATE_VOTES, Vote


class LateVotes:
    """Those of one chain."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, bytes], Vote] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, vote: Vote) -> bool:
        return (vote.height, vote.validator) in self._held

    def keep(self, votes: Iterable[Vote]) -> None:
        """Hold precommits for a final block; another of the same validator changes nothing."""
        for vote in votes:
            self._held.setdefault((vote.height, vote.validator), vote)

    def trim(self, window: Window, head_height: int) -> None:
        """Forget what no block will carry any more: all but the head's and what is missing."""
        missing = {(each.height, key) for each in window for key in each.missing}
        self._held = {
            place: vote
            for place, vote in self._held.items()
            if place in missing or vote.height == head_height
        }

    def choose(self, window: Window) -> tuple[Vote, ...]:
        """What a block on the head is to carry, in its order: what expires first comes first."""
        votes = (
            vote
            for (height, key), vote in sorted(self._held.items())
            if key in missing_at(window, height)
        )
        return tuple(votes)[:MAX_LATE_VOTES]
