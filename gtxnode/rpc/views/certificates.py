"""Certificates of origin."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.views.accounts import OriginView
from gtxnode.rpc.views.transactions import PathView
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


class CertificateProof(msgspec.Struct, frozen=True, gc=False):
    """A certificate, and what proves it to whoever has the genesis and no chain.

    `entry` is a leaf of the log of retirements, which `log`, a coin, has the peaks of; `log` stands
    under the state root. `by` says whose signatures make that final: `validators`, with the
    `header` that carries it and its `commit`; or `authorities`, with the certificates of `trust`
    that lead from the genesis to a checkpoint. What is not of that way is null. All are encoded
    canonically; `gtxnode certificate verify` checks them.
    """

    certificate: CertificateView
    entry: Hex
    log_path: PathView
    log: Hex
    state_path: PathView
    by: Literal["validators", "authorities"]
    header: Hex | None
    commit: Hex | None
    trust: Hex | None
