"""`gtxnode tariff`: tables of tariffs to be signed by the regulator; it asks no node.

The days come from the package `holidays`, whose releases know of more of them each year. The chain
never asks it: it goes by tables, and this command writes one.
"""

from datetime import date
from importlib.metadata import version
from typing import Any

import click

from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.render import emit
from gtxnode.cli.session import shared_options
from gtxnode.cli.tariff import LOCAL_TIME

COMMANDS = {"calendar": Lazy("gtxnode.cli.calendar:calendar", "A year's off-peak holidays.")}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def tariff() -> None:
    """Write tables of tariffs.

    What is printed with -o json is what `gtxnode tx replace-tariff` takes. Rates in tables are in
    millionths of a THB per kWh.
    """


class Day(click.ParamType[date]):
    """A day such as `2027-04-13`."""

    name = "DAY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Fails on anything else."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day; write 2027-04-13", param, ctx)


@click.command()
@shared_options
@click.option("--from", "from_s", type=LOCAL_TIME, default=0, help="When it begins, in Bangkok.")
@click.option("--add", type=Day(), multiple=True, help="A day besides; may be repeated.")
@click.option("--drop", type=Day(), multiple=True, help="A day less; may be repeated.")
@click.argument("year", type=click.IntRange(2000, 2100))
def calendar(year: int, from_s: int, add: tuple[date, ...], drop: tuple[date, ...]) -> None:
    """A year's off-peak holidays.

    Thailand's public holidays of YEAR, without substitution days and without the Royal Ploughing
    Day, as the utilities' schedules count them.
    """
    import holidays
    import msgspec

    from gtxnode.tariffs.tables import Holidays

    known = set(holidays.country_holidays("TH", years=year, observed=False))
    for day in (*add, *drop):
        if day.year != year:
            raise click.UsageError(f"{day} is not in {year}")
    for day in drop:
        if day not in known:
            raise click.UsageError(f"{day} is no holiday")
    source = f"package holidays {version('holidays')}, Thailand, public, no substitution days"
    changes = [f"with {day}" for day in sorted(add)] + [f"without {day}" for day in sorted(drop)]
    table = Holidays(
        from_s=from_s,
        source=", ".join((source, *changes))[:200],
        year=year,
        days=tuple(sorted((known | set(add)) - set(drop))),
    )
    emit(msgspec.to_builtins(table))
