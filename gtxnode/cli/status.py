"""`gtxnode status`: is the node there, and how far is it?"""

import click

from gtxnode.cli.connection import ask, node_options
from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.cli.render import emit
from gtxnode.cli.session import shared_options


@click.command()
@shared_options
@node_options
@click.option("--ready", is_flag=True, help="Exit with 1 unless it is ready to serve clients.")
def status(url: str | None, timeout_s: float, ready: bool) -> None:
    """Ask the running node how it is.

    Exit code 0 if it answers, 3 if it cannot be reached. Heights are in blocks, times in
    UTC.
    """
    found = ask(url, timeout_s, lambda client: client.call("node.status"))
    emit(found)
    if ready and not found["ready"]:
        message = "; ".join(found["reasons"]) or "the node is not ready"
        raise CommandFailed("node.not_ready", message, Exit.FAILED)
