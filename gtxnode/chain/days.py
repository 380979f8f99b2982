"""What a chain did in one day of Bangkok, in totals: the regulator's daily report.

A row is carried on with every block, from what the block did, so that a report costs one look-up.
Invariant: the chain's supply at the day's end is that at its beginning and what the day's blocks
minted, retired, burned and paid; so the rows of all days come to the chain's `Supply`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from gtxnode.ledger.authority.compliance import VIOLATIONS
from gtxnode.ledger.authority.directives import name_of
from gtxnode.ledger.authority.mandates import MANDATES
from gtxnode.ledger.bodies import KIND_NAMES
from gtxnode.ledger.coins import Supply
from gtxnode.ledger.execute import BlockOutcome
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
    delivered_ugtx: int = 0
    """What sellers were paid for what was delivered."""
    short_ugtx: int = 0
    """What buyers were paid for what was not, their own money among it."""
    curtailments: int = 0
    curtailed_wh: int = 0
    compensated_ugtx: int = 0
    """What buyers and sellers got for that out of the grid's fund."""
    lost_wh: int = 0
    """On its way, of what was traded and delivered; retired in the same step."""
    wires_ugtx: int = 0
    """What buyers paid for the use of wires."""
    premiums_ugtx: int = 0
    """And into the grid's fund."""
    credits_issued_mgco2e: int = 0
    credits_retired_mgco2e: int = 0
    expired: int = 0
    """Orders whose time was over."""
    cancelled: int = 0
    """Orders that a halt has ended."""
    directives: tuple[Count, ...] = ()
    """What was signed on the registry and took effect here."""
    trading_fees_ugtx: int = 0
    """Of the fees, what sellers paid for trades and deliveries."""


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
    moved = _moved(outcome) | {
        "transactions": effective,
        "refused": len(transactions) - effective,
    }
    return replace(
        before,
        closing=supply,
        kinds=_added(before.kinds, kinds),
        acts=_added(before.acts, acts),
        violations=_added(before.violations, violations),
        directives=_added(before.directives, Counter(map(name_of, outcome.directives))),
        **{name: getattr(before, name) + more for name, more in moved.items() if more},
    )


def _moved(outcome: BlockOutcome) -> dict[str, int]:
    """What a block adds to a day, by the field."""
    contracts = [trade.contract for trade in outcome.forward_trades]
    settled, cut = outcome.settlements, outcome.curtailments
    spot = [trade.wheeling for trade in outcome.trades if trade.wheeling is not None]
    ahead = [trade.wheeling for trade in outcome.forward_trades if trade.wheeling is not None]
    return {
        "trades": len(outcome.trades),
        "traded_wh": outcome.traded_wh,
        "traded_ugtx": sum(trade.cost_ugtx for trade in outcome.trades),
        "forward_trades": len(contracts),
        "forward_wh": sum(each.sold_wh for each in contracts),
        "forward_ugtx": sum(each.sold_wh * each.price_mgtx_per_kwh for each in contracts),
        "delivered_wh": sum(each.delivered_wh for each in settled),
        "delivered_ugtx": sum(
            each.delivered_wh * each.contract.price_mgtx_per_kwh for each in settled
        ),
        "short_wh": sum(each.short_wh for each in settled),
        "short_ugtx": sum(each.short_wh * each.contract.imbalance_mgtx_per_kwh for each in settled),
        "curtailments": len(cut),
        "curtailed_wh": sum(each.cut_wh for each in cut),
        "compensated_ugtx": sum(each.seller_ugtx + each.buyer_ugtx for each in cut),
        "lost_wh": sum(each.lost_wh for each in spot) + sum(each.lost_wh for each in settled),
        "wires_ugtx": sum(paid for each in (*spot, *ahead) for _, paid in each.wires_ugtx),
        "premiums_ugtx": sum(each.premium_ugtx for each in (*spot, *ahead)),
        "minted_wh": outcome.minted_wh,
        "retired_wh": outcome.retired_wh,
        "fees_ugtx": outcome.fees_ugtx,
        "trading_fees_ugtx": sum(each.fee_ugtx for each in outcome.trades)
        + sum(each.fee_ugtx for each in settled),
        "burned_ugtx": outcome.burned_ugtx,
        "rewarded_ugtx": outcome.rewarded_ugtx,
        "credits_issued_mgco2e": outcome.credits_issued_mgco2e,
        "credits_retired_mgco2e": outcome.credits_retired_mgco2e,
        "expired": len(outcome.expired),
        "cancelled": len(outcome.cancelled),
    }


def _added(before: Iterable[Count], more: Counter[str]) -> tuple[Count, ...]:
    if not more:
        return tuple(before)
    total = more + Counter({each.name: each.number for each in before})
    return tuple(Count(name, total[name]) for name in sorted(total))
