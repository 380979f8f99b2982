"""Evidence of what was signed on another chain: its epoch is shown by a final block there."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from consensus import signing
from consensus.types import UNSIGNED, Vote, VoteKind, vote_digest
from gtxnode.ledger.bodies import Elsewhere, Evidence, VotePair
from gtxnode.ledger.transactions import CheckedTransaction, parse
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Shard
from tests.ledger.little_chain import CHAIN, GTX, private_key, signed
from tests.ledger.little_registry import GENESIS_STAKE, RULES, LittleRegistry, double_vote, node
from tests.ledger.other_chain import FOUNDERS, SOUTH, final_block


def a_registry() -> LittleRegistry:
    chain = LittleRegistry(FOUNDERS, rules=replace(RULES, max_validators=4))
    chain.block()
    return chain


def vote(name: str, height: int, block: bytes, chain_id: str = SOUTH) -> Vote:
    unsigned = Vote(VoteKind.PREVOTE, height, 0, block * 32, -1, node(name), UNSIGNED)
    digest = vote_digest(chain_id, unsigned)
    return replace(unsigned, signature=signing.sign(private_key(f"{name}'s node"), digest))


def pair(name: str, height: int, chain_id: str = SOUTH) -> VotePair:
    return VotePair(vote(name, height, b"\x01", chain_id), vote(name, height, b"\x02", chain_id))


def place(
    chain: LittleRegistry,
    height: int,
    anchor: int,
    *,
    epoch: int | None = None,
    chain_id: str = SOUTH,
    signers: tuple[str, ...] = FOUNDERS,
    root: bytes | None = None,
) -> Elsewhere:
    """A final block of the south that names the registry's block at `anchor`."""
    number = anchor // RULES.epoch_blocks if epoch is None else epoch
    header, commit = final_block(
        chain, height, anchor, epoch=number, chain_id=chain_id, signers=signers, root=root
    )
    return Elsewhere(chain_id, header, commit, number)


def accusation(name: str, height: int, where: Elsewhere) -> CheckedTransaction:
    return signed(Evidence(pair(name, height, where.chain_id), where), "anyone")


def test_who_signs_twice_on_another_chain_is_slashed_here() -> None:
    chain = a_registry()
    outcome = chain.accepted(accusation("anan", 9, place(chain, 8, 1)))
    assert outcome.burned_ugtx == GENESIS_STAKE * 5 // 100
    anan = chain.validator("anan")
    assert anan is not None
    assert anan.jailed_until == RULES.jail_epochs
    # One seat is lost once, wherever it was misused.
    for again in (
        accusation("anan", 10, place(chain, 9, 0)),
        double_vote("anan", 1),
        accusation("anan", 1, Elsewhere(SOUTH, None, None, 0)),
    ):
        assert chain.refused(again) is Reason.ALREADY_PUNISHED
    chain.accepted(double_vote("boon", 1))
    assert chain.refused(accusation("boon", 9, place(chain, 8, 1))) is Reason.ALREADY_PUNISHED
    chain.to_epoch(1)
    chain.accepted(accusation("anan", 12, place(chain, 11, RULES.epoch_blocks)))


def test_at_the_first_height_it_is_the_first_epoch() -> None:
    chain = a_registry()
    chain.accepted(accusation("anan", 1, Elsewhere(SOUTH, None, None, 0)))
    chain.to_epoch(RULES.evidence_epochs + 1)
    late = accusation("boon", 1, Elsewhere(SOUTH, None, None, 0))
    assert chain.refused(late) is Reason.EVIDENCE_OUT_OF_WINDOW


def test_the_epoch_is_that_of_the_block_that_is_named() -> None:
    chain = a_registry()
    chain.accepted(chain.unstake("dao", GENESIS_STAKE, by="dao's node"))
    chain.to_epoch(3)
    dao_leaves = 2 * RULES.epoch_blocks
    before, after = place(chain, 20, dao_leaves - 1), place(chain, 20, dao_leaves, epoch=1)
    assert chain.refused(accusation("dao", 21, after)) is Reason.INVALID_EVIDENCE
    chain.accepted(accusation("dao", 21, before))


def test_who_does_not_serve_the_chain_has_no_vote_there() -> None:
    chain = a_registry()
    chain.accepted(chain.serve("dao", Shard.GEO_BANGKOK, by="dao's node"))
    chain.to_epoch(2)
    three = FOUNDERS[:3]
    anchor = 2 * RULES.epoch_blocks
    stranger = accusation("dao", 31, place(chain, 30, anchor, signers=three))
    assert chain.refused(stranger) is Reason.INVALID_EVIDENCE
    wrong_set = place(chain, 30, anchor, signers=FOUNDERS)
    assert chain.refused(accusation("anan", 31, wrong_set)) is Reason.INVALID_EVIDENCE
    chain.accepted(accusation("anan", 31, place(chain, 30, anchor, signers=three)))


WRONG_IN_STATE: dict[str, Callable[[LittleRegistry], Elsewhere]] = {
    "too few signed": lambda chain: place(chain, 8, 1, signers=FOUNDERS[:2]),
    "another set's block, though all signed it": lambda chain: place(
        chain, 8, 1, root=b"\x08" * 32
    ),
    "a commit on another block": lambda chain: replace(
        place(chain, 8, 1), commit=place(chain, 8, 0).commit
    ),
}


@pytest.mark.parametrize("wrong", WRONG_IN_STATE)
def test_a_block_that_is_not_final_shows_nothing(wrong: str) -> None:
    chain = a_registry()
    where = WRONG_IN_STATE[wrong](chain)
    assert chain.refused(accusation("anan", 9, where)) is Reason.INVALID_EVIDENCE


def test_what_names_an_epoch_out_of_the_window_is_refused() -> None:
    chain = a_registry()
    ahead = place(chain, 8, RULES.epoch_blocks, epoch=0)
    assert chain.refused(accusation("anan", 9, ahead)) is Reason.EVIDENCE_OUT_OF_WINDOW
    unknown = replace(place(chain, 8, 1), epoch=99)
    assert chain.refused(accusation("anan", 9, unknown)) is Reason.EVIDENCE_OUT_OF_WINDOW
    early = place(chain, 8, 1)
    chain.to_epoch(RULES.evidence_epochs + 1)
    assert chain.refused(accusation("anan", 9, early)) is Reason.EVIDENCE_OUT_OF_WINDOW


def no_place(height: int, chain_id: str = SOUTH) -> Elsewhere:
    return Elsewhere(chain_id, None, None, 0)


MALFORMED: dict[str, Callable[[LittleRegistry], Evidence]] = {
    "no block": lambda chain: Evidence(pair("anan", 9), no_place(9)),
    "no commit": lambda chain: Evidence(pair("anan", 9), replace(place(chain, 8, 1), commit=None)),
    "another height": lambda chain: Evidence(pair("anan", 9), place(chain, 7, 1)),
    "another chain's block": lambda chain: Evidence(
        pair("anan", 9), replace(place(chain, 8, 1), chain_id=Shard.GEO_BANGKOK.value)
    ),
    "another network's chain": lambda chain: Evidence(
        pair("anan", 1, "other/geo_southern"), no_place(1, "other/geo_southern")
    ),
    "no chain of ours": lambda chain: Evidence(pair("anan", 1, "x"), no_place(1, "x")),
    "this chain": lambda chain: Evidence(pair("anan", 1, CHAIN), no_place(1, CHAIN)),
}


@pytest.mark.parametrize("form", MALFORMED)
def test_what_is_no_place_never_gets_into_a_block(form: str) -> None:
    body = MALFORMED[form](a_registry())
    encoded = sign(CHAIN, body, private_key("anyone")).encoded
    with pytest.raises(Refused) as refused:
        parse(CHAIN, encoded)
    assert refused.value.reason is Reason.INVALID_EVIDENCE


def test_every_signature_is_checked_with_the_witnesses() -> None:
    chain = a_registry()
    where = place(chain, 8, 1)
    assert where.commit is not None
    parsed = parse(CHAIN, accusation("anan", 9, where).encoded)
    assert all(signing.verify_slice(parsed.signature_checks()))
    for at in range(len(FOUNDERS)):
        forged = list(where.commit.signatures)
        forged[at] = replace(forged[at], signature=bytes(64))
        bad = replace(where, commit=replace(where.commit, signatures=tuple(forged)))
        encoded = sign(CHAIN, Evidence(pair("anan", 9), bad), private_key("anyone")).encoded
        checks = parse(CHAIN, encoded).signature_checks()
        assert list(signing.verify_slice(checks)).count(False) == 1
    # Votes for another chain prove nothing about this one.
    elsewhere = Evidence(pair("anan", 9, Shard.GEO_BANGKOK.value), where)
    checks = parse(CHAIN, sign(CHAIN, elsewhere, private_key("anyone")).encoded).signature_checks()
    assert list(signing.verify_slice(checks)).count(False) == 2


def test_nobody_else_pays() -> None:
    chain = a_registry()
    chain.accepted(accusation("anan", 9, place(chain, 8, 1)))
    for name in FOUNDERS[1:]:
        validator = chain.validator(name)
        assert validator is not None
        assert validator.stake_ugtx == GENESIS_STAKE > GTX
