"""What two messages prove: each offence, each near miss, and each way of proving nothing."""

from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import evidence as evidences
from consensus.errors import PeerError, Refusal
from consensus.evidence import (
    Finding,
    InvalidEvidence,
    Offence,
    check_evidence,
    find_evidence,
    offence_of,
)
from consensus.types import UNSIGNED, Proposal, Vote, VoteKind, block_id
from tests.consensus.keys import (
    CHAIN,
    KEYS,
    block,
    precommit,
    prevote,
    proposal,
    signed_proposal,
    signed_vote,
    validators,
    vote,
)

A, B = block(b"a"), block(b"b")
A_ID, B_ID = block_id(A.header), block_id(B.header)
Signed = Vote | Proposal


def going_by(value: bytes, round_: int, valid_round: int) -> Vote:
    """A prevote of validator 0 that names the polka it went by."""
    return signed_vote(Vote(VoteKind.PREVOTE, 1, round_, value, valid_round, KEYS[0], UNSIGNED))


OFFENCES: list[tuple[Offence, Signed, Signed]] = [
    (Offence.DOUBLE_PREVOTE, prevote(0, A), prevote(0, B)),
    (Offence.DOUBLE_PREVOTE, prevote(0, A, 3), prevote(0, None, 3)),
    (Offence.DOUBLE_PREVOTE, going_by(A_ID, 3, 0), going_by(A_ID, 3, 1)),
    (Offence.DOUBLE_PRECOMMIT, precommit(0, A), precommit(0, B)),
    (Offence.DOUBLE_PRECOMMIT, precommit(0, A), precommit(0, None)),
    (Offence.DOUBLE_PROPOSAL, proposal(A), proposal(B)),
    (Offence.DOUBLE_PROPOSAL, proposal(A, 4, 0), proposal(A, 4, 1)),
    (Offence.AMNESIA, precommit(0, A), prevote(0, B, 1)),
    (Offence.AMNESIA, precommit(0, A, 5), going_by(B_ID, 9, 4)),
]
NOTHING: list[tuple[str, Signed, Signed]] = [
    ("the same vote", prevote(0, A), prevote(0, A)),
    ("two rounds", prevote(0, A), prevote(0, B, 1)),
    ("two kinds", prevote(0, A), precommit(0, B)),
    ("two heights", prevote(0, A), vote(0, VoteKind.PREVOTE, B, height=2)),
    ("two validators", prevote(0, A), prevote(1, B)),
    ("two rounds' proposals", proposal(A), proposal(B, 4)),
    ("a vote and a proposal", proposal(A), prevote(0, B)),
    ("unlocked by a later polka", precommit(0, A, 5), going_by(B_ID, 9, 6)),
    ("unlocked by the same round's polka", precommit(0, A, 5), going_by(B_ID, 9, 5)),
    ("prevoted before it was locked", precommit(0, A, 5), prevote(0, B, 4)),
    ("the lock's own block", precommit(0, A), prevote(0, A, 1)),
    ("no lock", precommit(0, None), prevote(0, B, 1)),
    ("a prevote for nil", precommit(0, A), prevote(0, None, 1)),
    ("another height's lock", precommit(0, A), vote(0, VoteKind.PREVOTE, B, round_=1, height=2)),
]


@pytest.mark.parametrize(("offence", "first", "second"), OFFENCES)
def test_an_offence_is_proved(offence: Offence, first: Signed, second: Signed) -> None:
    """In either order."""
    assert check_evidence(CHAIN, validators(), first, second) is offence
    assert check_evidence(CHAIN, validators(), second, first) is offence


@pytest.mark.parametrize(("first", "second"), [row[1:] for row in NOTHING], ids=lambda _: "")
def test_two_messages_that_can_stand_together(first: Signed, second: Signed) -> None:
    """In either order."""
    for pair in ((first, second), (second, first)):
        assert refusal(*pair) is Refusal.NO_OFFENCE


@pytest.mark.parametrize(("offence", "first", "second"), OFFENCES)
def test_what_was_never_signed_proves_nothing(
    offence: Offence, first: Signed, second: Signed
) -> None:
    """One signature forged, either of them; and all of another chain's."""
    for pair in permutations((first, second)):
        forged = msgspec.structs.replace(pair[0], signature=bytes(64))
        assert refusal(forged, pair[1]) is Refusal.BAD_SIGNATURE
    with pytest.raises(InvalidEvidence) as caught:
        check_evidence("geo_other", validators(), first, second)
    assert caught.value.reason is Refusal.BAD_SIGNATURE


def test_a_stranger_cannot_offend() -> None:
    """Only who was in the height's set."""
    pair = signed_vote(vote(6, VoteKind.PREVOTE, A)), signed_vote(vote(6, VoteKind.PREVOTE, B))
    assert refusal(*pair) is Refusal.UNKNOWN_VALIDATOR


@pytest.mark.parametrize(
    "odd",
    [
        signed_vote(Vote(VoteKind.PRECOMMIT, 1, 0, A_ID, 0, KEYS[0], UNSIGNED)),
        signed_vote(Vote(VoteKind.PREVOTE, 1, 0, None, 0, KEYS[0], UNSIGNED)),
        signed_vote(Vote(VoteKind.PREVOTE, 1, 1, A_ID, 1, KEYS[0], UNSIGNED)),
        signed_proposal(Proposal(1, 1, 1, A_ID, KEYS[0], UNSIGNED)),
    ],
)
def test_what_no_peer_takes_is_no_evidence(odd: Signed) -> None:
    """So nobody need fear what the network refuses anyway."""
    assert refusal(odd, precommit(0, B)) is Refusal.BAD_VALID_ROUND


def refusal(first: Signed, second: Signed) -> Refusal:
    with pytest.raises(InvalidEvidence) as caught:
        check_evidence(CHAIN, validators(), first, second)
    assert isinstance(caught.value, PeerError)
    return caught.value.reason


def test_an_audit_names_each_offence_once() -> None:
    """By signer, height and kind; the correct among them are not named."""
    seen: list[Signed] = [each for row in OFFENCES for each in row[1:]]
    seen += [prevote(1, A), precommit(1, A), prevote(1, A, 1)]
    findings = find_evidence(seen)
    assert {each.offence for each in findings} == set(Offence)
    assert len(findings) == len(Offence)
    for each in findings:
        assert check_evidence(CHAIN, validators(), each.first, each.second) is each.offence


def test_an_audit_is_bounded() -> None:
    """A flood of one validator is cut; another's offence is found all the same."""
    flood = [
        Vote(VoteKind.PREVOTE, 1, round_, A_ID, -1, KEYS[1], UNSIGNED)
        for round_ in range(evidences.MAX_MESSAGES_PER_VALIDATOR)
    ]
    beyond = Vote(VoteKind.PREVOTE, 1, 0, B_ID, -1, KEYS[1], UNSIGNED)
    pair = prevote(0, A), prevote(0, B)
    assert find_evidence([*flood, beyond, *pair]) == (Finding(Offence.DOUBLE_PREVOTE, *pair),)


@st.composite
def any_vote(draw: st.DrawFn) -> Vote:
    """Well-formed, of one of two validators in one of a few rounds."""
    kind, round_ = draw(st.sampled_from(VoteKind)), draw(st.integers(0, 4))
    value = draw(st.sampled_from([None, A_ID, B_ID]))
    explained = kind is VoteKind.PREVOTE and value is not None
    valid_round = draw(st.integers(-1, round_ - 1)) if explained else -1
    return Vote(kind, 1, round_, value, valid_round, draw(st.sampled_from(KEYS[:2])), UNSIGNED)


@given(any_vote(), any_vote())
def test_the_order_of_the_two_does_not_matter(first: Vote, second: Vote) -> None:
    """And a message never contradicts itself."""
    assert offence_of(first, second) is offence_of(second, first)
    assert offence_of(first, first) is None
