"""Who is present at a final height: late precommits count, and nobody can be starved."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import Refusal
from consensus.presence import (
    InvalidLateVote,
    OpenHeight,
    Window,
    advanced,
    check_late_vote,
    check_late_votes,
    counted,
    credited,
    open_height,
)
from consensus.reputation import Conduct, ReputationRule, judge
from consensus.types import Block, Commit, CommitSignature, Vote, VoteKind, block_id
from tests.consensus.keys import CHAIN, KEYS, block, validators, vote

COUNT = 4
BLOCKS = [block(b"%d" % height, height) for height in range(1, 30)]


def commit_of(value: Block, signers: set[int]) -> Commit:
    """A commit of round 0; `open_height` takes it as verified."""
    keys = sorted(KEYS[each] for each in signers)
    signatures = tuple(CommitSignature(key, bytes(64)) for key in keys)
    return Commit(value.header.height, 0, block_id(value.header), signatures)


def late(voter: int, height: int, round_: int = 0) -> Vote:
    """A precommit for the final block of a height."""
    return vote(voter, VoteKind.PRECOMMIT, BLOCKS[height - 1], round_=round_, height=height)


def opened(height: int, signers: set[int]) -> OpenHeight:
    return open_height(validators(), commit_of(BLOCKS[height - 1], signers))


WINDOW: Window = (opened(1, {0, 1, 2}), opened(2, {0, 1, 3}), opened(3, {0, 1, 2, 3}))


def test_a_commit_opens_its_height() -> None:
    """With those missing whom the commit left out."""
    assert [each.missing for each in WINDOW] == [(KEYS[3],), (KEYS[2],), ()]
    assert WINDOW[0].block_id == block_id(BLOCKS[0].header)


@pytest.mark.parametrize("round_", [0, 5])
def test_a_late_precommit_counts(round_: int) -> None:
    """For its height and voter, and once."""
    given_late = late(3, 1, round_)
    check_late_vote(CHAIN, WINDOW, given_late)
    after = credited(WINDOW, [given_late])
    assert after == (opened(1, {0, 1, 2, 3}), *WINDOW[1:])
    with pytest.raises(InvalidLateVote) as again:
        check_late_vote(CHAIN, after, given_late)
    assert again.value.reason is Refusal.UNKNOWN_VALIDATOR


REFUSED = [
    (Refusal.WRONG_HEIGHT, late(3, 4)),
    (Refusal.MALFORMED, vote(3, VoteKind.PREVOTE, BLOCKS[0])),
    (Refusal.MALFORMED, vote(3, VoteKind.PRECOMMIT, BLOCKS[0], round_=2, valid_round=1)),
    (Refusal.WRONG_BLOCK, vote(3, VoteKind.PRECOMMIT, BLOCKS[5])),
    (Refusal.WRONG_BLOCK, vote(3, VoteKind.PRECOMMIT, None)),
    (Refusal.UNKNOWN_VALIDATOR, late(0, 1)),
    (Refusal.UNKNOWN_VALIDATOR, late(6, 1)),
    (Refusal.BAD_SIGNATURE, msgspec.structs.replace(late(3, 1), round=1)),
]


@pytest.mark.parametrize(("reason", "given_late"), REFUSED)
def test_what_makes_nobody_present(reason: Refusal, given_late: Vote) -> None:
    """Each by its name."""
    with pytest.raises(InvalidLateVote) as refused:
        check_late_vote(CHAIN, WINDOW, given_late)
    assert refused.value.reason is reason


def test_a_blocks_late_precommits_are_taken_all_or_none() -> None:
    """In order, each once; what one by one is refused is refused among others as well."""
    good = [late(3, 1), late(2, 2)]
    check_late_votes(CHAIN, WINDOW, good)
    assert credited(WINDOW, good) == (opened(1, {0, 1, 2, 3}), opened(2, {0, 1, 2, 3}), WINDOW[2])
    check_late_votes(CHAIN, WINDOW, [])
    for wrong in ([good[1], good[0]], [good[0], good[0]], [good[0], late(3, 1, 1)]):
        with pytest.raises(InvalidLateVote) as refused:
            check_late_votes(CHAIN, WINDOW, wrong)
        assert refused.value.reason is Refusal.DUPLICATE_SIGNER
    for reason, bad in REFUSED:
        for among in ([bad], [*good, bad], [bad, *good]):
            if [(each.height, each.validator) for each in among] == sorted(
                {(each.height, each.validator) for each in among}
            ):
                with pytest.raises(InvalidLateVote) as refused:
                    check_late_votes(CHAIN, WINDOW, among)
                assert refused.value.reason is reason


@pytest.mark.parametrize("late_heights", [0, 1, 3])
def test_a_height_is_open_for_so_many_blocks(late_heights: int) -> None:
    """And settled then, in order, each once."""
    window: Window = ()
    settled: list[int] = []
    for height in range(1, 10):
        window, gone = advanced(window, opened(height, {0, 1, 2}), late_heights)
        settled += [each.height for each in gone]
        assert len(window) <= late_heights
        assert [each.height for each in window] == list(range(height + 1 - len(window), height + 1))
    assert settled == list(range(1, 10 - late_heights))


def test_heights_follow_one_another() -> None:
    """A gap would be a fault of the caller."""
    with pytest.raises(AssertionError):
        advanced(WINDOW, opened(5, {0, 1, 2}), 10)


LATE_HEIGHTS = 3
proposers = st.integers(0, COUNT - 1)


@given(st.lists(proposers, min_size=20, max_size=29))
def test_nobody_can_be_starved(blocks: list[int]) -> None:
    """Validator 0 leaves validator 3 out of every commit that it makes and never carries a late
    vote. Wherever an honest proposer comes within the window, validator 3 is present, and its
    reputation that of validator 1, which nobody leaves out."""
    window: Window = ()
    conducts: dict[bytes, Conduct] = {}
    hidden: set[int] = set()
    for place, proposer in enumerate(blocks[1:], start=2):
        height = place - 1  # The block at `place` carries the commit of this one.
        if proposer != 0:
            for each in window:
                for key in each.missing:
                    carried = late(KEYS.index(key), each.height)
                    check_late_vote(CHAIN, window, carried)
                    window = credited(window, [carried])
        signers = {0, 1, 2} if proposer == 0 else {0, 1, 2, 3}
        window, settled = advanced(window, opened(height, signers), LATE_HEIGHTS)
        for each in settled:
            conducts |= counted(conducts, KEYS[:COUNT], each)
            if KEYS[3] in each.missing:
                hidden.add(each.height)
    runs = "".join("x" if proposer == 0 else "." for proposer in blocks[1:])
    if "x" * (LATE_HEIGHTS + 1) not in runs:
        assert not hidden
        rule = ReputationRule(min_heights=1)
        one, rival = (judge(500_000, conducts[KEYS[each]], rule) for each in (1, 3))
        assert one == rival
    else:
        assert hidden == {
            place + 1
            for place in range(len(runs) - LATE_HEIGHTS)
            if runs[place : place + LATE_HEIGHTS + 1] == "x" * (LATE_HEIGHTS + 1)
        }


def test_settled_heights_are_counted() -> None:
    """For each member, present or not, beside what was counted before."""
    before = {KEYS[0]: Conduct(heights=5, signed=4, made=2), KEYS[6]: Conduct(7, 7)}
    assert counted(before, KEYS[:4], WINDOW[0]) == {
        KEYS[0]: Conduct(heights=6, signed=5, made=2),
        KEYS[1]: Conduct(1, 1),
        KEYS[2]: Conduct(1, 1),
        KEYS[3]: Conduct(1, 0),
    }
