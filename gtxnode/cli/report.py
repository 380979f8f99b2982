"""`gtxnode query report`: what a chain, or the whole network, did in a day of Bangkok.

The network's figures are the sums of its chains'. A node reports of the chains that it hosts, so
that a network spread over several nodes takes several URLs; what no node told of is named.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

import click

from gtxnode.cli.connection import WebSocketUrl, ask, shard_of
from gtxnode.cli.query import chain_options
from gtxnode.cli.render import emit
from gtxnode.cli.session import session
from gtxnode.tariffs.calendar import OFFSET_S

MAX_DAYS = 366
MAX_NODES = 16
CSV_COLUMNS = ("shard", "day", "section", "name", "value", "unit")
NETWORK = "network"
_UNITS = (("_ugtx", "uGTX"), ("_wh", "Wh"), ("_mgco2e", "mgCO2e"))
_SAYS_WHICH = ("shard", "chain_id", "day", "is_over")
# Of a chain's report, what a line for people has room for.
_LINE = ("shard", "transactions", "refused", "minted_wh", "retired_wh", "traded_wh", "forward_wh",
         "fees_ugtx")  # fmt: skip

Report: TypeAlias = Mapping[str, Any]


@click.command()
@chain_options
@click.option("--until", metavar="DAY", help="The last day of several.  [default: one day alone]")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, amounts in the smallest units.")
@click.option(
    "--network", "of_all", is_flag=True, help="All chains, and what they come to together."
)
@click.option(
    "--also",
    "others",
    type=WebSocketUrl(),
    multiple=True,
    help="With --network, another node that hosts what the first does not; may be repeated.",
)
@click.argument("day", required=False)
def report(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    until: str | None,
    as_csv: bool,
    of_all: bool,
    others: tuple[str, ...],
    day: str | None,
) -> None:
    """What a chain did in a day of Bangkok.

    Totals in GTX and kWh, what took effect by kind, acts of authorities, violations by
    rule. With --network, of every chain that the node hosts, and their sums. DAY is a date such as
    2026-11-21.  [default: yesterday]
    """
    days = _days(day, until)
    if of_all and shard is not None:
        raise click.UsageError("--network is of all chains, so --shard does not go with it.")
    if others and not of_all:
        raise click.UsageError("--also goes with --network.")
    if len(others) >= MAX_NODES:
        raise click.UsageError(f"{len(others)} times --also, at most {MAX_NODES - 1}.")
    if of_all:
        found = _of_network((url, *others), timeout_s, days)
        if as_csv:
            rows = [each for day in found for each in (*day["chains"], _as_chain(day))]
            click.echo(csv_text(rows), nl=False)
            return
        shown: list[Report] = [each if session().as_json else _for_people(each) for each in found]
    else:
        shown = _of_chain(url, timeout_s, shard, days)
        if as_csv:
            click.echo(csv_text(shown), nl=False)
            return
    emit(shown if len(shown) > 1 else shown[0])


def csv_text(reports: Sequence[Report]) -> str:
    """Daily reports as a table, a row for each figure."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for each in reports:
        for section, name, value in _figures(each):
            unit = next((unit for suffix, unit in _UNITS if name.endswith(suffix)), "")
            table.writerow((each["shard"], each["day"], section, name, value, unit))
    return out.getvalue()


def summed(reports: Sequence[Report]) -> dict[str, Any]:
    """What several chains' reports of a day come to together, in their form."""
    return {
        name: _sum([each[name] for each in reports])
        for name in reports[0]
        if name not in _SAYS_WHICH
    }


def _sum(values: Sequence[Any]) -> Any:
    """Amounts are decimal strings, and stay so."""
    match values[0]:
        case dict():
            return {name: _sum([each[name] for each in values]) for name in values[0]}
        case list() | tuple():
            counts: Counter[str] = Counter()
            for each in values:
                counts.update({count["name"]: count["number"] for count in each})
            return [{"name": name, "number": counts[name]} for name in sorted(counts)]
        case str():
            return str(sum(map(int, values)))
    return sum(values)


def _of_chain(
    url: str | None, timeout_s: float, shard: str | None, days: Sequence[str]
) -> list[Report]:
    async def conversation(client: Any) -> Any:
        where = await shard_of(client, shard)
        return [await client.call("compliance.report", shard=where, day=each) for each in days]

    return list(ask(url, timeout_s, conversation))


def _of_network(
    urls: Sequence[str | None], timeout_s: float, days: Sequence[str]
) -> list[dict[str, Any]]:
    """A day after the other, each chain as the first node has it that hosts it."""
    known: dict[str, list[Report]] = {}
    expected: set[str] = set()
    for url in urls:

        async def conversation(client: Any) -> None:
            status = await client.call("node.status")
            expected.update(status["shards"])
            for shard in (chain["shard"] for chain in status["chains"]):
                if shard not in known:
                    known[shard] = [
                        await client.call("compliance.report", shard=shard, day=each)
                        for each in days
                    ]

        ask(url, timeout_s, conversation)
    missing = sorted(expected - set(known))
    return [
        _together([known[shard][number] for shard in sorted(known)], missing)
        for number in range(len(days))
    ]


def _together(chains: Sequence[Report], missing: Sequence[str]) -> dict[str, Any]:
    return {
        "day": chains[0]["day"],
        "is_over": all(each["is_over"] for each in chains),
        "missing": list(missing),
        NETWORK: summed(chains),
        "chains": list(chains),
    }


def _as_chain(day: Report) -> Report:
    return {"shard": NETWORK, "day": day["day"], **day[NETWORK]}


def _for_people(day: Report) -> dict[str, Any]:
    lines = [
        {name: each[name] for name in _LINE}
        | {"violations": sum(count["number"] for count in each["violations"])}
        for each in day["chains"]
    ]
    return {**day, "chains": lines}


def _figures(found: Report) -> Iterator[tuple[str, str, str]]:
    for name, value in found.items():
        match value:
            case dict():
                yield from ((name, inner, str(figure)) for inner, figure in value.items())
            case list():
                yield from ((name, each["name"], str(each["number"])) for each in value)
            case _ if name not in _SAYS_WHICH:
                yield "totals", name, str(value)


def _days(day: str | None, until: str | None) -> list[str]:
    """From the first to the last, both among them."""
    first = _day(day) if day is not None else _today() - timedelta(days=1)
    last = _day(until) if until is not None else first
    count = (last - first).days + 1
    if not 1 <= count <= MAX_DAYS:
        raise click.UsageError(f"{count} days, from 1 to {MAX_DAYS} are reported at once.")
    return [(first + timedelta(days=number)).isoformat() for number in range(count)]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"{text!r} is no date such as 2026-11-21.") from error


def _today() -> date:
    """In Bangkok."""
    return (datetime.now(UTC) + timedelta(seconds=OFFSET_S)).date()
