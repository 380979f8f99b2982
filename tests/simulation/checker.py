"""What must hold, from the paper's properties; it knows nothing of how the driver works.

Agreement: no two correct processes decide differently at a height. Validity: a decided
value is valid. Integrity: a process decides at most once per height. And what accountable
consensus adds: a correct process never signs two different things for one step, never
prevotes against its lock, evidence names no correct process, and a commit holds over two
thirds of the stake. Of single votes: a correct process votes for no invalid value (22, 28,
36), names a polka as its reason only where there is one (28), and precommits a value only
with its polka of that round (36). Of time: every block is later than its parent, and whoever
proposed it, none is decided before the fastest correct clock is within the bound of its time.
Of reveals: each is its author's for just that turn, and a correct process withholds none. Of
presence: whoever leaves it out, a correct process' precommit that reached another in time counts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
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
from consensus.proposers import ProposerSchedule
from consensus.round import NO_ROUND
from consensus.timeliness import PRECISION_MS
from consensus.types import Block, Proposal, Vote, VoteKind, block_id, without_signature
from tests.simulation.attendance import NaiveAttendance
from tests.simulation.node import delay_ms
from tests.simulation.reveals import NaiveReckoning

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

    times_ms: dict[int, int] = field(default_factory=dict)
    proposed_ms: dict[bytes, int] = field(default_factory=dict)
    """By block, the least time it may have by when it was first proposed."""
    invalid: set[bytes] = field(default_factory=set)
    reveals: NaiveReckoning = field(default_factory=NaiveReckoning)
    attendance: NaiveAttendance = field(default_factory=NaiveAttendance)
    final_height: int = 0
    prevoters: dict[tuple[int, int, bytes | None], set[bytes]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """Who has prevoted a value in a round of a height, in any message that left anybody."""

    def sent(self, message: object, earliest_ms: int) -> None:
        """A message has left a process, perhaps not the signer of all that is in it, while the
        slowest correct clock showed `earliest_ms`."""
        match message:
            case ProposalMessage(proposal, block) if proposal.valid_round == NO_ROUND:
                bound_ms = earliest_ms - delay_ms(proposal.round) - PRECISION_MS
                self.proposed_ms.setdefault(proposal.block_id, bound_ms)
        match message:
            case ProposalMessage(proposal, block) if block.payload[0].startswith(b"invalid"):
                self.invalid.add(proposal.block_id)
        for each in _signed_parts(message):
            self.saw(each)

    def saw(self, message: Signed) -> None:
        """A signed message has left its signer."""
        place, what = _place(message), without_signature(message)
        if what in self.signed[place]:
            return
        self.signed[place].add(what)
        if isinstance(message, Vote) and message.kind is VoteKind.PREVOTE:
            self.prevoters[message.height, message.round, message.block_id].add(place[0])
        if place[0] not in self.correct:
            return
        if len(self.signed[place]) > 1:
            raise Violation(f"a correct process signed twice: {self.signed[place]}")
        if isinstance(message, Vote) and message.block_id is not None:
            votes = self.votes[message.validator, message.height]
            if any(_forgot(each, message) or _forgot(message, each) for each in votes):
                raise Violation(f"a correct process forgot its lock: {message}")
            votes.append(message)
            self._check_reasons(message)

    def hears(self, message: object) -> None:
        """A correct process was sent a message; it could keep what is signed in it."""
        for each in _signed_parts(message):
            self.heard[each] = None

    def attended(self, conducts: Mapping[bytes, tuple[int, int]], height: int) -> None:
        """A correct process counts who was there, after so many blocks."""
        if conducts != self.attendance.conducts(height):
            raise Violation(f"who was there is miscounted at {height}: {conducts}")

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

    def decision(self, process: bytes, decision: CommitMessage, latest_ms: int) -> None:
        """A correct process decided, while the fastest correct clock showed `latest_ms`."""
        commit, block = decision.commit, decision.block
        value, height = block_id(block.header), commit.height
        if commit.block_id != value or block.header.height != height:
            raise Violation("the commit is not the block's")
        if block.payload[0].startswith(b"invalid"):
            raise Violation(f"an invalid value was decided at {height}")
        if self.decided_by.setdefault((process, height), value) != value:
            raise Violation(f"one process decided twice at {height}")
        self._check_time(block, latest_ms)
        parent = self.decided.get(height - 1, bytes(32))
        if self.decided.setdefault(height, value) != value:
            raise Fork(f"two decisions at height {height}")
        if block.header.parent_id != parent:
            raise Violation(f"block {height} does not follow its parent")
        self._check_commit(decision)
        self.rounds[height] = max(commit.round, self.rounds.get(height, 0))

    def final(self, proposers: ProposerSchedule, block: Block) -> None:
        """A correct process has a decided block: its reveal is its turn's, whoever made it, and it
        leaves nobody out of whom a correct maker knew."""
        header = block.header
        if header.height != self.final_height + 1:
            return  # Another has had it before.
        self.final_height += 1
        if fault := self.reveals.fault(proposers, block):
            raise Violation(fault)
        if fault := self.attendance.fault(block, self.correct):
            raise Violation(fault)
        if header.proposer in self.correct and header.reveal is None:
            raise Violation(f"block {header.height} of a correct process reveals nothing")

    def _check_time(self, block: Block, latest_ms: int) -> None:
        header = block.header
        if header.time_ms <= self.times_ms.get(header.height - 1, 0):
            raise Violation(f"block {header.height} is no later than its parent")
        if header.time_ms > latest_ms + PRECISION_MS:
            raise Violation(f"block {header.height} was decided before its time")
        first_ms = self.proposed_ms.get(block_id(header))
        if first_ms is not None and header.time_ms < first_ms:
            raise Violation(f"block {header.height} was proposed long after its time")
        self.times_ms[header.height] = header.time_ms

    def _check_reasons(self, vote: Vote) -> None:
        if vote.block_id in self.invalid:
            raise Violation(f"a correct process voted for an invalid value: {vote}")
        explained = vote.kind is VoteKind.PRECOMMIT or vote.valid_round >= 0
        polka_round = vote.round if vote.kind is VoteKind.PRECOMMIT else vote.valid_round
        voters = self.prevoters[vote.height, polka_round, vote.block_id]
        if explained and not self._two_thirds(voters):
            raise Violation(f"a correct process voted without the polka: {vote}")

    def _two_thirds(self, processes: Collection[bytes]) -> bool:
        return 3 * sum(self.stakes[each] for each in processes) > 2 * sum(self.stakes.values())

    def _check_commit(self, decision: CommitMessage) -> None:
        commit = decision.commit
        signers = {each.validator for each in commit.signatures}
        if len(signers) != len(commit.signatures) or not self._two_thirds(signers):
            raise Violation("a commit without two thirds")
        for vote in votes_of_commit(commit):
            self.saw(vote)  # A vote may leave its signer inside a commit for the first time.


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
