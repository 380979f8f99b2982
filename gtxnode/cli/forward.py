"""`gtxnode tx forward` and `assign`, and `gtxnode query` `slots`, `slot`, `slot-orders`,
`contracts` and `settlements`."""

from datetime import UTC, datetime
from typing import Any

import click

from gtxnode.cli.accounts import ACCOUNT
from gtxnode.cli.amounts import DURATION, KWH, METER_ID, PRICE, TRANSACTION_ID
from gtxnode.cli.connection import ask, shard_of
from gtxnode.cli.order_terms import SOURCES, Asked, terms_options
from gtxnode.cli.query import MAX_DEPTH, MAX_PAGE, chain_options, print_answer
from gtxnode.cli.submit import Holdings
from gtxnode.cli.tx import fee_option, send_body, sending_options
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body
from gtxnode.market.imbalance import ImbalanceRule
from gtxnode.market.slots import HOUR_S, Slot
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.zones import Zone

ZONES = tuple(zone.name.lower() for zone in Zone)


class Start(click.ParamType[tuple[bool, int]]):
    """When a slot begins: a time, or how long after the chain's; (relative, seconds)."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[bool, int]:
        """`2027-01-15T12:00` (UTC unless it says otherwise), Unix seconds, or `+2h`."""
        if isinstance(value, tuple):
            return value
        text = str(value).strip()
        if text.startswith("+"):
            return True, DURATION.convert(text[1:], param, ctx)
        if text.isascii() and text.isdigit() and len(text) <= 12:
            return False, int(text)
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"{value!r} is no time; write 2027-01-15T12:00, 1800014400 or +2h", param, ctx
            )
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        return False, int(time.timestamp())


START = Start()


def slot_at(start: tuple[bool, int], length_s: int, now_ms: int) -> Slot:
    """The slot of that length that begins then, or first after that long.

    `click.UsageError` where none begins at a time that is given.
    """
    relative, seconds = start
    if not 0 < length_s <= HOUR_S:
        raise click.UsageError("A slot is at most 60m long.")
    if relative:
        earliest_s = now_ms // 1_000 + seconds
        return Slot(-(-earliest_s // length_s) * length_s, length_s)
    slot = Slot(seconds, length_s)
    if not slot.is_aligned:
        raise click.UsageError(f"No slot of {length_s} s begins then: starts are multiples of it.")
    return slot


def slot_options(command: Any) -> Any:
    """`--slot` and `--length`."""
    length = click.option(
        "--length", "length_s", type=DURATION, default="60m", show_default=True, help="Of the slot."
    )
    return click.option(
        "--slot",
        "start",
        type=START,
        required=True,
        help="When it begins: 2027-01-15T12:00 (UTC), Unix seconds, or +2h for the first one that "
        "begins two hours from now or later.",
    )(length(command))


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
@slot_options
@terms_options("gate closure")
@click.option(
    "--source",
    "sources",
    type=click.Choice(SOURCES),
    multiple=True,
    help="With buy: energy of meters of these sources alone.",
)
@click.option("--meter", type=METER_ID, help="With sell: whose export delivers it.")
@click.option("--zone", type=click.Choice(ZONES), help="With buy: where it is to be used.")
def forward(
    side: str,
    quantity_wh: int,
    price_mgtx_per_kwh: int,
    start: tuple[bool, int],
    length_s: int,
    asked: Asked,
    sources: tuple[str, ...],
    meter: bytes | None,
    zone: str | None,
    **sending: Any,
) -> None:
    """Trade energy of a slot to come.

    gtxnode tx forward buy 5kWh --price 4 --slot +2h --zone bangkok. A buyer's payment is
    locked, and a seller's collateral for what it may not deliver. It pays no fee, and is
    amended and cancelled like any order until its slot's gate closes. Slots that are auctioned
    take plain orders, with --expires or without.
    """
    if (side == "sell") != (meter is not None) or (side == "buy") != (zone is not None):
        raise click.UsageError("A sell order names its --meter, a buy order its --zone.")
    if side == "sell" and sources:
        raise click.UsageError("--source is for buyers: a sell order's is that of its meter.")
    rules = forward_rules(sending["url"], sending["timeout_s"], sending["shard"])
    slot = slot_at(start, length_s, rules["time_ms"])
    how: dict[str, Any] = {
        "expires_s": asked.expires_s(rules["time_ms"] // 1_000),
        "immediate": asked.immediate,
        "terms": asked.terms(sources),
    }

    def build(held: Holdings) -> Body:
        limit = (quantity_wh, price_mgtx_per_kwh)
        if meter is not None:
            locked = collateral_by(rules, price_mgtx_per_kwh)
            return wallet.forward_offer(held.owner, held.cash, slot, meter, *limit, locked, **how)
        assert zone is not None, "one of the two is there"
        return wallet.forward_bid(held.owner, held.cash, slot, Zone[zone.upper()], *limit, **how)

    send_body(build, **sending)


@click.command()
@sending_options
@fee_option
@click.argument("contract", metavar="CONTRACT-ID", type=TRANSACTION_ID)
@click.argument("to", metavar="ACCOUNT", type=ACCOUNT)
def assign(contract: bytes, to: bytes, fee_ugtx: int | None, **sending: Any) -> None:
    """Hand a contract on to another buyer.

    What is still to be delivered, and the GTX locked for it, are ACCOUNT's from then on: an
    address, or a key's name. `query contracts` lists what you have bought.
    """

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.assign_contract(held.owner, held.cash, contract, to, fee)

    send_body(build, **sending)


@click.command()
@chain_options
def slots(url: str | None, timeout_s: float, shard: str | None) -> None:
    """Delivery slots with open orders.

    Starts in Unix seconds, lengths in seconds, best prices in GTX/kWh.
    """
    print_answer(url, timeout_s, shard, "forward.slots")


@click.command()
@chain_options
@slot_options
@click.option(
    "--depth",
    type=click.IntRange(1, MAX_DEPTH),
    default=20,
    show_default=True,
    help="Price levels of each side.",
)
def slot(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    start: tuple[bool, int],
    length_s: int,
    depth: int,
) -> None:
    """One slot's order book.

    Best prices first, in GTX/kWh; where it is auctioned, what that would come to now.
    """
    wanted = slot_at(start, length_s, forward_rules(url, timeout_s, shard)["time_ms"])
    print_answer(
        url,
        timeout_s,
        shard,
        "forward.book",
        start_s=wanted.start_s,
        length_s=wanted.length_s,
        depth=depth,
    )


@click.command()
@chain_options
@click.argument("account", type=ACCOUNT)
@click.option("--after", metavar="CONTRACT-ID", help="Contracts after this one: the last's next.")
@click.option("--limit", type=click.IntRange(1, MAX_PAGE), default=100, show_default=True)
def contracts(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    account: bytes,
    after: str | None,
    limit: int,
) -> None:
    """What an address has sold or bought ahead.

    Open contracts: energy in kWh, prices in GTX/kWh. ACCOUNT is an address, or a key's name.
    """
    print_answer(
        url,
        timeout_s,
        shard,
        "forward.contracts",
        address=format_address(account),
        after=after,
        limit=limit,
    )


@click.command(name="slot-orders")
@chain_options
@click.argument("account", type=ACCOUNT)
def slot_orders(url: str | None, timeout_s: float, shard: str | None, account: bytes) -> None:
    """An address's open orders for delivery slots.

    With their terms; times in Unix seconds, energy in kWh, prices in GTX/kWh. ACCOUNT is an
    address, or a key's name.
    """
    print_answer(url, timeout_s, shard, "forward.orders", address=format_address(account))


@click.command()
@chain_options
@click.option("--after", type=click.IntRange(0), help="Those after this number.")
@click.option("--limit", type=click.IntRange(1, MAX_PAGE), default=20, show_default=True)
def settlements(
    url: str | None, timeout_s: float, shard: str | None, after: int | None, limit: int
) -> None:
    """How contracts were settled.

    The latest, or those after a number. Energy in kWh, money in GTX.
    """
    print_answer(url, timeout_s, shard, "forward.settlements", after=after, limit=limit)


def forward_rules(url: str | None, timeout_s: float, shard: str | None) -> dict[str, Any]:
    """What forwards go by on a chain, as it answers."""

    async def conversation(client: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await client.call(
            "forward.rules", shard=await shard_of(client, shard)
        )
        return answer

    return ask(url, timeout_s, conversation)


def collateral_by(rules: dict[str, Any], price_mgtx_per_kwh: int) -> int:
    """What an offer at that price locks for each Wh by those rules, in mGTX/kWh."""
    imbalance = ImbalanceRule(int(rules["utility_mgtx_per_kwh"]), rules["premium_ppm"])
    return imbalance.collateral(price_mgtx_per_kwh, int(rules["max_price_mgtx_per_kwh"]))
