"""Thailand's transmission network as shipped: lines, and the zone of every substation.

Source, licence and what is known of the table's limits: `PROVENANCE.md` beside this file.
"""

import csv
import io
from importlib import resources

from gtxnode.grid.network import Network, network_of

LINES = "thai-lines-2016.csv"
ZONES = "thai-zones.csv"


def thai_network() -> Network:
    """The network of 2016: 371 lines between 262 substations, 27 of them abroad."""
    return network_of(rows(_text(LINES)), rows(_text(ZONES)))


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a table by the names in its first line; a cell too many or too few is left out.

    What is missing is for the reader of the row to name.
    """
    read = csv.DictReader(io.StringIO(text))
    return [
        {name: cell for name, cell in row.items() if name is not None and cell is not None}
        for row in read
    ]


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
