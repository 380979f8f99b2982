"""`gtxnode query bill`: a home's month as a person reads it, line by line beside the grid's."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from gtxnode.cli.accounts import ACCOUNT
from gtxnode.cli.query import chain_answer, chain_options
from gtxnode.cli.render import emit
from gtxnode.cli.session import session
from gtxnode.cli.tariff import customer_option
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.units import SATANG_PER_THB, UGTX_PER_GTX, WH_PER_KWH, format_decimal

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 76
COLUMNS = ("part", "line", "energy_wh", "amount_satang", "amount_ugtx", "billed")
ENERGY = (
    "imported_on_peak_wh",
    "imported_off_peak_wh",
    "covered_on_peak_wh",
    "covered_off_peak_wh",
    "exported_wh",
    "held_wh",
    "voided_wh",
    "unsold_wh",
)


@click.command()
@chain_options
@customer_option
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, amounts in the smallest units.")
@click.argument("account", type=ACCOUNT)
@click.argument("month", metavar="YYYY-MM")
def bill(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    account: bytes,
    month: str,
    customer: str,
    as_csv: bool,
) -> None:
    """A home's month, here and by the grid alone.

    What ACCOUNT (an address, or a key's name) paid and earned in a month of Bangkok's calendar,
    in THB and kWh, beside what the grid tariff alone would have been, and why what it holds has
    changed, in GTX and kWh. Below zero is what it got.
    """
    found = chain_answer(
        url,
        timeout_s,
        shard,
        "tariff.bill",
        address=format_address(account),
        month=month,
        customer=customer,
    )
    if as_csv:
        click.echo(csv_text(found), nl=False)
    elif session().as_json:
        emit(found)
    else:
        click.echo(text_of(found), nl=False)


def csv_text(found: Mapping[str, Any]) -> str:
    """Every line of a bill and of its account, a header first."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for part in ("here", "grid_only"):
        for line in found[part]:
            table.writerow((part, line["name"], line["energy_wh"], line["amount_satang"], "", ""))
    for each in found["account"]:
        billed = "yes" if each["billed"] else "no"
        row = ("account", each["name"], each["energy_wh"], "", each["amount_ugtx"], billed)
        table.writerow(row)
    return out.getvalue()


def text_of(found: Mapping[str, Any]) -> str:
    """A bill as a person reads it."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=WIDTH, highlight=False, markup=False)
    so_far = "" if found["complete"] else ", so far"
    console.print(f"{found['address']} on {found['shard']}")
    console.print(f"{found['month']}{so_far}: {found['customer']}, {found['meters']} meter(s)")
    console.print(_energy(found))
    console.print(_lines(found["here"], found["grid_only"], found))
    console.print(_verdict(found))
    if found["account"]:
        console.print(_account(found))
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def _energy(found: Mapping[str, Any]) -> "Table":
    table = _table("Energy", "kWh")
    for name in ENERGY:
        if kwh := _kwh(found[name]):
            table.add_row(_words(name.removesuffix("_wh")), kwh)
    return table


def _lines(
    here: Sequence[Mapping[str, Any]], grid: Sequence[Mapping[str, Any]], found: Mapping[str, Any]
) -> "Table":
    table = _table("Bill", "kWh here", "THB here", "kWh grid", "THB grid")
    by_name = [{line["name"]: line for line in lines} for lines in (here, grid)]
    for name in dict.fromkeys(line["name"] for line in (*here, *grid)):
        cells = []
        for lines in by_name:
            line = lines.get(name)
            cells += ["", ""] if line is None else [_kwh(line["energy_wh"]), _thb(line)]
        if any(cells):
            table.add_row(_words(name), *cells)
    table.add_section()
    totals = [_baht(int(found[name])) for name in ("here_satang", "grid_only_satang")]
    table.add_row("total", "", totals[0], "", totals[1])
    return table


def _verdict(found: Mapping[str, Any]) -> str:
    saved = int(found["saved_satang"])
    if not any(int(line["amount_satang"]) or int(line["energy_wh"]) for line in found["grid_only"]):
        return "No meter was read in the month: there is no bill of the grid to compare with."
    if not saved:
        return "It came to the same as the grid alone."
    word = "saved" if saved > 0 else "lost"
    return f"Trading {word} {_baht(abs(saved))} THB against the grid alone."


def _account(found: Mapping[str, Any]) -> "Table":
    table = _table("Why what it holds changed", "GTX", "kWh", "in the bill")
    for each in found["account"]:
        money = int(each["amount_ugtx"])
        table.add_row(
            _words(each["name"]),
            format_decimal(money, UGTX_PER_GTX) if money else "",
            _kwh(each["energy_wh"]),
            "yes" if each["billed"] else "no",
        )
    table.add_section()
    change = format_decimal(int(found["change_ugtx"]), UGTX_PER_GTX)
    table.add_row("change", change, _kwh(found["change_wh"]), "")
    return table


def _table(title: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, width=WIDTH)
    table.add_column(title, ratio=1)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _words(name: str) -> str:
    return name.replace("_", " ")


def _kwh(wh: str) -> str:
    return format_decimal(int(wh), WH_PER_KWH) if int(wh) else ""


def _thb(line: Mapping[str, Any]) -> str:
    satang = int(line["amount_satang"])
    return _baht(satang) if satang else ""


def _baht(satang: int) -> str:
    """As on paper: always two digits."""
    whole, rest = divmod(abs(satang), SATANG_PER_THB)
    return f"{'-' if satang < 0 else ''}{whole}.{rest:02}"
