"""The settlement of forwards: delivered, short, partial, late, twice, and never."""

import msgspec
import pytest

from gtxnode.ledger.bodies import JudgeHeld
from gtxnode.ledger.coins import Energy, output_id
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.slots import Slot
from gtxnode.metering.meters import Reading
from gtxnode.metering.readings import DAY_S
from gtxnode.primitives.errors import Reason
from tests.ledger.forward_chain import HALF, HOUR, NOON, QUARTER, ForwardChain
from tests.ledger.little_chain import GTX, HOUR_S, KWH, meter_of, signed

CASH = 1_000 * GTX


@pytest.fixture
def chain() -> ForwardChain:
    """Malee has sold Niran 2 kWh of the quarter at noon at 3.5 GTX, and is read up to noon."""
    chain = ForwardChain("malee", "niran", "somchai", cash_ugtx=CASH)
    sell(chain, "niran", 2 * KWH, QUARTER)
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    return chain


def sell(chain: ForwardChain, buyer: str, wh: int, slot: Slot, price: int = 3_500) -> None:
    """Malee sells to a buyer; a slot that is auctioned makes its contract at gate closure."""
    chain.accepted(chain.offer("malee", wh, price, slot), chain.bid(buyer, wh, price, slot))


def read(chain: ForwardChain, time_s: int, exported_wh: int) -> CheckedTransaction:
    """Time passes to a reading of Malee's meter, which is accepted."""
    if chain.now_s < time_s:
        chain.until(time_s)
    transaction = chain.read_to("malee", time_s, exported_wh)
    chain.accepted(transaction)
    return transaction


def test_what_was_sold_is_the_buyers_and_the_rest_the_sellers_own(chain: ForwardChain) -> None:
    read(chain, NOON + 900, 3 * KWH)
    assert chain.contracts() == []
    assert (chain.energy("niran"), chain.energy("malee")) == (2 * KWH, 1 * KWH)
    assert chain.cash("niran") == CASH - 7 * GTX
    assert chain.cash("malee") == CASH + 7 * GTX
    assert chain.supply().minted_wh == 3 * KWH
    ((_, energy),) = chain.coins("niran", Energy)
    assert energy.origin.meter == meter_of("malee")
    assert (energy.origin.start_s, energy.origin.end_s) == (NOON, NOON + 900)


def test_a_shortfall_makes_the_buyer_whole(chain: ForwardChain) -> None:
    chain.until(NOON + 900)
    outcome = chain.accepted(chain.read_to("malee", NOON + 900, 1_500))
    assert (chain.energy("niran"), chain.energy("malee")) == (1_500, 0)
    # Niran paid 1.5 kWh at 3.5, and has 2.88 for the half that it buys elsewhere at 6.38.
    assert chain.cash("niran") == CASH - 1_500 * 3_500 + 500 * 2_880
    assert chain.cash("malee") == CASH + 1_500 * 3_500 - 500 * 2_880
    (settlement,) = outcome.settlements
    assert (settlement.delivered_wh, settlement.short_wh, settlement.open_wh) == (1_500, 500, 0)


def test_delivery_comes_in_parts(chain: ForwardChain) -> None:
    read(chain, NOON + 300, 900)
    (contract,) = chain.contracts()
    assert (contract.open_wh, contract.sold_wh, contract.read_to_s) == (1_100, 2_000, NOON + 300)
    assert chain.energy("niran") == 900
    assert chain.cash("malee") == CASH - 1_100 * 2_880 + 900 * 3_500
    read(chain, NOON + 600, 0)
    read(chain, NOON + 900, 1_300)
    assert chain.contracts() == []
    assert (chain.energy("niran"), chain.energy("malee")) == (2_000, 200)


def test_a_reading_over_several_slots_is_spread_by_time(chain: ForwardChain) -> None:
    read(chain, NOON + 1_800, 3_001)
    # 1,500 Wh had flowed by the quarter's end; the rest was not of the slot.
    assert (chain.energy("niran"), chain.energy("malee")) == (1_500, 1_501)
    assert chain.contracts() == []
    assert chain.cash("niran") == CASH - 1_500 * 3_500 + 500 * 2_880


def test_the_oldest_contract_is_served_first() -> None:
    chain = ForwardChain("malee", "niran", "somchai", cash_ugtx=CASH)
    sell(chain, "somchai", 1 * KWH, QUARTER, price=3_000)
    sell(chain, "niran", 2 * KWH, QUARTER, price=5_000)
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    read(chain, NOON + 900, 1_400)
    assert (chain.energy("somchai"), chain.energy("niran")) == (1_000, 400)
    assert chain.cash("somchai") == CASH - 3_000_000
    # 5.0 and a tenth is less than the utility's 6.38.
    assert chain.cash("niran") == CASH - 400 * 5_000 + 1_600 * 1_380


def test_slots_that_overlap_share_one_export() -> None:
    chain = ForwardChain("malee", "niran", "somchai", cash_ugtx=CASH)
    sell(chain, "somchai", 1_000, QUARTER)
    sell(chain, "niran", 3_000, HOUR)
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    read(chain, NOON + HOUR_S, 4_000)
    assert (chain.energy("somchai"), chain.energy("niran")) == (1_000, 3_000)
    assert chain.energy("malee") == 0
    assert chain.supply().minted_wh == 4_000


def test_without_readings_the_grace_time_ends_it(chain: ForwardChain) -> None:
    due_s = NOON + 900 + DAY_S
    chain.until(due_s - 1)
    assert len(chain.contracts()) == 1
    chain.now_s = due_s - 1
    outcome = chain.block()
    assert chain.contracts() == []
    assert chain.cash("niran") == CASH + 2_000 * 2_880
    assert chain.cash("malee") == CASH - 2_000 * 2_880
    (settlement,) = outcome.settlements
    assert (settlement.delivered_wh, settlement.short_wh) == (0, 2_000)


def test_a_late_reading_delivers_within_the_grace_time(chain: ForwardChain) -> None:
    chain.until(NOON + DAY_S)
    read(chain, NOON + 900, 2_000)
    assert chain.contracts() == []
    assert chain.energy("niran") == 2_000


def test_a_reading_after_the_grace_time_is_the_sellers_own(chain: ForwardChain) -> None:
    chain.until(NOON + 900 + DAY_S)
    before = chain.cash("malee")
    read(chain, NOON + 900, 2_000)
    assert (chain.energy("niran"), chain.energy("malee")) == (0, 2_000)
    assert chain.cash("malee") == before
    assert chain.supply().minted_wh == 2_000


def test_a_reading_that_comes_twice_delivers_once(chain: ForwardChain) -> None:
    sent = read(chain, NOON + 300, 700)
    assert chain.refused(sent) is Reason.REPLAYED_READING
    again = chain.block(sent, sent)
    assert not any(receipt.ok for receipt in again.receipts)
    assert not again.settlements
    assert chain.energy("niran") == 700


def test_time_that_a_reading_leaves_out_is_waited_for(chain: ForwardChain) -> None:
    """A declared gap: nobody has shown what happened in it, so only time ends the contract."""
    chain.until(NOON + 900)
    meter = chain.meter("malee")
    body = Reading(
        *(meter.meter, meter.counter + 2, meter.counter, NOON + 600, NOON + 900),
        *(0, meter.export_wh + 500),
    )
    chain.accepted(signed(body, "malee's meter"))
    (contract,) = chain.contracts()
    assert (contract.open_wh, contract.read_to_s) == (1_500, NOON)
    chain.until(NOON + 900 + DAY_S)
    assert chain.contracts() == []
    assert chain.cash("niran") == CASH - 500 * 3_500 + 1_500 * 2_880


def test_another_meter_of_the_seller_delivers_nothing(chain: ForwardChain) -> None:
    chain.until(NOON + 900)
    chain.accepted(chain.read_to("somchai", NOON + 900, 5_000))
    assert chain.energy("niran") == 0
    assert len(chain.contracts()) == 1


def test_energy_of_before_the_slot_is_not_delivered() -> None:
    chain = ForwardChain("malee", "niran", cash_ugtx=CASH)
    sell(chain, "niran", 2_000, HALF)
    chain.until(NOON + 3_600)
    chain.accepted(chain.read_to("malee", NOON, 9_000))
    assert (chain.energy("niran"), chain.energy("malee")) == (0, 9_000)
    read(chain, NOON + 3_600, 2_000)
    assert (chain.energy("niran"), chain.energy("malee")) == (1_000, 10_000)


def test_a_refused_reading_settles_nothing(chain: ForwardChain) -> None:
    chain.until(NOON + 900)
    good = chain.read_to("malee", NOON + 900, 2_000)
    assert isinstance(good.body, Reading)
    for body in (
        msgspec.structs.replace(good.body, export_wh=10**12),
        msgspec.structs.replace(good.body, end_s=NOON + 7_200),
    ):
        chain.refused(signed(body, "malee's meter"))
    assert len(chain.contracts()) == 1


def test_what_is_held_of_a_suspect_reading_delivers_when_it_is_released() -> None:
    """The slot lies after sunset, when solar meters export nothing."""
    chain = ForwardChain("malee", "niran", cash_ugtx=CASH, watchful=True)
    sell(chain, "niran", 2 * KWH, QUARTER)
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    suspect = read(chain, NOON + 900, 3 * KWH)
    read(chain, NOON + 1_800, 0)
    (contract,) = chain.contracts()
    assert (contract.open_wh, contract.read_to_s) == (2 * KWH, NOON)
    held = output_id(suspect.id, 0)
    chain.accepted(signed(JudgeHeld((held,), released=True), "MEA"))
    assert chain.contracts() == []
    assert (chain.energy("niran"), chain.energy("malee")) == (2 * KWH, KWH)
    assert chain.cash("malee") == CASH + 7 * GTX


def test_what_is_voided_was_not_delivered() -> None:
    chain = ForwardChain("malee", "niran", cash_ugtx=CASH, watchful=True)
    sell(chain, "niran", 2 * KWH, QUARTER)
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    suspect = read(chain, NOON + 900, 3 * KWH)
    held = output_id(suspect.id, 0)
    chain.accepted(signed(JudgeHeld((held,), released=False), "MEA"))
    chain.until(NOON + 900 + DAY_S)
    assert chain.cash("niran") == CASH + 2_000 * 2_880
    assert chain.energy("niran") == chain.energy("malee") == 0
