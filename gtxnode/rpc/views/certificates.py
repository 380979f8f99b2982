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
