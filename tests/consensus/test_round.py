"""The round, line by line: (state, input) and the state and outputs that must follow."""

import inspect
import re
from itertools import pairwise

import pytest

from consensus.round import (
    CastVote,
    CommitValue,
    Decide,
    FreshProposal,
    GetValue,
    InvalidProposal,
    NewRound,
    PolkaAny,
    PolkaedProposal,
    PolkaNil,
    PolkaValue,
    PrecommitAny,
    Propose,
    ProposeValue,
    RoundInput,
    RoundOutput,
    RoundSkip,
    RoundState,
    Schedule,
    StartRound,
    Step,
    TimedOut,
    TimeoutKind,
    apply,
)
from consensus.types import VoteKind

A, B = b"a" * 32, b"b" * 32
NEW, PROPOSE, PREVOTE, PRECOMMIT, COMMIT = Step


def at(step: Step, round_: int = 0, locked: tuple[bytes, int] | None = None) -> RoundState:
    """A state that is locked, and knows as valid, a value of a round."""
    value, since = locked or (None, -1)
    return RoundState(round_, step, value, since, value, since)


def prevote(value: bytes | None, round_: int = 0, valid_round: int = -1) -> CastVote:
    return CastVote(VoteKind.PREVOTE, round_, value, valid_round)


def precommit(value: bytes | None, round_: int = 0) -> CastVote:
    return CastVote(VoteKind.PRECOMMIT, round_, value)


Row = tuple[str, RoundState, RoundInput, RoundState, tuple[RoundOutput, ...]]

TIMER = Schedule(TimeoutKind.PROPOSE, 0)
ROWS: list[Row] = [
    ("20-21", RoundState(), NewRound(0, False), at(PROPOSE), (TIMER,)),
    ("14, 18", RoundState(), NewRound(0, True), at(PROPOSE), (TIMER, GetValue(0))),
    (
        "14-16, 19",
        at(NEW, 0, (A, 0)),
        NewRound(1, True),
        at(PROPOSE, 1, (A, 0)),
        (Schedule(TimeoutKind.PROPOSE, 1), Propose(1, A, 0)),
    ),
    ("18-19", at(PROPOSE), ProposeValue(A), at(PROPOSE), (Propose(0, A, -1),)),
    ("22-24", at(PROPOSE), FreshProposal(A, True), at(PREVOTE), (prevote(A),)),
    ("26 invalid", at(PROPOSE), FreshProposal(A, False), at(PREVOTE), (prevote(None),)),
    (
        "26 locked on another",
        at(PROPOSE, 1, (A, 0)),
        FreshProposal(B, True),
        at(PREVOTE, 1, (A, 0)),
        (prevote(None, 1),),
    ),
    (
        "23 locked on the same",
        at(PROPOSE, 2, (A, 1)),
        FreshProposal(A, True),
        at(PREVOTE, 2, (A, 1)),
        (prevote(A, 2, 1),),
    ),
    (
        "28-30 unlocked by a later polka",
        at(PROPOSE, 2, (A, 0)),
        PolkaedProposal(B, 1),
        at(PREVOTE, 2, (A, 0)),
        (prevote(B, 2, 1),),
    ),
    (
        "29 a polka of the round of the lock",
        at(PROPOSE, 2, (A, 1)),
        PolkaedProposal(B, 1),
        at(PREVOTE, 2, (A, 1)),
        (prevote(B, 2, 1),),
    ),
    (
        "32 locked later than the polka",
        at(PROPOSE, 3, (A, 2)),
        PolkaedProposal(B, 1),
        at(PREVOTE, 3, (A, 2)),
        (prevote(None, 3),),
    ),
    (
        "29 locked later, on the same",
        at(PROPOSE, 3, (A, 2)),
        PolkaedProposal(A, 1),
        at(PREVOTE, 3, (A, 2)),
        (prevote(A, 3, 2),),
    ),
    ("32 invalid", at(PROPOSE, 1), InvalidProposal(), at(PREVOTE, 1), (prevote(None, 1),)),
    ("34-35", at(PREVOTE), PolkaAny(), at(PREVOTE), (Schedule(TimeoutKind.PREVOTE, 0),)),
    ("36-43", at(PREVOTE), PolkaValue(A), at(PRECOMMIT, 0, (A, 0)), (precommit(A),)),
    (
        "36-43 over an older lock",
        at(PREVOTE, 1, (A, 0)),
        PolkaValue(B),
        at(PRECOMMIT, 1, (B, 1)),
        (precommit(B, 1),),
    ),
    (
        "42-43 without a lock",
        at(PRECOMMIT, 1, (A, 0)),
        PolkaValue(B),
        RoundState(1, PRECOMMIT, A, 0, B, 1),
        (),
    ),
    ("44-46", at(PREVOTE, 1, (A, 0)), PolkaNil(), at(PRECOMMIT, 1, (A, 0)), (precommit(None, 1),)),
    ("47-48", at(PROPOSE), PrecommitAny(), at(PROPOSE), (Schedule(TimeoutKind.PRECOMMIT, 0),)),
    ("49-54", at(PRECOMMIT, 3), CommitValue(1, A), at(COMMIT, 3), (Decide(1, A),)),
    ("49-54 while starting", RoundState(), CommitValue(0, A), at(COMMIT, -1), (Decide(0, A),)),
    ("55-56", at(PREVOTE, 1), RoundSkip(4), at(NEW, 1), (StartRound(4),)),
    ("57-60", at(PROPOSE), TimedOut(TimeoutKind.PROPOSE, 0), at(PREVOTE), (prevote(None),)),
    ("61-64", at(PREVOTE), TimedOut(TimeoutKind.PREVOTE, 0), at(PRECOMMIT), (precommit(None),)),
    ("65-67", at(PREVOTE), TimedOut(TimeoutKind.PRECOMMIT, 0), at(NEW), (StartRound(1),)),
]


@pytest.mark.parametrize(("line", "state", "event", "after", "outputs"), ROWS)
def test_line(
    line: str,
    state: RoundState,
    event: RoundInput,
    after: RoundState,
    outputs: tuple[RoundOutput, ...],
) -> None:
    """Each line of the paper."""
    assert apply(state, event) == (after, outputs)


IDLE: list[tuple[RoundState, RoundInput]] = [
    (at(PROPOSE, 1), NewRound(2, False)),
    (at(NEW, 1), NewRound(1, False)),
    (at(NEW, 1), FreshProposal(A, True)),
    (at(PREVOTE), FreshProposal(A, True)),
    (at(PROPOSE, 1), PolkaedProposal(A, 1)),
    (at(PROPOSE, 1), PolkaedProposal(A, -1)),
    (at(PROPOSE), PolkaValue(A)),
    (at(PROPOSE), PolkaNil()),
    (at(PRECOMMIT), PolkaAny()),
    (at(PRECOMMIT), PolkaNil()),
    (at(PRECOMMIT, 2), RoundSkip(2)),
    (at(PREVOTE), TimedOut(TimeoutKind.PROPOSE, 0)),
    (at(PROPOSE, 1), TimedOut(TimeoutKind.PROPOSE, 0)),
    (at(PRECOMMIT), TimedOut(TimeoutKind.PREVOTE, 0)),
    (at(PRECOMMIT, 1), TimedOut(TimeoutKind.PRECOMMIT, 0)),
    (at(COMMIT), CommitValue(0, A)),
    (at(COMMIT), TimedOut(TimeoutKind.PRECOMMIT, 0)),
    (at(COMMIT), RoundSkip(5)),
]
"""Out of step, out of round, or over."""


@pytest.mark.parametrize(("state", "event"), IDLE)
def test_what_no_line_takes_changes_nothing(state: RoundState, event: RoundInput) -> None:
    """An input that comes too early, too late or for another round."""
    assert apply(state, event) == (state, ())


def test_every_arm_cites_its_lines() -> None:
    """The comment over each arm says which of the paper's lines 11 to 67 it stands for."""
    lines = inspect.getsource(apply).splitlines()
    cited: set[int] = set()
    for before, line in pairwise(lines):
        if line.startswith("        case "):
            spans = re.findall(r"(\d+)(?:-(\d+))?", before.partition("#")[2])
            assert spans, f"no line over {line.strip()}"
            for first, last in spans:
                cited |= set(range(int(first), int(last or first) + 1))
    assert cited == set(range(11, 68))
