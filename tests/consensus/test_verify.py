"""From messages to verified inputs: what is good passes, what is not is refused by name."""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from consensus import merkle, signing
from consensus.errors import InvalidCommit, PeerError, Refusal
from consensus.events import (
    CommitReceived,
    PolkaReceived,
    ProposalReceived,
    VerifiedVote,
    VoteReceived,
)
from consensus.light import verify_commit
from consensus.messages import (
    CommitMessage,
    Message,
    Polka,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    commit_from_votes,
    polka_from_votes,
    votes_of_commit,
)
from consensus.tally import Tally, add
from consensus.types import (
    NO_ANCHOR,
    Block,
    Commit,
    Proposal,
    Vote,
    VoteKind,
    block_id,
    commit_root,
    precommit_digest,
    vote_digest,
)
from consensus.verify import verify_message, verify_vote, verify_votes
from tests.consensus.keys import (
    CHAIN,
    KEYS,
    Turns,
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
POLKA = polka_from_votes([prevote(each, A) for each in (0, 1, 2)])
COMMIT = commit_from_votes([precommit(each, A) for each in (0, 1, 2)])
replace = msgspec.structs.replace


def check(message: Message) -> object:
    return verify_message(CHAIN, 1, validators(), Turns(), message)


def test_good_messages_become_inputs() -> None:
    """One input for each kind of message."""
    assert isinstance(check(VoteMessage(prevote(0, A))), VoteReceived)
    assert isinstance(check(ProposalMessage(proposal(A), A, None)), ProposalReceived)
    assert isinstance(check(ProposalMessage(proposal(A, 1, 0), A, POLKA)), ProposalReceived)
    assert isinstance(check(PolkaMessage(POLKA)), PolkaReceived)
    assert isinstance(check(CommitMessage(COMMIT, A)), CommitReceived)


def with_vote(**changes: object) -> Message:
    """A vote changed after it was signed."""
    return VoteMessage(replace(prevote(0, A), **changes))


def resigned(**changes: object) -> Message:
    """A vote changed before it was signed."""
    return VoteMessage(signed_vote(replace(prevote(0, A, 3), **changes)))


def proposing(value: Block = A, **changes: object) -> Message:
    """A proposal changed before it was signed."""
    return ProposalMessage(signed_proposal(replace(proposal(A), **changes)), value, None)


def repolkaed(polka: Polka) -> Message:
    """A re-proposal with this polka."""
    return ProposalMessage(proposal(A, 1, 0), A, polka)


REFUSED: list[tuple[Message, Refusal]] = [
    (with_vote(round=1), Refusal.BAD_SIGNATURE),
    (with_vote(kind=VoteKind.PRECOMMIT), Refusal.BAD_SIGNATURE),
    (with_vote(block_id=None), Refusal.BAD_SIGNATURE),
    (with_vote(validator=KEYS[1]), Refusal.BAD_SIGNATURE),
    (with_vote(signature=bytes(64)), Refusal.BAD_SIGNATURE),
    (with_vote(height=2), Refusal.WRONG_HEIGHT),
    (resigned(validator=KEYS[5]), Refusal.UNKNOWN_VALIDATOR),
    (resigned(valid_round=3), Refusal.BAD_VALID_ROUND),
    (resigned(valid_round=1, block_id=None), Refusal.BAD_VALID_ROUND),
    (resigned(valid_round=1, kind=VoteKind.PRECOMMIT), Refusal.BAD_VALID_ROUND),
    (proposing(height=2), Refusal.WRONG_HEIGHT),
    (proposing(proposer=KEYS[1]), Refusal.WRONG_PROPOSER),
    (proposing(valid_round=0), Refusal.BAD_VALID_ROUND),
    (proposing(B), Refusal.BLOCK_MISMATCH),
    (proposing(replace(A, payload=(b"x",))), Refusal.BLOCK_MISMATCH),
    (proposing(replace(A, last_commit=COMMIT)), Refusal.BLOCK_MISMATCH),
    (proposing(replace(A, late=(precommit(0, A),))), Refusal.BLOCK_MISMATCH),
    (ProposalMessage(replace(proposal(A), signature=bytes(64)), A, None), Refusal.BAD_SIGNATURE),
    (repolkaed(replace(POLKA, round=2)), Refusal.BAD_VALID_ROUND),
    (repolkaed(replace(POLKA, block_id=bytes(32))), Refusal.BAD_VALID_ROUND),
    (ProposalMessage(proposal(A), A, POLKA), Refusal.BAD_VALID_ROUND),
    (PolkaMessage(replace(POLKA, height=2)), Refusal.WRONG_HEIGHT),
    (PolkaMessage(replace(POLKA, round=1)), Refusal.BAD_SIGNATURE),
    (PolkaMessage(replace(POLKA, signatures=())), Refusal.NOT_ENOUGH_STAKE),
    (PolkaMessage(replace(POLKA, signatures=POLKA.signatures[:2])), Refusal.NOT_ENOUGH_STAKE),
    (PolkaMessage(replace(POLKA, signatures=POLKA.signatures[::-1])), Refusal.DUPLICATE_SIGNER),
    (PolkaMessage(replace(POLKA, signatures=POLKA.signatures[:1] * 3)), Refusal.DUPLICATE_SIGNER),
    (CommitMessage(replace(COMMIT, height=2), A), Refusal.WRONG_HEIGHT),
    (CommitMessage(COMMIT, B), Refusal.BLOCK_MISMATCH),
    (CommitMessage(replace(COMMIT, round=1), A), Refusal.BAD_SIGNATURE),
]


@pytest.mark.parametrize(("message", "reason"), REFUSED)
def test_bad_messages_are_refused_by_name(message: Message, reason: Refusal) -> None:
    """With the reason that is counted and charged."""
    with pytest.raises(PeerError) as caught:
        check(message)
    assert caught.value.reason is reason


def test_another_chains_messages_are_refused() -> None:
    """The chain's id is in every signature and header."""
    for message in (VoteMessage(prevote(0, A)), PolkaMessage(POLKA)):
        with pytest.raises(PeerError, match="bad_signature"):
            verify_message("geo_other", 1, validators(), Turns(), message)
    with pytest.raises(PeerError, match="block_mismatch"):
        verify_message("geo_other", 1, validators(), Turns(), CommitMessage(COMMIT, A))


def checks_made(message: Message, *known: Vote) -> list[bytes]:
    """Whose signatures are checked for a certificate, by somebody who knows some votes."""
    tally = Tally(validators())
    for each in known:
        tally = add(tally, each)
    checked: list[bytes] = []

    def verify_slice(checks: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
        checked.extend(key for key, _, _ in checks)
        return real(checks)

    real = signing.verify_slice
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "verify_slice", verify_slice)
        verify_message(CHAIN, 1, validators(), Turns(), message, tally)
    return checked


def test_known_votes_are_not_verified_again() -> None:
    """Neither in a polka nor in a commit; what differs in anything is."""
    prevotes = [prevote(each, A) for each in (0, 1, 2)]
    precommits = [precommit(each, A) for each in (0, 1, 2)]
    signers = sorted(vote.validator for vote in prevotes)
    assert sorted(checks_made(PolkaMessage(POLKA))) == signers
    assert checks_made(PolkaMessage(POLKA), *prevotes) == []
    assert checks_made(PolkaMessage(POLKA), *prevotes[:2]) == [prevotes[2].validator]
    assert checks_made(CommitMessage(COMMIT, A), *precommits) == []
    assert checks_made(CommitMessage(COMMIT, A), *precommits[1:]) == [precommits[0].validator]
    others = [precommit(each, B) for each in (0, 1, 2)]
    assert sorted(checks_made(CommitMessage(COMMIT, A), *others)) == signers
    earlier = [precommit(each, A, 1) for each in (0, 1, 2)]
    assert sorted(checks_made(CommitMessage(COMMIT, A), *earlier)) == signers


def test_a_known_vote_vouches_for_no_other_signature() -> None:
    """Under the same key, in a certificate."""
    vote = prevote(0, A)
    known = add(Tally(validators()), vote)
    forged = [
        replace(each, signature=bytes(64)) if each.validator == vote.validator else each
        for each in POLKA.signatures
    ]
    message = PolkaMessage(replace(POLKA, signatures=tuple(forged)))
    with pytest.raises(PeerError, match="bad_signature"):
        verify_message(CHAIN, 1, validators(), Turns(), message, known)


def test_many_votes_get_a_verdict_each() -> None:
    """As one by one."""
    votes = [prevote(0, A), replace(prevote(1, A), round=9), prevote(5, A), precommit(2, None)]
    verdicts = verify_votes(CHAIN, 1, validators(), votes)
    reasons = [each.reason if isinstance(each, PeerError) else None for each in verdicts]
    assert reasons == [None, Refusal.BAD_SIGNATURE, Refusal.UNKNOWN_VALIDATOR, None]
    assert verdicts[0] == VerifiedVote(votes[0])
    assert verify_vote(CHAIN, 1, validators(), votes[0]) == VerifiedVote(votes[0])


def test_a_commit_proves_its_block_final() -> None:
    """To somebody who knows the validators only."""
    verify_commit(CHAIN, validators(), block_id(A.header), 1, COMMIT)


Change = Callable[[Commit], Commit]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: replace(c, height=2), Refusal.WRONG_HEIGHT),
        (lambda c: replace(c, block_id=bytes(32)), Refusal.WRONG_BLOCK),
        (lambda c: replace(c, signatures=c.signatures[:2]), Refusal.NOT_ENOUGH_STAKE),
        (lambda c: replace(c, signatures=c.signatures[:1] * 3), Refusal.DUPLICATE_SIGNER),
        (lambda c: replace(c, signatures=c.signatures[::-1]), Refusal.DUPLICATE_SIGNER),
        (lambda c: replace(c, round=1), Refusal.BAD_SIGNATURE),
        (
            lambda c: commit_from_votes([*votes_of_commit(c)[:2], precommit(6, A)]),
            Refusal.UNKNOWN_VALIDATOR,
        ),
        (
            lambda c: replace(
                c,
                signatures=(
                    *c.signatures[:2],
                    replace(c.signatures[2], signature=bytes(64)),
                ),
            ),
            Refusal.BAD_SIGNATURE,
        ),
    ],
)
def test_a_commit_that_proves_nothing(change: Change, reason: Refusal) -> None:
    """Each way in which it can fail to."""
    with pytest.raises(InvalidCommit) as caught:
        verify_commit(CHAIN, validators(), block_id(A.header), 1, change(COMMIT))
    assert caught.value.reason is reason


def test_prevotes_make_no_commit() -> None:
    """The kind is signed."""
    signatures = commit_from_votes([prevote(each, A) for each in (0, 1, 2)]).signatures
    with pytest.raises(InvalidCommit, match="bad_signature"):
        verify_commit(
            CHAIN, validators(), block_id(A.header), 1, replace(COMMIT, signatures=signatures)
        )


def test_a_precommits_digest_follows_from_its_commit() -> None:
    """So that a commit needs to carry signatures only."""
    for each in (0, 1, 2):
        digest = vote_digest(CHAIN, precommit(each, A))
        assert precommit_digest(CHAIN, COMMIT, KEYS[each]) == digest


def signed_fields() -> list[Vote]:
    """Votes that differ in one field each."""
    first = vote(0, VoteKind.PREVOTE, A, round_=2)
    return [
        first,
        replace(first, kind=VoteKind.PRECOMMIT),
        replace(first, height=2),
        replace(first, round=3),
        replace(first, block_id=None),
        replace(first, valid_round=1),
        replace(first, validator=KEYS[1]),
    ]


def test_every_field_is_signed() -> None:
    """But the signature."""
    digests = {vote_digest(CHAIN, each) for each in signed_fields()}
    assert len(digests) == len(signed_fields())
    first = signed_fields()[0]
    assert vote_digest(CHAIN, replace(first, signature=bytes(64))) in digests


def test_every_field_of_a_header_is_in_its_id() -> None:
    """And of a commit in its root."""
    header = A.header
    changes = {
        "version": 2,
        "chain_id": "x",
        "height": 9,
        "time_ms": 9,
        "proposer": KEYS[3],
        "anchor": replace(NO_ANCHOR, height=1),
        "reveal": bytes(32),
        "checkpoint": b"\x01" * 32,
    } | dict.fromkeys(
        (
            "parent_id",
            "last_commit_root",
            "late_root",
            "payload_root",
            "app_root",
            "validators_root",
            "next_validators_root",
        ),
        b"\x02" * 32,
    )
    assert set(changes) == set(header.__struct_fields__)
    ids = {block_id(replace(header, **{name: value})) for name, value in changes.items()}
    assert len(ids | {block_id(header)}) == len(changes) + 1
    assert commit_root(None) == merkle.EMPTY_ROOT
    shorter = replace(COMMIT, signatures=COMMIT.signatures[:2])
    roots = {commit_root(each) for each in (COMMIT, shorter, replace(COMMIT, round=1))}
    assert len(roots) == 3


def test_a_proposal_is_signed_whole() -> None:
    """Changed afterwards, it does not hold."""
    for good, valid_round in ((proposal(A, 2, 0), 1), (proposal(A, 4, 0), -1)):
        changed: Proposal = replace(good, valid_round=valid_round)
        with pytest.raises(PeerError, match="bad_signature"):
            check(ProposalMessage(changed, A, None))


def test_nobody_proposes_a_new_block_in_anothers_name() -> None:
    """It would use up the other's value of its hash chain, and withhold it. Proposed again, a block
    is its author's still."""
    for round_ in (1, 2, 3):
        with pytest.raises(PeerError) as caught:
            check(ProposalMessage(proposal(A, round_), A, None))
        assert caught.value.reason is Refusal.WRONG_PROPOSER
        check(ProposalMessage(proposal(A, round_, 0), A, POLKA))
    check(ProposalMessage(proposal(A, 4), A, None))
