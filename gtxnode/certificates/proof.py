"""What proves a certificate of origin, and how anyone checks it without a node.

A retirement is an entry of the chain's log; the log's coin stands under the state root; and a state
root is final in one of two ways:

- the header of the next block carries it, and a commit by two thirds of the stake makes that block
  final: for whoever knows the validators of that height;
- a checkpoint states it, which the authorities of the genesis signed, or those whom they named: for
  whoever has the genesis.

Invariant: what is returned as proved depends on every byte of the proof, and on nothing else but
the chain and the keys that the reader began with.
"""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from consensus import merkle, merkle_log
from consensus.authorities import AuthoritySet
from consensus.encoding import DecodeError
from consensus.errors import InvalidCommit
from consensus.light import verify_commit
from consensus.types import block_id, commit_codec, header_codec
from consensus.validators import ValidatorSet
from gtxnode.checkpoints.trust import InvalidTrust, decode_trust, trusted_checkpoint
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.energy.retirement_coins import RetirementLog, retirement_log_coin_id
from gtxnode.ledger.energy.retirement_log import Retired, leaf_of, retired_codec
from gtxnode.ledger.state_root import APART, verify_bucket


class Fault(StrEnum):
    """Where a proof fails. The values are stable codes."""

    UNREADABLE = "certificates.unreadable"
    NOT_IN_LOG = "certificates.not_in_log"
    NOT_IN_STATE = "certificates.not_in_state"
    NOT_FINAL = "certificates.not_final"
    NOT_ANCHORED = "certificates.not_anchored"
    MISSTATED = "certificates.misstated"


class InvalidCertificate(Exception):
    """A proof that proves nothing; `field` is the part of it that fails."""

    def __init__(self, code: Fault, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.code = code
        self.field = field


class ByValidators(msgspec.Struct, frozen=True, gc=False):
    """The header that carries the state root, and the commit that makes it final; both encoded."""

    header: bytes
    commit: bytes


class ByAuthorities(msgspec.Struct, frozen=True, gc=False):
    """Certificates that lead from the genesis' authorities to the checkpoint; encoded."""

    trust: bytes


Finality: TypeAlias = ByValidators | ByAuthorities


class FinalState(NamedTuple):
    """A state root that is final, and the block after which it is the state's."""

    root: bytes
    height: int
    block_id: bytes


class RetirementProof(msgspec.Struct, frozen=True, gc=False):
    """A retirement's whole way up to what its reader trusts."""

    entry: bytes
    log_path: merkle.Proof
    """That it is a leaf of the log."""
    log: bytes
    """The log's coin, encoded."""
    state_path: merkle.Proof
    """That it stands under the state root."""
    finality: Finality


def final_state(
    chain_id: str, finality: Finality, validators: ValidatorSet, founders: AuthoritySet | None
) -> FinalState:
    """The state that is proved to be final; raises `InvalidCertificate`.

    `validators` are those of the header's height, `founders` the authorities of the genesis.
    """
    if isinstance(finality, ByAuthorities):
        return _anchored_state(chain_id, finality, founders)
    try:
        header = header_codec.decode(finality.header)
    except DecodeError as error:
        raise InvalidCertificate(Fault.UNREADABLE, "header", str(error)) from error
    try:
        commit = commit_codec.decode(finality.commit)
    except DecodeError as error:
        raise InvalidCertificate(Fault.UNREADABLE, "commit", str(error)) from error
    if header.chain_id != chain_id:
        why = f"of the chain {header.chain_id}, not {chain_id}"
        raise InvalidCertificate(Fault.NOT_FINAL, "header", why)
    try:
        verify_commit(chain_id, validators, block_id(header), header.height, commit)
    except InvalidCommit as error:
        why = f"{error}; who votes at height {header.height} may be others than were given"
        raise InvalidCertificate(Fault.NOT_FINAL, "commit", why) from error
    return FinalState(header.app_root, header.height - 1, header.parent_id)


def check_certificate(chain_id: str, root: bytes, proof: RetirementProof) -> Retired:
    """The retirement that a proof shows to be under a final state root.

    Raises `InvalidCertificate`.
    """
    try:
        log = decode_coin(proof.log)
    except DecodeError as error:
        raise InvalidCertificate(Fault.UNREADABLE, "log", str(error)) from error
    if not isinstance(log, RetirementLog):
        raise InvalidCertificate(Fault.UNREADABLE, "log", "another kind of coin")
    coins = [(retirement_log_coin_id(chain_id), proof.log)]
    if proof.state_path.index != APART or not verify_bucket(
        chain_id, root, proof.state_path, coins
    ):
        why = f"the log does not stand under the state root {root.hex()}"
        raise InvalidCertificate(Fault.NOT_IN_STATE, "state_path", why)
    if proof.log_path.total != log.total:
        why = f"of a log of {proof.log_path.total} entries, not {log.total}"
        raise InvalidCertificate(Fault.NOT_IN_LOG, "log_path", why)
    leaf = leaf_of(chain_id, proof.entry)
    if not merkle.verify(merkle_log.root_of(log.peaks), leaf, proof.log_path):
        why = f"not number {proof.log_path.index} of the log"
        raise InvalidCertificate(Fault.NOT_IN_LOG, "entry", why)
    try:
        return retired_codec.decode(proof.entry)
    except DecodeError as error:
        raise InvalidCertificate(Fault.UNREADABLE, "entry", str(error)) from error


def _anchored_state(
    chain_id: str, finality: ByAuthorities, founders: AuthoritySet | None
) -> FinalState:
    if founders is None:
        raise InvalidCertificate(Fault.NOT_ANCHORED, "trust", "the genesis has no authorities")
    try:
        checkpoint = trusted_checkpoint(chain_id, founders, decode_trust(finality.trust))
    except InvalidTrust as error:
        raise InvalidCertificate(Fault.NOT_ANCHORED, "trust", str(error)) from error
    return FinalState(checkpoint.state_root, checkpoint.height, checkpoint.block_id)
