"""`gtxnode devnet`: several validators on this machine, and real homes that use them."""

from pathlib import Path

import click

from gtxnode.cli.amounts import DURATION
from gtxnode.cli.session import output_option, session
from gtxnode.devnet import (
    DEFAULT_SHARDS,
    DEFAULT_SPEED,
    DEFAULT_VALIDATORS,
    MAX_SPEED,
    MAX_VALIDATORS,
    run,
)


@click.command()
@output_option
@click.option(
    "--validators",
    type=click.IntRange(1, MAX_VALIDATORS),
    default=DEFAULT_VALIDATORS,
    show_default=True,
    help="Validators, each a process of its own.",
)
@click.option(
    "--shards",
    default=",".join(DEFAULT_SHARDS),
    show_default=True,
    metavar="SHARD,...",
    help="Chains, with commas between them.",
)
@click.option(
    "--duration",
    default=None,
    metavar="SECONDS",
    help="How long it runs: seconds, or 90s, 15m, 2h.  [default: until Ctrl-C]",
)
@click.option(
    "--speed",
    type=click.IntRange(1, MAX_SPEED),
    default=DEFAULT_SPEED,
    show_default=True,
    help="Seconds of meter time in a second: 1800 is an hour of readings every 2 s.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder of the network, kept afterwards.  [default: a temporary one]",
)
@click.option(
    "--port-base",
    type=click.IntRange(1_024, 64_000),
    default=None,
    help="First port; each validator takes the next three, ten further on.  [default: free ones]",
)
@click.option(
    "--blackout",
    is_flag=True,
    help="Replay the southern blackout of 2013 on func_energytrading, within 90 seconds.",
)
def devnet(
    validators: int,
    shards: str,
    duration: str | None,
    speed: int,
    home: Path | None,
    port_base: int | None,
    blackout: bool,
) -> int:
    """Run a network of several nodes on this machine.

    Meters sign readings of real homes, surplus is sold (kWh for GTX), and the table
    shows what becomes final. At the end the invariants are checked: exit code 1 if one
    does not hold.
    """
    duration_s = None if duration is None else _seconds(duration)
    names = tuple(name.strip() for name in shards.split(",") if name.strip())
    return run(
        validators=validators,
        shards=names,
        duration_s=duration_s,
        speed=speed,
        home=home,
        port_base=port_base,
        as_json=session().as_json,
        blackout=blackout,
    )


def _seconds(text: str) -> float:
    if text.isascii() and text.isdigit():
        text += "s"
    return float(DURATION.convert(text, None, click.get_current_context()))
