"""The grid between the zones."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import ErrorCode, NotFound, RpcFailure
from gtxnode.rpc.methods.fields import OfShard, Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.grid import GridModelView, GridQuoteView, GridSlotView, GridStatusView
from gtxnode.rpc.wire import Amount

MAX_QUOTED = 10**12
UnixSeconds = Annotated[int, Meta(ge=0, le=2**40)]
ZoneName = Annotated[str, Meta(max_length=32, description="a zone, such as southern")]


class AtTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A slot of the grid, by any time in it in Unix seconds; without it the current one."""

    shard: Shard
    time_s: UnixSeconds | None = None


class OfRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trade that might be: from one zone into another, at a price to the seller.

    With `start_s` (Unix seconds) in the delivery slot that begins then and takes `length_s`,
    without it at once.
    """

    shard: Shard
    seller: ZoneName
    buyer: ZoneName
    quantity_wh: Amount
    price_mgtx_per_kwh: Amount
    start_s: UnixSeconds | None = None
    length_s: Annotated[int, Meta(ge=1, le=3_600)] = 900


async def grid_model(session: Session, params: OfShard) -> GridModelView:
    """The grid model in force: corridors with their factors, routes with losses and charges."""
    return session.node.chain(params.shard).grid.model()


async def grid_corridors(session: Session, params: AtTime) -> GridSlotView:
    """What a slot's trades have used of each corridor and zone, and what is left."""
    return await session.node.chain(params.shard).grid.corridors(params.time_s)


async def grid_status(session: Session, params: OfShard) -> GridStatusView:
    """The condition of each zone's grid, and what trades there are by it."""
    return await session.node.chain(params.shard).grid.status()


async def grid_quote(session: Session, params: OfRoute) -> GridQuoteView:
    """What carrying energy between two zones takes: room, loss, charges, the price in all."""
    _check_amount("quantity_wh", params.quantity_wh)
    _check_amount("price_mgtx_per_kwh", params.price_mgtx_per_kwh)
    return await session.node.chain(params.shard).grid.quote(
        _zone(params.seller),
        _zone(params.buyer),
        quantity_wh=params.quantity_wh,
        price_mgtx_per_kwh=params.price_mgtx_per_kwh,
        start_s=params.start_s,
        length_s=params.length_s,
    )


def _check_amount(field: str, amount: int) -> None:
    if not 0 < amount <= MAX_QUOTED:
        message = f"{amount}, between 1 and {MAX_QUOTED}"
        raise RpcFailure(ErrorCode.INVALID_PARAMS, message, {"field": field})


def _zone(name: str) -> Zone:
    try:
        return Zone[name.upper()]
    except KeyError:
        raise NotFound(f"zone {name}") from None


ROWS = (
    row("grid.model", grid_model, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("grid.corridors", grid_corridors, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("grid.status", grid_status, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
    row("grid.quote", grid_quote, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
