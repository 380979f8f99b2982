"""That a transaction is in a final block, as it was signed, is proved without the chain."""

import pytest
from msgspec.structs import asdict, replace

from consensus import merkle
from consensus.signing import verify_slice
from consensus.validators import Validator, ValidatorSet
from gtxnode.batches.gather import Waiting
from gtxnode.chain.inclusion import Inclusion, InvalidInclusion, check_inclusion, read_inclusion
from gtxnode.ledger.transactions import UnverifiedTransaction
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.transactions import TransactionProof
from gtxnode.views.transactions import TransactionsView
from tests.ledger.little_chain import CHAIN, public_key
from tests.views.town import VALIDATORS, Town

NOON = 1_803_700_800


class NoIntake:
    """Takes nothing."""

    def submit(self, parsed: UnverifiedTransaction) -> Waiting:
        raise AssertionError("nothing is submitted here")

    def is_pending(self, transaction_id: bytes) -> bool:
        return False

    def is_dropped(self, transaction_id: bytes) -> bool:
        return False


def proved(found: TransactionProof) -> Inclusion:
    """A proof as a client reads it."""
    return read_inclusion(
        found.transaction,
        merkle.Proof(**asdict(found.transaction_proof)),
        found.batch_header,
        merkle.Proof(**asdict(found.batch_proof)),
        found.header,
        found.commit,
    )


async def test_a_transaction_is_proved_to_whoever_knows_the_validators() -> None:
    town = Town(NOON, "somchai", "malee")
    town.accepted(town.reading("malee", NOON, 400, 1_000), at_s=NOON + 1_000)
    view = TransactionsView(town.store, NoIntake())
    retired = town.cover("malee", 700)
    # Beside two that the block refuses: a reading ahead of its time, and coins that are spent.
    early = town.reading("somchai", NOON + 9_000, 0, 5)
    town.block(early, retired, town.cover("malee", 1))
    proof = proved(await view.prove(retired.id))
    found = check_inclusion(CHAIN, VALIDATORS, proof)
    assert (found.id, found.body) == (retired.id, retired.body)
    assert all(verify_slice(found.signature_checks()))
    other = town.cover("malee", 2)
    for change in (
        {"transaction": other.encoded},
        {"transaction_proof": merkle.Proof(0, 3, proof.transaction_proof.path)},
        {"batch_header": replace(proof.batch_header, nonce=1)},
        {"batch_proof": merkle.Proof(0, 2, (bytes(32),))},
        {"header": replace(proof.header, height=proof.header.height + 1)},
        {"header": replace(proof.header, payload_root=bytes(32))},
        {"commit": replace(proof.commit, signatures=())},
    ):
        with pytest.raises(InvalidInclusion):
            check_inclusion(CHAIN, VALIDATORS, replace(proof, **change))
    strangers = ValidatorSet([Validator(public_key("nobody"), 1)])
    with pytest.raises(InvalidInclusion):
        check_inclusion(CHAIN, strangers, proof)
    with pytest.raises(InvalidInclusion):
        check_inclusion("another chain", VALIDATORS, proof)
    with pytest.raises(NotFound):
        await view.prove(bytes(32))
