"""Certificates that lead from authorities that a node trusts to a newer checkpoint.

Each step is a checkpoint of those so far that names their successors, so whoever gets them needs to
trust nobody but those whom he began with, and those whom they named. A new node begins with those
of the genesis (`gtxnode init --trust`); one that runs asks its peers for what leads on from its own
newest.
"""

from typing import Annotated, Final

import msgspec

from consensus.authorities import MAX_AUTHORITIES, Authority, AuthoritySet
from consensus.checkpoints import (
    Certificate,
    Checkpoint,
    InvalidCheckpoint,
    VerifiedCheckpoint,
    anchored,
    succeeded,
    verify,
)
from consensus.encoding import Codec, DecodeError
from consensus.errors import InvalidAuthoritySet, PeerError, Refusal
from consensus.types import MAX_CHAIN_ID_LENGTH
from gtxnode.chain.store import ChainStore
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.turns import turns
from gtxnode.ledger.authority.authorities import MAX_BARRED
from gtxnode.ledger.authority.authority_keys import MAX_ROTATIONS

MAX_STEPS: Final = MAX_ROTATIONS + MAX_BARRED
MAX_TRUST_BYTES: Final = 8 * 1024 * 1024


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A checkpoint, and the authorities whose root it names."""

    certificate: Certificate
    threshold: Annotated[int, msgspec.Meta(ge=1, le=MAX_AUTHORITIES)]
    authorities: Annotated[tuple[Authority, ...], msgspec.Meta(max_length=MAX_AUTHORITIES)]


class Trust(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The checkpoints at which a chain's authorities changed, and its newest."""

    chain_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHAIN_ID_LENGTH)]
    steps: Annotated[tuple[Step, ...], msgspec.Meta(max_length=MAX_STEPS)]
    newest: Certificate


_CODEC: Codec[Trust] = Codec(Trust, max_bytes=MAX_TRUST_BYTES)


class InvalidTrust(Exception):
    """Certificates that do not lead from the genesis to a checkpoint; the message says why."""

    code = "checkpoints.invalid_trust"


class NoTrust(Exception):
    """This node has not kept the certificates that lead to its newest checkpoint."""

    code = "checkpoints.no_trust"


def encode_trust(trust: Trust) -> bytes:
    """The canonical bytes."""
    return _CODEC.encode(trust)


def decode_trust(data: bytes) -> Trust:
    """Read one; raises `InvalidTrust`."""
    try:
        return _CODEC.decode(data)
    except DecodeError as error:
        raise InvalidTrust(str(error)) from error


def trusted_checkpoint(chain_id: str, founders: AuthoritySet, trust: Trust) -> Checkpoint:
    """The checkpoint that the certificates lead to from a genesis' authorities.

    Raises `InvalidTrust`.
    """
    if trust.chain_id != chain_id:
        raise InvalidTrust(f"of the chain {trust.chain_id}, not {chain_id}")
    try:
        return followed(chain_id, founders, trust)[-1].checkpoint
    except PeerError as error:
        raise InvalidTrust(str(error)) from error


def followed(chain_id: str, authorities: AuthoritySet, trust: Trust) -> tuple[Certificate, ...]:
    """The certificates by which one goes from these authorities to the newest, rising.

    Raises `PeerError`.
    """
    try:
        steps = [
            (each.certificate, AuthoritySet(each.authorities, each.threshold))
            for each in trust.steps
        ]
    except InvalidAuthoritySet as error:
        raise InvalidCheckpoint(Refusal.MALFORMED, str(error)) from error
    authorities = succeeded(chain_id, authorities, steps)
    newest = verify(chain_id, authorities, trust.newest).checkpoint
    certificates = (*(certificate for certificate, _ in steps), trust.newest)
    if steps:
        anchored(certificates[-2].checkpoint, VerifiedCheckpoint(newest))
    return certificates


def gather(store: ChainStore, after: int = 0, most: int = MAX_STEPS) -> Trust:
    """What leads on from a height, by what this node has kept: over `most` turns, as far as no turn
    is missing. On any thread.

    Raises `NoTrust` where nothing does.
    """
    archive = CertificateArchive(store.database)
    steps: list[Step] = []
    end: int | None = None
    for turn in turns(store, after):
        certificate = archive.at(turn.height)
        if certificate is None or turn.successors is None or len(steps) == most:
            end = turn.height + (certificate is not None)
            break
        named = turn.successors
        steps.append(Step(certificate, named.threshold, named.authorities))
    newest = archive.newest(below=end)
    if newest is None or newest.checkpoint.height <= after:
        raise NoTrust(_nothing(end))
    if steps and newest.checkpoint.height <= steps[-1].certificate.checkpoint.height:
        newest = steps.pop().certificate
    return Trust(store.chain_id, tuple(steps), newest)


def _nothing(end: int | None) -> str:
    if end is None:
        return "there is no checkpoint yet"
    return f"checkpoint {end}, where authorities change, is not here"
