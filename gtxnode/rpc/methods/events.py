"""Subscriptions to what final blocks do."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.errors import ErrorCode, RpcFailure
from gtxnode.rpc.methods.row import Session, Subscribe, Subscribed, Topic, row


class OfSubscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One subscription of this connection."""

    subscription: int


async def events_subscribe(session: Session, params: Subscribe) -> Subscribed:
    """Be told of a topic by `events.event` notifications, from a number on or from now on."""
    if (params.address is None) == (params.topic is Topic.ADDRESS):
        raise RpcFailure(
            ErrorCode.INVALID_PARAMS, "address goes with the topic address, and only with it"
        )
    return await session.subscribe(params)


async def events_unsubscribe(session: Session, params: OfSubscription) -> bool:
    """End a subscription. Events already on their way may still arrive."""
    session.unsubscribe(params.subscription)
    return True


ROWS = (
    row(
        "events.subscribe",
        events_subscribe,
        ErrorCode.NOT_HOSTED,
        ErrorCode.PRUNED,
        ErrorCode.TOO_MANY_SUBSCRIPTIONS,
    ),
    row("events.unsubscribe", events_unsubscribe, ErrorCode.UNKNOWN_SUBSCRIPTION),
)
