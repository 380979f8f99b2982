"""A town whose authorities sign a checkpoint every few blocks, and whose people retire energy."""

from consensus.authorities import AuthoritySet
from consensus.checkpoints import SignedCheckpoint, certify, checkpoint_digest
from consensus.signing import sign
from gtxnode.certificates.proof import RetirementProof, check_certificate, final_state
from gtxnode.certificates.prove import By, prove_certificate
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.retirements import retirement
from gtxnode.chain.validators import FixedSets
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.statement import Statements
from gtxnode.ledger import wallet
from gtxnode.ledger.authority.authorities import all_authorities
from gtxnode.ledger.energy.retirement_log import Retired
from gtxnode.ledger.parameters import ChainParameters, CheckpointRules
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.zones import Role
from tests.ledger.little_chain import CHAIN, FEE, PARAMETERS, address, private_key, signed
from tests.views.town import VALIDATORS, Town

START_S = 1_803_700_800
"""Noon in Bangkok."""
INTERVAL = 5
PEOPLE = ("somchai", "malee", "niran")
RULES = CheckpointRules(interval_blocks=INTERVAL)


class SigningTown(Town):
    """Each of its people has 2 kWh of one quarter of an hour, and took in 1 kWh."""

    def __init__(self, *, signs: bool = True) -> None:
        parameters = ChainParameters(zones=PARAMETERS.zones, checkpoints=RULES)
        self.signs = signs
        super().__init__(START_S, *PEOPLE, parameters=parameters)
        readings = [self.reading(name, START_S, 1_000, 2_000) for name in PEOPLE]
        self.accepted(*readings, at_s=START_S + 1_000)

    @property
    def founders(self) -> AuthoritySet:
        found = all_authorities(self.store.parameters)
        assert found is not None
        return found

    def block(self, *transactions: CheckedTransaction, at_s: int | None = None) -> BlockRecord:
        record = super().block(*transactions, at_s=at_s)
        if self.signs and self.store.tip.height % INTERVAL == 0:
            self._sign()
        return record

    def retire(self, name: str, wh: int) -> CheckedTransaction:
        """Energy of a person's, for nobody's import."""
        body = wallet.retire(address(name), self.energy(name), self.cash(name), wh, FEE)
        return signed(body, name)

    def prove(self, identity: bytes, by: By | None = None) -> RetirementProof:
        logged = retirement(self.store.database, identity)
        assert logged is not None
        return prove_certificate(self.store, logged, by)

    def _sign(self) -> None:
        statements = Statements(self.store, FixedSets(VALIDATORS, bytes(32)))
        stated = statements.of(self.store.tip.height)
        assert stated is not None
        digest = checkpoint_digest(stated)
        words = [
            SignedCheckpoint(stated, key, sign(private_key(Role(each.role).name), digest))
            for each in self.founders.authorities
            for key in each.public_keys
        ]
        certificate = certify(self.founders, words[1:])
        assert certificate is not None
        CertificateArchive(self.store.database).keep(certificate)


def checked(town: SigningTown, proof: RetirementProof) -> Retired:
    """What somebody finds proved who has the genesis and no chain."""
    state = final_state(CHAIN, proof.finality, VALIDATORS, town.founders)
    return check_certificate(CHAIN, state.root, proof)
