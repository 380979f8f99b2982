"""`gtxnode tx order`, `amend` and `licence`, and `gtxnode query orders`, `day` and `licence`."""

from typing import Any

import click

from gtxnode.cli.accounts import ACCOUNT
from gtxnode.cli.amounts import DURATION, KWH, PRICE, TRANSACTION_ID
from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.cli.forward import collateral_by, forward_rules
from gtxnode.cli.order_terms import SOURCES, Asked, terms_options
from gtxnode.cli.query import chain_options, print_answer
from gtxnode.cli.submit import Holdings
from gtxnode.cli.tx import send_body, sending_options
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body, GrantLicence, RevokeLicence
from gtxnode.ledger.delivery.forward_coins import ForwardOrder
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

ZONES = tuple(zone.name.lower() for zone in Zone)


@click.command()
@sending_options
@click.argument("side", type=click.Choice(["sell", "buy"]))
@click.argument("quantity_wh", metavar="KWH", type=KWH)
@click.option(
    "--price",
    "price_mgtx_per_kwh",
    type=PRICE,
    required=True,
    help="Least (sell) or most (buy) that is taken, in GTX/kWh.",
)
@terms_options("the chain's usual lifetime")
@click.option(
    "--source",
    "sources",
    type=click.Choice(SOURCES),
    multiple=True,
    help="With buy: energy of these sources alone. With sell: which energy to offer.",
)
@click.option(
    "--zone",
    type=click.Choice(ZONES),
    default=None,
    help="With buy: where the energy is to be used. With sell: where it was metered.",
)
def order(
    side: str,
    quantity_wh: int,
    price_mgtx_per_kwh: int,
    asked: Asked,
    sources: tuple[str, ...],
    zone: str | None,
    **sending: Any,
) -> None:
    """Offer energy, or ask for it.

    gtxnode tx order sell 12.3kWh --price 3.5: at 3.5 GTX/kWh or better. It pays no fee.
    What is offered or to be paid is held by the order until it trades, ends or is
    cancelled. A sell order offers energy of one source and zone. Where zones trade with one
    another, a buy order names its --zone, and its price is all that is paid: the way included.
    """
    if side == "sell" and len(sources) > 1:
        raise click.UsageError("A sell order offers energy of one --source.")
    place = None if zone is None else Zone[zone.upper()]

    def build(held: Holdings) -> Body:
        limit = (quantity_wh, price_mgtx_per_kwh, asked.expires_s(held.time_ms // 1_000))
        if side == "sell":
            source = Source[sources[0].upper()] if sources else None
            energy = [pair for pair in held.energy if place in (None, pair[1].origin.zone)]
            return wallet.sell(
                held.owner,
                energy,
                *limit,
                immediate=asked.immediate,
                terms=asked.terms(),
                source=source,
            )
        terms = asked.terms(sources, place)
        return wallet.buy(held.owner, held.cash, *limit, immediate=asked.immediate, terms=terms)

    send_body(build, **sending)


@click.command()
@sending_options
@click.argument("order_id", metavar="ORDER-ID", type=TRANSACTION_ID)
@click.option("--to", "quantity_wh", type=KWH, help="What is to be left of it, in kWh.")
@click.option("--price", "price_mgtx_per_kwh", type=PRICE, help="The new limit, in GTX/kWh.")
def amend(
    order_id: bytes, quantity_wh: int | None, price_mgtx_per_kwh: int | None, **sending: Any
) -> None:
    """Change an open order.

    Of the spot market, or for a delivery slot. It keeps its place in the queue only where
    its price stays and it does not grow. ORDER-ID is the id of the transaction that placed
    it. It pays no fee.
    """
    if quantity_wh is None and price_mgtx_per_kwh is None:
        raise click.UsageError("Say what to change: --to, --price, or both.")
    rules = forward_rules(sending["url"], sending["timeout_s"], sending["shard"])

    def build(held: Holdings) -> Body:
        found = held.orders.get(order_id)
        if found is None:
            message = f"no open order {order_id.hex()} of this account"
            raise CommandFailed("unknown_order", message, Exit.REFUSED)
        to_wh = quantity_wh or found.quantity_wh
        price = price_mgtx_per_kwh or found.price_mgtx_per_kwh
        if isinstance(found, ForwardOrder):
            locked = collateral_by(rules, price)
            return wallet.amend_ahead(order_id, found, held.cash, to_wh, price, locked)
        return wallet.amend(order_id, found, held.energy, held.cash, to_wh, price)

    send_body(build, **sending)


@click.group()
def licence() -> None:
    """Give or take a licence for large orders.

    The regulator's key signs. Sizes are in kWh. On func_governance, with --shard, it is for
    every chain.
    """


@licence.command()
@sending_options
@click.argument("holder", metavar="ACCOUNT", type=ACCOUNT)
@click.argument("max_wh", metavar="KWH", type=KWH)
@click.option("--for", "lifetime_s", type=DURATION, required=True, help="How long, such as 365d.")
def grant(holder: bytes, max_wh: int, lifetime_s: int, **sending: Any) -> None:
    """Let an account place orders of up to KWH.

    It replaces a licence that the account has.
    """
    send_body(
        lambda held: GrantLicence(
            held.time_ms + 1, holder, max_wh, held.time_ms // 1_000 + lifetime_s
        ),
        **sending,
    )


@licence.command()
@sending_options
@click.argument("holder", metavar="ACCOUNT", type=ACCOUNT)
def revoke(holder: bytes, **sending: Any) -> None:
    """Take an account's licence back.

    Orders that are open already stay open.
    """
    send_body(lambda held: RevokeLicence(held.time_ms + 1, holder), **sending)


@click.command()
@chain_options
@click.argument("account", type=ACCOUNT)
def orders(url: str | None, timeout_s: float, shard: str | None, account: bytes) -> None:
    """An address's open orders.

    Those of the spot market, with their terms; expiry in Unix seconds. `query slot-orders`
    has those for delivery slots. ACCOUNT is an address, or a key's name.
    """
    print_answer(url, timeout_s, shard, "account.orders", address=format_address(account))


@click.command()
@chain_options
def day(url: str | None, timeout_s: float, shard: str | None) -> None:
    """What traded today and yesterday.

    In kWh and GTX, and the prices that orders may name now, in GTX/kWh. Days are Bangkok's.
    """
    print_answer(url, timeout_s, shard, "market.day")


@click.command(name="licence")
@chain_options
@click.argument("account", type=ACCOUNT)
def licence_of(url: str | None, timeout_s: float, shard: str | None, account: bytes) -> None:
    """An address's licence for large orders.

    Up to which size in kWh, and until when in Unix seconds. ACCOUNT is an address, or a
    key's name.
    """
    print_answer(url, timeout_s, shard, "account.licence", address=format_address(account))
