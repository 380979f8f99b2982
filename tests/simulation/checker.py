"""What must hold, from the paper's properties; it knows nothing of how the driver works.

Agreement: no two correct processes decide differently at a height. Validity: a decided
value is valid. Integrity: a process decides at most once per height. And what accountable
consensus adds: a correct process never signs two different things for one step, never
prevotes against its lock, evidence names no correct process, and a commit holds over two
thirds of the stake.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from consensus.events import Evidence
from consensus.evidence import Finding, find_evidence, signer_of
from consensus.messages import (
    CommitMessage,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    votes_of_commit,
    votes_of_polka,
)
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
    votes: dict[tuple[bytes, int], list[Vote]] = field(default_factory=lambda: defaultdict(list))
    """What correct processes voted for blocks, by process and height."""
    heard: dict[Signed, None] = field(default_factory=dict)
    """What has reached correct processes, in order."""

    def saw(self, message: Signed) -> None:
        """A signed message has left its signer."""
        place, what = _place(message), without_signature(message)
        if what in self.signed[place]:
            return
        self.signed[place].add(what)
        if place[0] not in self.correct:
            return
        if len(self.signed[place]) > 1:
            raise Violation(f"a correct process signed twice: {self.signed[place]}")
        if isinstance(message, Vote) and message.block_id is not None:
            votes = self.votes[message.validator, message.height]
            if any(_forgot(each, message) or _forgot(message, each) for each in votes):
                raise Violation(f"a correct process forgot its lock: {message}")
            votes.append(message)

    def hears(self, message: object) -> None:
        """A correct process was sent a message; it could keep what is signed in it."""
        for each in _signed_parts(message):
            self.heard[each] = None

    def accused(self, evidence: Evidence) -> None:
        """Somebody holds evidence."""
        first, second = evidence.first, evidence.second
        twice = _place(first) == _place(second)
        if not twice and not _forgot(first, second) and not _forgot(second, first):
            raise Violation(f"the two do not contradict each other: {evidence}")
        if signer_of(first) in self.correct:
            raise Violation(f"a correct process is accused: {evidence}")

    def audit(self) -> tuple[Finding, ...]:
        """What all that reached correct processes proves; and nothing that was ever sent may
        prove anything against a correct one."""
        sent = [each for place in sorted(self.signed) for each in self.signed[place]]
        for finding in find_evidence(sent):
            if signer_of(finding.first) in self.correct:
                raise Violation(f"a correct process can be accused: {finding}")
        return find_evidence(self.heard)

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

    def _check_commit(self, decision: CommitMessage) -> None:
        commit = decision.commit
        signers = {each.validator for each in commit.signatures}
        if len(signers) != len(commit.signatures) or 3 * sum(
            self.stakes[each] for each in signers
        ) <= 2 * sum(self.stakes.values()):
            raise Violation("a commit without two thirds")
        for vote in votes_of_commit(commit):
            # A vote may leave its signer inside a commit for the first time.
            self.saw(vote)


def _place(message: Signed) -> Place:
    if isinstance(message, Vote):
        return message.validator, message.height, message.round, message.kind.name
    return message.proposer, message.height, message.round, "PROPOSAL"


def _forgot(precommit: Signed, prevote: Signed) -> bool:
    """Whether the prevote breaks the lock of the precommit: no later polka is named in it."""
    return (
        isinstance(precommit, Vote)
        and isinstance(prevote, Vote)
        and (precommit.kind, prevote.kind) == (VoteKind.PRECOMMIT, VoteKind.PREVOTE)
        and None not in (precommit.block_id, prevote.block_id)
        and precommit.block_id != prevote.block_id
        and precommit.round < prevote.round
        and prevote.valid_round < precommit.round
    )


def _signed_parts(message: object) -> Iterator[Signed]:
    match message:
        case VoteMessage(vote):
            yield vote
        case ProposalMessage(proposal, _, polka):
            yield proposal
            if polka is not None:
                yield from votes_of_polka(polka)
        case PolkaMessage(polka):
            yield from votes_of_polka(polka)
        case CommitMessage(commit):
            yield from votes_of_commit(commit)
