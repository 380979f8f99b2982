"""`gtxnode tx halt` and `lift`, and what regulators ask: `gtxnode query violations`, `acts`,
`halts`, `mandates`, `usage`.

An authority signs with a key of its own, by `--key-file`, as for everything that it signs.
"""

from typing import Any

import click

from gtxnode.cli.accounts import ACCOUNT
from gtxnode.cli.amounts import DURATION
from gtxnode.cli.query import MAX_PAGE, chain_options, print_answer
from gtxnode.cli.submit import Holdings, now_ms
from gtxnode.cli.tx import send_body, sending_options
from gtxnode.ledger.authority.halts import MAX_CAUSE_LENGTH, SPOT, OfMarket, OfTrader, Scope
from gtxnode.ledger.bodies import Body, Halt, Lift
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.zones import Zone

ZONES = tuple(zone.name.lower() for zone in Zone)


class Product(click.ParamType[int]):
    """What is traded: `spot`, or the length of a forward's slot in minutes."""

    name = "spot|MINUTES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """0 for spot, else seconds."""
        text = str(value).lower()
        if text == "spot":
            return SPOT
        if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 60:
            self.fail(f"{value!r} is neither spot nor a slot's length in minutes", param, ctx)
        return int(text) * 60


def scope_options(command: Any) -> Any:
    """What a halt is of."""
    zone = click.option("--zone", type=click.Choice(ZONES), help="Only what is traded in a zone.")
    product = click.option("--product", type=Product(), help="Only this product.")
    trader = click.option("--trader", type=ACCOUNT, help="Everything of one trader, nothing else.")
    return zone(product(trader(command)))


@click.command()
@sending_options
@scope_options
@click.option(
    "--for", "lasts_s", type=DURATION, required=True, help="How long, such as 30m, 24h or 7d."
)
@click.option("--cause", required=True, help=f"Why, {MAX_CAUSE_LENGTH} letters at most.")
def halt(
    zone: str | None,
    product: int | None,
    trader: bytes | None,
    lasts_s: int,
    cause: str,
    **sending: Any,
) -> None:
    """Stop trading; for ERC, and EGAT in an emergency.

    All of it where neither zone, product nor trader is named. It ends by itself. On
    func_governance, with --shard, it holds on every chain.
    """
    scope = _scope(zone, product, trader)

    def build(held: Holdings) -> Body:
        return Halt(scope, held.time_ms // 1_000 + lasts_s, cause, now_ms())

    send_body(build, **sending)


@click.command()
@sending_options
@scope_options
def lift(zone: str | None, product: int | None, trader: bytes | None, **sending: Any) -> None:
    """End a halt before its time; the scope has to be the same.

    For ERC, and for EGAT where it made the halt; on the chain where that was signed.
    """
    scope = _scope(zone, product, trader)
    send_body(lambda held: Lift(scope, now_ms()), **sending)


@click.command()
@chain_options
@click.option("--after", type=click.IntRange(0), help="Those after this number.")
@click.option("--limit", type=click.IntRange(1, MAX_PAGE), default=100, show_default=True)
@click.option("--trader", type=ACCOUNT, help="Of one signer.")
@click.option("--rule", help="Of one rule, by its code, such as halted.")
def violations(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    after: int | None,
    limit: int,
    trader: bytes | None,
    rule: str | None,
) -> None:
    """What blocks took and rules refused.

    In order, with the rule's name, what it said, and who had signed. Times are in UTC.
    """
    address = format_address(trader) if trader is not None else None
    print_answer(
        url, timeout_s, shard, "compliance.violations",
        after=after, limit=limit, address=address, rule=rule,
    )  # fmt: skip


@click.command()
@chain_options
@click.option("--after", type=click.IntRange(0), help="Those after this number.")
@click.option("--limit", type=click.IntRange(1, MAX_PAGE), default=100, show_default=True)
def acts(
    url: str | None, timeout_s: float, shard: str | None, after: int | None, limit: int
) -> None:
    """What authorities have signed: the audit trail.

    In order, each with the signed transaction itself. Times are in UTC.
    """
    print_answer(url, timeout_s, shard, "compliance.acts", after=after, limit=limit)


@click.command()
@chain_options
def halts(url: str | None, timeout_s: float, shard: str | None) -> None:
    """The halts that stand.

    By whom, of what, until when (seconds since 1970), why, and whether it was signed on this
    chain or on the registry, for every chain.
    """
    print_answer(url, timeout_s, shard, "compliance.halts")


@click.command()
@chain_options
def mandates(url: str | None, timeout_s: float, shard: str | None) -> None:
    """Which authority may sign what.

    Each kind of transaction with its authorities, and the authorities with their keys.
    """
    print_answer(url, timeout_s, shard, "compliance.mandates")


@click.command()
@chain_options
@click.argument("account", type=ACCOUNT)
def usage(url: str | None, timeout_s: float, shard: str | None, account: bytes) -> None:
    """How far an account has used up the limits of use.

    In kWh, for the window that is open or begins next (seconds since 1970).
    """
    print_answer(url, timeout_s, shard, "compliance.usage", address=format_address(account))


def _scope(zone: str | None, product: int | None, trader: bytes | None) -> Scope:
    if trader is None:
        return OfMarket(Zone[zone.upper()] if zone is not None else None, product)
    if zone is not None or product is not None:
        raise click.UsageError("--trader stands alone: a halted trader trades nothing anywhere.")
    return OfTrader(trader)
