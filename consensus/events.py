"""What goes into the driver and what comes out of it: inputs and effects.

Inputs that came from a peer carry a `Verified...` value, which only `verify.py` makes:
its type says that signatures, membership and form have been checked.
"""

from dataclasses import dataclass

from consensus.messages import Message, Polka
from consensus.proposers import ProposerSchedule
from consensus.round import TimeoutKind
from consensus.types import Block, Commit, Proposal, Vote
from consensus.validators import ValidatorSet


@dataclass(frozen=True, slots=True)
class VerifiedVote:
    """A vote of a validator of the set, whose signature holds."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class VerifiedProposal:
    """A proposal by its round's proposer, with the block that it names."""

    proposal: Proposal
    block: Block
    polka: Polka | None


@dataclass(frozen=True, slots=True)
class VerifiedPolka:
    """A polka whose signatures hold and reach two thirds."""

    polka: Polka


@dataclass(frozen=True, slots=True)
class VerifiedCommit:
    """A commit whose signatures hold and reach two thirds, with its block."""

    commit: Commit
    block: Block


@dataclass(frozen=True, slots=True)
class Timeout:
    """One timer of one round."""

    kind: TimeoutKind
    height: int
    round: int


# Inputs.


@dataclass(frozen=True, slots=True)
class StartHeight:
    """Begin a height with its validators and its choice of proposers."""

    height: int
    validators: ValidatorSet
    proposers: ProposerSchedule


@dataclass(frozen=True, slots=True)
class ProposalReceived:
    """A peer sent a proposal. `timely` is what our clock said of it, if it is a fresh one."""

    proposal: VerifiedProposal
    timely: bool = True


@dataclass(frozen=True, slots=True)
class VoteReceived:
    """A peer sent a vote."""

    vote: VerifiedVote


@dataclass(frozen=True, slots=True)
class PolkaReceived:
    """A peer sent a polka."""

    polka: VerifiedPolka


@dataclass(frozen=True, slots=True)
class CommitReceived:
    """A peer sent a commit with its block."""

    commit: VerifiedCommit


@dataclass(frozen=True, slots=True)
class VoteSigned:
    """Our signer has signed a vote that `Sign` asked for."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class ProposalSigned:
    """Our signer has signed a proposal that `Sign` asked for."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class ValueBuilt:
    """The block that `BuildValue` asked for."""

    height: int
    round: int
    block: Block


@dataclass(frozen=True, slots=True)
class BlockJudged:
    """The answer to `JudgeBlock`, given once and for good.

    While parts of a block are missing there is no answer yet, which is not "invalid".
    """

    block_id: bytes
    valid: bool


@dataclass(frozen=True, slots=True)
class TimeoutFired:
    """A timer that `SetTimeout` started has run out."""

    timeout: Timeout


Input = (
    ProposalReceived
    | VoteReceived
    | PolkaReceived
    | CommitReceived
    | VoteSigned
    | ProposalSigned
    | ValueBuilt
    | BlockJudged
    | TimeoutFired
)

# Effects.


@dataclass(frozen=True, slots=True)
class Persist:
    """Append this record to the journal. Synced before any later `Send` or `Decided`."""

    record: bytes


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign this; its signature field is zeros. Answer `VoteSigned` or `ProposalSigned`."""

    unsigned: Vote | Proposal


@dataclass(frozen=True, slots=True)
class Send:
    """Send this to all validators, once everything persisted before it is on disk."""

    message: Message


@dataclass(frozen=True, slots=True)
class BuildValue:
    """Build a block to propose. Answer `ValueBuilt`."""

    height: int
    round: int


@dataclass(frozen=True, slots=True)
class JudgeBlock:
    """Find out whether this block is valid. Answer `BlockJudged`."""

    block_id: bytes
    block: Block


@dataclass(frozen=True, slots=True)
class SetTimeout:
    """Start a timer. Answer `TimeoutFired`; one that has become stale does no harm."""

    timeout: Timeout


@dataclass(frozen=True, slots=True)
class Decided:
    """The block is final. Store it with its commit, then start the next height."""

    block: Block
    commit: Commit


@dataclass(frozen=True, slots=True)
class Overruled:
    """Two thirds made final a block that we judged invalid. The driver never decides it.

    Either this node is wrong (its disk, its software), or two thirds of the stake include faulty
    ones. The shell tells its operator, holds the block against the rules once more, and stops.
    """

    block_id: bytes
    commit: Commit


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two signed messages of one validator that contradict each other."""

    first: Vote | Proposal
    second: Vote | Proposal


Effect = (
    Persist | Sign | Send | BuildValue | JudgeBlock | SetTimeout | Decided | Overruled | Evidence
)
