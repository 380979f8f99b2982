"""Meters and their readings."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.meters import MeterView
from gtxnode.rpc.views.transactions import Verdict
from gtxnode.rpc.wire import Hex

MAX_READINGS = 1_000


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


ROWS = (
    row("meter.submit", meter_submit, ErrorCode.NOT_HOSTED),
    row("meter.get", meter_get, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
