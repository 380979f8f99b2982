"""`gtxnode query bill` as people and spreadsheets read it."""

import csv
import io
import json
from typing import Any

from gtxnode.cli.bill import csv_text, text_of
from gtxnode.rpc.wire import encode
from gtxnode.tariffs.thailand import RESIDENTIAL_LOW_VOLTAGE
from gtxnode.views.tariffs import TariffsView
from tests.ledger.little_chain import KWH, address
from tests.views.test_month import MONDAY_NOON
from tests.views.town import Town


async def a_bill(name: str) -> Any:
    """Of somchai, who has sold to malee a kWh of a Monday's noon, or of malee, who used it."""
    town = Town(MONDAY_NOON, "somchai", "malee")
    town.accepted(
        town.reading("somchai", MONDAY_NOON, 0, 1_500),
        town.reading("malee", MONDAY_NOON, 1_200, 0),
        at_s=MONDAY_NOON + 1_000,
    )
    town.accepted(town.sell("somchai", 1_500, 3_500))
    town.accepted(town.buy("malee", KWH, 4_000))
    town.accepted(town.cover("malee", KWH))
    view = TariffsView("geo_bangkok", town.store)
    bill = await view.bill(address(name), "2027-03", RESIDENTIAL_LOW_VOLTAGE)
    return json.loads(encode(bill))


def cells(text: str, name: str) -> list[str]:
    """What stands in the line of a name."""
    (line,) = [each for each in text.splitlines() if each.strip().startswith(f"{name}  ")]
    return line.replace(name, "", 1).split()


async def test_a_bill_is_read_line_by_line_beside_the_grids() -> None:
    text = text_of(await a_bill("malee"))
    assert "2027-03, so far" in text
    assert cells(text, "imported on peak") == ["1.2"]
    text, account = text.split("Why what it holds changed")
    assert cells(text, "on peak") == ["0.2", "1.16", "1.2", "6.96"]
    assert cells(text, "wheeling") == ["1", "1.07"]
    assert cells(text, "bought") == ["1", "3.50"]
    assert [cells(account, name) for name in ("bought", "fees", "retired", "change")] == [
        ["-3.5", "1", "yes"],
        ["-0.001", "yes"],
        ["-1", "no"],
        ["-3.501"],
    ]


async def test_where_trading_loses_it_says_so() -> None:
    seller = await a_bill("somchai")
    assert "Trading saved 0.20 THB against the grid alone." in text_of(seller)
    assert "Trading lost 0.20 THB" in text_of(seller | {"saved_satang": "-20"})
    assert "It came to the same" in text_of(seller | {"saved_satang": "0"})
    assert "No meter was read" in text_of(seller | {"grid_only": []})


async def test_a_spreadsheet_has_every_line() -> None:
    found = await a_bill("malee")
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    here = [row for row in rows if row["part"] == "here"]
    assert sum(int(row["amount_satang"]) for row in here) == int(found["here_satang"])
    account = [row for row in rows if row["part"] == "account"]
    assert sum(int(row["amount_ugtx"]) for row in account) == int(found["change_ugtx"])
    assert {row["billed"] for row in account} == {"yes", "no"}
