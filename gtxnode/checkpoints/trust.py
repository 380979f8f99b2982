"""What a new node is given to start from: certificates that lead from the genesis to a checkpoint.

Who has the genesis knows the first authorities. Each step is a checkpoint of those so far that
names their successors, so whoever holds the file needs to trust nobody but the authorities of the
genesis, and those whom they named (`consensus.checkpoints.succeeded`).
"""

from typing import Annotated, Final

import msgspec

from consensus.authorities import MAX_AUTHORITIES, Authority, AuthoritySet
from consensus.checkpoints import (
    Certificate,
    Checkpoint,
    CrossesCheckpoint,
    VerifiedCheckpoint,
    anchored,
    succeeded,
    verify,
)
from consensus.encoding import Codec, DecodeError
from consensus.errors import InvalidAuthoritySet, PeerError
from consensus.types import MAX_CHAIN_ID_LENGTH
from gtxnode.chain.store import ChainStore
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.statement import in_force_after
from gtxnode.ledger.authorities import BarredKeys, barred_coin_id
from gtxnode.ledger.authority_keys import MAX_ROTATIONS, AuthorityKeys, authority_keys_coin_id
from gtxnode.ledger.coin_view import CoinView

MAX_STEPS: Final = 2 * MAX_ROTATIONS
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
        steps = [
            (each.certificate, AuthoritySet(each.authorities, each.threshold))
            for each in trust.steps
        ]
        authorities = succeeded(chain_id, founders, steps)
        checkpoint = verify(chain_id, authorities, trust.newest).checkpoint
        if steps:
            anchored(steps[-1][0].checkpoint, VerifiedCheckpoint(checkpoint))
    except (InvalidAuthoritySet, CrossesCheckpoint, PeerError) as error:
        raise InvalidTrust(str(error)) from error
    return checkpoint


def gather(store: ChainStore) -> Trust:
    """What leads to a chain's newest checkpoint, from what this node has kept. On any thread.

    Raises `NoTrust`.
    """
    archive = CertificateArchive(store.database)
    newest = archive.newest()
    if newest is None:
        raise NoTrust("there is no checkpoint yet")
    steps = []
    for height in _turns(store):
        if height >= newest.checkpoint.height:
            break
        certificate, authorities = archive.at(height), in_force_after(store, height)
        if certificate is None or authorities is None:
            raise NoTrust(f"checkpoint {height}, where authorities changed, is not here")
        steps.append(Step(certificate, authorities.threshold, authorities.authorities))
    return Trust(store.chain_id, tuple(steps), newest)


def _turns(store: ChainStore) -> list[int]:
    """The checkpoints' heights that name other authorities than the one before, rising."""
    coins, interval = CoinView(store), store.parameters.checkpoints.interval_blocks
    keys = coins.get(authority_keys_coin_id(store.chain_id))
    barred = coins.get(barred_coin_id(store.chain_id))
    changes = {each.height for each in keys.rotations} if isinstance(keys, AuthorityKeys) else set()
    if isinstance(barred, BarredKeys):
        changes |= {each.height for each in barred.keys}
    return sorted({-(-height // interval) * interval for height in changes})
