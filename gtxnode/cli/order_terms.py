"""What an order of either market may ask for besides its price: the options, and what they say."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import click

from gtxnode.cli.accounts import ACCOUNT
from gtxnode.cli.amounts import DURATION, KWH
from gtxnode.market.orders import ANY_SOURCE, Terms
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

SOURCES = tuple(source.name.lower() for source in Source)


class Asked(NamedTuple):
    """What the options say."""

    lifetime_s: int | None
    immediate: bool
    all_or_none: bool
    display_wh: int
    partner: bytes | None

    def expires_s(self, now_s: int) -> int:
        """When the order ends; zero for the chain's rule."""
        return 0 if self.lifetime_s is None else now_s + self.lifetime_s

    def terms(self, sources: tuple[str, ...] = (), zone: Zone | None = None) -> Terms | None:
        """The order's terms, with sources that a buyer accepts; None where it has none."""
        accepted = sum({1 << Source[name.upper()] for name in sources}) or ANY_SOURCE
        terms = Terms(accepted, self.partner, self.all_or_none, self.display_wh, zone)
        return None if terms == Terms() else terms


def terms_options(default_end: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options, which the command takes as `asked`."""
    options = (
        click.option(
            "--expires",
            "lifetime_s",
            type=DURATION,
            default=None,
            help=f"How long it stands, such as 30m or 24h.  [default: {default_end}]",
        ),
        click.option(
            "--ioc", is_flag=True, help="Immediate or cancel: what does not trade goes back."
        ),
        click.option(
            "--fok", is_flag=True, help="Fill or kill: all of it at once, or it is refused."
        ),
        click.option("--all-or-none", is_flag=True, help="It waits until it can trade whole."),
        click.option(
            "--slice",
            "display_wh",
            type=KWH,
            default=None,
            help="An iceberg: show so many kWh at a time; each slice queues anew.",
        ),
        click.option(
            "--partner", type=ACCOUNT, default=None, help="Trade with this account alone."
        ),
    )

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def gathered(
            *,
            lifetime_s: int | None,
            ioc: bool,
            fok: bool,
            all_or_none: bool,
            display_wh: int | None,
            partner: bytes | None,
            **rest: Any,
        ) -> Any:
            if sum((ioc, fok, all_or_none, display_wh is not None)) > 1:
                raise click.UsageError("One of --ioc, --fok, --all-or-none and --slice at most.")
            asked = Asked(lifetime_s, ioc or fok, fok or all_or_none, display_wh or 0, partner)
            return command(asked=asked, **rest)

        for option in reversed(options):
            gathered = option(gathered)
        return gathered

    return decorated
