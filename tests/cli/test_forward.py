"""`gtxnode tx forward` against a real ledger, and what `gtxnode query` says of slots."""

from pathlib import Path

import click
import msgspec
import pytest

from gtxnode.cli.exits import Exit
from gtxnode.cli.forward import START, slot_at
from gtxnode.home import write_private_key
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardSell
from gtxnode.market.orders import Terms
from gtxnode.market.slots import Slot
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.cli.ledger_node import FRIEND, KEY, METER, OWNER, LedgerChain, running
from tests.cli.running import Ran, gtxnode
from tests.rpc.fake_forwards import CONTRACT, SLOT
from tests.rpc.fake_node import FakeChain

CASH = 100_000_000
FRIENDS_ADDRESS = format_address(FRIEND)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_private_key(tmp_path / "owner.key", KEY)
    return tmp_path


def tx(home: Path, chain: FakeChain, *words: str) -> Ran:
    """Run `gtxnode tx` with the owner's key against the chain, waiting for the end."""
    key = ("--key-file", str(home / "owner.key"))
    with running(chain) as url:
        waiting = ("--url", url, *key, "--wait", "--timeout", "20", "-o", "json")
        return gtxnode(home, "tx", *words, *waiting)


def order_in(chain: LedgerChain) -> ForwardSell | ForwardBuy:
    coins = [decode_coin(encoded) for encoded in chain.coins_now.values()]
    (order,) = [coin for coin in coins if isinstance(coin, ForwardSell | ForwardBuy)]
    return order


def test_a_bid_locks_its_payment_until_it_is_cancelled(home: Path) -> None:
    chain = LedgerChain()
    terms = ("--price", "4", "--slot", "+2h", "--length", "15m", "--zone", "bangkok")
    ran = tx(home, chain, "forward", "buy", "5kWh", *terms)
    assert ran.code == 0, ran.err
    order = order_in(chain)
    assert isinstance(order, ForwardBuy)
    # A quarter-hour begins at 7,200 s, and two hours from the first second are past it.
    assert (order.slot, order.zone) == (Slot(8_100, 900), Zone.BANGKOK)
    assert chain.held_by(OWNER)[0] == CASH - 20_000_000
    cancelled = tx(home, chain, "cancel", ran.answer["id"])
    assert cancelled.code == 0, cancelled.err
    assert chain.held_by(OWNER)[0] == CASH


def test_an_offer_locks_collateral_and_names_its_meter(home: Path) -> None:
    chain = LedgerChain()
    terms = ("--price", "3.5", "--slot", "1970-01-20T10:00", "--meter", METER.meter.hex())
    ran = tx(home, chain, "forward", "sell", "5", *terms)
    assert (ran.code, ran.error["code"]) == (Exit.REFUSED, "unknown_slot")
    terms = ("--price", "3.5", "--slot", "1970-01-01T10:00", *terms[4:])
    ran = tx(home, chain, "forward", "sell", "5", *terms)
    assert ran.code == 0, ran.err
    order = order_in(chain)
    assert isinstance(order, ForwardSell)
    assert (order.slot, order.meter) == (Slot(36_000, 3_600), METER.meter)
    assert chain.held_by(OWNER)[0] == CASH - 5_000 * 2_880


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("sell", "5", "--slot", "+2h", "--zone", "bangkok"), "--meter"),
        (("buy", "5", "--slot", "+2h", "--meter", "44" * 16), "--zone"),
        (("buy", "5", "--slot", "soon", "--zone", "bangkok"), "no time"),
        (("buy", "5", "--slot", "1001", "--zone", "bangkok"), "multiples"),
        (("buy", "5", "--slot", "+2h", "--length", "2h", "--zone", "bangkok"), "60m"),
        (("buy", "5", "--slot", "+2h", "--zone", "atlantis"), "atlantis"),
        (("buy", "5", "--slot", "+2h", "--zone", "bangkok", "--ioc", "--fok"), "at most"),
        (("sell", "5", "--slot", "+2h", "--meter", "44" * 16, "--source", "wind"), "--source"),
    ],
)
def test_what_makes_no_order_is_said_at_once(
    words: tuple[str, ...], complaint: str, home: Path
) -> None:
    ran = tx(home, LedgerChain(), "forward", *words, "--price", "3")
    assert ran.code == 2
    assert complaint in ran.err


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        (("buy", "5", "--zone", "bangkok", "--all-or-none"), Terms(all_or_none=True)),
        (("buy", "5", "--zone", "bangkok", "--source", "solar"), Terms(1 << Source.SOLAR)),
        (("buy", "5", "--zone", "bangkok", "--partner", FRIENDS_ADDRESS), Terms(partner=FRIEND)),
        (("sell", "5", "--meter", METER.meter.hex(), "--slice", "1"), Terms(display_wh=1_000)),
        (("buy", "5", "--zone", "bangkok", "--expires", "30m"), None),
    ],
)
def test_terms_and_an_early_end_are_in_the_orders_coin(
    home: Path, words: tuple[str, ...], terms: Terms | None
) -> None:
    chain = LedgerChain()
    slot = ("--price", "3.5", "--slot", "+2h", "--length", "15m")
    ran = tx(home, chain, "forward", *words, *slot)
    assert ran.code == 0, ran.err
    order = order_in(chain)
    placed = None if terms is None else msgspec.structs.replace(terms, zone=Zone.BANGKOK)
    assert (None if order.standing is None else order.standing.terms) == placed
    assert order.expires_s == (1_801 if "--expires" in words else order.closes_s)


def test_an_auction_says_what_it_does_not_take(home: Path) -> None:
    chain = LedgerChain()
    words = ("forward", "buy", "5", "--price", "3.5", "--slot", "+2h", "--zone", "bangkok")
    ran = tx(home, chain, *words, "--fok")
    assert (ran.code, ran.error["code"]) == (Exit.REFUSED, "not_in_auction")
    assert "immediate" in ran.err
    assert chain.held_by(OWNER)[0] == CASH


def test_an_order_for_a_slot_is_amended_up_and_down(home: Path) -> None:
    chain = LedgerChain()
    slot = ("--price", "3.5", "--slot", "+2h", "--length", "15m")
    sell = ("forward", "sell", "5", *slot, "--meter", METER.meter.hex())
    placed = tx(home, chain, *sell).answer["id"]
    for words, locked_ugtx in (
        (("--to", "2"), 2_000 * 2_880),
        (("--to", "6", "--price", "3.6"), 6_000 * 2_780),
        (("--price", "3"), 6_000 * 3_380),
    ):
        ran = tx(home, chain, "amend", placed, *words)
        assert ran.code == 0, ran.err
        assert chain.held_by(OWNER)[0] == CASH - locked_ugtx
    assert tx(home, chain, "cancel", placed).code == 0
    bid = tx(home, chain, "forward", "buy", "2", *slot, "--zone", "bangkok").answer["id"]
    ran = tx(home, chain, "amend", bid, "--to", "3")
    assert ran.code == 0, ran.err
    assert chain.held_by(OWNER)[0] == CASH - 3_000 * 3_500


def test_only_a_contract_that_is_there_is_handed_on(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "assign", "ab" * 32, FRIENDS_ADDRESS)
    assert (ran.code, ran.error["code"]) == (Exit.REFUSED, "unknown_contract")


def test_times_of_slots() -> None:
    def at(text: str) -> Slot:
        return slot_at(START.convert(text, None, None), 1_800, 7_300_000)

    assert at("1970-01-01T03:30") == at("12600") == at("1970-01-01T10:30+07:00")
    assert at("+1s") == Slot(9_000, 1_800)
    assert at("+1700s") == Slot(9_000, 1_800)
    assert at("+1701s") == Slot(10_800, 1_800)
    for text in ("-5", "+0h", "2027-13-01", "9" * 13):
        with pytest.raises(click.BadParameter):
            at(text)


@pytest.mark.parametrize(
    ("words", "field", "text"),
    [
        (("slots",), "slots", "3.5 GTX/kWh"),
        (("slot", "--slot", str(SLOT.start_s)), "indication", "50 kWh"),
        (("slot-orders", format_address(OWNER)), "orders", "17.5 GTX"),
        (("contracts", format_address(OWNER)), "contracts", CONTRACT.hex()[:8]),
        (("settlements",), "settlements", "2.88 GTX"),
    ],
)
def test_questions_about_slots(
    words: tuple[str, ...], field: str, text: str, tmp_path: Path
) -> None:
    with running(FakeChain()) as url:
        answer = gtxnode(tmp_path, "query", *words, "--url", url, "-o", "json")
        assert answer.code == 0, answer.err
        assert answer.answer[field]
        assert text in gtxnode(tmp_path, "query", *words, "--url", url).out
