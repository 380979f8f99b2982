"""A journal that is cut gives the state of the whole one, however long a height takes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.compaction import can_be_cut, compacted
from consensus.driver import DriverState, start_height, step
from consensus.errors import InvalidRecord
from consensus.events import (
    BlockJudged,
    Evidence,
    Input,
    Persist,
    ProposalReceived,
    Sign,
    StartHeight,
    Timeout,
    TimeoutFired,
    VerifiedProposal,
    VerifiedVote,
    VoteReceived,
    VoteSigned,
)
from consensus.records import EvidenceRecord, encode_record
from consensus.recovery import own_messages, rebuild
from consensus.round import TimeoutKind
from consensus.timeouts import Timeouts
from consensus.types import Proposal, Vote, VoteKind, block_id
from consensus.validators import Validator, ValidatorSet
from gtxnode import genesis
from tests.consensus.keys import KEYS, block, prevote, start
from tests.consensus.test_driver_fuzz import ME, Shell, events


def same(first: DriverState, second: DriverState) -> bool:
    """Equal, but for rounds in the tally in which nobody's vote is held."""

    def trimmed(state: DriverState) -> DriverState:
        held = {number: each for number, each in state.tally.rounds.items() if each.voters_stake}
        return replace(state, tally=replace(state.tally, rounds=held))

    return trimmed(first) == trimmed(second)


@settings(max_examples=200)
@given(st.lists(st.tuples(events, st.booleans(), st.booleans()), max_size=60))
def test_a_journal_cut_anywhere_gives_the_same_state(
    stream: list[tuple[Input, bool, bool]],
) -> None:
    """Wherever it may be cut, and cut again; and with all that comes after."""
    whole, cut = Shell(), Shell()
    for event, answered, cutting in stream:
        for shell in (whole, cut):
            shell.feed(event)
            if answered:
                shell.answer()
        if cutting and can_be_cut(cut.state):
            cut.journal = list(compacted(cut.state, ()))
            again, _ = rebuild(KEYS[ME], start(), cut.journal)
            assert same(again, cut.state)
            # The guard's last signature must be known to the journal (gtxnode/engine/voice.py).
            ours, kept = list(own_messages(whole.journal)), list(own_messages(cut.journal))
            assert set(kept) <= set(ours)
            assert ours[-1:] == kept[-1:]
    expected, effects = rebuild(KEYS[ME], start(), whole.journal)
    found, resumed = rebuild(KEYS[ME], start(), cut.journal)
    assert same(found, expected)
    asked = [each for each in effects if not isinstance(each, Evidence)]
    assert [each for each in resumed if not isinstance(each, Evidence)] == asked


def test_what_was_proved_is_said_again() -> None:
    """After a cut as before."""
    proof = Evidence(prevote(2, block(b"a")), prevote(2, block(b"b")))
    state, _ = start_height(KEYS[ME], start())
    for vote in (proof.first, proof.second):
        assert isinstance(vote, Vote)
        state, _ = step(state, VoteReceived(VerifiedVote(vote)))
    again, effects = rebuild(KEYS[ME], start(), compacted(state, [proof]))
    assert same(again, state)
    assert effects[0] == proof


def test_a_journal_that_was_cut_and_is_not_whole_is_refused() -> None:
    """Parts missing, or evidence of one message: nothing is guessed."""
    state, _ = start_height(KEYS[ME], start())
    state, _ = step(state, VoteReceived(VerifiedVote(prevote(2, None))))
    records = list(compacted(state, ()))
    with pytest.raises(InvalidRecord, match="has 0"):
        rebuild(KEYS[ME], start(), records[:-1])
    alone = EvidenceRecord(1, (prevote(2, None),), ())
    with pytest.raises(InvalidRecord, match="two votes or two proposals"):
        rebuild(KEYS[ME], start(), [encode_record(alone)])


FRAME = 16
"""What the journal adds to a record (storage/journal.py)."""
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class InTurn:
    keys: tuple[bytes, ...]

    def proposer(self, height: int, round: int) -> bytes:
        return self.keys[round % len(self.keys)]


class Stall:
    """A height in whose rounds all vote nil, for every proposal comes too late: the most that a
    journal takes of rounds in which nobody is faulty. Proposals order `batches`."""

    def __init__(self, validators: int, batches: int) -> None:
        self.keys = tuple(bytes([2]) + bytes([place]) * 32 for place in range(validators))
        group = ValidatorSet(Validator(key, 1) for key in self.keys)
        self.start = StartHeight(1, group, InTurn(self.keys))
        self.state, _ = start_height(self.keys[0], self.start)
        self.batches = batches
        self.journal: list[bytes] = []

    def play(self, rounds: int) -> None:
        for round_ in range(self.state.round, self.state.round + rounds):
            self.feed(TimeoutFired(Timeout(TimeoutKind.PROPOSE, 1, round_)))
            self.propose(round_)
            for kind in VoteKind:
                for key in self.keys[1:]:
                    vote = Vote(kind, 1, round_, None, -1, key, bytes(64))
                    self.feed(VoteReceived(VerifiedVote(vote)))
            self.feed(TimeoutFired(Timeout(TimeoutKind.PRECOMMIT, 1, round_)))

    def propose(self, round_: int) -> None:
        proposer = self.start.proposers.proposer(1, round_)
        if proposer == self.keys[0]:
            return  # We were too slow ourselves.
        payload = tuple(bytes([place % 256]) * 32 for place in range(self.batches))
        value = block(round_.to_bytes(4, "big"))
        identity = block_id(value.header)
        value = msgspec.structs.replace(value, payload=payload)
        signed = Proposal(1, round_, -1, identity, proposer, bytes(64))
        self.feed(ProposalReceived(VerifiedProposal(signed, value, None), timely=False))
        self.feed(BlockJudged(identity, True))

    def feed(self, event: Input) -> None:
        waiting = [event]
        while waiting:
            self.state, effects = step(self.state, waiting.pop(0))
            for each in effects:
                match each:
                    case Persist(record):
                        self.journal.append(record)
                    case Sign(Vote() as vote):
                        waiting.append(VoteSigned(vote))

    def bytes(self) -> int:
        return size_of(self.journal)

    def cut(self) -> int:
        return size_of(compacted(self.state, ()))


def size_of(records: Iterable[bytes]) -> int:
    return sum(FRAME + len(each) for each in records)


def rounds_within(timeouts: Timeouts, begun_ms: int, ended_ms: int) -> int:
    """How many such rounds end between two times after the height began."""
    at_ms, ended = 0, 0
    for round_ in count():
        for kind in (TimeoutKind.PROPOSE, TimeoutKind.PRECOMMIT):
            at_ms += timeouts.duration_ms(Timeout(kind, 1, round_))
        if at_ms > ended_ms:
            return ended
        ended += at_ms > begun_ms
    raise AssertionError("time passes")


# Of 4 and of 67 validators, and blocks of 8 batches: kB in the first hour, in the hours after
# the tenth, and after a cut.
FIGURES = {4: (200, 51, 36), 67: (2_100, 540, 550)}


@pytest.mark.parametrize("validators", FIGURES)
def test_a_stalled_height_takes_what_is_said_and_is_cut_to_less(validators: int) -> None:
    """As docs/consensus.md has it, by the usual timeouts: the longer it takes, the slower it
    grows, and what is left of it does not grow."""
    usual = genesis.Timeouts()
    timeouts = Timeouts(
        usual.propose_ms,
        usual.prevote_ms,
        usual.precommit_ms,
        usual.delta_ms,
        usual.rebroadcast_ms,
    )
    stalled = Stall(validators, batches=8)
    stalled.play(41)
    a_round, cut = stalled.bytes() // 41, stalled.cut()
    first, later, left = FIGURES[validators]
    assert a_round * rounds_within(timeouts, 0, HOUR_MS) < 1_000 * first
    assert a_round * rounds_within(timeouts, 10 * HOUR_MS, 11 * HOUR_MS) < 1_000 * later
    assert cut < 1_000 * left
    stalled.play(40)
    assert stalled.cut() < cut + 100
