"""Tariffs, quotes and bills."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import Shard, SourceName, Time, ZoneName
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.tariffs import BillView, QuoteView, TablesView
from gtxnode.rpc.wire import Address
from gtxnode.tariffs.thailand import RESIDENTIAL_LOW_VOLTAGE

Month = Annotated[str, Meta(max_length=7, description="a month in Bangkok, such as 2026-11")]
Customer = Annotated[str, Meta(max_length=32, description="a class of the table energy_charges")]
Price = Annotated[int, Meta(ge=1, le=1_000_000, description="mGTX per kWh")]


class TablesAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables at a time, the head's by default."""

    shard: Shard
    at_s: Time | None = None


class QuoteOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kWh from a seller in one zone to a buyer in another.

    By default within the seller's zone, at the head's time and the reference price, to a household
    on low voltage, from a plant of a small roof.
    """

    shard: Shard
    source: SourceName
    from_zone: ZoneName
    to_zone: ZoneName | None = None
    at_s: Time | None = None
    price_mgtx_per_kwh: Price | None = None
    customer: Customer = RESIDENTIAL_LOW_VOLTAGE
    capacity_w: Annotated[int, Meta(ge=1, le=10**9)] = 5_000


class BillOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A month of an address, as a customer of a class."""

    shard: Shard
    address: Address
    month: Month
    customer: Customer = RESIDENTIAL_LOW_VOLTAGE


async def tariff_tables(session: Session, params: TablesAt) -> TablesView:
    """The dated tables of tariffs, and which of them are in force."""
    return await session.node.chain(params.shard).tariffs.tables(params.at_s)


async def tariff_quote(session: Session, params: QuoteOf) -> QuoteView:
    """What a kWh comes to, part by part, beside what the grid asks and pays for it."""
    return await session.node.chain(params.shard).tariffs.quote(
        source=Source[params.source.upper()],
        from_zone=Zone[params.from_zone.upper()],
        to_zone=Zone[(params.to_zone or params.from_zone).upper()],
        at_s=params.at_s,
        price_mgtx_per_kwh=params.price_mgtx_per_kwh,
        customer=params.customer,
        capacity_w=params.capacity_w,
    )


async def tariff_bill(session: Session, params: BillOf) -> BillView:
    """What a home paid and earned in a month, and what the grid tariff alone would have been."""
    return await session.node.chain(params.shard).tariffs.bill(
        params.address, params.month, params.customer
    )


ROWS = (
    row("tariff.tables", tariff_tables, ErrorCode.NOT_HOSTED),
    row("tariff.quote", tariff_quote, ErrorCode.NOT_HOSTED),
    row("tariff.bill", tariff_bill, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
