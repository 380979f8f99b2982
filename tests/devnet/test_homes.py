"""The homes' measurements that the project ships: whole, in order, and as they were published."""

import gzip

import pytest

from gtxnode.devnet import homes
from gtxnode.devnet.homes import Hour

HEADER = ",".join(homes.COLUMNS)


def year(hours: int = 3_600) -> str:
    """A made-up year's beginning, each row different."""
    rows = [f"{h},{n},{h + n},{h * n}" for h in range(hours) for n in range(1, homes.HOMES + 1)]
    return "\n".join((HEADER, *rows)) + "\n"


def test_the_slice_is_whole() -> None:
    table = homes.load()
    assert len(table) == homes.HOMES
    assert {len(hours) for hours in table} == {homes.HOURS} == {8 * 24}


def test_values_are_those_of_the_source() -> None:
    table = homes.load()
    # hour 1 of homes 1, 2 and 3, as the source's table begins
    assert [table[home][0] for home in range(3)] == [Hour(851, 0), Hour(1371, 0), Hour(0, 0)]


def test_no_panel_makes_more_than_it_can() -> None:
    assert all(0 <= h.solar_wh <= homes.CAPACITY_W for hours in homes.load() for h in hours)


def test_there_is_something_to_trade_in_every_run_of_days() -> None:
    table = homes.load()
    start = 0
    for first, last in homes.DAYS:
        hours = range(start, start + last - first + 1)
        start = hours.stop
        met = sum(
            min(sum(home[h].export_wh for home in table), sum(home[h].import_wh for home in table))
            for h in hours
        )
        assert met > 10_000, f"hours {first} to {last}"


def test_an_hour_either_exports_or_imports() -> None:
    assert (Hour(500, 1_800).export_wh, Hour(500, 1_800).import_wh) == (1_300, 0)
    assert (Hour(1_800, 500).export_wh, Hour(1_800, 500).import_wh) == (0, 1_300)


def test_what_is_cut_from_a_year_parses() -> None:
    cut = homes.cut(gzip.compress(year().encode()))
    table = homes.parse(gzip.decompress(cut).decode())
    assert table[2][0] == Hour(load_wh=1 + 3, solar_wh=1 * 3)
    assert table[11][-1] == Hour(load_wh=3_552 + 12, solar_wh=3_552 * 12)


def test_a_table_with_a_hole_is_refused() -> None:
    lines = gzip.decompress(homes.cut(gzip.compress(year().encode()))).decode().splitlines()
    with pytest.raises(ValueError, match="stands where"):
        homes.parse("\n".join(lines[:5] + lines[6:]))
    with pytest.raises(ValueError, match="longer"):
        homes.parse("\n".join(lines[:-1]))
    with pytest.raises(ValueError, match="columns"):
        homes.parse("\n".join(lines[1:]))
