"""That a transaction stands in a final block: a proof, and how anyone checks it.

The transaction is a leaf under its batch's payload root, the batch's id a leaf under the block's,
and the block's header is what two thirds of the stake precommitted. Whoever knows the validators of
the height (from genesis, or from a checkpoint) needs nothing else.

What it proves: that these bytes, with their signatures, were ordered there for good. Whether the
ledger then took or refused them is not in the proof: it follows from executing the chain, and is
otherwise the answering node's word.
"""

import msgspec

from consensus import merkle
from consensus.encoding import DecodeError
from consensus.errors import InvalidCommit
from consensus.light import verify_commit
from consensus.types import Block, Commit, Header, block_id, commit_codec, header_codec
from consensus.validators import ValidatorSet
from gtxnode.batches.batch import Batch, BatchHeader, batch_id
from gtxnode.batches.batch import header_codec as batch_header_codec
from gtxnode.ledger.transactions import UnverifiedTransaction, parse
from gtxnode.primitives.errors import Refused


class InvalidInclusion(ValueError):
    """A proof that shows nothing, and where it fails."""

    code = "invalid_inclusion"


class Inclusion(msgspec.Struct, frozen=True):
    """A transaction's way up to a commit."""

    transaction: bytes
    transaction_proof: merkle.Proof
    """That it is a leaf under the batch's payload root."""
    batch_header: BatchHeader
    batch_proof: merkle.Proof
    """That the batch's id is a leaf under the block's payload root."""
    header: Header
    commit: Commit


def prove_inclusion(block: Block, commit: Commit, batches: list[Batch], position: int) -> Inclusion:
    """The proof for the transaction at a position of a block, whose batches are all given."""
    at = position
    for number, batch in enumerate(batches):
        if at < len(batch.transactions):
            return Inclusion(
                batch.transactions[at],
                merkle.prove(batch.transactions, at),
                batch.header,
                merkle.prove(block.payload, number),
                block.header,
                commit,
            )
        at -= len(batch.transactions)
    raise IndexError(f"position {position} of a block with fewer transactions")


def check_inclusion(
    chain_id: str, validators: ValidatorSet, proof: Inclusion
) -> UnverifiedTransaction:
    """The transaction that a proof shows to be final; raises `InvalidInclusion`.

    `validators` are those of the header's height. Its witnesses' signatures are still to be checked
    (`signature_checks`), as those of any transaction.
    """
    header, batch_header = proof.header, proof.batch_header
    if not merkle.verify(batch_header.payload_root, proof.transaction, proof.transaction_proof):
        raise InvalidInclusion("the transaction is not in the batch")
    identity = batch_id(chain_id, batch_header)
    if not merkle.verify(header.payload_root, identity, proof.batch_proof):
        raise InvalidInclusion("the batch is not in the block")
    if header.chain_id != chain_id:
        raise InvalidInclusion("the block is another chain's")
    try:
        verify_commit(chain_id, validators, block_id(header), header.height, proof.commit)
    except InvalidCommit as error:
        raise InvalidInclusion(f"the block is not final: {error}") from error
    try:
        return parse(chain_id, proof.transaction)
    except Refused as refused:
        raise InvalidInclusion(str(refused)) from refused


def read_inclusion(
    transaction: bytes,
    transaction_proof: merkle.Proof,
    batch_header: bytes,
    batch_proof: merkle.Proof,
    header: bytes,
    commit: bytes,
) -> Inclusion:
    """A proof as it came over the wire; raises `InvalidInclusion`."""
    try:
        return Inclusion(
            transaction,
            transaction_proof,
            batch_header_codec.decode(batch_header),
            batch_proof,
            header_codec.decode(header),
            commit_codec.decode(commit),
        )
    except DecodeError as error:
        raise InvalidInclusion(str(error)) from error
