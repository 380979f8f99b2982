"""What regulators ask: who may sign what, halts, acts, violations, limits of use, days."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from gtxnode.rpc.errors import ErrorCode, RpcFailure
from gtxnode.rpc.methods.fields import OfAddress, OfShard, PageSize, Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.compliance import (
    ActPage,
    HaltsView,
    MandatesView,
    ReportView,
    UsagesView,
    ViolationPage,
)
from gtxnode.rpc.wire import Address, EventNumber


class ActsAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of acts: those numbered above `after`."""

    shard: Shard
    after: EventNumber | None = None
    limit: PageSize = 100


class ViolationsAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of violations: those numbered above `after`, of one signer, of one rule."""

    shard: Shard
    after: EventNumber | None = None
    limit: PageSize = 100
    address: Address | None = None
    rule: Annotated[str, Meta(max_length=64)] | None = None


class OfDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One day in Bangkok, such as 2026-11-21."""

    shard: Shard
    day: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


async def compliance_mandates(session: Session, params: OfShard) -> MandatesView:
    """Which authorities may sign which kinds of transactions, and with which keys."""
    return await session.node.chain(params.shard).compliance.mandates()


async def compliance_halts(session: Session, params: OfShard) -> HaltsView:
    """The halts that stand."""
    return await session.node.chain(params.shard).compliance.halts()


async def compliance_acts(session: Session, params: ActsAfter) -> ActPage:
    """What authorities have signed, in order, in pages: the audit trail."""
    return await session.node.chain(params.shard).compliance.acts(
        after=params.after, limit=params.limit
    )


async def compliance_violations(session: Session, params: ViolationsAfter) -> ViolationPage:
    """What blocks took and rules refused, in order, in pages. A page may be short of its limit, or
    empty, and have a next one: a call looks at so many and no more."""
    return await session.node.chain(params.shard).compliance.violations(
        after=params.after, limit=params.limit, address=params.address, rule=params.rule
    )


async def compliance_usage(session: Session, params: OfAddress) -> UsagesView:
    """The limits of use, and how far an address has used them up."""
    return await session.node.chain(params.shard).compliance.usage(params.address)


async def compliance_report(session: Session, params: OfDay) -> ReportView:
    """What a chain did in one day of Bangkok, in totals that come to the chain's."""
    try:
        day = date.fromisoformat(params.day)
    except ValueError as error:
        raise RpcFailure(ErrorCode.INVALID_PARAMS, str(error), {"field": "day"}) from error
    return await session.node.chain(params.shard).compliance.report(day)


ROWS = (
    row("compliance.mandates", compliance_mandates, ErrorCode.NOT_HOSTED),
    row("compliance.halts", compliance_halts, ErrorCode.NOT_HOSTED),
    row("compliance.acts", compliance_acts, ErrorCode.NOT_HOSTED),
    row("compliance.violations", compliance_violations, ErrorCode.NOT_HOSTED),
    row("compliance.usage", compliance_usage, ErrorCode.NOT_HOSTED),
    row("compliance.report", compliance_report, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
