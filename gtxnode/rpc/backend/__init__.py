"""What the interfaces ask of the node: the Protocols `Node`, `Chain`, and a chain's topics.

The interfaces (JSON-RPC, HTTP, later REST and GraphQL) know the node through this package and
the `views` that it answers with; the node and its shards implement it. A topic is a namespace of
methods: its Protocol is in the module of its name here. What is expected to fail raises one of the
errors in `errors`.

Reads are ``async`` because a hosted shard may live in another process; an implementation
that answers from memory simply does not await.
"""

from __future__ import annotations

from typing import Protocol

from gtxnode.rpc.backend.accounts import Accounts
from gtxnode.rpc.backend.carbon import Carbon
from gtxnode.rpc.backend.certificates import Certificates
from gtxnode.rpc.backend.compliance import Compliance
from gtxnode.rpc.backend.forwards import Forwards
from gtxnode.rpc.backend.governance import Governance
from gtxnode.rpc.backend.grid import Grid
from gtxnode.rpc.backend.ledger import Ledger
from gtxnode.rpc.backend.market import Market
from gtxnode.rpc.backend.meters import Meters
from gtxnode.rpc.backend.tariffs import Tariffs
from gtxnode.rpc.backend.transactions import Transactions
from gtxnode.rpc.views.blocks import BlockView, HeadView
from gtxnode.rpc.views.events import Event
from gtxnode.rpc.views.node import ChainParameters, NodeStatus, PeerView
from gtxnode.rpc.views.seeds import SeedsView
from gtxnode.rpc.views.validators import CheckpointView, TrustView, ValidatorsView

EVENTS_PER_BLOCK = 2**20
"""An event's number is height * EVENTS_PER_BLOCK + its position in the block's event list."""


class Chain(Protocol):
    """One hosted shard as the interfaces see it. Every answer is of final state only."""

    @property
    def shard(self) -> str: ...

    @property
    def chain_id(self) -> str: ...

    @property
    def transactions(self) -> Transactions: ...

    @property
    def meters(self) -> Meters: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def market(self) -> Market: ...

    @property
    def forwards(self) -> Forwards: ...

    @property
    def grid(self) -> Grid: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def tariffs(self) -> Tariffs: ...

    @property
    def carbon(self) -> Carbon: ...

    @property
    def certificates(self) -> Certificates: ...

    @property
    def governance(self) -> Governance: ...

    @property
    def compliance(self) -> Compliance: ...

    def head(self) -> HeadView:
        """The last final block."""
        ...

    async def block(self, height: int) -> BlockView:
        """A final block; raises `NotFound` above the head, `Pruned` below what is stored."""
        ...

    async def validators(self, height: int | None) -> ValidatorsView:
        """Who votes at a height, the next one if none is given; raises `NotFound`."""
        ...

    async def checkpoint(self, height: int | None) -> CheckpointView:
        """The authorities' checkpoint of a height, the newest if none is given.

        Raises `NotFound`.
        """
        ...

    async def trust(self) -> TrustView:
        """The newest checkpoint, and what leads to it from the genesis; raises `NotFound`."""
        ...

    async def seeds(self) -> SeedsView:
        """What the proposers of the next height are drawn from; raises `NotFound`."""
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
