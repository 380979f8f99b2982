"""`gtxnode tx forward` against a real ledger, and what `gtxnode query` says of slots."""

from pathlib import Path

import click
import pytest

from gtxnode.cli.exits import Exit
from gtxnode.cli.forward import START, slot_at
from gtxnode.home import write_private_key
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.forward_coins import ForwardBuy, ForwardSell
from gtxnode.market.slots import Slot
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.zones import Zone
from tests.cli.ledger_node import KEY, METER, OWNER, LedgerChain, running
from tests.cli.running import Ran, gtxnode
from tests.rpc.fake_forwards import CONTRACT, SLOT
from tests.rpc.fake_node import FakeChain

CASH = 100_000_000


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
    ],
)
def test_what_makes_no_order_is_said_at_once(
    words: tuple[str, ...], complaint: str, home: Path
) -> None:
    ran = tx(home, LedgerChain(), "forward", *words, "--price", "3")
    assert ran.code == 2
    assert complaint in ran.err


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
