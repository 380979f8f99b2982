"""The round of one validator: the Tendermint state machine, line by line.

Source: Buchman, Kwon, Milosevic, "The latest gossip on BFT consensus", algorithm 1. Each
arm of `apply` names the lines it stands for. The machine sees values by id only. The
driver has already matched proposals, votes and validity, so an input says that a line's
"upon" holds; an arm checks what is left of it, the round and the step. An input that no
arm takes changes nothing.

Invariants: the round never falls; the locked round never falls; one prevote and one
precommit at most leave each round.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from consensus.types import VoteKind

NO_ROUND = -1


class Step(IntEnum):
    """Where in its round a validator stands."""

    UNSTARTED = 0
    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3
    COMMIT = 4


class TimeoutKind(IntEnum):
    """What a timer waits for. `REBROADCAST` is the driver's, the rest the paper's."""

    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3
    REBROADCAST = 4


@dataclass(frozen=True, slots=True)
class RoundState:
    """The paper's variables, lines 1 to 10; values are block ids, None is nil."""

    round: int = NO_ROUND
    step: Step = Step.UNSTARTED
    locked_value: bytes | None = None
    locked_round: int = NO_ROUND
    valid_value: bytes | None = None
    valid_round: int = NO_ROUND


# Inputs.


@dataclass(frozen=True, slots=True)
class NewRound:
    """Start this round, as its proposer or not."""

    round: int
    is_proposer: bool


@dataclass(frozen=True, slots=True)
class ProposeValue:
    """The value to propose has been built."""

    value: bytes


@dataclass(frozen=True, slots=True)
class FreshProposal:
    """The round's proposer proposed a judged value without a valid round."""

    value: bytes
    valid: bool


@dataclass(frozen=True, slots=True)
class PolkaedProposal:
    """The round's proposer proposed a valid value that had a polka in `valid_round`."""

    value: bytes
    valid_round: int


@dataclass(frozen=True, slots=True)
class InvalidProposal:
    """The round's proposer proposed again a value that is not valid."""


@dataclass(frozen=True, slots=True)
class PolkaAny:
    """Two thirds prevoted in this round, whatever for."""


@dataclass(frozen=True, slots=True)
class PolkaNil:
    """Two thirds prevoted nil in this round."""


@dataclass(frozen=True, slots=True)
class PolkaValue:
    """The round's valid proposal has two thirds of the prevotes."""

    value: bytes


@dataclass(frozen=True, slots=True)
class PrecommitAny:
    """Two thirds precommitted in this round, whatever for."""


@dataclass(frozen=True, slots=True)
class CommitValue:
    """A valid proposal of some round has two thirds of that round's precommits."""

    round: int
    value: bytes


@dataclass(frozen=True, slots=True)
class RoundSkip:
    """More than a third have voted in this later round."""

    round: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A timer of this round has fired."""

    kind: TimeoutKind
    round: int


RoundInput = (
    NewRound
    | ProposeValue
    | FreshProposal
    | PolkaedProposal
    | InvalidProposal
    | PolkaAny
    | PolkaNil
    | PolkaValue
    | PrecommitAny
    | CommitValue
    | RoundSkip
    | TimedOut
)

# Outputs.


@dataclass(frozen=True, slots=True)
class Schedule:
    """Start a timer for this round."""

    kind: TimeoutKind
    round: int


@dataclass(frozen=True, slots=True)
class GetValue:
    """Build a value to propose in this round."""

    round: int


@dataclass(frozen=True, slots=True)
class Propose:
    """Broadcast a proposal."""

    round: int
    value: bytes
    valid_round: int


@dataclass(frozen=True, slots=True)
class CastVote:
    """Broadcast a vote.

    `valid_round` tells why a prevote for a value was free to be cast: the latest round
    with a polka for the value that the voter went by. A voter that precommitted another
    value in between has broken the rules, and these two votes alone show it.
    """

    kind: VoteKind
    round: int
    value: bytes | None
    valid_round: int = NO_ROUND


@dataclass(frozen=True, slots=True)
class Decide:
    """Decide this value, committed in this round."""

    round: int
    value: bytes


@dataclass(frozen=True, slots=True)
class StartRound:
    """Leave this round; the driver answers with `NewRound`."""

    round: int


RoundOutput = Schedule | GetValue | Propose | CastVote | Decide | StartRound
Outcome = tuple[RoundState, tuple[RoundOutput, ...]]


def apply(state: RoundState, event: RoundInput) -> Outcome:
    """One transition of the paper's algorithm."""
    match state.step, event:
        # 11-13, 20-21: a new round, somebody else's. 14-19: our own.
        case Step.UNSTARTED, NewRound(number, is_proposer) if number > state.round:
            return _start(replace(state, round=number, step=Step.PROPOSE), is_proposer)
        # 18-19: getValue() has returned.
        case Step.PROPOSE | Step.PREVOTE | Step.PRECOMMIT, ProposeValue(value):
            return state, (Propose(state.round, value, state.valid_round),)
        # 22-27: a fresh proposal.
        case Step.PROPOSE, FreshProposal(value, valid):
            free = state.locked_round == NO_ROUND or state.locked_value == value
            return _prevote(state, value if valid and free else None, NO_ROUND)
        # 28-33: a proposal that had a polka in an earlier round.
        case Step.PROPOSE, PolkaedProposal(value, valid_round) if 0 <= valid_round < state.round:
            free = state.locked_round <= valid_round or state.locked_value == value
            return _prevote(state, value if free else None, valid_round)
        # 29, 32 with valid(v) false.
        case Step.PROPOSE, InvalidProposal():
            return _prevote(state, None, NO_ROUND)
        # 34-35
        case Step.PREVOTE, PolkaAny():
            return state, (Schedule(TimeoutKind.PREVOTE, state.round),)
        # 36-41: lock. 42-43: and remember as valid.
        case Step.PREVOTE, PolkaValue(value):
            return _precommit(_locked(state, value), value)
        # 36, 42-43: too late to lock.
        case Step.PRECOMMIT, PolkaValue(value):
            return replace(state, valid_value=value, valid_round=state.round), ()
        # 44-46
        case Step.PREVOTE, PolkaNil():
            return _precommit(state, None)
        # 47-48
        case Step.PROPOSE | Step.PREVOTE | Step.PRECOMMIT, PrecommitAny():
            return state, (Schedule(TimeoutKind.PRECOMMIT, state.round),)
        # 49-54: from any round, in any step while nothing is decided.
        case step, CommitValue(number, value) if step is not Step.COMMIT:
            return replace(state, step=Step.COMMIT), (Decide(number, value),)
        # 55-56
        case Step.PROPOSE | Step.PREVOTE | Step.PRECOMMIT, RoundSkip(number) if (
            number > state.round
        ):
            return replace(state, step=Step.UNSTARTED), (StartRound(number),)
        # 57-60
        case Step.PROPOSE, TimedOut(TimeoutKind.PROPOSE, state.round):
            return _prevote(state, None, NO_ROUND)
        # 61-64
        case Step.PREVOTE, TimedOut(TimeoutKind.PREVOTE, state.round):
            return _precommit(state, None)
        # 65-67
        case (
            Step.PROPOSE | Step.PREVOTE | Step.PRECOMMIT,
            TimedOut(TimeoutKind.PRECOMMIT, state.round),
        ):
            return replace(state, step=Step.UNSTARTED), (StartRound(state.round + 1),)
    return state, ()


def _start(state: RoundState, is_proposer: bool) -> Outcome:
    # The proposer waits with everybody: its value may come late, or its signer refuse.
    timer = Schedule(TimeoutKind.PROPOSE, state.round)  # 21
    if not is_proposer:
        return state, (timer,)
    if state.valid_value is None:
        return state, (timer, GetValue(state.round))  # 18
    return state, (timer, Propose(state.round, state.valid_value, state.valid_round))  # 16, 19


def _prevote(state: RoundState, value: bytes | None, valid_round: int) -> Outcome:
    """24, 26, 30, 32, 59 and the step after each."""
    reason = NO_ROUND
    if value is not None:
        own = state.locked_round if state.locked_value == value else NO_ROUND
        reason = max(valid_round, own)
    vote = CastVote(VoteKind.PREVOTE, state.round, value, reason)
    return replace(state, step=Step.PREVOTE), (vote,)


def _locked(state: RoundState, value: bytes) -> RoundState:
    """38-39, 42-43"""
    number = state.round
    return RoundState(number, state.step, value, number, value, number)


def _precommit(state: RoundState, value: bytes | None) -> Outcome:
    """40, 45, 63 and the step after each."""
    return replace(state, step=Step.PRECOMMIT), (CastVote(VoteKind.PRECOMMIT, state.round, value),)
