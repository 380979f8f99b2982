"""One row of the method table, and the session that a handler is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, get_type_hints

import msgspec

from gtxnode.rpc import backend
from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import Shard
from gtxnode.rpc.wire import Address, EventNumber


class Topic(Enum):
    """What a subscription is told of."""

    BLOCKS = "blocks"
    ADDRESS = "address"
    MARKET = "market"
    METERS = "meters"


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic. `address` goes with the topic `address` alone.

    `from` is the lowest event number wanted; without it, what happens after the last final block.
    """

    shard: Shard
    topic: Topic
    address: Address | None = None
    from_: EventNumber | None = msgspec.field(default=None, name="from")


class Subscribed(msgspec.Struct, frozen=True):
    """A subscription's number on this connection, and the lowest event number it may bring."""

    subscription: int
    next: EventNumber


class Session(Protocol):
    """What a handler may use: the node, and the subscriptions of the connection that asks."""

    @property
    def node(self) -> backend.Node: ...

    async def subscribe(self, params: Subscribe) -> Subscribed: ...

    def unsubscribe(self, subscription: int) -> None: ...


Handler = Callable[[Session, Any], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the table, with what its handler's annotations say."""

    name: str
    handler: Handler
    errors: tuple[ErrorCode, ...]
    params: type[msgspec.Struct]
    result: Any

    @property
    def summary(self) -> str:
        assert self.handler.__doc__, f"{self.name} says nothing"
        return self.handler.__doc__


def row(name: str, handler: Handler, *errors: ErrorCode) -> Method:
    """A row of the table, with what the handler's annotations say of params and result."""
    hints = get_type_hints(handler, include_extras=True)
    return Method(name, handler, errors, hints["params"], hints["return"])
