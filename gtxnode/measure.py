"""What a chain tells those who measure, turned into the node's metrics."""

from gtxnode.chain.proposing import Proposing
from gtxnode.chain.records import BlockRecord
from gtxnode.market.orders import Depth
from gtxnode.metrics import ShardMetrics


class Measures:
    """Implements `shard.ShardObserver` on one chain's metrics."""

    def __init__(self, metrics: ShardMetrics) -> None:
        self._metrics = metrics

    def block(self, record: BlockRecord, consensus_s: float, execution_s: float) -> None:
        """A block became final."""
        metrics = self._metrics
        refused = [item.reason for item in record.transactions if item.reason is not None]
        metrics.height.set(record.height)
        metrics.blocks.inc()
        metrics.transactions.inc(len(record.transactions) - len(refused))
        for reason in refused:
            metrics.refused_by_execution(reason)
        metrics.consensus_seconds.observe(consensus_s)
        metrics.block_seconds.observe(execution_s)
        metrics.minted(record.minted_wh)
        metrics.retired(record.retired_wh)
        for trade in record.trades:
            metrics.traded(trade.quantity_wh)
        metrics.database_writes.inc()

    def waiting(self, transactions: int, batches: int, catching_up: bool) -> None:
        """How much waits for a block, and whether this node is behind."""
        self._metrics.pending_transactions.set(transactions)
        self._metrics.pending_batches.set(batches)
        self._metrics.catching_up.set(catching_up)

    def book(self, depth: Depth) -> None:
        """The open orders after a block."""
        self._metrics.buy_orders.set(sum(level.orders for level in depth.bids))
        self._metrics.sell_orders.set(sum(level.orders for level in depth.asks))

    def final(self, seconds: float) -> None:
        """A transaction of one of our clients became final, this long after it was taken."""
        self._metrics.finality_seconds.observe(seconds)

    def refused_message(self, reason: str) -> None:
        """A consensus message was refused."""
        self._metrics.refused_message(reason)

    def refused_transaction(self, reason: str) -> None:
        """A client's transaction or a peer's batch was not taken."""
        self._metrics.refused_on_admission(reason)

    def proposing(self, shown: Proposing) -> None:
        """What a final block showed of proposers."""
        metrics = self._metrics
        if shown.epoch is not None:
            metrics.epoch.set(shown.epoch)
        metrics.proposers_resting.set(shown.resting)
        metrics.failed_rounds.inc(shown.failed_rounds)
        metrics.late_precommits.inc(shown.late_precommits)
        metrics.withheld_by_proposers.inc(shown.withheld)
        metrics.withheld_by_authorities.inc(shown.authorities_withheld)

    def journal_synced(self, seconds: float) -> None:
        """The consensus journal was fsynced."""
        self._metrics.fsync_seconds.observe(seconds)

    def evidence(self) -> None:
        """A validator signed two messages that contradict."""
        self._metrics.evidence.inc()

    def checkpoint(self, height: int, lag_blocks: int) -> None:
        """The newest checkpoint that certificates lead to, and how many blocks came after."""
        self._metrics.checkpoint_height.set(height)
        self._metrics.checkpoint_lag.set(lag_blocks)

    def turn_missing(self, height: int) -> None:
        """The checkpoint at which authorities change and that has no certificate; 0 for none."""
        self._metrics.checkpoint_turn.set(height)

    def refused_checkpoint(self, reason: str) -> None:
        """A peer's word or certificate was refused."""
        self._metrics.refused_checkpoint(reason)

    def conflicting_checkpoints(self) -> None:
        """An authority contradicted itself, or enough of them what is final here."""
        self._metrics.checkpoint_conflicts.inc()
