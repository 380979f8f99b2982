"""`gtxnode query`, what is about suspect readings, provinces and foreign meters' records."""

from typing import Any

import click

from gtxnode.cli.amounts import TRANSACTION_ID
from gtxnode.cli.meter import CURVES
from gtxnode.cli.query import MAX_PAGE, chain_options, print_answer
from gtxnode.primitives.zones import REGISTRY

MAX_RECORD_BYTES = 32_768
"""More than any record may have."""


@click.command()
@chain_options
@click.option("--utility", type=click.Choice(["MEA", "PEA"]), help="In its territory only.")
@click.option("--after", metavar="NEXT", help="What comes after the last page: its next.")
@click.option("--limit", type=click.IntRange(1, MAX_PAGE), default=100, show_default=True)
def held(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    utility: str | None,
    after: str | None,
    limit: int,
) -> None:
    """What waits for a utility's judgement.

    Energy that suspect readings exported, in kWh, with what speaks against it.
    """
    print_answer(url, timeout_s, shard, "meter.held", utility=utility, after=after, limit=limit)


@click.command("meter-home")
@chain_options
@click.option("--curve", type=CURVES, default=None, help="A foreign meter's.")
@click.option("--serial", default=None, help="A foreign meter's, as its records have it.")
@click.argument("public_key", metavar="KEY")
def meter_home(
    url: str | None,
    timeout_s: float,
    shard: str | None,
    curve: str | None,
    serial: str | None,
    public_key: str,
) -> None:
    """On which chain a meter's key counts.

    As the registry has it, func_governance where --shard names no other. KEY is in
    hexadecimal: a native meter's, or with --curve and --serial a foreign meter's point. The
    height is in the registry's blocks.
    """
    where = shard or REGISTRY.value
    asked = {"public_key": public_key, "curve": curve, "serial": serial}
    print_answer(url, timeout_s, where, "meter.home", **asked)


@click.command()
@chain_options
def provinces(url: str | None, timeout_s: float, shard: str | None) -> None:
    """Zones and utilities by province.

    Numbers are those of ISO 3166-2:TH; taken says whether the chain takes its meters.
    """
    print_answer(url, timeout_s, shard, "meter.provinces")


@click.command()
@chain_options
@click.argument("id", type=TRANSACTION_ID)
def record(url: str | None, timeout_s: float, shard: str | None, id: bytes) -> None:
    """A foreign meter's record, to the byte.

    As the transaction ID brought it, with what it says and its hash.
    """
    print_answer(url, timeout_s, shard, "meter.record", transaction=id.hex())


@click.command()
@chain_options
@click.option("--record-key", required=True, help="The meter's key, in hexadecimal or base64.")
@click.argument("file", type=click.File("rb"))
def verdict(
    url: str | None, timeout_s: float, shard: str | None, record_key: str, file: Any
) -> None:
    """What is made of a meter's record.

    FILE holds one OCMF or COSE_Sign1 record; - is standard input. Nothing is sent to the chain.
    """
    data = file.read(MAX_RECORD_BYTES + 1)
    print_answer(url, timeout_s, shard, "meter.verdict", record=data.hex(), public_key=record_key)
