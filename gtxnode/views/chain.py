"""One hosted chain as the interfaces see it: `rpc.backend.Chain` over the store and the pool.

A topic of the chain (its market, its meters) is a view of its own, in the module of its name.

Answers are of final state only. What scans the database runs in a worker thread on a snapshot, so
that no client holds up the node's loop or sees half a block.
"""

import trio

from consensus.types import block_id, commit_codec, header_codec
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import ValidatorSets
from gtxnode.events import events_of, refusal_of
from gtxnode.rpc.views.blocks import BlockView, HeadView, RefusedTransaction
from gtxnode.rpc.views.events import Event
from gtxnode.rpc.views.seeds import SeedsView
from gtxnode.rpc.views.validators import CheckpointView, TrustView, ValidatorsView
from gtxnode.rpc.wire import Hex
from gtxnode.views.accounts import AccountsView
from gtxnode.views.carbon import CarbonView
from gtxnode.views.certificates import CertificatesView
from gtxnode.views.checkpoints import checkpoint_view, trust_view
from gtxnode.views.compliance import ComplianceView
from gtxnode.views.forwards import ForwardsView
from gtxnode.views.governance import GovernanceView
from gtxnode.views.grid import GridView
from gtxnode.views.ledger import LedgerView
from gtxnode.views.market import MarketView
from gtxnode.views.meters import MetersView
from gtxnode.views.records import record_of
from gtxnode.views.seeds import seeds_view
from gtxnode.views.tariffs import TariffsView
from gtxnode.views.transactions import Intake, TransactionsView
from gtxnode.views.validators import validators_view


class ChainView:
    """Implements `rpc.backend.Chain`."""

    def __init__(self, shard: str, store: ChainStore, intake: Intake, sets: ValidatorSets) -> None:
        self.shard = shard
        self.chain_id = store.chain_id
        self.transactions = TransactionsView(store, intake)
        self.meters = MetersView(store, self.transactions)
        self.accounts = AccountsView(shard, store)
        self.market = MarketView(shard, store)
        self.forwards = ForwardsView(shard, store)
        self.grid = GridView(shard, store)
        self.ledger = LedgerView(shard, store)
        self.tariffs = TariffsView(shard, store)
        self.carbon = CarbonView(shard, store)
        self.certificates = CertificatesView(shard, store)
        self.governance = GovernanceView(shard, store)
        self.compliance = ComplianceView(shard, store)
        self._store = store
        self._sets = sets
        self._advanced = trio.Event()

    def advanced(self) -> None:
        """Say that a block became final and can be read."""
        self._advanced.set()
        self._advanced = trio.Event()

    def head(self) -> HeadView:
        """The last final block, and the state root after it."""
        tip = self._store.tip
        parent = self._store.parent(tip.height)
        assert parent is not None, "the tip is recent"
        return HeadView(
            self.shard,
            self.chain_id,
            tip.height,
            Hex(tip.id),
            tip.time_ms,
            Hex(tip.app_root),
            Hex(parent.target),
        )

    async def block(self, height: int) -> BlockView:
        """A final block; raises `NotFound` above the head."""
        record = record_of(self._store, height)
        block, commit = self._store.block(height)
        header = block.header
        return BlockView(
            shard=self.shard,
            chain_id=self.chain_id,
            height=height,
            id=Hex(block_id(header)),
            parent_id=Hex(header.parent_id),
            time_ms=header.time_ms,
            proposer=Hex(header.proposer),
            app_root=Hex(header.app_root),
            payload_root=Hex(header.payload_root),
            batches=tuple(map(Hex, block.payload)),
            transactions=tuple(Hex(item.id) for item in record.transactions),
            refused=tuple(
                RefusedTransaction(Hex(item.id), refusal_of(item.reason, item.detail))
                for item in record.transactions
                if item.reason is not None
            ),
            header=Hex(header_codec.encode(header)),
            commit=Hex(commit_codec.encode(commit)),
        )

    async def validators(self, height: int | None) -> ValidatorsView:
        """Who votes at a height, the next one if none is given; raises `NotFound`."""
        return await trio.to_thread.run_sync(
            validators_view, self.shard, self._store, self._sets, height
        )

    async def checkpoint(self, height: int | None) -> CheckpointView:
        """The authorities' checkpoint of a height, the newest if none is given."""
        return await trio.to_thread.run_sync(checkpoint_view, self.shard, self._store, height)

    async def trust(self) -> TrustView:
        """The newest checkpoint, and what leads to it from the genesis; raises `NotFound`."""
        return await trio.to_thread.run_sync(trust_view, self.shard, self._store)

    async def seeds(self) -> SeedsView:
        """What the proposers of the next height are drawn from, and who does their part in it."""
        return await trio.to_thread.run_sync(seeds_view, self.shard, self._store, self._sets)

    async def events(self, height: int) -> tuple[Event, ...]:
        """All events of a final block, in order of their numbers."""
        # A full block's thousands take longer to put together than the loop may stand still.
        return await trio.to_thread.run_sync(self._events, height)

    def _events(self, height: int) -> tuple[Event, ...]:
        record = record_of(self._store, height)
        block, _ = self._store.block(height)
        return events_of(block, record)

    async def wait_for_height(self, height: int) -> None:
        """Return once the head is at `height` or above."""
        while self._store.tip.height < height:
            await self._advanced.wait()
