"""What a chain did in one day of Bangkok, in totals: the regulator's daily report.

A row is carried on with every block, from what the block did, so that a report costs one look-up.
Invariant: the chain's supply at the day's end is that at its beginning and what the day's blocks
minted, retired, burned and paid; so the rows of all days come to the chain's `Supply`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from gtxnode.ledger.bodies import KIND_NAMES
from gtxnode.ledger.coins import Supply
from gtxnode.ledger.compliance import VIOLATIONS
from gtxnode.ledger.execute import BlockOutcome
from gtxnode.ledger.mandates import MANDATES
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.tariffs.calendar import DAY_S, OFFSET_S


class Count(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How often something happened, by its name in the interfaces."""

    name: str
    number: int


class DayTotals(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One day. Energy in Wh, money in µGTX."""

    day: int
    """Days since 1970-01-01 in Bangkok."""
    opening: Supply
    """The chain's totals before the first block of the day that did something."""
    closing: Supply
    """And after the last."""
    transactions: int = 0
    """Those that took effect."""
    refused: int = 0
    trades: int = 0
    traded_wh: int = 0
    traded_ugtx: int = 0
    """What buyers paid sellers."""
    forward_trades: int = 0
    forward_wh: int = 0
    forward_ugtx: int = 0
    """What buyers are to pay once it is delivered."""
    delivered_wh: int = 0
    short_wh: int = 0
    minted_wh: int = 0
    retired_wh: int = 0
    fees_ugtx: int = 0
    burned_ugtx: int = 0
    rewarded_ugtx: int = 0
    kinds: tuple[Count, ...] = ()
    """What took effect, by kind."""
    acts: tuple[Count, ...] = ()
    """Of those, what authorities signed."""
    violations: tuple[Count, ...] = ()
    """Refusals by the rule that was broken."""


def day_of(time_ms: int) -> int:
    """The day in Bangkok of a time."""
    return (time_ms // 1_000 + OFFSET_S) // DAY_S


def with_block(
    before: DayTotals,
    transactions: Sequence[CheckedTransaction],
    outcome: BlockOutcome,
    supply: Supply,
) -> DayTotals:
    """A day's totals with another block, after which the chain's totals are `supply`."""
    kinds: Counter[str] = Counter()
    acts: Counter[str] = Counter()
    violations: Counter[str] = Counter()
    for transaction, receipt in zip(transactions, outcome.receipts, strict=True):
        if receipt.reason is None:
            kind = type(transaction.body)
            kinds[KIND_NAMES[kind]] += 1
            if kind in MANDATES:
                acts[KIND_NAMES[kind]] += 1
        elif receipt.reason in VIOLATIONS:
            violations[receipt.reason.value] += 1
    effective = sum(kinds.values())
    contracts = [trade.contract for trade in outcome.forward_trades]
    return DayTotals(
        before.day,
        before.opening,
        supply,
        before.transactions + effective,
        before.refused + len(transactions) - effective,
        before.trades + len(outcome.trades),
        before.traded_wh + outcome.traded_wh,
        before.traded_ugtx + sum(trade.cost_ugtx for trade in outcome.trades),
        before.forward_trades + len(contracts),
        before.forward_wh + sum(each.sold_wh for each in contracts),
        before.forward_ugtx + sum(each.sold_wh * each.price_mgtx_per_kwh for each in contracts),
        before.delivered_wh + sum(each.delivered_wh for each in outcome.settlements),
        before.short_wh + sum(each.short_wh for each in outcome.settlements),
        before.minted_wh + outcome.minted_wh,
        before.retired_wh + outcome.retired_wh,
        before.fees_ugtx + outcome.fees_ugtx,
        before.burned_ugtx + outcome.burned_ugtx,
        before.rewarded_ugtx + outcome.rewarded_ugtx,
        _added(before.kinds, kinds),
        _added(before.acts, acts),
        _added(before.violations, violations),
    )


def _added(before: Iterable[Count], more: Counter[str]) -> tuple[Count, ...]:
    if not more:
        return tuple(before)
    total = more + Counter({each.name: each.number for each in before})
    return tuple(Count(name, total[name]) for name in sorted(total))
