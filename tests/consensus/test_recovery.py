"""After a crash: the journal's records give the state again, and what is outstanding."""

import pytest

from consensus.driver import DriverState, start_height, step
from consensus.errors import InvalidRecord
from consensus.events import (
    BlockJudged,
    BuildValue,
    CommitReceived,
    Decided,
    Effect,
    Evidence,
    Input,
    JudgeBlock,
    Persist,
    PolkaReceived,
    ProposalReceived,
    ProposalSigned,
    Send,
    SetTimeout,
    Sign,
    Timeout,
    TimeoutFired,
    ValueBuilt,
    VerifiedCommit,
    VerifiedPolka,
    VerifiedProposal,
    VerifiedVote,
    VoteReceived,
    VoteSigned,
)
from consensus.messages import (
    ProposalMessage,
    VoteMessage,
    commit_from_votes,
    polka_from_votes,
)
from consensus.records import TimeoutRecord, encode_record
from consensus.recovery import rebuild
from consensus.round import TimeoutKind
from consensus.types import block_id, without_signature
from tests.consensus.keys import KEYS, block, precommit, prevote, proposal, start

A = block(b"a")
A_ID = block_id(A.header)
PROPOSER_HEIGHT: list[Input] = [
    ValueBuilt(1, 0, A),
    ProposalSigned(proposal(A)),
    BlockJudged(A_ID, True),
    VoteSigned(prevote(0, A)),
    VoteReceived(VerifiedVote(prevote(1, None))),
    VoteReceived(VerifiedVote(prevote(2, A))),
    TimeoutFired(Timeout(TimeoutKind.PREVOTE, 1, 0)),
    VoteSigned(precommit(0, None)),
    PolkaReceived(VerifiedPolka(polka_from_votes([prevote(0, A), prevote(2, A), prevote(3, A)]))),
    VoteReceived(VerifiedVote(precommit(1, None))),
    VoteReceived(VerifiedVote(precommit(1, A))),
    VoteReceived(VerifiedVote(precommit(2, None))),
    TimeoutFired(Timeout(TimeoutKind.PRECOMMIT, 1, 0)),
    ProposalReceived(VerifiedProposal(proposal(A, 1, 0), A, None), timely=False),
    CommitReceived(
        VerifiedCommit(commit_from_votes([precommit(each, A, 1) for each in (1, 2, 3)]), A)
    ),
]


def play(inputs: list[Input]) -> tuple[DriverState, list[bytes]]:
    """The state after the inputs, and the journal."""
    state, effects = start_height(KEYS[0], start())
    journal = records(effects)
    for each in inputs:
        state, effects = step(state, each)
        journal += records(effects)
    return state, journal


def records(effects: tuple[Effect, ...]) -> list[bytes]:
    return [effect.record for effect in effects if isinstance(effect, Persist)]


@pytest.mark.parametrize("length", range(len(PROPOSER_HEIGHT) + 1))
def test_the_state_is_the_same_after_any_input(length: int) -> None:
    """But for a block that was built and not yet proposed: it is built again."""
    state, journal = play(PROPOSER_HEIGHT[:length])
    again, effects = rebuild(KEYS[0], start(), journal)
    if length == 1:
        assert again == play([])[0]
        assert BuildValue(1, 0) in effects
        return
    assert again.round_state == state.round_state
    assert again.tally == state.tally
    assert again.proposals == state.proposals
    assert again.judged == state.judged
    assert again.to_sign == state.to_sign
    assert again.own == state.own
    assert again.decided == state.decided
    for unsigned in state.to_sign:
        assert (Sign(unsigned) in effects) is (state.decided is None)


def test_what_was_asked_for_is_asked_for_again() -> None:
    """Timers, judgements, own messages, signatures."""
    own = ProposalMessage(proposal(A), A, None)
    _, journal = play(PROPOSER_HEIGHT[:2])
    timers = tuple(
        SetTimeout(Timeout(kind, 1, 0)) for kind in (TimeoutKind.PROPOSE, TimeoutKind.REBROADCAST)
    )
    _, effects = rebuild(KEYS[0], start(), journal)
    assert effects == (*timers, JudgeBlock(A_ID, A), Send(own))
    _, journal = play(PROPOSER_HEIGHT[:3])
    _, effects = rebuild(KEYS[0], start(), journal)
    assert effects == (*timers, Send(own), Sign(without_signature(prevote(0, A))))
    _, journal = play(PROPOSER_HEIGHT[:4])
    _, effects = rebuild(KEYS[0], start(), journal)
    assert effects == (*timers, Send(own), Send(VoteMessage(prevote(0, A))))


def test_a_decision_is_decided_again() -> None:
    """Where the crash came between the decision and the block store."""
    state, journal = play(PROPOSER_HEIGHT)
    assert state.decided is not None
    assert rebuild(KEYS[0], start(), journal)[1] == (
        Evidence(precommit(1, None), precommit(1, A)),
        Decided(state.decided.block, state.decided.commit),
    )


def test_evidence_outlives_a_crash() -> None:
    """It is found again, from what was journaled."""
    first, second = prevote(2, A), prevote(2, None)
    inputs: list[Input] = [VoteReceived(VerifiedVote(each)) for each in (first, second)]
    _, journal = play(inputs)
    assert rebuild(KEYS[0], start(), journal)[1][0] == Evidence(first, second)


def test_any_prefix_of_the_journal_will_do() -> None:
    """A torn tail loses inputs, never the sense of those before."""
    _, journal = play(PROPOSER_HEIGHT)
    for length in range(len(journal) + 1):
        rebuild(KEYS[0], start(), journal[:length])


def test_records_of_an_earlier_height_are_skipped() -> None:
    """The journal is emptied after the block is stored, and a crash may come between."""
    _, journal = play(PROPOSER_HEIGHT)
    assert rebuild(KEYS[0], start(2), journal)[0] == start_height(KEYS[0], start(2))[0]


@pytest.mark.parametrize("record", [b"", b"\x00", b"\x93\x06\x01", b"\xff" * 40])
def test_what_is_no_record_is_named(record: bytes) -> None:
    """Its checksum held, so this is another program's journal, or a bug."""
    with pytest.raises(InvalidRecord):
        rebuild(KEYS[0], start(), [record])


def test_a_record_that_does_not_follow_is_named() -> None:
    """A vote of ours that this driver never asked for."""
    _, journal = play(PROPOSER_HEIGHT)
    with pytest.raises(InvalidRecord):
        rebuild(KEYS[0], start(), [journal[2], *journal])
    late = encode_record(TimeoutRecord(TimeoutKind.PRECOMMIT, 1, 9))
    rebuild(KEYS[0], start(), [late])
