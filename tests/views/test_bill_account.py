"""A bill's account: all that changed what an address holds, to the last µGTX and Wh."""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Cancel, JudgeHeld, ResetMeter, RotateMeterKey
from gtxnode.ledger.coins import HeldEnergy, decode_coin
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.rpc.errors import BadValue, NotFound
from gtxnode.rpc.views.tariffs import BillView
from gtxnode.tariffs.thailand import RESIDENTIAL_LOW_VOLTAGE
from gtxnode.views.tariffs import TariffsView
from tests.ledger.little_chain import FEE, GTX, address, holdings, meter_of, public_key, signed
from tests.views.town import Town

BANGKOK = timezone(timedelta(hours=7))
PEOPLE = ("somchai", "malee", "niran")
DAY_S = 86_400


def at(*when: int) -> int:
    return int(datetime(*when, tzinfo=BANGKOK).timestamp())  # type: ignore[misc, arg-type]


START_S = at(2027, 2, 27, 10, 0)


def held(town: Town, who: bytes) -> tuple[int, int]:
    """Money and energy of an address, told from its coins."""
    with town.store.snapshot() as reader:
        coins = [decode_coin(data) for _, data in town.store.owned(reader, who, None, None)]
    owned = [each for coin in coins for each in holdings(coin) if each[0] == who]
    return sum(ugtx for _, ugtx, _ in owned), sum(wh for _, _, wh in owned)


async def billed(town: Town, who: bytes, month: str) -> BillView:
    view = TariffsView("geo_bangkok", town.store)
    return await view.bill(who, month, RESIDENTIAL_LOW_VOLTAGE)


class Step(NamedTuple):
    kind: str
    who: str
    whom: str
    amount: int


steps = st.builds(
    Step,
    st.sampled_from(["read", "read", "sell", "buy", "buy", "pay", "cover", "cancel"]),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.integers(100, 2_000),
)
days = st.lists(st.lists(steps, min_size=1, max_size=4), min_size=4, max_size=8)


def sent(town: Town, step: Step) -> CheckedTransaction | None:
    who = address(step.who)
    try:
        match step.kind:
            case "read":
                return town.reading(step.who, town.now_s - 900, step.amount, step.amount)
            case "sell":
                return town.sell(step.who, step.amount, 3_000 + step.amount % 400)
            case "buy":
                return town.buy(step.who, step.amount, 3_200 + step.amount % 400)
            case "pay":
                cash = town.cash(step.who)
                body = wallet.pay(who, cash, address(step.whom), step.amount * 7, FEE)
                return signed(body, step.who)
            case "cover":
                return town.cover(step.who, step.amount)
            case _:
                with town.store.snapshot() as reader:
                    found = [i for i, _ in town.store.owned(reader, who, None, None)]
                return signed(Cancel(found[step.amount % len(found)][:32]), step.who)
    except wallet.InsufficientFunds:
        return None


@settings(max_examples=25)
@given(days)
async def test_the_months_of_everybody_come_to_what_they_hold(history: list[list[Step]]) -> None:
    town = Town(START_S, *PEOPLE)
    town.block(*[town.reading(name, START_S, 2_000, 2_000) for name in PEOPLE])
    for wanted in history:
        town.now_s += DAY_S
        town.block(*[found for step in wanted if (found := sent(town, step))])
    # What is late comes within March: its last block begins no earlier.
    town.block(at_s=max(town.now_s, at(2027, 3, 1, 1, 0)))
    for who in (*map(address, PEOPLE), address("proposer")):
        first = 100_000 * GTX if who != address("proposer") else 0
        bills = [await billed(town, who, month) for month in ("2027-02", "2027-03")]
        assert (first + sum(int(each.change_ugtx) for each in bills),
                sum(int(each.change_wh) for each in bills)) == held(town, who)  # fmt: skip
        for each in bills:
            assert int(each.change_ugtx) == sum(int(part.amount_ugtx) for part in each.account)
            market = {"bought", "sold", "fees"}
            assert {part.name for part in each.account if part.billed} <= market
            paid = {part.name: -int(part.amount_ugtx) for part in each.account}
            for line in each.here:
                if line.name in market:  # 1 GTX is 1 THB
                    assert abs(int(line.amount_satang) * 10_000 - paid.get(line.name, 0)) <= 5_000


async def test_a_held_reading_counts_when_it_is_released_and_never_when_it_is_void() -> None:
    town = Town(START_S, *PEOPLE)
    # 2,500 Wh are what the meters can do in a quarter of an hour.
    readings = [town.reading(name, START_S + 3_600, 100, 3_000) for name in PEOPLE]
    town.accepted(*readings, at_s=START_S + 5_000)
    waiting = await billed(town, address("somchai"), "2027-02")
    assert (waiting.exported_wh, waiting.held_wh, waiting.change_wh) == (0, 3_000, 0)
    assert int(waiting.imported_off_peak_wh) == 100

    def judged(name: str, *, released: bool) -> None:
        with town.store.snapshot() as reader:
            owned = list(town.store.owned(reader, address(name), None, None))
        (coin_id,) = [i for i, data in owned if isinstance(decode_coin(data), HeldEnergy)]
        town.accepted(signed(JudgeHeld((coin_id,), released), "MEA"), at_s=at(2027, 3, 2, 9, 0))

    judged("malee", released=True)
    judged("niran", released=False)
    for name, found in (
        ("somchai", (0, 3_000, 0)),
        ("malee", (3_000, 0, 0)),
        ("niran", (0, 0, 3_000)),
    ):
        bill = await billed(town, address(name), "2027-02")
        assert (bill.exported_wh, bill.held_wh, bill.voided_wh) == found
        fed_in = {line.name: line.energy_wh for line in bill.grid_only}["feed_in"]
        assert fed_in == bill.exported_wh
    # It became a token in March, which its interval was not in.
    march = await billed(town, address("malee"), "2027-03")
    assert [(part.name, part.energy_wh) for part in march.account] == [("metered", 3_000)]
    assert march.exported_wh == 0


async def test_a_bill_goes_on_over_another_key_and_a_reset() -> None:
    town = Town(START_S, "somchai")

    def energy(bill: BillView) -> tuple[int, int, int]:
        return int(bill.imported_off_peak_wh), int(bill.exported_wh), bill.meters

    town.accepted(town.reading("somchai", START_S, 100, 1_000), at_s=START_S + 1_000)
    key = RotateMeterKey(meter_of("somchai"), 1, public_key("another"))
    town.accepted(signed(key, "MEA", "another"))
    town.accepted(
        town.reading("somchai", START_S + 900, 200, 500, key="another"), at_s=START_S + 2_000
    )
    assert energy(await billed(town, address("somchai"), "2027-02")) == (300, 1_500, 1)
    reset = ResetMeter(meter_of("somchai"), 2, START_S + 2_000, 7, 9)
    town.accepted(signed(reset, "MEA"))
    town.accepted(
        town.reading("somchai", START_S + 2_000, 50, 20, key="another"), at_s=START_S + 3_000
    )
    assert energy(await billed(town, address("somchai"), "2027-02")) == (350, 1_520, 1)


async def test_a_month_that_the_chain_knows_nothing_of_is_an_error() -> None:
    town = Town(START_S, "somchai")
    town.block()
    for month, error in (("2027-01", NotFound), ("2027-03", BadValue)):
        with pytest.raises(error, match=month):
            await billed(town, address("somchai"), month)
    assert not (await billed(town, address("somchai"), "2027-02")).complete


async def test_readings_from_before_the_chain_are_billed_for_their_month() -> None:
    early = START_S - 27 * DAY_S
    town = Town(early, "somchai")
    town.store.begins_s = at(2027, 2, 1)
    town.accepted(town.reading("somchai", early, 700, 0), at_s=START_S)
    january = await billed(town, address("somchai"), "2027-01")
    assert (int(january.imported_on_peak_wh) + int(january.imported_off_peak_wh)) == 700
