"""Certificates of origin."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import PageSize, Shard, Time
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.certificates import CertificatePage, CertificateProof, CertificateView
from gtxnode.rpc.wire import Address, Hex

MAX_TIME = 2**40


class OfCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate, by the transaction that retired the energy."""

    shard: Shard
    id: Hex


class Proved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate, and whose signatures are to prove it.

    Where `by` is null: the authorities', once they have signed a checkpoint after it.
    """

    shard: Shard
    id: Hex
    by: Literal["validators", "authorities"] | None = None


class OfConsumer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Retired in an address's name from one time to another."""

    shard: Shard
    address: Address
    start_s: Time = 0
    end_s: Time = MAX_TIME
    limit: PageSize = 100


class OfProducer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Made by a meter from one time to another."""

    shard: Shard
    meter: Hex
    start_s: Time = 0
    end_s: Time = MAX_TIME
    limit: PageSize = 100


async def certificate_get(session: Session, params: OfCertificate) -> CertificateView:
    """Which meters made what was retired, when, and who used it up."""
    return await session.node.chain(params.shard).certificates.get(params.id)


async def certificate_of_consumer(session: Session, params: OfConsumer) -> CertificatePage:
    """What was retired in an address's name, in order of the blocks' times."""
    return await session.node.chain(params.shard).certificates.of_consumer(
        params.address, params.start_s, params.end_s, params.limit
    )


async def certificate_of_meter(session: Session, params: OfProducer) -> CertificatePage:
    """What became of a meter's energy: its retirements, in order of when it was made."""
    return await session.node.chain(params.shard).certificates.of_meter(
        params.meter, params.start_s, params.end_s, params.limit
    )


async def certificate_prove(session: Session, params: Proved) -> CertificateProof:
    """A certificate, and what proves it to whoever has the genesis and no chain."""
    return await session.node.chain(params.shard).certificates.prove(params.id, params.by)


ROWS = (
    row("certificate.get", certificate_get, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("certificate.prove", certificate_prove, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("certificate.of_consumer", certificate_of_consumer, ErrorCode.NOT_HOSTED),
    row("certificate.of_meter", certificate_of_meter, ErrorCode.NOT_HOSTED),
)
