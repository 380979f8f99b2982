"""Suspect readings: what they exported is held, released once, or void for ever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import JudgeHeld
from gtxnode.ledger.coins import Cash, CoinId, Energy, HeldEnergy
from gtxnode.ledger.outcome import Became
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.anomalies import Suspicion
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import (
    FEE,
    HOUR_S,
    KWH,
    LittleChain,
    address,
    meter_of,
    reasons,
    registration,
    signed,
)

NIGHT_S = 5 * HOUR_S
"""After the chain's start, which is at three in the afternoon."""


@pytest.fixture
def chain() -> LittleChain:
    """It is eight in the evening, and nothing has been read yet that day."""
    chain = LittleChain("somchai", "malee", watchful=True)
    chain.block(after_s=HOUR_S)
    chain.accepted(*[chain.reading(name, 0, 1) for name in ("somchai", "malee")])
    chain.block(after_s=HOUR_S * 4)
    chain.accepted(*[chain.reading(name, 0, 1) for name in ("somchai", "malee")])
    chain.block(after_s=HOUR_S)
    return chain


def held(chain: LittleChain, name: str) -> list[tuple[bytes, HeldEnergy]]:
    return chain.coins(name, HeldEnergy)


def judgement(
    chain: LittleChain, *coins: CoinId, released: bool, by: tuple[str, ...] = ("MEA",)
) -> CheckedTransaction:
    return signed(JudgeHeld(coins, released), *by)


def test_what_a_suspect_reading_exported_is_held(chain: LittleChain) -> None:
    reading = chain.reading("somchai", KWH)
    outcome = chain.accepted(reading)
    assert outcome.minted_wh == 0
    assert chain.energy("somchai") == 0
    ((_, coin),) = held(chain, "somchai")
    assert (coin.amount_wh, coin.suspicions) == (KWH, (Suspicion.NIGHT_SOLAR,))
    supply = chain.supply()
    assert (supply.minted_wh, supply.held_wh, supply.voided_wh) == (0, KWH, 0)
    (told,) = outcome.suspects
    assert (told.reading, told.province, told.became) == (
        reading.id,
        Province.BANGKOK,
        Became.HELD,
    )


def test_it_can_neither_be_given_nor_sold_nor_retired(chain: LittleChain) -> None:
    chain.accepted(chain.reading("somchai", KWH))
    ((coin_id, coin),) = held(chain, "somchai")
    energy = [(coin_id, Energy(coin.owner, coin.amount_wh, coin.origin))]
    cash = chain.coins("somchai", Cash)
    me, other = address("somchai"), address("malee")
    for body in (
        wallet.give_energy(me, energy, cash, other, KWH, FEE),
        wallet.sell(me, energy, KWH, 3_500, 0),
        wallet.retire(me, energy, cash, KWH, FEE),
    ):
        assert chain.refused(signed(body, "somchai")) is Reason.WRONG_COIN_KIND


def test_released_it_is_its_owners_energy(chain: LittleChain) -> None:
    reading = chain.reading("somchai", KWH)
    chain.accepted(reading)
    ((coin_id, coin),) = held(chain, "somchai")
    outcome = chain.accepted(judgement(chain, coin_id, released=True))
    ((energy_id, energy),) = chain.coins("somchai", Energy)
    assert energy_id == coin_id
    assert (energy.amount_wh, energy.origin) == (KWH, coin.origin)
    assert (outcome.minted_wh, chain.supply().held_wh) == (KWH, 0)
    assert [one.became for one in outcome.suspects] == [Became.RELEASED]
    assert held(chain, "somchai") == []


def test_what_is_void_never_comes_back(chain: LittleChain) -> None:
    reading = chain.reading("somchai", KWH)
    chain.accepted(reading)
    ((coin_id, _),) = held(chain, "somchai")
    void = judgement(chain, coin_id, released=False)
    chain.accepted(void)
    assert chain.supply().voided_wh == KWH
    assert chain.refused(void) is Reason.UNKNOWN_COIN
    assert chain.refused(judgement(chain, coin_id, released=True)) is Reason.UNKNOWN_COIN
    assert chain.refused(reading) is Reason.REPLAYED_READING
    # The meter goes on from where it was: the next reading has only what flowed since.
    chain.block(after_s=12 * HOUR_S)
    chain.accepted(chain.reading("somchai", 2 * KWH))
    assert chain.energy("somchai") == 2 * KWH


@pytest.mark.parametrize("signer", ["PEA", "EGAT", "ERC", "somchai", "somchai's meter"])
def test_only_the_territorys_utility_judges(chain: LittleChain, signer: str) -> None:
    chain.accepted(chain.reading("somchai", KWH))
    ((coin_id, _),) = held(chain, "somchai")
    for released in (True, False):
        transaction = judgement(chain, coin_id, released=released, by=(signer,))
        assert chain.refused(transaction) is Reason.NOT_AUTHORISED


def test_nothing_is_judged_if_one_of_it_cannot_be() -> None:
    chain = LittleChain(watchful=True, parameters=ChainParameters(zones=(Zone.CENTRAL,)))
    for name, province in (("mea", Province.NONTHABURI), ("pea", Province.SARABURI)):
        chain.accepted(signed(registration(name, province=province), name.upper()))
    chain.block(after_s=HOUR_S)
    chain.accepted(*[chain.reading(name, 0, 1) for name in ("mea", "pea")])
    chain.block(after_s=NIGHT_S)
    chain.accepted(*[chain.reading(name, 0, 1) for name in ("mea", "pea")])
    chain.block(after_s=HOUR_S)
    chain.accepted(*[chain.reading(name, KWH) for name in ("mea", "pea")])
    coins = [held(chain, name)[0][0] for name in ("mea", "pea")]
    both = judgement(chain, *coins, released=True)
    assert chain.refused(both) is Reason.NOT_AUTHORISED
    chain.accepted(judgement(chain, *coins, released=True, by=("MEA", "PEA")))
    assert chain.energy("mea") == chain.energy("pea") == KWH


def test_only_what_is_held_is_judged(chain: LittleChain) -> None:
    ((cash, _),) = chain.coins("somchai", Cash)
    assert chain.refused(judgement(chain, cash, released=False)) is Reason.WRONG_COIN_KIND


def test_a_suspect_import_holds_nothing_and_is_told(chain: LittleChain) -> None:
    outcome = chain.accepted(chain.reading("somchai", 0, 6_000 * KWH))
    (told,) = outcome.suspects
    assert (told.amount_wh, told.suspicions) == (0, (Suspicion.OVER_CAPACITY,))
    assert held(chain, "somchai") == []
    assert told.origin.meter == meter_of("somchai")


def test_held_and_judged_in_one_block(chain: LittleChain) -> None:
    reading = chain.reading("somchai", KWH)
    coin_id = reading.id + b"\x00\x00"
    outcome = chain.block(
        reading,
        judgement(chain, coin_id, released=True),
        judgement(chain, coin_id, released=False),
    )
    assert reasons(outcome.receipts) == [None, None, Reason.WRONG_COIN_KIND]
    assert chain.energy("somchai") == KWH


steps = st.tuples(
    st.sampled_from(["read", "read", "release", "void", "again", "trade"]),
    st.integers(0, 1),
    st.integers(0, 6_000),
    st.integers(1, 5),
)


@settings(max_examples=60)
@given(st.lists(steps, max_size=25))
def test_metered_is_minted_held_and_voided(history: list[tuple[str, int, int, int]]) -> None:
    """`LittleChain` holds every block against the totals."""
    chain = LittleChain("somchai", "malee", watchful=True)
    sent: list[CheckedTransaction] = []
    for kind, who, amount, hours in history:
        name = ("somchai", "malee")[who]
        waiting = [coin_id for coin_id, coin in chain.all_coins() if isinstance(coin, HeldEnergy)]
        chain.now_s += hours * HOUR_S
        match kind:
            case "read":
                # At most 15,000 kWh an hour: plausible, suspect and refused ones.
                sent.append(chain.reading(name, amount * 2 * KWH))
            case "release" | "void" if waiting:
                coins = waiting[: 1 + amount % 3]
                sent.append(judgement(chain, *coins, released=kind == "release"))
            case "again" if sent:
                sent.append(sent[amount % len(sent)])
            case "trade":
                try:
                    sent.append(chain.sell(name, amount + 1, 3_500))
                except wallet.InsufficientFunds:
                    continue
            case _:
                continue
        chain.block(sent[-1])
