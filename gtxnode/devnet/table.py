"""The network while it runs: a live table on a terminal, and plain lines elsewhere."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from gtxnode.devnet.watch import Watch, percentile
from gtxnode.primitives.units import MGTX_PER_GTX, WH_PER_KWH

REFRESH_S = 0.5
LINES_EVERY_S = 5.0
RATE_OVER_S = 10.0

COLUMNS = (
    "shard",
    "height",
    "final p50",
    "final p99",
    "tx/s",
    "pending",
    "trades",
    "kWh minted",
    "kWh traded",
    "kWh retired",
    "GTX/kWh",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One shard's figures at one moment."""

    shard: str
    height: int
    finality_p50_ms: int | None
    finality_p99_ms: int | None
    transactions_per_s: float
    pending: int
    trades: int
    minted_wh: int
    traded_wh: int
    retired_wh: int
    last_price_mgtx_per_kwh: int | None

    def cells(self) -> tuple[str, ...]:
        """The figures as they are shown, in the order of `COLUMNS`."""
        price = self.last_price_mgtx_per_kwh
        return (
            self.shard,
            str(self.height),
            _milliseconds(self.finality_p50_ms),
            _milliseconds(self.finality_p99_ms),
            f"{self.transactions_per_s:.1f}",
            str(self.pending),
            str(self.trades),
            f"{self.minted_wh / WH_PER_KWH:.1f}",
            f"{self.traded_wh / WH_PER_KWH:.1f}",
            f"{self.retired_wh / WH_PER_KWH:.1f}",
            "-" if price is None else f"{price / MGTX_PER_GTX:.2f}",
        )


class Rates:
    """Transactions per second over the last `RATE_OVER_S`, for each shard."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def per_s(self, shard: str, now_s: float, transactions: int) -> float:
        """Take note of a total, and give the rate."""
        seen = self._seen.setdefault(shard, deque())
        seen.append((now_s, transactions))
        while now_s - seen[0][0] > RATE_OVER_S:
            seen.popleft()
        passed_s = now_s - seen[0][0]
        return (transactions - seen[0][1]) / passed_s if passed_s > 0 else 0.0


def row(watch: Watch, transactions_per_s: float) -> Row:
    """The figures of a shard now."""
    return Row(
        shard=watch.shard,
        height=watch.height,
        finality_p50_ms=percentile(watch.latencies_ms, 50),
        finality_p99_ms=percentile(watch.latencies_ms, 99),
        transactions_per_s=transactions_per_s,
        pending=len(watch.unsettled),
        trades=watch.trades,
        minted_wh=watch.minted_wh,
        traded_wh=watch.traded_wh,
        retired_wh=watch.retired_wh,
        last_price_mgtx_per_kwh=watch.last_price_mgtx_per_kwh,
    )


Notes = Callable[[], Sequence[str]]
"""What is to be said beside the figures: first what stands now, then what has happened."""


async def show(watches: Mapping[str, Watch], output: TextIO, notes: Notes = lambda: ()) -> None:
    """Show the network for ever: a table where `output` is a terminal, lines where it is not."""
    rates = Rates()
    console = Console(file=output)

    def rows() -> list[Row]:
        now_s = trio.current_time()
        return [
            row(watch, rates.per_s(shard, now_s, watch.transactions))
            for shard, watch in sorted(watches.items())
        ]

    if not console.is_terminal:
        while True:
            await trio.sleep(LINES_EVERY_S)
            for each in (*map(as_line, rows()), *notes()):
                print(each, file=output, flush=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(Group(as_table(rows()), *notes()), refresh=True)
            await trio.sleep(REFRESH_S)


def as_table(rows: list[Row]) -> Table:
    """The rows as a table for a terminal."""
    table = Table(title="GridTokenX development network", caption="Ctrl-C stops it")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "shard" else "right")
    for each in rows:
        table.add_row(*each.cells())
    return table


def as_line(row: Row) -> str:
    """A row as a line of text: each figure behind its name."""
    shard, *figures = row.cells()
    named = zip(COLUMNS[1:], figures, strict=True)
    return f"{shard}: " + ", ".join(f"{name} {figure}" for name, figure in named)


def _milliseconds(value: int | None) -> str:
    return "-" if value is None else f"{value} ms"
