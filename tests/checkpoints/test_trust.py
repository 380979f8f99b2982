"""What a new node starts from: certificates that lead from the genesis over all changes of keys."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from consensus import signing
from consensus.checkpoints import Certificate, SignedCheckpoint, certify, checkpoint_digest
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.statement import Statements
from gtxnode.checkpoints.trust import (
    InvalidTrust,
    NoTrust,
    Trust,
    decode_trust,
    encode_trust,
    followed,
    gather,
    trusted_checkpoint,
)
from gtxnode.ledger.authority.authorities import all_authorities
from gtxnode.ledger.bodies import RotateKeys
from gtxnode.ledger.parameters import Authority, CheckpointRules
from gtxnode.primitives.zones import Role
from gtxnode.rpc.errors import NotFound
from gtxnode.views.checkpoints import checkpoint_view, trust_view
from tests.chain.registry import CHAIN, PARAMETERS, Registry

INTERVAL = 2
KEYS = {role: bytes([100 + role]) * 32 for role in Role}
NEXT = {role: bytes([110 + role]) * 32 for role in Role}
BY_PUBLIC = {signing.public_key(key): key for key in (*KEYS.values(), *NEXT.values())}
ANCHORED = replace(
    PARAMETERS,
    authorities=tuple(Authority(role, signing.public_key(key)) for role, key in KEYS.items()),
    checkpoints=CheckpointRules(interval_blocks=INTERVAL),
)
FOUNDERS = all_authorities(ANCHORED)
assert FOUNDERS is not None


class Anchored(Registry):
    """A registry whose checkpoints are certified, but for those that are `missed`."""

    def __init__(self, *missed: int) -> None:
        super().__init__(ANCHORED)
        self._missed = missed

    def grow(self, blocks: int) -> None:
        for _ in range(blocks):
            self.add()
            self.certify()

    def rotate(self, role: Role, number: int = 1, key: bytes | None = None) -> None:
        own = key or NEXT[role]
        new = signing.public_key(own)
        others = [key for each, key in KEYS.items() if each in (Role.ERC, Role.EGAT, Role.MEA)]
        self.add(RotateKeys(role, number, (new,)), by=own, beside=others)
        self.certify()

    def certify(self, late: int | None = None) -> None:
        height = late or self.store.tip.height
        if height % INTERVAL or (height in self._missed and not late):
            return
        statements = Statements(self.store, self.sets)
        stated, authorities = statements.of(height), statements.authorities(height)
        assert stated is not None
        assert authorities is not None
        keys = [each.public_keys[0] for each in authorities.authorities]
        digest = checkpoint_digest(stated)
        words = [
            SignedCheckpoint(stated, key, signing.sign(BY_PUBLIC[key], digest)) for key in keys
        ]
        certificate = certify(authorities, words[1:])
        assert certificate is not None
        CertificateArchive(self.database).keep(certificate)


def twice_rotated() -> Trust:
    return gather(twice_rotated_chain().store)


def twice_rotated_chain() -> Anchored:
    chain = Anchored()
    chain.grow(2)
    chain.rotate(Role.PEA)
    chain.grow(6)
    chain.rotate(Role.MEA)
    chain.grow(6)
    return chain


def test_certificates_lead_from_the_genesis_over_every_change() -> None:
    trust = twice_rotated()
    assert FOUNDERS is not None
    assert [step.certificate.checkpoint.height for step in trust.steps] == [4, 12]
    found = trusted_checkpoint(CHAIN, FOUNDERS, decode_trust(encode_trust(trust)))
    assert found == trust.newest.checkpoint
    assert found.height == 16


def test_without_a_change_the_newest_is_enough() -> None:
    chain = Anchored()
    with pytest.raises(NoTrust):
        gather(chain.store)
    chain.grow(5)
    trust = gather(chain.store)
    assert FOUNDERS is not None
    assert trust.steps == ()
    assert trusted_checkpoint(CHAIN, FOUNDERS, trust).height == 4


def test_it_leads_as_far_as_no_turn_is_missing() -> None:
    chain = Anchored(2, 4)
    chain.grow(2)
    chain.rotate(Role.PEA)
    chain.grow(6)
    with pytest.raises(NoTrust, match="checkpoint 4"):
        gather(chain.store)
    with pytest.raises(NotFound):
        trust_view("func_governance", chain.store)
    chain = Anchored(4)
    chain.grow(2)
    chain.rotate(Role.PEA)
    chain.grow(6)
    assert gather(chain.store).newest.checkpoint.height == 2
    chain.certify(4)
    assert gather(chain.store).newest.checkpoint.height == 8


@pytest.mark.parametrize("after", range(0, 18, 2))
@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_from_any_checkpoint_it_leads_on_over_so_many_turns(after: int, most: int) -> None:
    chain = twice_rotated_chain()
    signers = Statements(chain.store, chain.sets).authorities(after + INTERVAL)
    assert signers is not None
    met = after
    while met < 16:
        lead = gather(chain.store, met, most)
        assert len(lead.steps) <= most
        certificates = followed(CHAIN, signers, lead)
        met = certificates[-1].checkpoint.height
        signers = Statements(chain.store, chain.sets).authorities(met + INTERVAL)
        assert signers is not None
    with pytest.raises(NoTrust):
        gather(chain.store, met, most)


def test_old_certificates_are_shown_with_those_who_signed_them() -> None:
    chain = Anchored()
    chain.grow(2)
    chain.rotate(Role.PEA)
    chain.grow(6)
    for height in range(INTERVAL, chain.store.tip.height, INTERVAL):
        shown = checkpoint_view("func_governance", chain.store, height)
        assert len({each.role for each in shown.signatures}) == 3


def without(trust: Trust, place: int) -> Trust:
    return replace(trust, steps=(*trust.steps[:place], *trust.steps[place + 1 :]))


def forged(certificate: Certificate) -> Certificate:
    signatures = [replace(each, signature=bytes(64)) for each in certificate.signatures]
    return replace(certificate, signatures=tuple(signatures))


WRONG: dict[str, Callable[[Trust], Trust]] = {
    "the first step is missing": lambda trust: without(trust, 0),
    "the last step is missing": lambda trust: without(trust, 1),
    "the wrong way round": lambda trust: replace(trust, steps=trust.steps[::-1]),
    "other successors": lambda trust: replace(
        trust,
        steps=(replace(trust.steps[0], authorities=trust.steps[1].authorities), trust.steps[1]),
    ),
    "half are enough": lambda trust: replace(
        trust, steps=(replace(trust.steps[0], threshold=2), trust.steps[1])
    ),
    "a forged checkpoint": lambda trust: replace(trust, newest=forged(trust.newest)),
    "back to an old one": lambda trust: replace(trust, newest=trust.steps[0].certificate),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_leads_nowhere_is_refused(wrong: str) -> None:
    assert FOUNDERS is not None
    with pytest.raises(InvalidTrust):
        trusted_checkpoint(CHAIN, FOUNDERS, WRONG[wrong](twice_rotated()))


def test_nobody_is_led_back_to_a_time_of_the_same_keys() -> None:
    chain = Anchored()
    chain.grow(2)
    chain.rotate(Role.PEA)
    chain.grow(6)
    chain.rotate(Role.PEA, 2, KEYS[Role.PEA])
    chain.grow(6)
    trust, old = gather(chain.store), CertificateArchive(chain.database).at(2)
    assert FOUNDERS is not None
    assert old is not None
    assert trusted_checkpoint(CHAIN, FOUNDERS, trust) == trust.newest.checkpoint
    with pytest.raises(InvalidTrust):
        trusted_checkpoint(CHAIN, FOUNDERS, replace(trust, newest=old))


def test_another_chains_or_another_genesis_certificates_are_refused() -> None:
    trust = twice_rotated()
    assert FOUNDERS is not None
    with pytest.raises(InvalidTrust):
        trusted_checkpoint("other/func_governance", FOUNDERS, trust)
    strangers = all_authorities(
        replace(
            ANCHORED,
            authorities=tuple(
                Authority(role, signing.public_key(key)) for role, key in NEXT.items()
            ),
        )
    )
    assert strangers is not None
    with pytest.raises(InvalidTrust):
        trusted_checkpoint(CHAIN, strangers, trust)


@pytest.mark.parametrize("data", [b"", b"\x93", b"\x93\xa1x\x90\x90", bytes(100)])
def test_garbage_is_refused_by_that_one_error(data: bytes) -> None:
    with pytest.raises(InvalidTrust):
        decode_trust(data)
