"""`gtxnode tx` and `gtxnode query`, what is about carbon credits."""

from typing import Any

import click

from gtxnode.cli.accounts import ACCOUNT
from gtxnode.cli.amounts import CREDITS
from gtxnode.cli.submit import Holdings
from gtxnode.cli.tx import MEMO, fee_option, send_body, sending_options
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body


@click.command("retire-credits")
@sending_options
@fee_option
@click.option("--memo", type=MEMO, default=b"", help="A note of at most 64 bytes, seen by all.")
@click.option(
    "--beneficiary", type=ACCOUNT, default=None, help="In whose name.  [default: who signs]"
)
@click.argument("amount_mgco2e", metavar="CREDITS", type=CREDITS)
def retire_credits(
    amount_mgco2e: int,
    fee_ugtx: int | None,
    memo: bytes,
    beneficiary: bytes | None,
    **sending: Any,
) -> None:
    """Use carbon credits up.

    CREDITS are taken out of existence for good; one is 10 kg CO2e.
    """

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.retire_credits(
            held.owner,
            held.credits,
            held.cash,
            amount_mgco2e,
            fee,
            beneficiary=beneficiary,
            memo=memo,
        )

    send_body(build, **sending)
