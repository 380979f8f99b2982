"""Following a chain's events: first the stored ones from a number on, then each block's as it ends.

A subscription pulls. It reads the events of one final block after another and waits for the next
height only when it has told everything before, so what is stored and what is live are the same
path: there is no seam at which an event could be missed or told twice, and a client that
cannot keep up costs no memory, only its own lag.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
import trio

from gtxnode.rpc import wire
from gtxnode.rpc.backend import EVENTS_PER_BLOCK, Chain
from gtxnode.rpc.codec import notification_of
from gtxnode.rpc.methods.row import Topic
from gtxnode.rpc.views.events import (
    AssignmentEvent,
    BlockEvent,
    ContractEvent,
    CurtailmentEvent,
    Event,
    OrderEvent,
    SettlementEvent,
    SuspectEvent,
    TradeEvent,
    TransactionEvent,
)
from gtxnode.rpc.wire import Address, EventNumber, Height

FIRST_HEIGHT = 1
"""The first block that execution made; genesis has no events."""

CACHED_BLOCKS = 4
"""Blocks whose events are kept in JSON for all who follow: those at the head, mostly."""

NOTIFICATION = "events.event"

_OF_MARKET = (
    TradeEvent,
    OrderEvent,
    ContractEvent,
    SettlementEvent,
    CurtailmentEvent,
    AssignmentEvent,
)


class EventNotice(msgspec.Struct, frozen=True):
    """The params of an `events.event` notification. `event` has its own `kind`."""

    subscription: int
    number: EventNumber
    topic: Topic
    height: Height
    event: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Interest:
    """What a subscription wants of a chain; an address only where the topic is an address."""

    topic: Topic
    address: Address | None


@dataclass(frozen=True, slots=True)
class Told:
    """An event with its body in JSON, encoded once for everyone who follows."""

    event: Event
    body: bytes


def concerns(event: Event, interest: Interest) -> bool:
    """Whether a subscription is to be told of an event."""
    match interest.topic:
        case Topic.BLOCKS:
            return isinstance(event.body, BlockEvent)
        case Topic.MARKET:
            return isinstance(event.body, _OF_MARKET)
        case Topic.METERS:
            return isinstance(event.body, SuspectEvent)
        case Topic.ADDRESS:
            return interest.address in _addresses(event)


def _addresses(event: Event) -> tuple[Address, ...]:
    match event.body:
        case BlockEvent():
            return ()
        case TransactionEvent(addresses=addresses):
            return addresses
        case TradeEvent(trade=trade):
            return (trade.seller, trade.buyer)
        case ContractEvent(trade=sold):
            return (sold.seller, sold.buyer)
        case OrderEvent(owner=owner) | SuspectEvent(owner=owner):
            return (owner,)
        case SettlementEvent(settlement=settlement):
            return (settlement.seller, settlement.buyer)
        case CurtailmentEvent(curtailment=cut):
            return (cut.seller, cut.buyer)
        case AssignmentEvent(assignment=handed_on):
            return (handed_on.seller, handed_on.buyer, handed_on.to)


def notice(subscription: int, interest: Interest, told: Told) -> bytes:
    """The notification that brings an event to a subscription."""
    params = EventNotice(
        subscription=subscription,
        number=told.event.number,
        topic=interest.topic,
        height=told.event.height,
        event=msgspec.Raw(told.body),
    )
    return notification_of(NOTIFICATION, wire.encode(params))


class EventFeed:
    """One chain's events by height, encoded once, the latest blocks kept."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._kept: OrderedDict[int, tuple[Told, ...]] = OrderedDict()
        self._reading = trio.Lock()

    async def at(self, height: int) -> tuple[Told, ...]:
        """The events of a final block; raises `Pruned`."""
        if height not in self._kept:
            # A new block wakes all who follow at once; the first of them reads it for all.
            async with self._reading:
                if height not in self._kept:
                    await self._read(height)
        self._kept.move_to_end(height)
        return self._kept[height]

    async def _read(self, height: int) -> None:
        events = await self.chain.events(height)
        told = tuple(Told(event, wire.encode(event.body)) for event in events)
        self._kept[height] = told
        while len(self._kept) > CACHED_BLOCKS:
            self._kept.popitem(last=False)


def next_number(chain: Chain) -> int:
    """The number of the first event that is not final yet."""
    return (chain.head().height + 1) * EVENTS_PER_BLOCK


def height_of(number: int) -> int:
    """The block at which to begin, for whoever wants events from a number on."""
    return max(number // EVENTS_PER_BLOCK, FIRST_HEIGHT)


async def follow(
    feed: EventFeed,
    interest: Interest,
    start: int,
    deliver: Callable[[Told], Awaitable[Any]],
) -> NoReturn:
    """Deliver each event of interest numbered `start` and above, in order, once, for ever.

    Raises `Pruned` if it fell behind what is stored.
    """
    height = height_of(start)
    while True:
        await feed.chain.wait_for_height(height)
        for told in await feed.at(height):
            if told.event.number >= start and concerns(told.event, interest):
                await deliver(told)
        height += 1
        # A replay over many quiet blocks reads from memory or disk without ever waiting.
        await trio.lowlevel.checkpoint()
