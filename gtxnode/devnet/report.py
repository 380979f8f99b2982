"""The last word of a development network: one object, the same for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gtxnode.devnet.audit import INVARIANTS, STATE_ROOTS, Audit
from gtxnode.devnet.watch import Watch, percentile
from gtxnode.primitives.units import WH_PER_KWH


def summarise(
    *,
    duration_s: float,
    validators: int,
    watches: Mapping[str, Watch],
    audits: Mapping[str, Audit],
    faults: Sequence[str] = (),
    trading: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The final object. A shard without an audit counts as one where nothing holds.

    `faults` are what went wrong besides the invariants, in words; `trading` is there where zones
    traded with one another (trading_chain.py).
    """
    invariants = {
        name: all(shard in audits and audits[shard].holds[name] for shard in watches)
        for name in INVARIANTS
    }
    return {
        "duration_s": round(duration_s, 1),
        "validators": validators,
        "shards": {
            shard: _shard(watch, audits.get(shard)) for shard, watch in sorted(watches.items())
        },
        **({} if trading is None else {"trading": dict(trading)}),
        "invariants": invariants,
        "ok": all(invariants.values()) and not faults,
    }


def as_line(summary: Mapping[str, Any]) -> str:
    """The object on one line."""
    return json.dumps(summary, separators=(",", ":"))


def as_text(summary: Mapping[str, Any], audits: Mapping[str, Audit]) -> str:
    """The object for a person to read, with what went wrong in words."""
    lines = [f"{summary['validators']} validators ran for {summary['duration_s']} s."]
    for name, shard in summary["shards"].items():
        finality = shard["finality_ms"]
        lines.append(
            f"{name}: height {shard['height']}, {shard['transactions']} transactions "
            f"({shard['refused']} refused), {shard['trades']} trades; "
            f"{_kwh(shard['minted_wh'])} kWh minted, {_kwh(shard['traded_wh'])} traded, "
            f"{_kwh(shard['retired_wh'])} retired; "
            f"finality p50 {finality['p50']} ms, p99 {finality['p99']} ms"
        )
    if (trading := summary.get("trading")) is not None:
        lines += _trading(trading)
    for name, holds in summary["invariants"].items():
        lines.append(f"  {'holds' if holds else 'BROKEN'}  {name.replace('_', ' ')}")
    for shard, audit in sorted(audits.items()):
        lines += [f"  {shard}: {fault}" for fault in audit.faults]
    return "\n".join(lines)


def _shard(watch: Watch, audit: Audit | None) -> dict[str, Any]:
    return {
        "height": watch.height,
        "tip": watch.tip,
        "finality_ms": {
            "p50": percentile(watch.latencies_ms, 50),
            "p99": percentile(watch.latencies_ms, 99),
        },
        "transactions": watch.transactions,
        "refused": watch.refused,
        "trades": watch.trades,
        "minted_wh": watch.minted_wh,
        "traded_wh": watch.traded_wh,
        "retired_wh": watch.retired_wh,
        "gtx_supply_ugtx": audit.gtx_supply_ugtx if audit else None,
        "state_roots_agree": bool(audit and audit.holds[STATE_ROOTS]),
    }


def _trading(trading: Mapping[str, Any]) -> list[str]:
    sold, delivered, short, cut = (
        _kwh(trading[f"{what}_wh"]) for what in ("sold", "delivered", "short", "curtailed")
    )
    lines = [
        f"between zones: {trading['contracts']} contracts for {sold} kWh ahead; {delivered} kWh "
        f"delivered, {short} short, {cut} curtailed; {trading['certificates']} certificates"
    ]
    lines += [f"  {act}" for act in trading["acts"]]
    if trading["certificate"] is not None:
        lines.append(f"  certificate {trading['certificate']}")
    return lines


def _kwh(amount_wh: int) -> str:
    return f"{amount_wh / WH_PER_KWH:.1f}"
