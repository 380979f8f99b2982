"""The method table: what may be called, with which parameters, and what comes back.

Everything about a method is in its handler's annotations and docstring; `discover`, the reference
in `docs/rpc.md` and the checks of parameters are all derived from the table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Protocol, get_type_hints

import msgspec
from msgspec import Meta

from gtxnode.rpc import backend, wire
from gtxnode.rpc.codec import Params
from gtxnode.rpc.errors import ErrorCode, RpcFailure
from gtxnode.rpc.wire import Address, EventNumber, Height, Hex

MAX_READINGS = 1_000
MAX_PAGE = 1_000
MAX_DEPTH = 200
MAX_MESSAGE_CHARACTERS = 200
"""What is quoted of a parameter's fault: an unknown field's name may be a megabyte."""

Shard = Annotated[str, Meta(max_length=64, description="a hosted shard, such as geo_bangkok")]
PageSize = Annotated[int, Meta(ge=1, le=MAX_PAGE)]


class Topic(Enum):
    """What a subscription is told of."""

    BLOCKS = "blocks"
    ADDRESS = "address"
    MARKET = "market"


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


class NoParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing."""


class OfShard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One shard."""

    shard: Shard


class OfBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One block."""

    shard: Shard
    height: Height


class AtHeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A height, by default the next one."""

    shard: Shard
    height: Height | None = None


class OfCheckpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A checkpoint, by default the newest."""

    shard: Shard
    height: Height | None = None


class Send(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One encoded transaction."""

    shard: Shard
    transaction: Hex


class OfTransaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One transaction, by its id."""

    shard: Shard
    id: Hex


class SubmitReadings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Encoded reading transactions, of one meter or of many, in the order they were made."""

    shard: Shard
    readings: Annotated[tuple[Hex, ...], Meta(min_length=1, max_length=MAX_READINGS)]


class OfMeter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter, by its id."""

    shard: Shard
    meter: Hex


class OfAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One address."""

    shard: Shard
    address: Address


class CoinsAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of an address's coins: those after a coin's id."""

    shard: Shard
    address: Address
    after: Hex | None = None
    limit: PageSize = 100


class Depth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The best price levels of each side."""

    shard: Shard
    depth: Annotated[int, Meta(ge=1, le=MAX_DEPTH)] = 20


class TradesAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of trades: those numbered above `after`, or without it the latest."""

    shard: Shard
    after: EventNumber | None = None
    limit: PageSize = 100


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic. `address` goes with the topic `address` alone.

    `from` is the lowest event number wanted; without it, what happens after the last final block.
    """

    shard: Shard
    topic: Topic
    address: Address | None = None
    from_: EventNumber | None = msgspec.field(default=None, name="from")


class OfSubscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One subscription of this connection."""

    subscription: int


async def node_status(session: Session, params: NoParams) -> backend.NodeStatus:
    """How the node and each of its shards are doing, and whether it is ready."""
    return session.node.status()


async def node_peers(session: Session, params: NoParams) -> tuple[backend.PeerView, ...]:
    """The connected peers."""
    return session.node.peers()


async def node_parameters(
    session: Session, params: NoParams
) -> tuple[backend.ChainParameters, ...]:
    """The parameters of each hosted shard."""
    return session.node.parameters()


async def chain_head(session: Session, params: OfShard) -> backend.HeadView:
    """The last final block, and the state root after it."""
    return session.node.chain(params.shard).head()


async def chain_block(session: Session, params: OfBlock) -> backend.BlockView:
    """A final block with its transactions' ids and the commit that proves it."""
    return await session.node.chain(params.shard).block(params.height)


async def chain_validators(session: Session, params: AtHeight) -> backend.ValidatorsView:
    """Who votes at a height, and on the registry everybody's stake and standing.

    Sets are known as far back as evidence is taken, and to the end of the next epoch.
    """
    return await session.node.chain(params.shard).validators(params.height)


async def chain_checkpoint(session: Session, params: OfCheckpoint) -> backend.CheckpointView:
    """The authorities' certificate of a final block: the newest, or the one of a height.

    A node has those that it collected while it ran, and the newest of its peers.
    """
    return await session.node.chain(params.shard).checkpoint(params.height)


async def tx_send(session: Session, params: Send) -> backend.Verdict:
    """Submit a transaction. A rejected one is an answer, not an error."""
    verdicts = await session.node.chain(params.shard).submit((params.transaction,))
    return verdicts[0]


async def tx_status(session: Session, params: OfTransaction) -> backend.TransactionStatus:
    """Where a transaction stands: pending, final, refused with its reason, or dropped."""
    return await session.node.chain(params.shard).transaction(params.id)


async def meter_submit(session: Session, params: SubmitReadings) -> tuple[backend.Verdict, ...]:
    """Submit meter readings: a verdict for each, in order. Sending again is harmless."""
    return await session.node.chain(params.shard).submit_readings(params.readings)


async def meter_get(session: Session, params: OfMeter) -> backend.MeterView:
    """A registered meter and its last accepted reading."""
    return await session.node.chain(params.shard).meter(params.meter)


async def account_balance(session: Session, params: OfAddress) -> backend.BalanceView:
    """What an address owns, free, locked in open orders, and staked."""
    return await session.node.chain(params.shard).balance(params.address)


async def account_coins(session: Session, params: CoinsAfter) -> backend.CoinPage:
    """The unspent coins of an address, in pages."""
    chain = session.node.chain(params.shard)
    return await chain.coins(params.address, after=params.after, limit=params.limit)


async def market_book(session: Session, params: Depth) -> backend.BookView:
    """The order book, best prices first."""
    return await session.node.chain(params.shard).book(params.depth)


async def market_trades(session: Session, params: TradesAfter) -> backend.TradePage:
    """Trades in order of their numbers, in pages; without `after`, the latest."""
    return await session.node.chain(params.shard).trades(after=params.after, limit=params.limit)


async def ledger_supply(session: Session, params: OfShard) -> backend.SupplyView:
    """What was minted, retired, issued and burned."""
    return await session.node.chain(params.shard).supply()


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


async def rpc_discover(session: Session, params: NoParams) -> msgspec.Raw:
    """This interface as an OpenRPC document."""
    from gtxnode.rpc.discover import openrpc_document

    return msgspec.Raw(openrpc_document())


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


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        row("node.status", node_status),
        row("node.peers", node_peers),
        row("node.parameters", node_parameters),
        row("chain.head", chain_head, ErrorCode.NOT_HOSTED),
        row(
            "chain.block",
            chain_block,
            ErrorCode.NOT_HOSTED,
            ErrorCode.NOT_FOUND,
            ErrorCode.PRUNED,
        ),
        row("chain.validators", chain_validators, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
        row("chain.checkpoint", chain_checkpoint, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
        row("tx.send", tx_send, ErrorCode.NOT_HOSTED),
        row("tx.status", tx_status, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
        row("meter.submit", meter_submit, ErrorCode.NOT_HOSTED),
        row("meter.get", meter_get, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
        row("account.balance", account_balance, ErrorCode.NOT_HOSTED),
        row("account.coins", account_coins, ErrorCode.NOT_HOSTED),
        row("market.book", market_book, ErrorCode.NOT_HOSTED),
        row("market.trades", market_trades, ErrorCode.NOT_HOSTED),
        row("ledger.supply", ledger_supply, ErrorCode.NOT_HOSTED),
        row(
            "events.subscribe",
            events_subscribe,
            ErrorCode.NOT_HOSTED,
            ErrorCode.PRUNED,
            ErrorCode.TOO_MANY_SUBSCRIPTIONS,
        ),
        row("events.unsubscribe", events_unsubscribe, ErrorCode.UNKNOWN_SUBSCRIPTION),
        row("rpc.discover", rpc_discover),
    )
}


def find(name: str) -> Method:
    """The method of that name; `RpcFailure` with METHOD_NOT_FOUND."""
    try:
        return METHODS[name]
    except KeyError:
        raise RpcFailure(ErrorCode.METHOD_NOT_FOUND) from None


def bind(method: Method, params: Params) -> msgspec.Struct:
    """A call's parameters, by name or by position, as the method's own type.

    `RpcFailure` with INVALID_PARAMS says which field is wrong and how.
    """
    if isinstance(params, list):
        names = method.params.__struct_encode_fields__
        if len(params) > len(names):
            message = f"{len(params)} parameters; {method.name} takes {len(names)}"
            raise RpcFailure(ErrorCode.INVALID_PARAMS, message)
        params = dict(zip(names, params, strict=False))
    try:
        return wire.convert(params, method.params)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise RpcFailure(
            ErrorCode.INVALID_PARAMS,
            message[:MAX_MESSAGE_CHARACTERS],
            {"field": path.strip("`").removeprefix("$.")} if path else None,
        ) from None
