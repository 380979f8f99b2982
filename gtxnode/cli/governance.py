"""`gtxnode tx propose` and `vote`, `gtxnode query proposals`, `proposal` and `in-force`.

All of it is on the registry, so that is the shard unless another is named.
"""

from typing import Any

import click

from gtxnode.cli.amounts import GTX
from gtxnode.cli.connection import ask, node_options, shard_of, shard_option
from gtxnode.cli.render import emit
from gtxnode.cli.session import shared_options
from gtxnode.cli.stake import home_validator, on_registry, validator_option
from gtxnode.cli.submit import Holdings
from gtxnode.cli.tx import fee_option, send_body, sending_options
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body
from gtxnode.ledger.registry.amendments import Change
from gtxnode.ledger.registry.proposals import MAX_CHANGES, MAX_TITLE_LENGTH
from gtxnode.ledger.registry.votes import Choice
from gtxnode.primitives.zones import REGISTRY

CHOICES = tuple(choice.name.lower() for choice in Choice)
MAX_PROPOSALS = 100


class ParameterChange(click.ParamType[Change]):
    """A parameter's dotted name, and what it is to be as JSON."""

    name = "NAME=JSON"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Change:
        """`min_fee_ugtx=2000`."""
        if isinstance(value, Change):
            return value
        name, sign, text = str(value).partition("=")
        if not (name and sign and text):
            self.fail(f"{value!r} is not of the form orders.max_wh=5000000", param, ctx)
        return Change(name.strip(), text.strip())


@click.command()
@sending_options
@fee_option
@click.option(
    "--title", required=True, help=f"What it is about, {MAX_TITLE_LENGTH} letters at most."
)
@click.option(
    "--epoch",
    type=click.IntRange(0),
    default=0,
    help="The first epoch in which it is to hold.  [default: the earliest]",
)
@click.option("--deposit", "deposit_ugtx", type=GTX, help="In GTX.  [default: what the chain asks]")
@click.argument("changes", nargs=-1, required=True, type=ParameterChange())
def propose(
    changes: tuple[Change, ...],
    title: str,
    epoch: int,
    deposit_ugtx: int | None,
    fee_ugtx: int | None,
    **sending: Any,
) -> None:
    """Propose other chain parameters.

    gtxnode tx propose --title "Smaller orders" orders.max_wh=5000000. The deposit comes
    back once enough stake has voted; it is lost where too little has.
    """
    if len(changes) > MAX_CHANGES:
        raise click.UsageError(f"{len(changes)} changes, at most {MAX_CHANGES} in one proposal.")
    sending = on_registry(sending)
    if deposit_ugtx is None:
        deposit_ugtx = _deposit_ugtx(sending["url"], sending["timeout_s"], sending["shard"])

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.propose(held.owner, held.cash, title, changes, deposit_ugtx, fee, epoch)

    send_body(build, **sending)


@click.command()
@sending_options
@fee_option
@validator_option
@click.argument("number", type=click.IntRange(1))
@click.argument("choice", type=click.Choice(CHOICES))
def vote(
    number: int, choice: str, validator: bytes | None, fee_ugtx: int | None, **sending: Any
) -> None:
    """Vote on a proposal.

    With the stake that a validator had where voting began; its owner signs. A later vote
    takes the place of an earlier one.
    """
    target = validator or home_validator()

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        chosen = Choice[choice.upper()]
        return wallet.vote(held.owner, held.cash, number, target, chosen, fee)

    send_body(build, **on_registry(sending))


@click.command()
@shared_options
@node_options
@shard_option
@click.option("--before", type=click.IntRange(1), help="Proposals below this number.")
@click.option("--limit", type=click.IntRange(1, MAX_PROPOSALS), default=20, show_default=True)
def proposals(
    url: str | None, timeout_s: float, shard: str | None, before: int | None, limit: int
) -> None:
    """Proposals, newest first.

    What they change, how far they have come, and the votes in GTX of stake.
    """
    where = shard or REGISTRY.value
    emit(
        ask(
            url,
            timeout_s,
            lambda client: client.call(
                "governance.proposals", shard=where, before=before, limit=limit
            ),
        )
    )


@click.command()
@shared_options
@node_options
@shard_option
@click.argument("number", type=click.IntRange(1))
def proposal(url: str | None, timeout_s: float, shard: str | None, number: int) -> None:
    """One proposal, and who has voted what.

    Stakes are in GTX; who has voted is shown while it is voted on.
    """
    where = shard or REGISTRY.value

    async def conversation(client: Any) -> Any:
        found = await client.call("governance.proposal", shard=where, number=number)
        if found["status"] == "voting":
            votes = await client.call("governance.votes", shard=where, number=number)
            found["votes"] = votes["votes"]
        return found

    emit(ask(url, timeout_s, conversation))


@click.command(name="in-force")
@shared_options
@node_options
@shard_option
def in_force(url: str | None, timeout_s: float, shard: str | None) -> None:
    """The parameters that hold, and by which proposal.

    Units are in the names: _ugtx, _wh, _mgtx_per_kwh, _s.
    """

    async def conversation(client: Any) -> Any:
        return await client.call("governance.parameters", shard=await shard_of(client, shard))

    emit(ask(url, timeout_s, conversation))


def _deposit_ugtx(url: str | None, timeout_s: float, shard: str) -> int:
    """What the chain asks for a proposal."""
    found = ask(url, timeout_s, lambda client: client.call("governance.parameters", shard=shard))
    return int(found["parameters"]["governance"]["deposit_ugtx"])
