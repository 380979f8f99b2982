"""Proofs of certificates, made of what a node keeps."""

from enum import StrEnum

from consensus.types import commit_codec, header_codec
from gtxnode.certificates.proof import ByAuthorities, ByValidators, Finality, RetirementProof
from gtxnode.chain.retirements import Logged, Stand, path_in, stand_at, stands_from
from gtxnode.chain.store import ChainStore
from gtxnode.checkpoints.trust import NoTrust, encode_trust, gather
from gtxnode.ledger.state_root import proof_apart


class By(StrEnum):
    """Whose signatures make the state root final."""

    VALIDATORS = "validators"
    AUTHORITIES = "authorities"


class NotProvable(Exception):
    """This node has not what the proof is made of, or not yet; the message says what is missing."""

    code = "certificates.not_provable"


def prove_certificate(store: ChainStore, logged: Logged, by: By | None) -> RetirementProof:
    """A retirement's proof; by the authorities, where none are named and they have signed it.

    Raises `NotProvable`, and `NotKept` where the log's own nodes are missing. On any thread.
    """
    if by is By.VALIDATORS:
        stand, finality = _by_validators(store, logged.entry.height)
    else:
        try:
            stand, finality = _by_authorities(store, logged.entry.height)
        except NotProvable:
            if by is By.AUTHORITIES:
                raise
            stand, finality = _by_validators(store, logged.entry.height)
    return RetirementProof(
        logged.encoded,
        path_in(store.database, stand, logged.number),
        stand.log,
        proof_apart(stand.beside),
        finality,
    )


def _by_validators(store: ChainStore, height: int) -> tuple[Stand, Finality]:
    """By the first block here that follows a stand of the log with the retirement."""
    for stood, stand in stands_from(store.database, height):
        if stood >= store.tip.height:
            raise NotProvable(
                f"block {stood + 1}, whose header carries the state, is not final yet"
            )
        try:
            block, commit = store.block(stood + 1)
        except KeyError:
            continue
        header = header_codec.encode(block.header)
        return stand, ByValidators(header, commit_codec.encode(commit))
    raise NotProvable(f"block {height + 1}, which carries the state, is not stored here")


def _by_authorities(store: ChainStore, height: int) -> tuple[Stand, Finality]:
    """By the newest checkpoint, if it is not before the retirement."""
    try:
        trust = gather(store)
    except NoTrust as error:
        raise NotProvable(str(error)) from error
    checkpoint = trust.newest.checkpoint
    if checkpoint.height < height:
        raise NotProvable(f"the newest checkpoint is {checkpoint.height}, it was block {height}")
    stand = stand_at(store.database, checkpoint.height)
    if stand is None:
        raise NotProvable(f"where the log stood at checkpoint {checkpoint.height} is not kept here")
    return stand, ByAuthorities(encode_trust(trust))
