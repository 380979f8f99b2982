"""Authorities: whose signatures count when, and what two checkpoints cost those who signed both."""

import msgspec
import pytest

from consensus import signing
from consensus.checkpoints import Checkpoint, SignedCheckpoint, checkpoint_digest
from consensus.errors import InvalidAuthoritySet
from gtxnode.ledger.authority.authorities import (
    BarredKey,
    BarredKeys,
    all_authorities,
    authorities_at,
    barred_coin_id,
    signing_height,
)
from gtxnode.ledger.bodies import CheckpointPair, Evidence
from gtxnode.ledger.parameters import Authority, ChainParameters, CheckpointRules
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role
from tests.ledger.little_chain import CHAIN, LittleChain, private_key, public_key, signed

SECOND_KEY = "EGAT's second key"
NAMES = (*[role.name for role in Role], SECOND_KEY)
KEYS = tuple(
    Authority(Role.EGAT if name == SECOND_KEY else Role[name], public_key(name)) for name in NAMES
)
PARAMETERS = ChainParameters(authorities=KEYS)


def word(name: str, height: int, block: int, *, epoch: int = 0) -> SignedCheckpoint:
    """An authority's word; blocks go by numbers."""
    rest = [bytes(32)] * 3
    checkpoint = Checkpoint(CHAIN, epoch, height, block.to_bytes(32, "big"), *rest)
    return resigned(checkpoint, name)


def resigned(checkpoint: Checkpoint, name: str) -> SignedCheckpoint:
    signature = signing.sign(private_key(name), checkpoint_digest(checkpoint))
    return SignedCheckpoint(checkpoint, public_key(name), signature)


def pair(first: SignedCheckpoint, second: SignedCheckpoint) -> CheckedTransaction:
    return signed(Evidence(CheckpointPair(first, second)), "malee")


def a_chain() -> LittleChain:
    chain = LittleChain("malee")
    chain.parameters = msgspec.structs.replace(chain.parameters, authorities=KEYS)
    return chain


def barred(chain: LittleChain) -> BarredKeys | None:
    coin = chain.coin(barred_coin_id(CHAIN))
    assert coin is None or isinstance(coin, BarredKeys)
    return coin


def without(*keys: tuple[str, int]) -> BarredKeys:
    return BarredKeys(tuple(BarredKey(public_key(name), height) for name, height in keys))


def test_three_of_four_unless_the_genesis_says_otherwise() -> None:
    authorities = all_authorities(PARAMETERS)
    assert authorities is not None
    assert (len(authorities), authorities.threshold) == (4, 3)
    assert authorities.role_of(public_key(SECOND_KEY)) == Role.EGAT
    stricter = msgspec.structs.replace(PARAMETERS, checkpoints=CheckpointRules(threshold=4))
    assert authorities_at(stricter, None, 0) != authorities
    looser = msgspec.structs.replace(PARAMETERS, checkpoints=CheckpointRules(threshold=2))
    with pytest.raises(InvalidAuthoritySet):
        all_authorities(looser)


def test_a_chain_without_authorities_has_no_set() -> None:
    assert all_authorities(ChainParameters()) is None
    assert authorities_at(ChainParameters(), None, 0) is None


def test_a_barred_key_counts_up_to_its_block_and_its_role_while_it_has_another() -> None:
    found = without(("EGAT", 7))
    before, after = authorities_at(PARAMETERS, found, 6), authorities_at(PARAMETERS, found, 7)
    assert before == all_authorities(PARAMETERS)
    assert after is not None
    assert after.role_of(public_key("EGAT")) is None
    assert after.role_of(public_key(SECOND_KEY)) == Role.EGAT
    assert (len(after), after.threshold) == (4, 3)


def test_fewer_authorities_do_not_lower_the_threshold() -> None:
    one_gone = authorities_at(PARAMETERS, without(("MEA", 1)), 1)
    assert one_gone is not None
    assert (len(one_gone), one_gone.threshold) == (3, 3)
    assert authorities_at(PARAMETERS, without(("MEA", 1), ("ERC", 1)), 1) is None


def test_the_checkpoint_before_says_who_signs() -> None:
    assert [signing_height(height, 100) for height in (100, 200, 300)] == [0, 100, 200]


CONTRADICTIONS = {
    "one height": (word("EGAT", 100, 1), word("EGAT", 100, 2)),
    "two keys of one role": (word("EGAT", 100, 1), word(SECOND_KEY, 100, 2)),
    "epochs that fall": (word("EGAT", 100, 1, epoch=2), word("EGAT", 200, 2, epoch=1)),
    "a height to come": (word("EGAT", 10**6, 1), word("EGAT", 10**6, 2)),
}


@pytest.mark.parametrize("offence", CONTRADICTIONS)
def test_two_checkpoints_that_contradict_cost_the_keys_that_signed_them(offence: str) -> None:
    chain = a_chain()
    first, second = CONTRADICTIONS[offence]
    chain.accepted(pair(first, second))
    keys = {first.public_key, second.public_key}
    found = barred(chain)
    assert found is not None
    assert found.at(chain.height) == keys
    assert found.at(chain.height - 1) == frozenset()
    assert chain.refused(pair(second, first)) is Reason.ALREADY_PUNISHED
    assert barred(chain) == found


def test_another_key_of_the_role_is_barred_beside_the_first() -> None:
    chain = a_chain()
    chain.accepted(pair(*CONTRADICTIONS["one height"]))
    chain.accepted(pair(*CONTRADICTIONS["two keys of one role"]))
    chain.accepted(pair(word("ERC", 100, 1), word("ERC", 100, 2)))
    found = barred(chain)
    assert found is not None
    assert [each.public_key for each in found.keys] == sorted(
        public_key(name) for name in ("EGAT", SECOND_KEY, "ERC")
    )
    heights = {each.public_key: each.height for each in found.keys}
    assert heights[public_key("EGAT")] == 1  # what was barred first stays so
    assert authorities_at(chain.parameters, found, chain.height) is None


FOREIGN = Checkpoint("another chain", 0, 100, *[bytes(32)] * 4)
NO_PROOF = {
    "the same twice": (word("EGAT", 100, 1), word("EGAT", 100, 1)),
    "two roles": (word("EGAT", 100, 1), word("ERC", 100, 2)),
    "two heights": (word("EGAT", 100, 1), word("EGAT", 200, 2)),
    "nobody's word": (word("EGAT", 100, 1), word("malee", 100, 2)),
    "a forged word": (
        word("EGAT", 100, 1),
        msgspec.structs.replace(word("EGAT", 100, 2), signature=bytes(64)),
    ),
    "another chain's": (
        resigned(FOREIGN, "EGAT"),
        resigned(msgspec.structs.replace(FOREIGN, epoch=1), "EGAT"),
    ),
}


@pytest.mark.parametrize("case", NO_PROOF)
def test_what_proves_nothing_is_refused(case: str) -> None:
    chain = a_chain()
    assert chain.refused(pair(*NO_PROOF[case])) is Reason.INVALID_EVIDENCE
    assert barred(chain) is None


def test_a_chain_without_authorities_takes_no_such_evidence() -> None:
    chain = LittleChain("malee")
    chain.parameters = msgspec.structs.replace(chain.parameters, authorities=())
    assert chain.refused(pair(*CONTRADICTIONS["one height"])) is Reason.INVALID_EVIDENCE
