"""`gtxnode query`: what a node answers, as it answers it.

Each command is one call of the interface. With `-o json` the answer is printed as it came,
amounts in the smallest units that the fields name; as text they are in GTX and kWh.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gtxnode.cli.accounts import ACCOUNT
from gtxnode.cli.amounts import METER_ID, TRANSACTION_ID
from gtxnode.cli.connection import ask, node_options, shard_of, shard_option
from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.render import emit
from gtxnode.cli.session import shared_options

F = TypeVar("F", bound=Callable[..., Any])

MAX_PAGE = 1_000
MAX_DEPTH = 200
COMMANDS = {
    "balance": Lazy("gtxnode.cli.query:balance", "What an address owns."),
    "coins": Lazy("gtxnode.cli.query:coins", "An address's unspent coins."),
    "tx": Lazy("gtxnode.cli.query:transaction", "Where a transaction stands."),
    "block": Lazy("gtxnode.cli.query:block", "A final block."),
    "orders": Lazy("gtxnode.cli.orders:orders", "An address's open orders."),
    "licence": Lazy("gtxnode.cli.orders:licence_of", "An address's licence for large orders."),
    "day": Lazy("gtxnode.cli.orders:day", "What traded today and yesterday."),
    "book": Lazy("gtxnode.cli.query:book", "The order book."),
    "trades": Lazy("gtxnode.cli.query:trades", "Trades that were made."),
    "slots": Lazy("gtxnode.cli.forward:slots", "Delivery slots with open orders."),
    "slot": Lazy("gtxnode.cli.forward:slot", "One slot's order book."),
    "slot-orders": Lazy(
        "gtxnode.cli.forward:slot_orders", "An address's open orders for delivery slots."
    ),
    "contracts": Lazy("gtxnode.cli.forward:contracts", "What an address has sold or bought ahead."),
    "settlements": Lazy("gtxnode.cli.forward:settlements", "How contracts were settled."),
    "meter": Lazy("gtxnode.cli.query:meter", "A meter and its last reading."),
    "tariff": Lazy("gtxnode.cli.tariff:tariff", "The tables of tariffs."),
    "quote": Lazy("gtxnode.cli.tariff:quote", "What a kWh comes to, part by part."),
    "bill": Lazy("gtxnode.cli.bill:bill", "A home's month, here and by the grid alone."),
    "carbon": Lazy("gtxnode.cli.carbon:report", "A zone's day: how clean it was."),
    "certificate": Lazy("gtxnode.cli.carbon:certificate", "What was retired, and where from."),
    "certificates": Lazy("gtxnode.cli.carbon:certificates", "Of a consumer, or of a meter."),
    "grid": Lazy("gtxnode.cli.grid:query_grid", "What is left of the grid."),
    "route": Lazy(
        "gtxnode.cli.grid:query_route", "What carrying energy from one zone into another takes."
    ),
    "meter-home": Lazy(
        "gtxnode.cli.meter_queries:meter_home", "On which chain a meter's key counts."
    ),
    "held": Lazy("gtxnode.cli.meter_queries:held", "What waits for a utility's judgement."),
    "provinces": Lazy("gtxnode.cli.meter_queries:provinces", "Zones and utilities by province."),
    "record": Lazy("gtxnode.cli.meter_queries:record", "A foreign meter's record, to the byte."),
    "verdict": Lazy("gtxnode.cli.meter_queries:verdict", "What is made of a meter's record."),
    "supply": Lazy("gtxnode.cli.query:supply", "What was minted and retired."),
    "seeds": Lazy("gtxnode.cli.query:seeds", "What proposers are drawn from, and who withheld."),
    "validators": Lazy("gtxnode.cli.query:validators", "Who votes, and with what stake."),
    "trust": Lazy("gtxnode.cli.query:trust", "What a new node can start from."),
    "checkpoint": Lazy("gtxnode.cli.query:checkpoint", "What the authorities have signed."),
    "proposals": Lazy("gtxnode.cli.governance:proposals", "Proposals, newest first."),
    "proposal": Lazy("gtxnode.cli.governance:proposal", "One proposal, and who has voted what."),
    "in-force": Lazy(
        "gtxnode.cli.governance:in_force", "The parameters that hold, and by which proposal."
    ),
    "report": Lazy("gtxnode.cli.report:report", "What a chain did in a day of Bangkok."),
    "violations": Lazy("gtxnode.cli.compliance:violations", "What blocks took and rules refused."),
    "acts": Lazy("gtxnode.cli.compliance:acts", "What authorities have signed: the audit trail."),
    "halts": Lazy("gtxnode.cli.compliance:halts", "The halts that stand."),
    "mandates": Lazy("gtxnode.cli.compliance:mandates", "Which authority may sign what."),
    "usage": Lazy(
        "gtxnode.cli.compliance:usage", "How far an account has used up the limits of use."
    ),
    "status": Lazy("gtxnode.cli.status:status", "Ask the running node how it is."),
    "peers": Lazy("gtxnode.cli.query:peers", "The peers that the node is connected to."),
    "parameters": Lazy("gtxnode.cli.query:parameters", "The chains' parameters."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def query() -> None:
    """Ask a node what is final.

    As text, amounts are in GTX, kWh and GTX/kWh; with -o json as the interface has them,
    in the units that the fields name (µGTX, Wh, mGTX/kWh).
    """


def chain_options(command: F) -> F:
    """What every question about one chain takes."""
    return shared_options(node_options(shard_option(command)))


@click.command()
@chain_options
@click.argument("account", type=ACCOUNT)
def balance(url: str | None, timeout_s: float, shard: str | None, account: bytes) -> None:
    """What an address owns.

    GTX and kWh, free and in open orders. ACCOUNT is an address, or a key's name.
    """
    print_answer(url, timeout_s, shard, "account.balance", address=_address(account))


@click.command()
@chain_options
@click.argument("account", type=ACCOUNT)
@click.option("--after", metavar="COIN-ID", help="Coins after this one: the last page's next.")
@click.option("--limit", type=click.IntRange(1, MAX_PAGE), default=100, show_default=True)
def coins(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    account: bytes,
    after: str | None,
    limit: int,
) -> None:
    """An address's unspent coins.

    Amounts in the coin's smallest unit: µGTX for money, Wh for energy. ACCOUNT is an
    address, or a key's name.
    """
    print_answer(
        url,
        timeout_s,
        shard,
        "account.coins",
        address=_address(account),
        after=after,
        limit=limit,
    )


@click.command(name="tx")
@chain_options
@click.option("--prove", is_flag=True, help="A proof that it is in a final block, as signed.")
@click.argument("id", type=TRANSACTION_ID)
def transaction(
    url: str | None, timeout_s: float, shard: str | None, prove: bool, id: bytes
) -> None:
    """Where a transaction stands.

    Pending, final at a height (in blocks), refused with its reason, or dropped.
    """
    print_answer(url, timeout_s, shard, "tx.prove" if prove else "tx.status", id=id.hex())


@click.command()
@chain_options
@click.argument("height", type=click.IntRange(0), required=False)
def block(url: str | None, timeout_s: float, shard: str | None, height: int | None) -> None:
    """A final block.

    The last one where no height (in blocks) is given. Times are in UTC.
    """

    async def conversation(client: Any) -> Any:
        name = await shard_of(client, shard)
        wanted = height
        if wanted is None:
            wanted = (await client.call("chain.head", shard=name))["height"]
        return await client.call("chain.block", shard=name, height=wanted)

    emit(ask(url, timeout_s, conversation))


@click.command()
@chain_options
@click.option(
    "--depth",
    type=click.IntRange(1, MAX_DEPTH),
    default=20,
    show_default=True,
    help="Price levels of each side.",
)
def book(url: str | None, timeout_s: float, shard: str | None, depth: int) -> None:
    """The order book.

    Best prices first, in GTX/kWh, with the energy on offer in kWh.
    """
    print_answer(url, timeout_s, shard, "market.book", depth=depth)


@click.command()
@chain_options
@click.option("--after", type=click.IntRange(0), help="Trades after this number.")
@click.option("--limit", type=click.IntRange(1, MAX_PAGE), default=20, show_default=True)
def trades(
    url: str | None, timeout_s: float, shard: str | None, after: int | None, limit: int
) -> None:
    """Trades that were made.

    The latest, or those after a number. Energy in kWh, price in GTX/kWh, cost in GTX.
    """
    print_answer(url, timeout_s, shard, "market.trades", after=after, limit=limit)


@click.command()
@chain_options
@click.argument("id", type=METER_ID)
def meter(url: str | None, timeout_s: float, shard: str | None, id: bytes) -> None:
    """A meter and its last reading.

    Registers in kWh, capacity in W.
    """
    print_answer(url, timeout_s, shard, "meter.get", meter=id.hex())


@click.command()
@chain_options
def supply(url: str | None, timeout_s: float, shard: str | None) -> None:
    """What was minted and retired.

    Energy in kWh: outstanding is minted less retired. Money in GTX.
    """
    print_answer(url, timeout_s, shard, "ledger.supply")


@click.command()
@chain_options
@click.argument("height", type=click.IntRange(0), required=False)
def validators(url: str | None, timeout_s: float, shard: str | None, height: int | None) -> None:
    """Who votes, and with what stake.

    At a height (in blocks), by default the next. Power is what a validator votes with
    there, in GTX; on the registry also who waits, is jailed or leaves. Epochs are counted
    from 0, reputation in millionths. Conduct is what this epoch's blocks have shown so far:
    heights and those signed, turns made and missed, and the same of other chains (elsewhere).
    """
    print_answer(url, timeout_s, shard, "chain.validators", height=height)


@click.command()
@chain_options
def seeds(url: str | None, timeout_s: float, shard: str | None) -> None:
    """What proposers are drawn from, and who withheld.

    The seed of the next block's epoch, who rests for missing turns until which height, and on
    the registry who withheld a reveal since the epoch began. Epochs are counted from 0.
    """
    print_answer(url, timeout_s, shard, "chain.seeds")


@click.command()
@chain_options
@click.argument("height", type=click.IntRange(1), required=False)
def checkpoint(url: str | None, timeout_s: float, shard: str | None, height: int | None) -> None:
    """What the authorities have signed.

    The newest checkpoint with enough signatures, or the one of a height (in blocks).
    """
    print_answer(url, timeout_s, shard, "chain.checkpoint", height=height)


@click.command()
@chain_options
def trust(url: str | None, timeout_s: float, shard: str | None) -> None:
    """What a new node can start from.

    The newest checkpoint, and the certificates that lead to it from the genesis. With -o json
    it is what `gtxnode init --trust` takes.
    """
    print_answer(url, timeout_s, shard, "chain.trust")


@click.command()
@shared_options
@node_options
def peers(url: str | None, timeout_s: float) -> None:
    """The peers that the node is connected to.

    A score rises with offences; it has no unit.
    """
    emit(ask(url, timeout_s, lambda client: client.call("node.peers")))


@click.command()
@shared_options
@node_options
def parameters(url: str | None, timeout_s: float) -> None:
    """The chains' parameters.

    Units are in the names: _ugtx, _wh, _mgtx_per_kwh, _s.
    """
    emit(ask(url, timeout_s, lambda client: client.call("node.parameters")))


def print_answer(
    url: str | None, timeout_s: float, shard: str | None, method: str, **params: object
) -> None:
    """Ask one thing about a chain, and print the answer."""
    emit(chain_answer(url, timeout_s, shard, method, **params))


def chain_answer(
    url: str | None, timeout_s: float, shard: str | None, method: str, **params: object
) -> Any:
    """Ask one thing about a chain; the answer as the interface has it."""

    async def conversation(client: Any) -> Any:
        return await client.call(method, shard=await shard_of(client, shard), **params)

    return ask(url, timeout_s, conversation)


def _address(account: bytes) -> str:
    from gtxnode.primitives.addresses import format_address

    return format_address(account)
