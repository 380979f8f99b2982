"""The authorities' checkpoints as the interfaces show them."""

from consensus.checkpoints import certificate_codec
from gtxnode.chain.store import ChainStore
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.statement import in_force_after
from gtxnode.checkpoints.trust import NoTrust, encode_trust, gather
from gtxnode.ledger.authority.authorities import signing_height
from gtxnode.primitives.zones import Role
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.validators import AuthoritySignatureView, CheckpointView, TrustView
from gtxnode.rpc.wire import Hex


def checkpoint_view(shard: str, store: ChainStore, height: int | None) -> CheckpointView:
    """The certificate of a height, the newest if none is given; raises `NotFound`."""
    archive = CertificateArchive(store.database)
    certificate = archive.newest() if height is None else archive.at(height)
    if certificate is None:
        raise NotFound("a checkpoint" if height is None else f"checkpoint {height}")
    interval = store.parameters.checkpoints.interval_blocks
    before = signing_height(certificate.checkpoint.height, interval)
    authorities = in_force_after(store, before)
    assert authorities is not None, "there is no certificate without authorities"
    signatures = []
    for each in certificate.signatures:
        role = authorities.role_of(each.public_key)
        assert role is not None, "a certificate was verified before it was kept"
        name = Role(role).name.lower()
        view = AuthoritySignatureView(name, Hex(each.public_key), Hex(each.signature))
        signatures.append(view)
    checkpoint = certificate.checkpoint
    return CheckpointView(
        shard=shard,
        chain_id=checkpoint.chain_id,
        height=checkpoint.height,
        epoch=checkpoint.epoch,
        block_id=Hex(checkpoint.block_id),
        state_root=Hex(checkpoint.state_root),
        next_validators_root=Hex(checkpoint.next_validators_root),
        next_authorities_root=Hex(checkpoint.next_authorities_root),
        signatures=tuple(signatures),
        certificate=Hex(certificate_codec.encode(certificate)),
    )


def trust_view(shard: str, store: ChainStore) -> TrustView:
    """What a new node can start from; raises `NotFound`."""
    try:
        trust = gather(store)
    except NoTrust as error:
        raise NotFound(str(error)) from error
    checkpoint = trust.newest.checkpoint
    return TrustView(
        shard=shard,
        chain_id=checkpoint.chain_id,
        height=checkpoint.height,
        block_id=Hex(checkpoint.block_id),
        trust=Hex(encode_trust(trust)),
    )
