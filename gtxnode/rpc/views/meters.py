"""Meters."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.wire import Address, Amount, Height, Hex


class RecordKeyView(msgspec.Struct, frozen=True, gc=False):
    """How a foreign meter's records are known: its curve, its serial, which of its counts."""

    curve: str
    serial: str
    context: str


class FormerOwnerView(msgspec.Struct, frozen=True, gc=False):
    """Whose everything is that the meter measured in intervals that began before `until_s`."""

    owner: Address
    until_s: int


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
    former_owner: FormerOwnerView | None = None


class HomeView(msgspec.Struct, frozen=True, gc=False):
    """Where a meter's key counts, for good; the registry has it since the block at `height`."""

    meter: Hex
    shard: str
    height: Height


class HeldView(msgspec.Struct, frozen=True, gc=False):
    """What a suspect reading exported. `id` is what `tx judge-held` names, and the utility judges.

    `suspicions`: over_capacity, night_solar, frozen_register, clock_drift, reported (by the meter).
    """

    id: Hex
    reading: Hex
    meter: Hex
    owner: Address
    province: str
    utility: str
    amount_wh: Amount
    source: str
    start_s: int
    end_s: int
    suspicions: tuple[str, ...]


class HeldPage(msgspec.Struct, frozen=True, gc=False):
    """What is held, by province; `next` goes into the next call's `after`, null at the end."""

    height: Height
    held: tuple[HeldView, ...]
    next: Hex | None


class ProvinceView(msgspec.Struct, frozen=True, gc=False):
    """A province, its ISO 3166-2:TH number, its zone, and the utility that answers for its meters.

    `taken` says whether this chain takes its meters.
    """

    number: int
    name: str
    zone: str
    utility: str
    taken: bool


class ClaimsView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a foreign meter's record says. `lacks` is what keeps it from being a reading."""

    form: str
    serial: str
    context: str
    status: str
    lacks: tuple[str, ...]
    counter: int | None = None
    end_ms: int | None = None
    import_wh: Amount | None = None
    export_wh: Amount | None = None


class JudgementView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The verdict on a record: valid; invalid, not signed by that key; malformed, not readable."""

    verdict: str
    code: str = ""
    detail: str = ""
    claims: ClaimsView | None = None


class RecordView(msgspec.Struct, frozen=True, gc=False):
    """A foreign meter's record as it was received, in the transaction that brought it.

    `sha256` is of the record's bytes. Whether it was taken says `tx.status`.
    """

    transaction: Hex
    height: Height
    meter: Hex
    curve: str
    public_key: Hex
    record: Hex
    sha256: Hex
    claims: ClaimsView
