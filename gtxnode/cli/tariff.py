"""`gtxnode query tariff` and `quote`: what energy costs, here and from the grid."""

from datetime import datetime
from typing import Any

import click

from gtxnode.cli.amounts import PRICE
from gtxnode.cli.query import chain_options, print_answer
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from gtxnode.tariffs.calendar import OFFSET_S, local_day
from gtxnode.tariffs.thailand import RESIDENTIAL_LOW_VOLTAGE

ZONE = click.Choice([zone.name.lower() for zone in Zone])
SOURCE = click.Choice([source.name.lower() for source in Source])
_UTC = datetime(1970, 1, 1)


class LocalTime(click.ParamType[int]):
    """A time in Bangkok such as `2026-11-23` or `2026-11-23T18:00`, in Unix seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails on anything else."""
        if isinstance(value, int):
            return value
        try:
            when = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-23T18:00", param, ctx)
        if when.tzinfo is not None or when < _UTC:
            self.fail(f"{value!r} is no time in Bangkok since 1970", param, ctx)
        return int((when - _UTC).total_seconds()) - OFFSET_S


LOCAL_TIME = LocalTime()


def customer_option(command: Any) -> Any:
    """`--customer`."""
    return click.option(
        "--customer",
        metavar="CLASS",
        default=RESIDENTIAL_LOW_VOLTAGE,
        show_default=True,
        help="A class of customers in the table energy_charges.",
    )(command)


@click.command()
@chain_options
@click.option("--at", "at_s", type=LOCAL_TIME, default=None, help="In Bangkok.  [default: now]")
def tariff(url: str | None, timeout_s: float, shard: str | None, at_s: int | None) -> None:
    """The tables of tariffs.

    All of them, and which are in force. Units are in the names: _uthb_per_kwh is millionths of
    a THB per kWh, _ppm millionths.
    """
    print_answer(url, timeout_s, shard, "tariff.tables", at_s=at_s)


@click.command()
@chain_options
@customer_option
@click.option("--source", type=SOURCE, default="solar", show_default=True, help="Of the energy.")
@click.option(
    "--from",
    "from_zone",
    type=ZONE,
    default="bangkok",
    show_default=True,
    help="Where it is made.",
)
@click.option(
    "--to", "to_zone", type=ZONE, default=None, help="Where it is used.  [default: the same]"
)
@click.option("--at", "at_s", type=LOCAL_TIME, default=None, help="In Bangkok.  [default: now]")
@click.option(
    "--price", type=PRICE, default=None, help="In GTX/kWh.  [default: the reference price]"
)
@click.option(
    "--capacity",
    "capacity_w",
    metavar="W",
    type=click.IntRange(1, 10**9),
    default=5_000,
    show_default=True,
    help="Of the seller's plant.",
)
def quote(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    price: int | None,
    **params: object,
) -> None:
    """What a kWh comes to, part by part.

    Beside what the grid asks the buyer and pays the seller for it; gains are below zero where
    trading loses.
    """
    print_answer(url, timeout_s, shard, "tariff.quote", price_mgtx_per_kwh=price, **params)


def day_text(at_s: int) -> str:
    """The day in Bangkok, as the interface takes it."""
    return local_day(at_s).isoformat()
