"""A meter changes hands: what was metered before stays with who owned it then, to the watt-hour."""

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import JudgeHeld, ResetMeter, RetireMeter, TransferMeter
from gtxnode.ledger.coins import Cash, Energy, HeldEnergy
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import Reading
from gtxnode.primitives.errors import Reason
from tests.ledger.forward_chain import HALF, NOON, QUARTER, ForwardChain
from tests.ledger.little_chain import (
    FEE,
    GTX,
    HOUR_S,
    KWH,
    LittleChain,
    address,
    meter_of,
    signed,
)

CASH = 1_000 * GTX


def transfer(
    chain: LittleChain, whose: str, to: str, from_s: int | None = None, by: str = "MEA"
) -> CheckedTransaction:
    """A person's meter becomes another's, from its last reading on if nothing else is said."""
    meter = chain.meter(whose)
    at_s = meter.end_s if from_s is None else from_s
    return signed(TransferMeter(meter.meter, meter.revision + 1, address(to), at_s), by)


def a_chain(*, watchful: bool = False) -> LittleChain:
    chain = LittleChain("malee", "niran", "somchai", watchful=watchful)
    chain.export("malee", KWH)
    return chain


def test_the_utility_alone_gives_a_meter_another_owner() -> None:
    chain = a_chain()
    for by in ("malee", "niran", "PEA", "ERC"):
        assert chain.refused(transfer(chain, "malee", "niran", by=by)) is Reason.NOT_AUTHORISED
    assert chain.refused(transfer(chain, "malee", "malee")) is Reason.SAME_OWNER
    act = transfer(chain, "malee", "niran")
    chain.accepted(act)
    assert chain.meter("malee").owner == address("niran")
    chain.export("malee", 2 * KWH)
    assert (chain.energy("malee"), chain.energy("niran")) == (KWH, 2 * KWH)
    assert chain.refused(act) is Reason.WRONG_REVISION
    chain.accepted(signed(RetireMeter(meter_of("malee"), 2), "MEA"))
    assert chain.refused(transfer(chain, "malee", "somchai")) is Reason.METER_RETIRED


def test_it_begins_neither_before_the_last_reading_nor_ahead() -> None:
    chain = a_chain()
    early = transfer(chain, "malee", "niran", chain.meter("malee").end_s - 1)
    assert chain.refused(early) is Reason.OVERLAPPING_INTERVAL
    ahead = transfer(chain, "malee", "niran", chain.now_s + 61)
    assert chain.refused(ahead) is Reason.READING_IN_FUTURE


def test_a_reading_is_whose_the_meter_was_when_its_interval_began() -> None:
    """The meter stored what it read, and forwards it after the sale."""
    chain = a_chain()
    sold_s = chain.now_s + HOUR_S
    chain.block(after_s=3 * HOUR_S)
    chain.accepted(transfer(chain, "malee", "niran", sold_s))
    begun_s, wh = chain.meter("malee").end_s, 0
    for end_s in (sold_s - 900, sold_s + 900, sold_s + 1_800):
        wh += KWH
        meter = chain.meter("malee")
        times = (meter.end_s, end_s)
        late = Reading(meter.meter, meter.counter + 1, meter.counter, *times, 0, KWH + wh)
        outcome = chain.accepted(signed(late, "malee's meter"))
        whose = "malee" if times[0] < sold_s else "niran"
        assert outcome.readings[0].owner == address(whose)
    assert begun_s < sold_s
    assert (chain.energy("malee"), chain.energy("niran")) == (3 * KWH, KWH)


def test_what_is_held_stays_the_former_owners() -> None:
    chain = LittleChain("malee", "niran", watchful=True)
    chain.block(after_s=6 * HOUR_S)
    chain.accepted(chain.reading("malee", 0))
    chain.block(after_s=2 * HOUR_S)
    chain.accepted(chain.reading("malee", 3 * KWH))
    chain.accepted(transfer(chain, "malee", "niran"))
    ((held_id, held),) = [(i, c) for i, c in chain.all_coins() if isinstance(c, HeldEnergy)]
    assert held.owner == address("malee")
    chain.accepted(signed(JudgeHeld((held_id,), True), "MEA"))
    assert (chain.energy("malee"), chain.energy("niran")) == (3 * KWH, 0)


def cover(chain: LittleChain, name: str, wh: int, meter: str = "malee") -> CheckedTransaction:
    energy, cash = chain.coins(name, Energy), chain.coins(name, Cash)
    body = wallet.retire(address(name), energy, cash, wh, FEE, meter=meter_of(meter))
    return signed(body, name)


def test_each_owner_covers_what_was_taken_in_in_his_time() -> None:
    chain = a_chain()
    chain.block(after_s=HOUR_S)
    chain.accepted(
        chain.reading("malee", 2 * KWH, 700), *[chain.reading(n, KWH) for n in ("niran", "somchai")]
    )
    chain.accepted(transfer(chain, "malee", "niran"))
    assert chain.refused(cover(chain, "niran", 1)) is Reason.IMPORT_EXCEEDED
    assert chain.refused(cover(chain, "somchai", 1)) is Reason.NOT_CONSUMER
    chain.block(after_s=HOUR_S)
    chain.accepted(chain.reading("malee", 0, 300))
    assert chain.refused(cover(chain, "malee", 701)) is Reason.IMPORT_EXCEEDED
    assert chain.refused(cover(chain, "niran", 301)) is Reason.IMPORT_EXCEEDED
    outcome = chain.accepted(cover(chain, "malee", 700), cover(chain, "niran", 300))
    assert {each.consumer for each in outcome.retirements} == {address("malee"), address("niran")}
    # He who buys it back finds what he took in himself, and has covered it.
    chain.accepted(transfer(chain, "malee", "malee"))
    assert chain.refused(cover(chain, "malee", 1)) is Reason.IMPORT_EXCEEDED


def test_a_meter_changes_hands_again_once_it_was_read_up_to_the_last_time() -> None:
    chain = a_chain()
    chain.block(after_s=HOUR_S)
    chain.accepted(transfer(chain, "malee", "niran", chain.now_s))
    again = transfer(chain, "malee", "somchai", chain.now_s)
    assert chain.refused(again) is Reason.OWNER_CHANGING
    chain.block(after_s=60)
    chain.accepted(chain.reading("malee", KWH))
    assert chain.energy("malee") == 2 * KWH
    chain.accepted(transfer(chain, "malee", "somchai"))
    chain.export("malee", KWH)
    assert chain.energy("somchai") == KWH


def test_a_meter_that_is_silent_changes_hands_again_once_it_is_restated() -> None:
    chain = a_chain()
    chain.block(after_s=HOUR_S)
    chain.accepted(transfer(chain, "malee", "niran", chain.now_s))
    chain.block(after_s=60)
    meter = chain.meter("malee")
    restated = ResetMeter(meter.meter, meter.revision + 1, chain.now_s, 0, 0)
    chain.accepted(signed(restated, "MEA"))
    chain.accepted(transfer(chain, "malee", "somchai"))


def a_market() -> ForwardChain:
    """Malee has sold Niran 2 kWh of the quarter at noon, and of the half hour after."""
    chain = ForwardChain("malee", "niran", "somchai", cash_ugtx=CASH)
    for slot in (QUARTER, HALF):
        chain.accepted(
            chain.offer("malee", 2 * KWH, 3_500, slot), chain.bid("niran", 2 * KWH, 3_500, slot)
        )
    return chain


def test_offers_end_and_their_collateral_goes_back() -> None:
    chain = a_market()
    contracts = len(chain.contracts())
    locked = chain.cash("malee")
    placed = chain.offer("malee", KWH, 3_600, HALF)
    chain.accepted(placed)
    assert chain.cash("malee") < locked
    outcome = chain.accepted(transfer(chain, "malee", "somchai"))
    assert outcome.cancelled == (placed.id,)
    assert chain.cash("malee") == locked
    assert len(chain.contracts()) == contracts
    assert chain.refused(chain.offer("malee", KWH, 3_600, HALF)) is Reason.NOT_OWNER


def test_contracts_stay_the_sellers_and_the_new_owner_owes_nothing() -> None:
    """The quarter is delivered out of malee's time; of the half hour she has nothing to deliver."""
    chain = a_market()
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    chain.until(NOON + 900)
    chain.accepted(chain.read_to("malee", NOON + 900, 2 * KWH))
    assert chain.energy("niran") == 2 * KWH
    chain.accepted(transfer(chain, "malee", "somchai"))
    before = {name: chain.cash(name) for name in ("malee", "niran", "somchai")}
    (contract,) = chain.contracts()
    for end_s in (HALF.start_s, HALF.end_s):
        chain.until(end_s)
        chain.accepted(chain.read_to("malee", end_s, 2 * KWH))
    assert chain.contracts() == []
    assert (chain.energy("niran"), chain.energy("somchai")) == (2 * KWH, 4 * KWH)
    assert chain.cash("niran") - before["niran"] == contract.locked_ugtx
    assert (chain.cash("malee"), chain.cash("somchai")) == (before["malee"], before["somchai"])


def test_a_late_reading_of_the_sellers_time_still_delivers() -> None:
    chain = a_market()
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    chain.until(NOON + 1_000)
    chain.accepted(transfer(chain, "malee", "somchai", NOON + 900))
    chain.accepted(chain.read_to("malee", NOON + 900, 3 * KWH))
    assert (chain.energy("niran"), chain.energy("malee")) == (2 * KWH, KWH)
    assert chain.energy("somchai") == 0


def test_the_new_owner_sells_ahead_what_is_left_of_the_meter() -> None:
    chain = a_market()
    chain.accepted(transfer(chain, "malee", "somchai"))
    body = wallet.forward_offer(
        address("somchai"), chain.coins("somchai", Cash), HALF, meter_of("malee"), KWH, 3_500, 2_880
    )
    chain.accepted(signed(body, "somchai"), chain.bid("niran", KWH, 3_500, HALF))
    chain.until(HALF.start_s)
    chain.accepted(chain.read_to("malee", HALF.start_s, 0))
    chain.until(HALF.end_s)
    chain.accepted(chain.read_to("malee", HALF.end_s, 2 * KWH))
    # Malee's contract is older, and gets nothing of it; Somchai's is delivered.
    assert (chain.energy("niran"), chain.energy("somchai")) == (KWH, KWH)
