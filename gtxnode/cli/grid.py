"""The grid on the command line: its model made, what is left asked, what authorities say of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gtxnode.cli.amounts import DURATION, GTX, KWH, PRICE
from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.query import chain_options, print_answer
from gtxnode.cli.render import emit
from gtxnode.cli.session import shared_options
from gtxnode.cli.submit import Holdings, now_ms
from gtxnode.cli.tx import fee_option, send_body, sending_options
from gtxnode.ledger.bodies import Body
from gtxnode.primitives.zones import Zone

F = TypeVar("F", bound=Callable[..., Any])

ZONES = tuple(zone.name.lower() for zone in Zone)
ZONE = click.Choice(ZONES)
COMMANDS = {
    "build": Lazy("gtxnode.cli.grid:build", "Make a grid model of a network's lines."),
}


class Percent(click.ParamType[int]):
    """A share such as `1.57%` or `1.57`, in parts per million."""

    name = "PERCENT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails on what is no percentage, or finer than a millionth."""
        from gtxnode.primitives.units import parse_decimal

        if isinstance(value, int):
            return value
        try:
            return parse_decimal(str(value).strip().removesuffix("%"), 10_000)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Place(click.ParamType[tuple[Zone, ...]]):
    """A zone, or two that a corridor joins, as `western-southern`."""

    name = "ZONE[-ZONE]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Zone, ...]:
        """Fails on anything else."""
        if isinstance(value, tuple):
            return value
        names = str(value).split("-")
        if not 1 <= len(names) <= 2 or len(set(names)) < len(names) or not set(names) <= set(ZONES):
            message = f"{value!r} is neither a zone nor two; there are {', '.join(ZONES)}"
            self.fail(message, param, ctx)
        return tuple(Zone[name.upper()] for name in names)


PERCENT = Percent()
PLACE = Place()


@click.group(cls=LazyGroup, lazy=COMMANDS)
def grid() -> None:
    """Make the model of the grid that a chain goes by.

    Limits are in MW, charges in GTX/kWh.
    """


@click.command()
@shared_options
@click.option(
    "--lines",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of source, sink, linesus (susceptance) and linemva.  [default: Thailand, 2016]",
)
@click.option(
    "--zones",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of substation and zone; with --lines.",
)
@click.option(
    "--limits",
    type=click.Choice(["first-line", "thermal"]),
    default="first-line",
    show_default=True,
    help="A corridor's limit: where its first line is full, or its lines' ratings added up.",
)
@click.option("--loss", type=PERCENT, default="1.57%", show_default=True, help="Average loss.")
@click.option(
    "--wheeling", type=PRICE, default="1.07", show_default=True, help="Wires' charge, in GTX/kWh."
)
@click.option(
    "--transmission", type=PERCENT, default="40%", show_default=True, help="Of it, EGAT's part."
)
@click.option(
    "--genesis",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Put the model into this genesis file.",
)
def build(
    lines: Path | None,
    zones: Path | None,
    limits: str,
    loss: int,
    wheeling: int,
    transmission: int,
    genesis: Path | None,
) -> None:
    """Make a grid model of a network's lines.

    Transfer factors by DC power flow, limits, losses and charges for every pair of zones, as
    the chain's parameter `grid`: printed, or written into a genesis file.
    """
    import msgspec

    from gtxnode.grid.build import BuildPolicy, LimitRule, build_model

    policy = BuildPolicy(LimitRule(limits), loss, wheeling, transmission)
    model = build_model(_network(lines, zones), policy)
    if genesis is not None:
        from gtxnode.cli.init import replace_file
        from gtxnode.genesis_file import format_genesis, read_genesis

        found = read_genesis(genesis)
        parameters = msgspec.structs.replace(found.parameters, grid=model)
        changed = msgspec.structs.replace(found, parameters=parameters)
        replace_file(genesis, format_genesis(changed))
    emit({"grid": msgspec.to_builtins(model)})


@click.command("grid")
@chain_options
@click.argument("what", type=click.Choice(["corridors", "status", "model"]), default="corridors")
@click.option("--in", "ahead_s", type=DURATION, help="Of the slot that long from now.")
def query_grid(
    url: str | None, timeout_s: float, shard: str | None, what: str, ahead_s: int | None
) -> None:
    """What is left of the grid.

    Of each corridor in the current slot, in W; or the zones' condition, or the model.
    """
    more: dict[str, object] = {}
    if what == "corridors" and ahead_s is not None:
        more["time_s"] = int(time.time()) + ahead_s
    print_answer(url, timeout_s, shard, f"grid.{what}", **more)


@click.command("route")
@chain_options
@click.argument("seller", type=ZONE)
@click.argument("buyer", type=ZONE)
@click.option("--quantity", "quantity_wh", type=KWH, default="1", show_default=True, help="kWh.")
@click.option(
    "--price", type=PRICE, default="3.5", show_default=True, help="To the seller, in GTX/kWh."
)
def query_route(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    seller: str,
    buyer: str,
    quantity_wh: int,
    price: int,
) -> None:
    """What carrying energy from one zone into another takes.

    Room and loss in kWh, charges and the price in all in GTX/kWh.
    """
    print_answer(
        url,
        timeout_s,
        shard,
        "grid.quote",
        seller=seller,
        buyer=buyer,
        quantity_wh=str(quantity_wh),
        price_mgtx_per_kwh=str(price),
    )


@click.command("grid-status")
@sending_options
@click.argument("zones", type=ZONE, nargs=-1, required=True)
@click.option(
    "--frequency-mhz", type=click.IntRange(0, 100_000), required=True, help="50000 is 50 Hz."
)
@click.option(
    "--voltage-index",
    type=click.IntRange(0, 200),
    default=100,
    show_default=True,
    help="100 where all voltages are nominal; no unit.",
)
@click.option(
    "--balance", type=PERCENT, default="100%", show_default=True, help="Supply over demand."
)
@click.option("--congestion", type=PERCENT, default="0%", show_default=True, help="Of the lines.")
@click.option(
    "--renewable", type=PERCENT, default="0%", show_default=True, help="Of the generation."
)
@click.option(
    "--carbon", type=click.IntRange(0, 10_000), default=475, show_default=True, help="gCO2e/kWh."
)
def grid_status(
    zones: tuple[str, ...],
    frequency_mhz: int,
    voltage_index: int,
    balance: int,
    congestion: int,
    renewable: int,
    carbon: int,
    **sending: Any,
) -> None:
    """Say in which condition the grid of some zones is.

    For EGAT to sign. It stands until the next one, or until it is too old. It pays no fee.
    """
    from gtxnode.grid.status import GridStatus
    from gtxnode.ledger.bodies import PostGridStatus

    status = GridStatus(frequency_mhz, voltage_index, balance, congestion, renewable, carbon)

    def make(_: Holdings) -> Body:
        return PostGridStatus(tuple(sorted(set(map(_zone, zones)))), status, now_ms())

    send_body(make, **sending)


@click.command("grid-limits")
@sending_options
@click.argument("place", metavar="ZONE[-ZONE]", type=PLACE)
@click.argument("forward_mw", metavar="MW", type=click.IntRange(0))
@click.option("--back", "backward_mw", type=click.IntRange(0), help="MW the other way.")
@click.option(
    "--in", "ahead_s", type=DURATION, default=None, help="When it begins.  [default: now]"
)
@click.option(
    "--for", "length_s", type=DURATION, default="1h", show_default=True, help="How long it holds."
)
def grid_limits(
    place: tuple[Zone, ...],
    forward_mw: int,
    backward_mw: int | None,
    ahead_s: int | None,
    length_s: int,
    **sending: Any,
) -> None:
    """Limit a corridor, or what one zone sells and takes, over some slots.

    With two zones the corridor between them, for EGAT to sign: MW from the first to the
    second, and the same back unless --back says otherwise. With one, what is sold out of it,
    and with --back what is delivered in it, for its utility to sign. Times are rounded to
    whole slots outwards. It pays no fee.
    """
    from gtxnode.ledger.bodies import SetCorridorLimits, SetZoneLimits

    def make(held: Holdings) -> Body:
        start_s, end_s = _slots(held.time_ms // 1_000, ahead_s or 0, length_s)
        if len(place) == 1:
            return SetZoneLimits(place[0], start_s, end_s, forward_mw, backward_mw, now_ms())
        one, other = place
        there, back = forward_mw, forward_mw if backward_mw is None else backward_mw
        if other < one:
            there, back = back, there
        return SetCorridorLimits(min(place), max(place), start_s, end_s, there, back, now_ms())

    send_body(make, **sending)


@click.command("grid-fund")
@sending_options
@fee_option
@click.argument("amount_ugtx", metavar="GTX", type=GTX)
def grid_fund(amount_ugtx: int, fee_ugtx: int | None, **sending: Any) -> None:
    """Pay into the fund that compensates curtailment."""
    from gtxnode.ledger import wallet

    def make(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.fund_grid(held.owner, held.cash, amount_ugtx, fee)

    send_body(make, **sending)


def _network(lines: Path | None, zones: Path | None) -> Any:
    from gtxnode.grid.network import network_of
    from gtxnode.grid_data import rows, thai_network

    if lines is None and zones is None:
        return thai_network()
    if lines is None or zones is None:
        raise click.UsageError("--lines and --zones go together")
    try:
        return network_of(rows(lines.read_text("utf-8")), rows(zones.read_text("utf-8")))
    except UnicodeDecodeError as error:
        raise CommandFailed("network.bad_value", str(error), Exit.CONFIGURATION) from error


def _slots(now_s: int, ahead_s: int, length_s: int) -> tuple[int, int]:
    """A range of whole slots around a time span from now."""
    from gtxnode.grid.model import SLOT_S

    start_s = (now_s + ahead_s) // SLOT_S * SLOT_S
    return start_s, -(-(now_s + ahead_s + length_s) // SLOT_S) * SLOT_S


def _zone(name: str) -> Zone:
    return Zone[name.upper()]
