"""Carbon reports."""

from __future__ import annotations

from datetime import date

import msgspec

from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import Shard, ZoneName
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.carbon import CarbonReportView


class ReportOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A zone's day in Bangkok."""

    shard: Shard
    zone: ZoneName
    day: date


async def carbon_report(session: Session, params: ReportOf) -> CarbonReportView:
    """A zone's day: what was made, its renewable share and intensity, what was avoided."""
    chain = session.node.chain(params.shard)
    return await chain.carbon.report(Zone[params.zone.upper()], params.day)


ROWS = (row("carbon.report", carbon_report, ErrorCode.NOT_HOSTED),)
