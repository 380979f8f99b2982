"""Checkpoints: who may say what, what two of them prove, and that nobody goes back behind one."""

from itertools import combinations, permutations, product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import signing
from consensus.authorities import MAX_AUTHORITIES, Authority, AuthoritySet
from consensus.checkpoints import (
    AuthoritySignature,
    Certificate,
    Checkpoint,
    CrossesCheckpoint,
    InvalidCheckpoint,
    Relation,
    SignedCheckpoint,
    VerifiedCheckpoint,
    anchored,
    certificate_codec,
    certify,
    check_contradiction,
    checkpoint_digest,
    contradict,
    may_sign,
    relation,
    succeeded,
    verify,
    verify_signed,
)
from consensus.errors import PeerError, Refusal
from consensus.evidence import InvalidEvidence
from tests.consensus.keys import CHAIN, KEYS, SECRET_OF

# EGAT has a second key, number 4.
AUTHORITIES = AuthoritySet(
    [
        Authority(1, (KEYS[0], KEYS[4])),
        Authority(2, (KEYS[1],)),
        Authority(3, (KEYS[2],)),
        Authority(4, (KEYS[3],)),
    ],
    3,
)


def checkpoint(height: int = 100, epoch: int = 1, name: int = 0, chain: str = CHAIN) -> Checkpoint:
    """A statement; `name` tells blocks of one height apart."""
    block = height.to_bytes(16, "big") + name.to_bytes(16, "big")
    return Checkpoint(chain, epoch, height, block, bytes(32), bytes(32), AUTHORITIES.root)


def say(who: int, what: Checkpoint) -> SignedCheckpoint:
    """The word of a key."""
    signature = signing.sign(SECRET_OF[KEYS[who]], checkpoint_digest(what))
    return SignedCheckpoint(what, KEYS[who], signature)


def certificate(what: Checkpoint, *who: int) -> Certificate:
    """A certificate with these keys' signatures, in this order, whether or not it is valid."""
    words = [say(each, what) for each in who]
    return Certificate(what, tuple(AuthoritySignature(w.public_key, w.signature) for w in words))


def reason_of(error: type[PeerError], function: object, *arguments: object) -> Refusal:
    assert callable(function)
    with pytest.raises(error) as raised:
        function(*arguments)
    return raised.value.reason


CHECKPOINT = checkpoint()


@pytest.mark.parametrize("who", [(0, 1, 2), (4, 1, 2), (0, 1, 2, 3), (1, 2, 3)])
def test_enough_authorities_make_a_checkpoint(who: tuple[int, ...]) -> None:
    """Any three of four, with any key of each."""
    found = verify(CHAIN, AUTHORITIES, certificate(CHECKPOINT, *who))
    assert found == VerifiedCheckpoint(CHECKPOINT)


BAD = [
    (Refusal.WRONG_CHAIN, certificate(checkpoint(chain="geo_other"), 0, 1, 2)),
    (Refusal.NOT_ENOUGH_AUTHORITIES, certificate(CHECKPOINT)),
    (Refusal.NOT_ENOUGH_AUTHORITIES, certificate(CHECKPOINT, 0, 1)),
    (Refusal.UNKNOWN_AUTHORITY, certificate(CHECKPOINT, 0, 1, 5)),
    (Refusal.UNKNOWN_AUTHORITY, certificate(CHECKPOINT, 0, 1, 2, 5)),
    (Refusal.DUPLICATE_SIGNER, certificate(CHECKPOINT, 0, 4, 1)),
    (Refusal.DUPLICATE_SIGNER, certificate(CHECKPOINT, 0, 0, 1)),
    (Refusal.DUPLICATE_SIGNER, certificate(CHECKPOINT, 1, 0, 2)),
    (
        Refusal.BAD_SIGNATURE,
        Certificate(checkpoint(101), certificate(CHECKPOINT, 0, 1, 2).signatures),
    ),
    (
        Refusal.BAD_SIGNATURE,
        Certificate(
            CHECKPOINT,
            (
                *certificate(CHECKPOINT, 0, 1, 2).signatures,
                AuthoritySignature(KEYS[3], bytes(64)),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("reason", "bad"), BAD)
def test_what_is_no_checkpoint(reason: Refusal, bad: Certificate) -> None:
    """Each by its name. One bad signature spoils a certificate that has enough without it."""
    assert reason_of(InvalidCheckpoint, verify, CHAIN, AUTHORITIES, bad) is reason


def test_a_single_word() -> None:
    """Its role, or why it is nobody's."""
    assert [verify_signed(CHAIN, AUTHORITIES, say(who, CHECKPOINT)) for who in (0, 4, 3)] == [
        1,
        1,
        4,
    ]
    other = msgspec.structs.replace(say(0, CHECKPOINT), public_key=KEYS[1])
    cases = [
        (Refusal.BAD_SIGNATURE, other),
        (Refusal.UNKNOWN_AUTHORITY, say(5, CHECKPOINT)),
        (Refusal.WRONG_CHAIN, say(0, checkpoint(chain="geo_other"))),
    ]
    for reason, word in cases:
        assert reason_of(InvalidCheckpoint, verify_signed, CHAIN, AUTHORITIES, word) is reason


@given(st.permutations(range(5)), st.integers(0, 5))
def test_words_become_a_certificate(order: list[int], count: int) -> None:
    """As soon as three roles have spoken, whatever the order, and it verifies."""
    spoken = order[:count]
    roles = {AUTHORITIES.role_of(KEYS[each]) for each in spoken}
    made = certify(AUTHORITIES, [say(each, CHECKPOINT) for each in spoken])
    assert (made is not None) is (len(roles) >= 3)
    if made is not None:
        assert len(made.signatures) == len(roles)
        assert verify(CHAIN, AUTHORITIES, made) == VerifiedCheckpoint(CHECKPOINT)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": "geo_other"},
        {"epoch": 2},
        {"height": 101},
        {"block_id": bytes(32)},
        {"state_root": b"x" * 32},
        {"next_validators_root": b"x" * 32},
        {"next_authorities_root": b"x" * 32},
    ],
)
def test_a_signature_covers_all_of_it(change: dict[str, object]) -> None:
    """Every field is under the digest."""
    other = msgspec.structs.replace(CHECKPOINT, **change)
    assert checkpoint_digest(other) != checkpoint_digest(CHECKPOINT)


def test_a_certificate_survives_its_journey() -> None:
    """The largest too; garbage and a height of 0 do not."""
    full = Certificate(
        checkpoint(2**53 - 1, 2**53 - 1, chain="c" * 64),
        tuple(AuthoritySignature(bytes(33), bytes(64)) for _ in range(MAX_AUTHORITIES)),
    )
    for each in (full, certificate(CHECKPOINT, 0, 1, 2)):
        assert certificate_codec.decode(certificate_codec.encode(each)) == each
    with pytest.raises(ValueError, match=">= 1"):
        certificate_codec.decode(msgspec.msgpack.encode(Certificate(checkpoint(0), ())))


# What contradicts what.

statements = st.builds(checkpoint, st.integers(1, 6), st.integers(0, 3), st.integers(0, 1))


@given(statements, statements)
def test_contradiction_has_no_order(first: Checkpoint, second: Checkpoint) -> None:
    """And nothing contradicts itself or another chain's."""
    assert contradict(first, second) is contradict(second, first)
    assert not contradict(first, first)
    elsewhere = msgspec.structs.replace(second, chain_id="geo_other")
    assert not contradict(first, elsewhere)


@given(st.lists(statements, max_size=12))
def test_a_guarded_authority_never_contradicts_itself(asked: list[Checkpoint]) -> None:
    """Whatever it is asked to sign, in whatever order."""
    last, signed = None, []
    for each in asked:
        if may_sign(last, each):
            last = each
            signed.append(each)
    assert not any(contradict(*pair) for pair in combinations(signed, 2))


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_a_guard_lets_a_chain_through(steps: list[int]) -> None:
    """Every checkpoint of one chain, as its epochs go, again after a restart too."""
    last, epoch = None, 0
    for height, step in enumerate(steps, start=1):
        epoch += step
        new = checkpoint(height, epoch)
        assert may_sign(last, new)
        assert may_sign(new, new)
        last = new


@given(statements, statements)
def test_contradicting_certificates_prove_somebody_guilty(
    first: Checkpoint, second: Checkpoint
) -> None:
    """Any three of four beside any three of four share a role, whose two words are evidence."""
    if not contradict(first, second):
        return
    for some, others in product(combinations(range(4), 3), repeat=2):
        shared = set(some) & set(others)
        assert shared
        who = min(shared)
        pair = say(who, first), say(who, second)
        assert check_contradiction(CHAIN, AUTHORITIES, *pair) == who + 1


def test_what_proves_nothing() -> None:
    """Two authorities, words that stand beside each other, a word that nobody gave."""
    here, there = checkpoint(name=1), checkpoint(name=2)
    assert check_contradiction(CHAIN, AUTHORITIES, say(0, here), say(4, there)) == 1
    for pair in [
        (say(0, here), say(1, there)),
        (say(0, here), say(0, here)),
        (say(0, here), say(0, checkpoint(101))),
        (say(0, here), say(0, checkpoint(chain="geo_other"))),
    ]:
        for first, second in permutations(pair):
            arguments = (check_contradiction, CHAIN, AUTHORITIES, first, second)
            assert reason_of(InvalidEvidence, *arguments) is Refusal.NO_OFFENCE
    forged = msgspec.structs.replace(say(0, there), signature=bytes(64))
    for first, second in permutations((say(0, here), forged)):
        arguments = (check_contradiction, CHAIN, AUTHORITIES, first, second)
        assert reason_of(InvalidCheckpoint, *arguments) is Refusal.BAD_SIGNATURE
    strangers = [say(5, each) for each in (here, there)]
    elsewhere = [say(0, checkpoint(name=name, chain="geo_other")) for name in (1, 2)]
    for reason, words in (
        (Refusal.UNKNOWN_AUTHORITY, strangers),
        (Refusal.WRONG_CHAIN, elsewhere),
    ):
        call = (check_contradiction, CHAIN, AUTHORITIES, *words)
        assert reason_of(InvalidCheckpoint, *call) is reason


# What a node holds to.


def test_how_a_chain_lies_to_a_checkpoint() -> None:
    """Behind it, through it, or past another block, which is refused."""
    block = CHECKPOINT.block_id
    assert relation(CHECKPOINT, 0, None) is Relation.BEHIND
    assert relation(CHECKPOINT, 99, None) is Relation.BEHIND
    assert relation(CHECKPOINT, 100, block) is Relation.CONTAINS
    assert relation(CHECKPOINT, 500, block) is Relation.CONTAINS
    for at in (bytes(32), None):
        arguments = (relation, CHECKPOINT, 100, at)
        assert reason_of(CrossesCheckpoint, *arguments) is Refusal.CROSSES_CHECKPOINT


@given(st.lists(statements, max_size=12))
def test_a_node_goes_forward_only(heard: list[Checkpoint]) -> None:
    """Whatever certificates come, in whatever order: heights and epochs never fall, and a height
    keeps its block. What is refused leaves things as they were."""
    current: Checkpoint | None = None
    held: list[Checkpoint] = []
    for each in heard:
        try:
            current = anchored(current, VerifiedCheckpoint(each))
        except CrossesCheckpoint:
            assert current is not None
            assert each.height < current.height or contradict(each, current)
            continue
        assert current == each
        held.append(current)
    assert [each.height for each in held] == sorted(each.height for each in held)
    assert not any(contradict(*pair) for pair in combinations(held, 2))


# Rotation.

SECOND = AuthoritySet([Authority(role, (KEYS[role + 1],)) for role in (1, 2, 3, 4)], 3)
THIRD = AuthoritySet([Authority(role, (KEYS[role],)) for role in (1, 2)], 2)


def naming(height: int, successors: AuthoritySet) -> Checkpoint:
    return msgspec.structs.replace(checkpoint(height), next_authorities_root=successors.root)


def test_authorities_name_their_successors() -> None:
    """From the first, whom a node trusts, to the last, by checkpoints alone."""
    steps = [
        (certificate(naming(10, SECOND), 0, 1, 2), SECOND),
        (certificate(naming(20, THIRD), 2, 3, 4), THIRD),
    ]
    assert succeeded(CHAIN, AUTHORITIES, []) == AUTHORITIES
    assert succeeded(CHAIN, AUTHORITIES, steps[:1]) == SECOND
    assert succeeded(CHAIN, AUTHORITIES, steps) == THIRD


def test_nobody_else_does() -> None:
    """A set that was not named, authorities that have been replaced, steps out of order."""
    first = certificate(naming(10, SECOND), 0, 1, 2)
    by_old = certificate(naming(20, THIRD), 0, 1, 2)
    late = certificate(naming(9, THIRD), 2, 3, 4)
    cases: list[tuple[type[PeerError], Refusal, list[tuple[Certificate, AuthoritySet]]]] = [
        (InvalidCheckpoint, Refusal.UNKNOWN_AUTHORITY, [(first, THIRD)]),
        (InvalidCheckpoint, Refusal.UNKNOWN_AUTHORITY, [(first, SECOND), (by_old, THIRD)]),
        (CrossesCheckpoint, Refusal.CROSSES_CHECKPOINT, [(first, SECOND), (late, THIRD)]),
    ]
    for error, reason, steps in cases:
        assert reason_of(error, succeeded, CHAIN, AUTHORITIES, steps) is reason
