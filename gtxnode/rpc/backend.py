"""What the interfaces ask of the node: the Protocols `Node` and `Chain`.

The interfaces (JSON-RPC, HTTP, later REST and GraphQL) know the node through this module alone,
which also names the `views` that it answers with; the node and its shards implement it. What
is expected to fail raises one of the errors in `errors`.

Reads are ``async`` because a hosted shard may live in another process; an implementation
that answers from memory simply does not await.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gtxnode.rpc.views import (
    AuthoritySignatureView,
    BalanceView,
    BlockEvent,
    BlockView,
    BookView,
    ChainParameters,
    ChainStatus,
    CheckpointView,
    CoinPage,
    CoinView,
    Event,
    EventBody,
    HeadView,
    LevelView,
    MeterView,
    NodeStatus,
    OrderEvent,
    OriginView,
    PeerView,
    Refusal,
    RefusedTransaction,
    SupplyView,
    TradeEvent,
    TradePage,
    TradeView,
    TransactionEvent,
    TransactionState,
    TransactionStatus,
    UnbondingView,
    ValidatorsView,
    ValidatorView,
    Verdict,
    VerdictStatus,
)

__all__ = [
    "EVENTS_PER_BLOCK",
    "AuthoritySignatureView",
    "BalanceView",
    "BlockEvent",
    "BlockView",
    "BookView",
    "Chain",
    "ChainParameters",
    "ChainStatus",
    "CheckpointView",
    "CoinPage",
    "CoinView",
    "Event",
    "EventBody",
    "HeadView",
    "LevelView",
    "MeterView",
    "Node",
    "NodeStatus",
    "OrderEvent",
    "OriginView",
    "PeerView",
    "Refusal",
    "RefusedTransaction",
    "SupplyView",
    "TradeEvent",
    "TradePage",
    "TradeView",
    "TransactionEvent",
    "TransactionState",
    "TransactionStatus",
    "UnbondingView",
    "ValidatorView",
    "ValidatorsView",
    "Verdict",
    "VerdictStatus",
]

EVENTS_PER_BLOCK = 2**20
"""An event's number is height * EVENTS_PER_BLOCK + its position in the block's event list."""


class Chain(Protocol):
    """One hosted shard as the interfaces see it. Every answer is of final state only."""

    @property
    def shard(self) -> str: ...

    @property
    def chain_id(self) -> str: ...

    def head(self) -> HeadView:
        """The last final block."""
        ...

    async def submit(self, transactions: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Check and pool encoded transactions; one verdict each, in their order."""
        ...

    async def submit_readings(self, readings: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Like `submit`, for meters: encoded reading transactions only, high-S normalised."""
        ...

    async def transaction(self, id: bytes) -> TransactionStatus:
        """Where a transaction stands; raises `NotFound`."""
        ...

    async def block(self, height: int) -> BlockView:
        """A final block; raises `NotFound` above the head, `Pruned` below what is stored."""
        ...

    async def balance(self, address: bytes) -> BalanceView:
        """What an address owns; all zeros for one that was never seen."""
        ...

    async def coins(self, address: bytes, *, after: bytes | None, limit: int) -> CoinPage:
        """An address's coins whose ids come after `after`, at most `limit`."""
        ...

    async def book(self, depth: int) -> BookView:
        """The best `depth` price levels of each side."""
        ...

    async def trades(self, *, after: int | None, limit: int) -> TradePage:
        """Trades numbered above `after`; without it, the latest `limit` trades. In order."""
        ...

    async def supply(self) -> SupplyView:
        """What was minted, retired and issued."""
        ...

    async def validators(self, height: int | None) -> ValidatorsView:
        """Who votes at a height, the next one if none is given; raises `NotFound`."""
        ...

    async def checkpoint(self, height: int | None) -> CheckpointView:
        """The authorities' checkpoint of a height, the newest if none is given.

        Raises `NotFound`.
        """
        ...

    async def meter(self, id: bytes) -> MeterView:
        """A meter; raises `NotFound`."""
        ...

    async def events(self, height: int) -> tuple[Event, ...]:
        """All events of a final block, in order of their numbers; raises `Pruned`."""
        ...

    async def wait_for_height(self, height: int) -> None:
        """Return once the head is at `height` or above and `events(height)` can be read."""
        ...


class Node(Protocol):
    """The node as the interfaces see it."""

    def status(self) -> NodeStatus: ...

    def peers(self) -> tuple[PeerView, ...]: ...

    def parameters(self) -> tuple[ChainParameters, ...]: ...

    def shards(self) -> tuple[str, ...]:
        """The hosted shards, sorted."""
        ...

    def chain(self, shard: str) -> Chain:
        """A hosted shard; raises `NotHosted`."""
        ...
