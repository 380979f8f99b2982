"""`gtxnode tx replace-tariff`: the regulator brings a table of tariffs."""

from pathlib import Path
from typing import Any

import click

from gtxnode.cli.submit import Holdings
from gtxnode.cli.tx import send_body, sending_options
from gtxnode.ledger.bodies import Body, ReplaceTariff
from gtxnode.schema import Misfit, read_as
from gtxnode.tariffs.tables import TariffTable

MAX_FILE_BYTES = 65_536


@click.command("replace-tariff")
@sending_options
@click.option("--from", "from_s", type=int, default=None, help="Unix seconds, over the file's.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def replace_tariff(file: Path, from_s: int | None, **sending: Any) -> None:
    """Bring a table of tariffs.

    FILE is JSON such as `gtxnode -o json tariff calendar` prints; its `table` names the kind. It
    holds from the second that it names on. A key of the regulator's signs; it pays no fee. On
    func_governance, with --shard, it is brought to every chain.
    """
    table = _table(file, from_s)

    def build(held: Holdings) -> Body:
        return ReplaceTariff(held.time_ms + 1, table)

    send_body(build, **sending)


def _table(file: Path, from_s: int | None) -> TariffTable:
    import json

    with file.open("rb") as opened:
        data = opened.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise click.UsageError(f"{file} is over {MAX_FILE_BYTES} bytes")
    try:
        document = json.loads(data)
        if from_s is not None and isinstance(document, dict):
            document["from_s"] = from_s
        return read_as(document, TariffTable)  # type: ignore[arg-type]
    except (ValueError, RecursionError) as error:
        fault = f"{error.path}: {error.reason}" if isinstance(error, Misfit) else str(error)
        raise click.UsageError(f"{file}: {fault}") from error
