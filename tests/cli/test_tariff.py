"""Tables of tariffs on the command line: a calendar is written, signed, and in force."""

import json
from pathlib import Path

import pytest

from gtxnode.home import write_private_key
from gtxnode.ledger.authority.tariff_series import tariff_coin_id
from gtxnode.tariffs.tables import Holidays
from gtxnode.tariffs.thailand import THAI_TABLES
from tests.cli.ledger_node import KEY, LedgerChain, running
from tests.cli.running import Ran, gtxnode


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_private_key(tmp_path / "erc.key", KEY)
    return tmp_path


def replace_tariff(home: Path, chain: LedgerChain, *words: str) -> Ran:
    with running(chain) as url:
        sending = ("--url", url, "--key-file", str(home / "erc.key"), "--wait")
        return gtxnode(home, "tx", "replace-tariff", *words, *sending, "-o", "json")


def test_the_calendar_is_the_one_that_ships(tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, "tariff", "calendar", "2027", "-o", "json")
    (shipped,) = (t for t in THAI_TABLES if isinstance(t, Holidays) and t.year == 2027)
    assert {day.isoformat() for day in shipped.days} <= set(ran.answer["days"])


def test_days_are_added_and_dropped(tmp_path: Path) -> None:
    words = ("2027", "--add", "2027-07-20", "--drop", "2027-01-09", "-o", "json")
    days = gtxnode(tmp_path, "tariff", "calendar", *words).answer["days"]
    assert "2027-07-20" in days
    assert "2027-01-09" not in days


@pytest.mark.parametrize(
    "words", [("--add", "2028-01-01"), ("--drop", "2027-01-02"), ("--add", "tomorrow")]
)
def test_a_day_that_is_none_of_the_year_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    assert gtxnode(tmp_path, "tariff", "calendar", "2027", *words).code == 2


def test_the_regulator_brings_a_calendar(home: Path) -> None:
    table = gtxnode(home, "tariff", "calendar", "2027", "--add", "2027-07-20", "-o", "json")
    file = home / "calendar.json"
    file.write_text(json.dumps(table.answer))
    chain = LedgerChain()
    ran = replace_tariff(home, chain, str(file), "--from", "1")
    assert ran.code == 0, ran.err
    assert b"2027-07-20" in chain.coins_now[tariff_coin_id(chain.chain_id, Holidays)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "Expecting property name"),
        ('{"table": "magic"}', "magic"),
        ('{"table": "fuel_surcharge", "source": "x", "ft": 1}', "ft"),
        ('{"table": "holidays", "source": "x", "year": 2027, "days": ["2026-01-01"]}', "2027"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_what_is_wrong(
    text: str, fault: str, home: Path
) -> None:
    file = home / "table.json"
    file.write_text(text)
    ran = replace_tariff(home, LedgerChain(), str(file))
    assert ran.code == 2
    assert fault in ran.err
