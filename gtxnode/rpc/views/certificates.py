"""Certificates of origin."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.views.accounts import OriginView
from gtxnode.rpc.wire import Address, Amount, Height, Hex


class CertifiedView(msgspec.Struct, frozen=True, gc=False):
    """Energy of one origin, and the credit that it earned."""

    energy_wh: Amount
    origin: OriginView
    credited_mgco2e: Amount


class CertificateView(msgspec.Struct, frozen=True, gc=False):
    """Energy that was retired: which meter made it and when, and in whose name it was used up.

    `id` is that of the transaction. `purpose` is `import` where it covered what `meter`, one of the
    consumer's, took in; `voluntary` otherwise.
    """

    shard: str
    id: Hex
    height: Height
    time_ms: int
    consumer: Address
    purpose: Literal["import", "voluntary"]
    meter: Hex | None
    energy_wh: Amount
    credited_mgco2e: Amount
    energy: tuple[CertifiedView, ...]


class CertificatePage(msgspec.Struct, frozen=True, gc=False):
    """Certificates in order of time; at most as many as were asked for."""

    certificates: tuple[CertificateView, ...]
    more: bool


class PathView(msgspec.Struct, frozen=True, gc=False):
    """That a leaf is number `index` of `total` under a root (RFC 6962): siblings, leaf upwards."""

    index: int
    total: int
    path: tuple[Hex, ...]


class CertificateProof(msgspec.Struct, frozen=True, gc=False):
    """A certificate, and that its transaction stands in a final block, with all its signatures.

    `transaction` is a leaf under the payload root of `batch_header`, whose id (tagged hash `batch`)
    is a leaf under that of `header`, which `commit` makes final; all are encoded canonically. That
    the ledger took it follows from executing the chain, and is otherwise this node's word.
    """

    certificate: CertificateView
    transaction: Hex
    transaction_proof: PathView
    batch_header: Hex
    batch_proof: PathView
    header: Hex
    commit: Hex
