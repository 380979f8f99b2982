"""Meters and their readings."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import OfShard, PageSize, Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.meters import (
    HeldPage,
    HomeView,
    JudgementView,
    MeterView,
    ProvinceView,
    RecordView,
)
from gtxnode.rpc.views.transactions import Verdict
from gtxnode.rpc.wire import Hex

MAX_READINGS = 1_000
MAX_KEY_CHARS = 1_024
MAX_SERIAL_CHARS = 128
CurveName = Literal[
    "secp224r1", "secp256r1", "secp256k1", "secp384r1", "secp521r1", "brainpool256r1",
    "brainpool384r1", "brainpool512r1",
]  # fmt: skip


class SubmitReadings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Encoded reading transactions, of one meter or of many, in the order they were made."""

    shard: Shard
    readings: Annotated[tuple[Hex, ...], Meta(min_length=1, max_length=MAX_READINGS)]


class OfMeter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter, by its id."""

    shard: Shard
    meter: Hex


async def meter_submit(session: Session, params: SubmitReadings) -> tuple[Verdict, ...]:
    """Submit meter readings: a verdict for each, in order. Sending again is harmless."""
    return await session.node.chain(params.shard).meters.submit(params.readings)


async def meter_get(session: Session, params: OfMeter) -> MeterView:
    """A registered meter and its last accepted reading."""
    return await session.node.chain(params.shard).meters.get(params.meter)


class HeldQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One utility's territory, or both."""

    shard: Shard
    utility: Literal["MEA", "PEA"] | None = None
    after: Hex | None = None
    limit: PageSize = 100


class OfKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A native meter's key, or a foreign meter's point with its curve and serial."""

    shard: Shard
    public_key: Hex
    curve: CurveName | None = None
    serial: Annotated[str, Meta(max_length=MAX_SERIAL_CHARS)] | None = None


class JudgeRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record's bytes, and a key: DER or a point, in hexadecimal or base64."""

    shard: Shard
    record: Hex
    public_key: Annotated[str, Meta(max_length=MAX_KEY_CHARS)]


class OfRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The transaction that brought a record."""

    shard: Shard
    transaction: Hex


async def meter_held(session: Session, params: HeldQuery) -> HeldPage:
    """What suspect readings exported and nobody has judged yet."""
    meters = session.node.chain(params.shard).meters
    return await meters.held(params.utility, after=params.after, limit=params.limit)


async def meter_home(session: Session, params: OfKey) -> HomeView:
    """On which chain a meter's key counts, as the registry (func_governance) has it."""
    meters = session.node.chain(params.shard).meters
    return await meters.home(params.public_key, params.curve, params.serial)


async def meter_provinces(session: Session, params: OfShard) -> tuple[ProvinceView, ...]:
    """The provinces, with the zone and the utility of each."""
    return await session.node.chain(params.shard).meters.provinces()


async def meter_verdict(session: Session, params: JudgeRecord) -> JudgementView:
    """The verdict on a foreign meter's record (OCMF, COSE_Sign1), held against a key."""
    meters = session.node.chain(params.shard).meters
    return await meters.verdict(params.record, params.public_key)


async def meter_record(session: Session, params: OfRecord) -> RecordView:
    """A foreign meter's record that was submitted, to the byte, for audit."""
    return await session.node.chain(params.shard).meters.record(params.transaction)


ROWS = (
    row("meter.submit", meter_submit, ErrorCode.NOT_HOSTED),
    row("meter.get", meter_get, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("meter.held", meter_held, ErrorCode.NOT_HOSTED),
    row("meter.home", meter_home, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("meter.provinces", meter_provinces, ErrorCode.NOT_HOSTED),
    row("meter.verdict", meter_verdict, ErrorCode.NOT_HOSTED),
    row("meter.record", meter_record, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
