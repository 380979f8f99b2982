"""Meters."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.wire import Address, Amount, Hex


class RecordKeyView(msgspec.Struct, frozen=True, gc=False):
    """How a foreign meter's records are known: its curve, its serial, which of its counts."""

    curve: str
    serial: str
    context: str


class MeterView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A registered meter and its last accepted reading; its next reading has counter + 1.

    `revision` is how often its utility has changed it; a change names the next. `record_key` is
    there where its readings are records in a format of its own; `public_key` is then a point.
    """

    id: Hex
    coin: Hex
    owner: Address
    public_key: Hex
    province: str
    zone: str
    utility: str
    source: str
    capacity_w: Amount
    counter: int
    last_end_s: int
    import_wh: Amount
    export_wh: Amount
    direction: str
    revision: int
    retired: bool
    last_moved_s: int
    record_key: RecordKeyView | None = None
