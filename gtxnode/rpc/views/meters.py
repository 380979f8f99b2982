"""Meters."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.wire import Address, Amount, Hex


class MeterView(msgspec.Struct, frozen=True, gc=False):
    """A registered meter and its last accepted reading; its next reading has counter + 1."""

    id: Hex
    coin: Hex
    owner: Address
    public_key: Hex
    zone: str
    source: str
    capacity_w: Amount
    counter: int
    last_end_s: int
    import_wh: Amount
    export_wh: Amount
