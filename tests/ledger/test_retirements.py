"""Energy that is retired: against whose import, with what credits, and nothing twice."""

from datetime import UTC, datetime

import msgspec
import pytest

from gtxnode.carbon.credits import CarbonRules, CreditRule
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import ReplaceTariff, Retire, RetireCredits, Transfer
from gtxnode.ledger.coins import Cash, Credit, Energy
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import MonthImport
from gtxnode.metering.readings import ReadingLimits
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.sources import Source
from gtxnode.primitives.units import MG_PER_CREDIT
from gtxnode.tariffs.calendar import DAY_S
from gtxnode.tariffs.tables import EmissionFactors
from tests.ledger.little_chain import (
    FEE,
    HOUR_S,
    KWH,
    PARAMETERS,
    START_S,
    LittleChain,
    address,
    meter_of,
    registration,
    signed,
)

JANUARY_2027 = (2027 - 1970) * 12


@pytest.fixture
def chain() -> LittleChain:
    """Somchai has sold 10 kWh of January's sun to malee, who took in 4 kWh then."""
    chain = LittleChain("somchai", "malee")
    chain.export("somchai", 10 * KWH)
    give = wallet.give_energy(
        address("somchai"),
        chain.coins("somchai", Energy),
        chain.coins("somchai", Cash),
        address("malee"),
        10 * KWH,
        FEE,
    )
    chain.accepted(signed(give, "somchai"), chain.reading("malee", 0, 4 * KWH))
    return chain


def retirement(
    chain: LittleChain, name: str, wh: int, *signers: str, **changes: object
) -> CheckedTransaction:
    body = wallet.retire(address(name), chain.coins(name, Energy), chain.coins(name, Cash), wh, FEE)
    return signed(msgspec.structs.replace(body, **changes), *(signers or (name,)))


def credits_of(chain: LittleChain, name: str) -> int:
    return sum(coin.amount_mgco2e for _, coin in chain.coins(name, Credit))


def test_the_chain_starts_in_january() -> None:
    assert datetime.fromtimestamp(START_S, UTC).strftime("%Y-%m") == "2027-01"


def test_import_is_covered_up_to_what_the_meter_took_in(chain: LittleChain) -> None:
    mine = meter_of("malee")
    assert chain.meter("malee").imports == (MonthImport(JANUARY_2027, 4 * KWH, 0),)
    assert chain.refused(retirement(chain, "malee", 4 * KWH + 1, meter=mine)) is (
        Reason.IMPORT_EXCEEDED
    )
    (retired,) = chain.accepted(retirement(chain, "malee", 3 * KWH, meter=mine)).retirements
    assert (retired.consumer, retired.meter) == (address("malee"), mine)
    assert [(lot.amount_wh, lot.origin.meter) for lot in retired.lots] == [
        (3 * KWH, meter_of("somchai"))
    ]
    assert chain.meter("malee").imports == (MonthImport(JANUARY_2027, 4 * KWH, 3 * KWH),)
    assert chain.refused(retirement(chain, "malee", 1_001, meter=mine)) is Reason.IMPORT_EXCEEDED
    chain.accepted(retirement(chain, "malee", 1_000, meter=mine))
    # What is left may still be retired, beyond anybody's import.
    (voluntary,) = chain.accepted(retirement(chain, "malee", 6 * KWH)).retirements
    assert voluntary.meter is None


def test_a_reading_keeps_what_was_covered(chain: LittleChain) -> None:
    chain.accepted(retirement(chain, "malee", KWH, meter=meter_of("malee")))
    chain.now_s += HOUR_S
    chain.accepted(chain.reading("malee", 0, 500))
    assert chain.meter("malee").imports == (MonthImport(JANUARY_2027, 4 * KWH + 500, KWH),)


def test_energy_covers_import_of_the_month_it_was_made_in(chain: LittleChain) -> None:
    mine = meter_of("malee")
    chain.block(after_s=31 * DAY_S)
    chain.accepted(chain.reading("malee", 0, 0))
    chain.block(after_s=HOUR_S)
    chain.accepted(chain.reading("malee", 0, 9 * KWH))
    assert [each.month - JANUARY_2027 for each in chain.meter("malee").imports] == [0, 1]
    # February's import is no use to January's sun.
    assert chain.refused(retirement(chain, "malee", 5 * KWH, meter=mine)) is Reason.IMPORT_EXCEEDED
    chain.accepted(retirement(chain, "malee", 4 * KWH, meter=mine))


def test_a_month_closes(chain: LittleChain) -> None:
    chain.block(after_s=70 * DAY_S)  # the end of March
    first = retirement(chain, "malee", KWH, meter=meter_of("malee"))
    assert chain.execute(first).receipts[0].ok
    chain.block(after_s=10 * DAY_S)  # in April, January is the fourth month back
    assert chain.refused(first) is Reason.IMPORT_EXCEEDED
    chain.accepted(chain.reading("malee", 0, 1))
    assert JANUARY_2027 not in {each.month for each in chain.meter("malee").imports}


def test_the_fewest_open_months_are_the_running_one() -> None:
    rules = msgspec.structs.replace(
        PARAMETERS,
        carbon=CarbonRules(open_months=1),
        readings=ReadingLimits(max_age_s=400 * DAY_S),
    )
    chain = LittleChain("malee", parameters=rules)
    chain.block(after_s=40 * DAY_S)
    late = chain.reading("malee", 0, KWH)
    chain.accepted(late)  # it began in January, which is over
    assert chain.meter("malee").imports == ()


def test_only_the_consumer_covers_the_consumers_import(chain: LittleChain) -> None:
    hers = {"meter": meter_of("malee"), "consumer": address("malee")}
    chain.export("somchai", 2 * KWH)
    gift = retirement(chain, "somchai", KWH, **hers)
    assert chain.refused(gift) is Reason.NOT_CONSUMER
    other = retirement(chain, "malee", KWH, meter=meter_of("somchai"))
    assert chain.refused(other) is Reason.NOT_CONSUMER
    unknown = retirement(chain, "malee", KWH, meter=bytes(16))
    assert chain.refused(unknown) is Reason.UNREGISTERED_METER
    together = retirement(chain, "somchai", KWH, "somchai", "malee", **hers)
    (made,) = chain.accepted(together).retirements
    assert made.consumer == address("malee")
    assert credits_of(chain, "malee") == 500_000


def test_renewable_energy_earns_its_credit_when_it_is_retired(chain: LittleChain) -> None:
    outcome = chain.accepted(retirement(chain, "malee", 10 * KWH, consumer=address("somchai")))
    assert outcome.retirements[0].credited_mgco2e == MG_PER_CREDIT // 2
    assert credits_of(chain, "somchai") == MG_PER_CREDIT // 2
    assert chain.supply().credits_issued_mgco2e == MG_PER_CREDIT // 2


def test_a_thousand_kilowatt_hours_of_sun_are_fifty_credits(chain: LittleChain) -> None:
    chain.export("somchai", 1_000 * KWH)
    chain.accepted(retirement(chain, "somchai", 1_000 * KWH))
    assert credits_of(chain, "somchai") == 50 * MG_PER_CREDIT


def test_the_physical_rule_goes_by_the_factors_of_when_it_was_made() -> None:
    rules = msgspec.structs.replace(PARAMETERS, carbon=CarbonRules(rule=CreditRule.PHYSICAL))
    chain = LittleChain("somchai", parameters=rules)
    chain.export("somchai", KWH)
    cleaner = EmissionFactors(from_s=chain.now_s + 60, source="TGO", grid_gco2e_per_kwh=341)
    act = ReplaceTariff(chain.now_s * 1_000, cleaner)
    chain.accepted(signed(act, "ERC"))
    chain.block(after_s=60)
    chain.accepted(chain.reading("somchai", 0))
    chain.export("somchai", KWH)
    old, new = (
        signed(
            wallet.retire(address("somchai"), [coin], [cash], KWH, FEE),
            "somchai",
        )
        for coin, cash in zip(
            sorted(chain.coins("somchai", Energy), key=lambda pair: pair[1].origin.end_s),
            chain.coins("somchai", Cash) * 2,
            strict=True,
        )
    )
    naive = {old.id: 475 - 41, new.id: 341 - 41}
    for retired in (old, new):
        receipt = chain.execute(retired).retirements[0]
        assert receipt.credited_mgco2e == naive[retired.id] * KWH


def test_grey_energy_earns_nothing() -> None:
    chain = LittleChain("somchai")
    gas = registration("plant", owner=address("somchai"), source=Source.GAS, installed_s=START_S)
    chain.accepted(signed(gas, "MEA"))
    chain.block(after_s=HOUR_S)
    chain.accepted(chain.reading("plant", KWH))
    outcome = chain.accepted(retirement(chain, "somchai", KWH))
    assert outcome.retirements[0].credited_mgco2e == 0
    assert chain.coins("somchai", Credit) == []


@pytest.fixture
def credited(chain: LittleChain) -> LittleChain:
    """Malee has half a credit."""
    chain.accepted(retirement(chain, "malee", 10 * KWH))
    return chain


def test_credits_change_hands_and_are_used_up(credited: LittleChain) -> None:
    chain, owner = credited, address("malee")
    give = wallet.give_credits(
        owner, chain.coins("malee", Credit), chain.coins("malee", Cash), address("somchai"),
        2_000_000, FEE,
    )  # fmt: skip
    chain.accepted(signed(give, "malee"))
    assert (credits_of(chain, "malee"), credits_of(chain, "somchai")) == (3_000_000, 2_000_000)
    use = wallet.retire_credits(
        address("somchai"), chain.coins("somchai", Credit), chain.coins("somchai", Cash),
        500_000, FEE, beneficiary=owner,
    )  # fmt: skip
    outcome = chain.accepted(signed(use, "somchai"))
    assert outcome.credits_retired_mgco2e == 500_000
    assert credits_of(chain, "somchai") == 1_500_000
    assert chain.supply().credits_retired_mgco2e == 500_000


def test_credits_are_neither_made_nor_stolen(credited: LittleChain) -> None:
    chain, owner = credited, address("malee")
    ((credit_id, _),) = chain.coins("malee", Credit)
    (cash_id, cash), *_ = chain.coins("malee", Cash)
    change = Cash(owner, cash.amount_ugtx - FEE)
    more = Transfer((credit_id, cash_id), (change, Credit(owner, 5_000_001)))
    fewer = Transfer((credit_id, cash_id), (change, Credit(owner, 4_999_999)))
    from_nothing = Transfer((cash_id,), (change, Credit(owner, 1)))
    for body in (more, fewer, from_nothing):
        assert chain.refused(signed(body, "malee")) is Reason.UNBALANCED_CREDITS
    nothing = RetireCredits((credit_id, cash_id), (change, Credit(owner, 5_000_000)), owner)
    assert chain.refused(signed(nothing, "malee")) is Reason.NOTHING_RETIRED
    too_much = RetireCredits((credit_id, cash_id), (change, Credit(owner, 5_000_001)), owner)
    assert chain.refused(signed(too_much, "malee")) is Reason.UNBALANCED_CREDITS
    assert chain.refused(signed(nothing, "somchai")) is Reason.NOT_OWNER
    burnt = Retire((credit_id, cash_id), (change,), owner)
    assert chain.refused(signed(burnt, "malee")) is Reason.WRONG_COIN_KIND


def test_energy_is_not_smuggled_out_of_a_retirement_of_credits(credited: LittleChain) -> None:
    chain = credited
    chain.export("somchai", KWH)
    ((_, energy),) = chain.coins("somchai", Energy)
    ((credit_id, _),) = chain.coins("malee", Credit)
    (cash_id, cash), *_ = chain.coins("malee", Cash)
    outputs = (Cash(address("malee"), cash.amount_ugtx - FEE), energy)
    body = RetireCredits((credit_id, cash_id), outputs, address("malee"))
    assert chain.refused(signed(body, "malee")) is Reason.UNBALANCED_ENERGY
