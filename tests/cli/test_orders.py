"""`gtxnode tx order`, `amend` and `licence` against a real ledger: each kind of order."""

from pathlib import Path

import pytest

from gtxnode.home import write_private_key
from gtxnode.ledger.coins import BuyOrder, SellOrder, decode_coin
from gtxnode.ledger.market.licence_coins import Licence
from gtxnode.ledger.market.standing import Standing
from gtxnode.market.orders import ANY_SOURCE, Terms
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.cli.ledger_node import FRIEND, KEY, OWNER, LedgerChain, running
from tests.cli.running import Ran, gtxnode
from tests.cli.test_tx import tx

FRIENDS_ADDRESS = format_address(FRIEND)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_private_key(tmp_path / "owner.key", KEY)
    return tmp_path


def standing(chain: LedgerChain) -> Standing | None:
    (order,) = (
        coin
        for encoded in chain.coins_now.values()
        if isinstance(coin := decode_coin(encoded), SellOrder | BuyOrder)
    )
    return order.standing


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        (("buy", "5", "--all-or-none"), Terms(all_or_none=True)),
        (("sell", "5", "--slice", "1"), Terms(display_wh=1_000)),
        (("buy", "5", "--partner", FRIENDS_ADDRESS), Terms(partner=FRIEND)),
        (
            ("buy", "5", "--source", "solar", "--source", "wind"),
            Terms(1 << Source.SOLAR | 1 << Source.WIND),
        ),
        (("sell", "5", "--source", "solar"), None),
        (("buy", "5", "--zone", "southern"), Terms(zone=Zone.SOUTHERN)),
        (("sell", "5", "--zone", "bangkok"), None),
        (("sell", "5", "--partner", FRIENDS_ADDRESS), Terms(ANY_SOURCE, FRIEND)),
    ],
)
def test_an_orders_terms_are_in_its_coin(
    home: Path, words: tuple[str, ...], terms: Terms | None
) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "order", *words, "--price", "3.5")
    assert ran.code == 0, ran.err
    found = standing(chain)
    assert (None if found is None else found.terms) == terms


@pytest.mark.parametrize("how", ["--ioc", "--fok"])
def test_an_order_that_is_not_to_rest_does_not(home: Path, how: str) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "order", "buy", "5", "--price", "3.5", how)
    assert ran.code == 5
    assert ran.error["code"] == "unfilled"
    assert chain.held_by(OWNER) == (100_000_000, 20_000)


def test_energy_of_a_zone_that_is_not_there_is_not_offered(home: Path) -> None:
    ran = tx(home, LedgerChain(), "order", "sell", "5", "--price", "3.5", "--zone", "southern")
    assert ran.code == 5


def test_energy_of_a_source_that_is_not_there_is_not_offered(home: Path) -> None:
    ran = tx(home, LedgerChain(), "order", "sell", "5", "--price", "3.5", "--source", "wind")
    assert ran.code == 5
    assert ran.error["code"] == "insufficient_funds"


@pytest.mark.parametrize(
    "words",
    [
        ("order", "buy", "5", "--price", "3.5", "--ioc", "--fok"),
        ("order", "buy", "5", "--price", "3.5", "--slice", "1", "--all-or-none"),
        ("order", "sell", "5", "--price", "3.5", "--source", "solar", "--source", "wind"),
        ("amend", "ab" * 32),
    ],
)
def test_what_contradicts_itself_is_not_sent(home: Path, words: tuple[str, ...]) -> None:
    assert tx(home, LedgerChain(), *words).code == 2


def test_an_order_is_amended_up_and_down(home: Path) -> None:
    chain = LedgerChain()
    placed = tx(home, chain, "order", "sell", "5", "--price", "3.5").answer["id"]
    for words, left_wh in (
        (("--to", "2"), 18_000),
        (("--to", "15", "--price", "3.6"), 5_000),
        (("--price", "3.4"), 5_000),
    ):
        ran = tx(home, chain, "amend", placed, *words)
        assert ran.code == 0, ran.err
        assert chain.held_by(OWNER) == (100_000_000, left_wh)
    bid = tx(home, chain, "order", "buy", "2", "--price", "1.5").answer["id"]
    ran = tx(home, chain, "amend", bid, "--to", "3")
    assert ran.code == 0, ran.err
    assert chain.held_by(OWNER) == (100_000_000 - 4_500_000, 5_000)
    unknown = tx(home, chain, "amend", "ab" * 32, "--to", "1")
    assert (unknown.code, unknown.error["code"]) == (5, "unknown_order")


def test_a_licence_is_given_and_taken(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "licence", "grant", FRIENDS_ADDRESS, "2000", "--for", "365d")
    assert ran.code == 0, ran.err
    licences = [
        coin
        for encoded in chain.coins_now.values()
        if isinstance(coin := decode_coin(encoded), Licence)
    ]
    assert [(each.holder, each.max_wh) for each in licences] == [(FRIEND, 2_000_000)]
    assert tx(home, chain, "licence", "revoke", FRIENDS_ADDRESS).code == 0
    again = tx(home, chain, "licence", "revoke", FRIENDS_ADDRESS)
    assert (again.code, again.error["code"]) == (5, "unknown_licence")


def query(home: Path, *words: str) -> Ran:
    with running(LedgerChain()) as url:
        return gtxnode(home, "query", *words, "--url", url)


def test_orders_day_and_licence_are_shown_to_people(home: Path) -> None:
    orders = query(home, "orders", FRIENDS_ADDRESS)
    assert "50 kWh" in orders.out
    assert "solar" in orders.out
    day = query(home, "day")
    assert "1.75 GTX/kWh" in day.out
    assert "2026-11-20" in day.out
    assert query(home, "licence", FRIENDS_ADDRESS).code != 0, "the friend has none"
