"""`gtxnode tx` and `gtxnode query`, what is about carbon and certificates of origin."""

from typing import Any

import click

from gtxnode.cli.accounts import ACCOUNT
from gtxnode.cli.amounts import CREDITS, METER_ID, TRANSACTION_ID
from gtxnode.cli.query import chain_options, print_answer
from gtxnode.cli.submit import Holdings
from gtxnode.cli.tariff import LOCAL_TIME, ZONE, day_text
from gtxnode.cli.tx import MEMO, fee_option, send_body, sending_options
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body
from gtxnode.primitives.addresses import format_address


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


@click.command("carbon")
@chain_options
@click.argument("zone", type=ZONE)
@click.argument("day", type=LOCAL_TIME, metavar="YYYY-MM-DD")
def report(url: str | None, timeout_s: float, shard: str | None, zone: str, day: int) -> None:
    """A zone's day: how clean it was.

    Energy made, by source; its renewable share in millionths and intensity in mg CO2e per kWh;
    what was retired that day, and the credits that it earned.
    """
    print_answer(url, timeout_s, shard, "carbon.report", zone=zone, day=day_text(day))


@click.command()
@chain_options
@click.option("--prove", is_flag=True, help="With what proves it; see `gtxnode certificate`.")
@click.option(
    "--by",
    type=click.Choice(["validators", "authorities"]),
    default=None,
    help="Whose signatures prove it.  [default: the authorities', once they signed after it]",
)
@click.argument("id", type=TRANSACTION_ID)
def certificate(
    url: str | None, timeout_s: float, shard: str | None, prove: bool, by: str | None, id: bytes
) -> None:
    """What was retired, and where from.

    ID is the transaction's that retired the energy, in hexadecimal. With -o json and --prove
    it is what `gtxnode certificate verify` checks.
    """
    if by is not None and not prove:
        raise click.UsageError("--by goes with --prove")
    if prove:
        print_answer(url, timeout_s, shard, "certificate.prove", id=id.hex(), by=by)
    else:
        print_answer(url, timeout_s, shard, "certificate.get", id=id.hex())


@click.command()
@chain_options
@click.option("--consumer", type=ACCOUNT, default=None, help="Retired in whose name.")
@click.option("--meter", type=METER_ID, default=None, help="Made by which meter.")
@click.option("--from", "start_s", type=LOCAL_TIME, default=None, help="In Bangkok.")
@click.option("--to", "end_s", type=LOCAL_TIME, default=None, help="In Bangkok.")
def certificates(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    consumer: bytes | None,
    meter: bytes | None,
    **span: int | None,
) -> None:
    """Of a consumer, or of a meter.

    Of a consumer by when it was retired, of a meter by when it was made.
    """
    if (consumer is None) is (meter is None):
        raise click.UsageError("name a --consumer or a --meter")
    times = {name: at_s for name, at_s in span.items() if at_s is not None}
    if meter is not None:
        print_answer(url, timeout_s, shard, "certificate.of_meter", meter=meter.hex(), **times)
    elif consumer is not None:
        address = format_address(consumer)
        print_answer(url, timeout_s, shard, "certificate.of_consumer", address=address, **times)
