"""What the node measures of itself, for Prometheus: one registry per node, no global one.

The names of the project's monitoring plan are kept where Prometheus's rules allow: counters end in
`_total`, units are stated, throughput is a counter of bytes. What that plan measured as per cent of
a processor is `process_cpu_seconds_total` here, whose rate says the same.

Invariant: no label takes a value from outside. Shards, methods, reasons and close codes are closed
lists, so that no client can make the registry grow.
"""

from __future__ import annotations

import resource
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

FINALITY_BUCKETS_S = (
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9,
    1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Fine where the promise of one second lies, and up to ten, beyond which something is broken."""

WORK_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""From a small block's execution to one that takes longer than a block's time."""

FSYNC_BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
"""From a fast disk's to a failing one's."""

VOLUME_BUCKETS_KWH = (0.1, 0.5, 1, 2, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000)
"""The sizes that an order may have: 0.1 to 10,000 kWh."""

_WH_PER_KWH = 1_000
_STATM = Path("/proc/self/statm")


class Metrics:
    """All series of one node. `shard` binds those of a chain, `rpc` holds the interface's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.peers = Gauge("gridtokenx_peers", "Connected peers.", registry=self.registry)
        self.memory = Gauge(
            "gridtokenx_memory_usage_bytes", "Resident memory.", registry=self.registry
        )
        self.memory.set_function(_resident_bytes)
        self.network_bytes = Counter(
            "gridtokenx_network_bytes_total",
            "Bytes carried, by carrier (peers, clients) and direction (in, out).",
            ("carrier", "direction"),
            registry=self.registry,
        )
        self.rpc = RpcMetrics(self.registry, self.network_bytes)
        self._chains = _ChainFamilies(self.registry)
        ProcessCollector(registry=self.registry)

    def shard(self, shard: str) -> ShardMetrics:
        """The series of a hosted chain."""
        return ShardMetrics(self._chains, shard)

    def peer_bytes(self, direction: str) -> Counter:
        """Bytes carried to (`out`) or from (`in`) peers."""
        return self.network_bytes.labels("peers", direction)

    def exposition(self) -> bytes:
        """Everything in Prometheus's text format, of type `CONTENT_TYPE`."""
        return generate_latest(self.registry)


class RpcMetrics:
    """The series of the WebSocket interface."""

    def __init__(self, registry: CollectorRegistry, network_bytes: Counter) -> None:
        self.bytes_in = network_bytes.labels("clients", "in")
        self.bytes_out = network_bytes.labels("clients", "out")
        self.connections = Gauge(
            "gridtokenx_rpc_connections", "Open client connections.", registry=registry
        )
        self.subscriptions = Gauge(
            "gridtokenx_rpc_subscriptions", "Subscriptions of all clients.", registry=registry
        )
        self.refused_connections = Counter(
            "gridtokenx_rpc_refused_connections_total",
            "Connections refused because there were as many as are allowed.",
            registry=registry,
        )
        self.closed = Counter(
            "gridtokenx_rpc_closed_total",
            "Connections that the node closed, by the name of the close code.",
            ("reason",),
            registry=registry,
        )
        self.calls = Counter(
            "gridtokenx_rpc_calls_total",
            "Calls, by method (unknown where there is none) and outcome (ok or the error's name).",
            ("method", "outcome"),
            registry=registry,
        )
        self.call_seconds = Histogram(
            "gridtokenx_rpc_call_seconds",
            "Time from reading a call to its result.",
            ("method",),
            buckets=WORK_BUCKETS_S,
            registry=registry,
        )


class _ChainFamilies:
    """The series that every chain has, by the label `shard`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"gridtokenx_{name}", what, ("shard", *labels), registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"gridtokenx_{name}", what, ("shard", *labels), registry=registry)

        def histogram(name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(
                f"gridtokenx_{name}", what, ("shard",), buckets=buckets, registry=registry
            )

        self.height = gauge("height", "The last final block.")
        self.catching_up = gauge("catching_up", "1 while the node is behind its peers, else 0.")
        self.blocks = counter("blocks_processed_total", "Final blocks executed.")
        self.transactions = counter(
            "transactions_processed_total", "Transactions executed and not refused."
        )
        self.failed = counter(
            "failed_transactions_total",
            "Transactions refused, by reason and by where: when admitted, or when executed.",
            "stage",
            "reason",
        )
        self.block_seconds = histogram(
            "block_processing_seconds", "Time to execute and store a block.", WORK_BUCKETS_S
        )
        self.consensus_seconds = histogram(
            "consensus_seconds", "Time from a height's start to its decision.", FINALITY_BUCKETS_S
        )
        self.finality_seconds = histogram(
            "finality_seconds",
            "Time from a transaction's admission by this node to its final block.",
            FINALITY_BUCKETS_S,
        )
        self.pending_transactions = gauge("pending_transactions", "Transactions in the pool.")
        self.pending_batches = gauge("pending_batches", "Batches that no final block refers to.")
        self.trades = counter("energy_trades_matched_total", "Trades made.")
        self.trade_kwh = histogram("trading_volume_kwh", "Energy of a trade.", VOLUME_BUCKETS_KWH)
        self.traded_kwh = counter("energy_traded_kwh_total", "Energy traded.")
        self.minted_kwh = counter("energy_minted_kwh_total", "Energy minted from readings.")
        self.retired_kwh = counter("energy_retired_kwh_total", "Energy retired.")
        self.book_depth = gauge("order_book_depth", "Open orders, by side (sell, buy).", "side")
        self.fsync_seconds = histogram(
            "journal_fsync_seconds",
            "Time of one fsync of the consensus journal; its count is the number of them.",
            FSYNC_BUCKETS_S,
        )
        self.refused_messages = counter(
            "consensus_messages_refused_total",
            "Consensus messages from peers that were refused, by reason.",
            "reason",
        )
        self.evidence = counter(
            "evidence_total", "Pairs of signed messages of one validator that contradict."
        )
        self.checkpoints, self.proposing = _CheckpointFamilies(registry), _TurnFamilies(registry)
        self.storage_ops = counter(
            "storage_io_ops_total", "Operations of the chain's database, by kind.", "operation"
        )


class _CheckpointFamilies:
    """The series of the authorities' checkpoints, by the label `shard`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.height = Gauge(
            "gridtokenx_checkpoint_height",
            "The last block whose checkpoint enough authorities signed.",
            ("shard",),
            registry=registry,
        )
        self.lag = Gauge(
            "gridtokenx_checkpoint_lag_blocks",
            "Final blocks after the last certified checkpoint.",
            ("shard",),
            registry=registry,
        )
        self.turn = Gauge(
            "gridtokenx_checkpoint_turn_height",
            "The checkpoint where authorities' keys change, while it is not certified; else 0.",
            ("shard",),
            registry=registry,
        )
        self.refused = Counter(
            "gridtokenx_checkpoints_refused_total",
            "Authorities' words and certificates from peers that were refused, by reason.",
            ("shard", "reason"),
            registry=registry,
        )
        self.conflicts = Counter(
            "gridtokenx_checkpoint_conflicts_total",
            "Checkpoints that contradict one another, or what is final: none is ever right.",
            ("shard",),
            registry=registry,
        )


class _TurnFamilies:
    """The series of proposers and of what they are drawn from, by the label `shard`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.epoch = Gauge(
            "gridtokenx_epoch",
            "The epoch of the next block, counted from 0; on the registry and who follows it.",
            ("shard",),
            registry=registry,
        )
        self.resting = Gauge(
            "gridtokenx_proposers_resting",
            "Validators called to propose after all others, for having missed turns in a row.",
            ("shard",),
            registry=registry,
        )
        self.failed_rounds = Counter(
            "gridtokenx_failed_rounds_total",
            "Rounds in which a height was not decided: a proposer's turn missed, as a rule.",
            ("shard",),
            registry=registry,
        )
        self.late_precommits = Counter(
            "gridtokenx_late_precommits_total",
            "Precommits that blocks carried because an earlier commit had left them out.",
            ("shard",),
            registry=registry,
        )
        self.withheld = Counter(
            "gridtokenx_reveals_withheld_total",
            "Reveals to the seed that were due and not made, by whom: proposer, authority.",
            ("shard", "by"),
            registry=registry,
        )


class ShardMetrics:
    """The series of one chain, bound to its label once."""

    def __init__(self, families: _ChainFamilies, shard: str) -> None:
        self._failed = families.failed
        self._shard = shard
        self.height = families.height.labels(shard)
        self.catching_up = families.catching_up.labels(shard)
        self.blocks = families.blocks.labels(shard)
        self.transactions = families.transactions.labels(shard)
        self.block_seconds = families.block_seconds.labels(shard)
        self.consensus_seconds = families.consensus_seconds.labels(shard)
        self.finality_seconds = families.finality_seconds.labels(shard)
        self.pending_transactions = families.pending_transactions.labels(shard)
        self.pending_batches = families.pending_batches.labels(shard)
        self._minted_kwh = families.minted_kwh.labels(shard)
        self._retired_kwh = families.retired_kwh.labels(shard)
        self.sell_orders = families.book_depth.labels(shard, "sell")
        self.buy_orders = families.book_depth.labels(shard, "buy")
        self.fsync_seconds = families.fsync_seconds.labels(shard)
        self.database_writes = families.storage_ops.labels(shard, "write_batch")
        self._refused_messages = families.refused_messages
        self.evidence = families.evidence.labels(shard)
        self.checkpoint_height = families.checkpoints.height.labels(shard)
        self.checkpoint_lag = families.checkpoints.lag.labels(shard)
        self.checkpoint_turn = families.checkpoints.turn.labels(shard)
        self.checkpoint_conflicts = families.checkpoints.conflicts.labels(shard)
        self._refused_checkpoints = families.checkpoints.refused
        self.epoch = families.proposing.epoch.labels(shard)
        self.proposers_resting = families.proposing.resting.labels(shard)
        self.failed_rounds = families.proposing.failed_rounds.labels(shard)
        self.late_precommits = families.proposing.late_precommits.labels(shard)
        self.withheld_by_proposers = families.proposing.withheld.labels(shard, "proposer")
        self.withheld_by_authorities = families.proposing.withheld.labels(shard, "authority")
        self._trades = families.trades.labels(shard)
        self._trade_kwh = families.trade_kwh.labels(shard)
        self._traded_kwh = families.traded_kwh.labels(shard)

    def refused_on_admission(self, reason: str) -> None:
        """A client's or a peer's transaction was not taken, for one of the ledger's reasons."""
        self._failed.labels(self._shard, "admission", reason).inc()

    def refused_by_execution(self, reason: str) -> None:
        """A block holds a transaction that its execution refused."""
        self._failed.labels(self._shard, "execution", reason).inc()

    def refused_message(self, reason: str) -> None:
        """A consensus message was refused, for one of consensus' reasons."""
        self._refused_messages.labels(self._shard, reason).inc()

    def refused_checkpoint(self, reason: str) -> None:
        """A peer's word or certificate was refused, for one of consensus' reasons."""
        self._refused_checkpoints.labels(self._shard, reason).inc()

    def minted(self, energy_wh: int) -> None:
        """Energy came into being."""
        self._minted_kwh.inc(energy_wh / _WH_PER_KWH)

    def retired(self, energy_wh: int) -> None:
        """Energy was used up."""
        self._retired_kwh.inc(energy_wh / _WH_PER_KWH)

    def traded(self, energy_wh: int) -> None:
        """A trade was made."""
        self._trades.inc()
        self._trade_kwh.observe(energy_wh / _WH_PER_KWH)
        self._traded_kwh.inc(energy_wh / _WH_PER_KWH)


def _resident_bytes() -> float:
    """Resident memory as the kernel counts it."""
    pages = int(_STATM.read_text(encoding="ascii").split()[1])
    return float(pages * resource.getpagesize())
