"""What must hold, from the paper's properties; it knows nothing of how the driver works.

Agreement: no two correct processes decide differently at a height. Validity: a decided
value is valid. Integrity: a process decides at most once per height. And what accountable
consensus adds: a correct process never signs two different things for one step, evidence
names no correct process, and a commit holds over two thirds of the stake.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from consensus.events import Evidence
from consensus.messages import CommitMessage
from consensus.types import Proposal, Vote, VoteKind, block_id, without_signature

Signed = Vote | Proposal
Place = tuple[bytes, int, int, str]


class Violation(AssertionError):
    """A property that does not hold."""


class Fork(Violation):
    """Two correct processes decided differently."""


@dataclass
class Checker:
    """Watches everything that leaves any node, and all decisions."""

    stakes: dict[bytes, int]
    correct: frozenset[bytes]
    decided: dict[int, bytes] = field(default_factory=dict)
    decided_by: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    rounds: dict[int, int] = field(default_factory=dict)
    signed: dict[Place, set[Signed]] = field(default_factory=lambda: defaultdict(set))

    def saw(self, message: Signed) -> None:
        """A signed message has left its signer."""
        place = _place(message)
        self.signed[place].add(without_signature(message))
        if len(self.signed[place]) > 1 and place[0] in self.correct:
            raise Violation(f"a correct process signed twice: {self.signed[place]}")

    def accused(self, evidence: Evidence) -> None:
        """Somebody holds evidence."""
        if _place(evidence.first) != _place(evidence.second):
            raise Violation(f"the two do not contradict each other: {evidence}")
        if _place(evidence.first)[0] in self.correct:
            raise Violation(f"a correct process is accused: {evidence}")

    def decision(self, process: bytes, decision: CommitMessage) -> None:
        """A correct process decided."""
        commit, block = decision.commit, decision.block
        value, height = block_id(block.header), commit.height
        if commit.block_id != value or block.header.height != height:
            raise Violation("the commit is not the block's")
        if block.payload[0].startswith(b"invalid"):
            raise Violation(f"an invalid value was decided at {height}")
        if self.decided_by.setdefault((process, height), value) != value:
            raise Violation(f"one process decided twice at {height}")
        parent = self.decided.get(height - 1, bytes(32))
        if self.decided.setdefault(height, value) != value:
            raise Fork(f"two decisions at height {height}")
        if block.header.parent_id != parent:
            raise Violation(f"block {height} does not follow its parent")
        self._check_commit(decision)
        self.rounds[height] = max(commit.round, self.rounds.get(height, 0))

    def double_signers(self) -> frozenset[bytes]:
        """Who signed two different things for one step, of all that was ever sent."""
        return frozenset(place[0] for place, what in self.signed.items() if len(what) > 1)

    def _check_commit(self, decision: CommitMessage) -> None:
        commit = decision.commit
        signers = {each.validator for each in commit.signatures}
        if len(signers) != len(commit.signatures) or 3 * sum(
            self.stakes[each] for each in signers
        ) <= 2 * sum(self.stakes.values()):
            raise Violation("a commit without two thirds")
        for each in commit.signatures:
            # A vote may leave its signer inside a commit for the first time.
            self.saw(
                Vote(
                    VoteKind.PRECOMMIT,
                    commit.height,
                    commit.round,
                    commit.block_id,
                    -1,
                    each.validator,
                    each.signature,
                )
            )


def _place(message: Signed) -> Place:
    if isinstance(message, Vote):
        return message.validator, message.height, message.round, message.kind.name
    return message.proposer, message.height, message.round, "PROPOSAL"
