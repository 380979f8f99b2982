"""Who was there at final heights in the simulation: a node's account, and the checker's.

A node goes by the library (consensus/presence.py) as the ledger does, and keeps what it hears as
the engine does; what it heard is gone with a crash. The checker counts what was sent to whom, and
what is in final blocks.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from consensus.driver import fuller_commit, knows, step
from consensus.events import Effect, VerifiedVote, VoteReceived
from consensus.messages import CommitMessage, VoteMessage
from consensus.presence import (
    InvalidLateVote,
    Window,
    advanced,
    check_late_forms,
    counted,
    credited,
    open_height,
)
from consensus.reputation import Conduct
from consensus.state import DriverState, precommits_for
from consensus.types import Block, Vote, VoteKind, block_id
from consensus.validators import ValidatorSet
from gtxnode.engine.late import LateVotes

LATE_HEIGHTS: Final = 3


class Attendance:
    """One node's, since it started."""

    def __init__(self, validators: ValidatorSet) -> None:
        self.height = 0
        self.window: Window = ()
        self.conducts: dict[bytes, Conduct] = {}
        self._validators = validators
        self._late = LateVotes()
        self._previous: DriverState | None = None
        self._final = b""

    def take(self, block: Block) -> None:
        """One more final block."""
        self.height = block.header.height
        if block.last_commit is None:
            return
        signed = credited(self.window, block.late)
        opened = open_height(self._validators, block.last_commit)
        self.window, settled = advanced(signed, opened, LATE_HEIGHTS)
        members = [each.public_key for each in self._validators]
        for each in settled:
            self.conducts |= counted(self.conducts, members, each)

    def leave(self, state: DriverState, final: bytes) -> None:
        """A height is over; its block has been taken."""
        if self._previous is not None:
            self._late.keep(precommits_for(self._previous, self._final))
        self._late.trim(self.window, self.height)
        self._previous, self._final = state, final

    def hear(self, vote: Vote) -> tuple[Effect, ...]:
        """A vote of a height that is over; `PeerError` where the driver refuses it."""
        if vote.kind is not VoteKind.PRECOMMIT:
            return ()
        if self._previous is not None and self._previous.height == vote.height:
            if knows(self._previous, VoteMessage(vote)):
                return ()
            self._previous, effects = step(self._previous, VoteReceived(VerifiedVote(vote)))
            if vote.block_id == self._final:
                self._late.keep([vote])
            return effects
        for each in self.window:
            open_ = (each.height, each.block_id) == (vote.height, vote.block_id)
            if open_ and vote.validator in each.missing:
                self._late.keep([vote])
        return ()

    def carried(self, last: CommitMessage | None) -> tuple[CommitMessage | None, tuple[Vote, ...]]:
        """What a block on this decision carries: its commit with all that was heard since, and the
        late precommits of the heights before."""
        previous = self._previous
        if last is not None and previous is not None and previous.height == last.commit.height:
            last = CommitMessage(fuller_commit(previous, last.commit), last.block)
        return last, self._late.choose(self.window)

    def fits(self, block: Block) -> bool:
        """Whether a block's late precommits make somebody present, each once."""
        try:
            check_late_forms(self.window, block.late)
        except InvalidLateVote:
            return False
        return True


class NaiveAttendance:
    """By counting: whose precommits of a height are in final blocks, and whose should be.

    The property: a correct process' precommit for the final block that reached a correct process
    is in the first final block which that made afterwards, while the height was open, if it was
    in none before. A height is open for the late precommits of `LATE_HEIGHTS` blocks after the one
    with its commit.
    """

    def __init__(self) -> None:
        self._final: list[Block] = []
        self._present: dict[int, set[bytes]] = {}
        self._heard: dict[bytes, set[Vote]] = {}
        self._known: dict[bytes, frozenset[Vote]] = {}

    def hears(self, process: bytes, vote: Vote) -> None:
        """A correct process was sent a vote of a height that it had come to."""
        if vote.kind is VoteKind.PRECOMMIT:
            self._heard.setdefault(process, set()).add(vote)

    def forgets(self, process: bytes) -> None:
        """It died."""
        self._heard.pop(process, None)

    def builds(self, process: bytes, block: Block) -> None:
        """It made a block of all that it had heard."""
        self._known[block_id(block.header)] = frozenset(self._heard.get(process, ()))

    def fault(self, block: Block, correct: Collection[bytes]) -> str | None:
        """Take the next final block; what is wrong with what it counts."""
        commit, height = block.last_commit, block.header.height
        self._final.append(block)
        if commit is not None:
            self._present[commit.height] = {each.validator for each in commit.signatures}
        for vote in block.late:
            if not self._is_open(vote, height):
                return f"block {height} carries a precommit that is of no open height: {vote}"
            if vote.validator in self._present[vote.height]:
                return f"block {height} carries a precommit that has counted before: {vote}"
            self._present[vote.height].add(vote.validator)
        for vote in self._known.get(block_id(block.header), ()):
            in_commit = commit is not None and (vote.height, vote.round) == (
                commit.height,
                commit.round,
            )
            due = self._is_open(vote, height) or (in_commit and self._is_final(vote))
            if due and vote.validator in correct and not self._is_present(vote):
                return f"block {height} leaves out a precommit that had reached its maker: {vote}"
        return None

    def conducts(self, height: int) -> dict[bytes, tuple[int, int]]:
        """Of how many heights that are settled after a block, and how many of them each signed."""
        settled = range(1, height - LATE_HEIGHTS)
        signed = Counter(key for each in settled for key in self._present[each])
        return {key: (len(settled), signed[key]) for key in signed}

    def _is_open(self, vote: Vote, height: int) -> bool:
        is_late = 2 <= height - vote.height <= 1 + LATE_HEIGHTS
        return is_late and vote.kind is VoteKind.PRECOMMIT and self._is_final(vote)

    def _is_final(self, vote: Vote) -> bool:
        is_there = 1 <= vote.height <= len(self._final)
        return is_there and block_id(self._final[vote.height - 1].header) == vote.block_id

    def _is_present(self, vote: Vote) -> bool:
        return vote.validator in self._present[vote.height]


def figures(conducts: Iterable[tuple[bytes, Conduct]]) -> dict[bytes, tuple[int, int]]:
    """A node's account in the checker's terms: heights, and those signed, of who signed any."""
    return {key: (each.heights, each.signed) for key, each in conducts if each.signed}
