"""Networks: what is taken, what is refused and by which name, and what ships with the node."""

from collections import Counter
from importlib import resources

import pytest

from gtxnode.grid.network import (
    InvalidNetwork,
    Line,
    Network,
    NetworkFault,
    checked,
    network_of,
)
from gtxnode.grid_data import ZONES, rows, thai_network
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.zones import Zone

LINE = Line("a", "b", 0.1, 100)
ENDS = {"a": Zone.BANGKOK, "b": Zone.CENTRAL}
TABLE = "source,sink,linesus,linemva\na,b,0.1,850\n"
PLACES = "substation,zone\na,bangkok\nb,\n"

BAD_NETWORKS: dict[str, tuple[list[Line], dict[str, Zone | None], NetworkFault]] = {
    "no lines": ([], {**ENDS}, NetworkFault.EMPTY),
    "an end that nobody placed": (
        [Line("a", "c", 1, 1)],
        {**ENDS},
        NetworkFault.UNKNOWN_SUBSTATION,
    ),
    "a line to itself": ([Line("a", "a", 1, 1)], {**ENDS}, NetworkFault.SAME_ENDS),
    "no susceptance": ([Line("a", "b", 0, 1)], {**ENDS}, NetworkFault.BAD_VALUE),
    "not a number": ([Line("a", "b", float("nan"), 1)], {**ENDS}, NetworkFault.BAD_VALUE),
    "infinite": ([Line("a", "b", float("inf"), 1)], {**ENDS}, NetworkFault.BAD_VALUE),
    "no rating": ([Line("a", "b", 1, 0)], {**ENDS}, NetworkFault.BAD_VALUE),
    "a pair twice": ([LINE, Line("b", "a", 1, 1)], {**ENDS}, NetworkFault.DUPLICATE),
    "islands": ([LINE], {**ENDS, "c": Zone.CENTRAL}, NetworkFault.ISLANDS),
    "no zone": ([LINE], {"a": None, "b": None}, NetworkFault.EMPTY_ZONE),
}
BAD_TABLES = {
    "a susceptance in words": (TABLE.replace("0.1", "much"), PLACES, NetworkFault.BAD_VALUE),
    "a rating with a point": (TABLE.replace("850", "850.5"), PLACES, NetworkFault.BAD_VALUE),
    "a column that lacks": (TABLE.replace(",linemva", ""), PLACES, NetworkFault.BAD_VALUE),
    "a row too short": (TABLE + "a\n", PLACES, NetworkFault.BAD_VALUE),
    "a zone nobody knows": (TABLE, PLACES.replace("bangkok", "moon"), NetworkFault.BAD_VALUE),
    "a substation twice": (TABLE, PLACES + "a,central\n", NetworkFault.DUPLICATE),
}


@pytest.mark.parametrize("case", BAD_NETWORKS)
def test_a_network_without_one_solution_is_refused_by_name(case: str) -> None:
    lines, zone_of, fault = BAD_NETWORKS[case]
    with pytest.raises(InvalidNetwork) as caught:
        checked(lines, zone_of)
    assert caught.value.code is fault


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_table_that_cannot_be_read_is_refused_by_name(case: str) -> None:
    lines, places, fault = BAD_TABLES[case]
    with pytest.raises(InvalidNetwork) as caught:
        network_of(rows(lines), rows(places))
    assert caught.value.code is fault


def test_a_table_is_read() -> None:
    network = network_of(rows(TABLE), rows(PLACES))
    assert network == Network((Line("a", "b", 0.1, 850),), {"a": Zone.BANGKOK, "b": None})
    assert network.zones == (Zone.BANGKOK,)
    assert network.connected_mva() == {"a": 850, "b": 850}


def test_the_thai_network_is_the_one_that_is_described() -> None:
    network = thai_network()
    assert (len(network.lines), len(network.substations)) == (371, 262)
    members = Counter(network.zone_of.values())
    assert members.pop(None) == 27
    assert set(members) == set(Zone)


def test_a_substation_is_in_the_zone_that_its_provinces_meters_trade_in() -> None:
    placed = rows(resources.files("gtxnode.grid_data").joinpath(ZONES).read_text("utf-8"))
    for row in placed:
        name = row["province"].upper().replace(" ", "_")
        zone = Province[name].zone.name.lower() if name in Province.__members__ else ""
        assert row["zone"] == zone, row
    abroad = {row["province"] for row in placed if not row["zone"]}
    assert abroad == {"Laos", "Cambodia", "Malaysia"}
