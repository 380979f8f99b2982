"""`gtxnode tx`: build a transaction from an account's coins, sign it, send it.

The key never leaves this process: what the node gets is signed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gtxnode.cli.accounts import ACCOUNT, signing_key, signing_options
from gtxnode.cli.amounts import (
    ASSET,
    CREDITS,
    GTX,
    KWH,
    METER_ID,
    TRANSACTION_ID,
)
from gtxnode.cli.connection import ask, node_options, shard_option
from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.render import emit
from gtxnode.cli.session import shared_options
from gtxnode.cli.submit import Build, Holdings, submit
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body, Cancel
from gtxnode.ledger.bodies.fields import MAX_MEMO_BYTES

F = TypeVar("F", bound=Callable[..., Any])

COMMANDS = {
    "send": Lazy("gtxnode.cli.tx:send", "Pay GTX, or hand over energy or carbon credits."),
    "order": Lazy("gtxnode.cli.orders:order", "Offer energy, or ask for it."),
    "amend": Lazy("gtxnode.cli.orders:amend", "Change an open order."),
    "licence": Lazy("gtxnode.cli.orders:licence", "Give or take a licence for large orders."),
    "forward": Lazy("gtxnode.cli.forward:forward", "Trade energy of a slot to come."),
    "assign": Lazy("gtxnode.cli.forward:assign", "Hand a contract on to another buyer."),
    "cancel": Lazy("gtxnode.cli.tx:cancel", "Take back an open order."),
    "retire": Lazy("gtxnode.cli.tx:retire", "Consume energy."),
    "replace-tariff": Lazy("gtxnode.cli.regulator:replace_tariff", "Bring a table of tariffs."),
    "retire-credits": Lazy("gtxnode.cli.carbon:retire_credits", "Use carbon credits up."),
    "grid-status": Lazy(
        "gtxnode.cli.grid:grid_status", "Say in which condition the grid of some zones is."
    ),
    "grid-limits": Lazy(
        "gtxnode.cli.grid:grid_limits",
        "Limit a corridor, or what one zone sells and takes, over some slots.",
    ),
    "grid-fund": Lazy(
        "gtxnode.cli.grid:grid_fund", "Pay into the fund that compensates curtailment."
    ),
    "meter": Lazy("gtxnode.cli.meter:meter", "What a utility says of meters."),
    "stake": Lazy("gtxnode.cli.stake:stake", "Lock GTX behind a validator."),
    "unstake": Lazy("gtxnode.cli.stake:unstake", "Take stake back."),
    "serve": Lazy("gtxnode.cli.stake:serve", "Say on which chains a validator votes."),
    "propose": Lazy("gtxnode.cli.governance:propose", "Propose other chain parameters."),
    "vote": Lazy("gtxnode.cli.governance:vote", "Vote on a proposal."),
    "halt": Lazy("gtxnode.cli.compliance:halt", "Stop trading; for ERC, and EGAT in an emergency."),
    "lift": Lazy(
        "gtxnode.cli.compliance:lift", "End a halt before its time; the scope has to be the same."
    ),
    "rotate-keys": Lazy("gtxnode.cli.rotation:rotate_keys", "Give an authority other keys."),
    "unjail": Lazy("gtxnode.cli.stake:unjail", "Let a validator return from jail."),
}


class Memo(click.ParamType[bytes]):
    """A short text, as UTF-8."""

    name = "TEXT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Fails where it is longer than a transaction takes."""
        data = value if isinstance(value, bytes) else str(value).encode()
        if len(data) > MAX_MEMO_BYTES:
            self.fail(f"is {len(data)} bytes, at most {MAX_MEMO_BYTES} fit", param, ctx)
        return data


MEMO = Memo()


@click.group(cls=LazyGroup, lazy=COMMANDS)
def tx() -> None:
    """Sign and send transactions.

    Amounts are exact decimals: GTX to 0.000001, kWh to 0.001, GTX/kWh to 0.001.
    """


def sending_options(command: F) -> F:
    """What every transaction takes: where to, who signs, whether to wait."""
    wait = click.option(
        "--wait",
        is_flag=True,
        help="Wait, up to --timeout, until it is final or refused.",
    )
    return shared_options(node_options(shard_option(signing_options(wait(command)))))


def fee_option(command: F) -> F:
    """`--fee`."""
    return click.option(
        "--fee",
        "fee_ugtx",
        type=GTX,
        default=None,
        help="Fee in GTX.  [default: the least that the chain takes]",
    )(command)


@click.command()
@sending_options
@fee_option
@click.option("--memo", type=MEMO, default=b"", help="A note of at most 64 bytes, seen by all.")
@click.argument("to", type=ACCOUNT)
@click.argument("amount", type=ASSET)
def send(
    to: bytes, amount: tuple[str, int], fee_ugtx: int | None, memo: bytes, **sending: Any
) -> None:
    """Pay GTX, or hand over energy or carbon credits.

    AMOUNT is 1.5GTX, 3kWh or 2credits; TO is an address, or a key's name.
    """
    unit, quantity = amount

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        if unit == GTX.unit:
            return wallet.pay(held.owner, held.cash, to, quantity, fee, memo)
        if unit == CREDITS.unit:
            return wallet.give_credits(held.owner, held.credits, held.cash, to, quantity, fee, memo)
        return wallet.give_energy(held.owner, held.energy, held.cash, to, quantity, fee, memo)

    send_body(build, **sending)


@click.command()
@sending_options
@click.argument("order_id", metavar="ORDER-ID", type=TRANSACTION_ID)
def cancel(order_id: bytes, **sending: Any) -> None:
    """Take back an open order.

    What is left in it (GTX or kWh) comes back. ORDER-ID is the id of the transaction that
    placed it. It pays no fee.
    """
    send_body(lambda held: Cancel(order_id), **sending)


@click.command()
@sending_options
@fee_option
@click.option("--memo", type=MEMO, default=b"", help="A note of at most 64 bytes, seen by all.")
@click.option("--consumer", type=ACCOUNT, default=None, help="In whose name.  [default: who signs]")
@click.option("--meter", type=METER_ID, default=None, help="The meter whose import it covers.")
@click.argument("amount_wh", metavar="KWH", type=KWH)
def retire(
    amount_wh: int,
    fee_ugtx: int | None,
    memo: bytes,
    consumer: bytes | None,
    meter: bytes | None,
    **sending: Any,
) -> None:
    """Consume energy.

    KWH is taken out of existence for good, oldest first. With --meter it covers what that
    meter of the consumer's took in within the month; without, it is retired voluntarily.
    """

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.retire(
            held.owner,
            held.energy,
            held.cash,
            amount_wh,
            fee,
            consumer=consumer,
            memo=memo,
            meter=meter,
        )

    send_body(build, **sending)


def send_body(
    build: Build,
    *,
    url: str | None,
    timeout_s: float,
    shard: str | None,
    key: str | None,
    key_file: Path | None,
    passphrase_file: Path | None,
    wait: bool,
) -> None:
    """Build, sign and send a body with what `sending_options` took, and print what came of it."""
    private_key = signing_key(key, key_file, passphrase_file)
    wait_s = timeout_s if wait else None
    emit(
        ask(
            url,
            timeout_s,
            lambda client: submit(client, shard, private_key, build, wait_s=wait_s),
            waits_s=wait_s or 0,
        )
    )
