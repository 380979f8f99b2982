"""The coins that a chain begins with, and what no chain begins with."""

import pytest

from gtxnode.ledger.coins import Cash, Supply, meter_coin_id, supply_coin_id
from gtxnode.ledger.genesis import initial_coins
from gtxnode.metering.meters import Meter
from gtxnode.primitives.units import MAX_AMOUNT
from tests.ledger.little_chain import CHAIN, address, registration


def test_genesis_makes_cash_meters_and_the_totals() -> None:
    body = registration("somchai")
    made = initial_coins(CHAIN, [(address("somchai"), 5), (address("somchai"), 7)], [body])
    coins = [held.coin for held in made.values()]
    assert sorted(c.amount_ugtx for c in coins if isinstance(c, Cash)) == [5, 7]
    assert made[supply_coin_id(CHAIN)].coin == Supply(0, 0, 12)
    meter = made[meter_coin_id(CHAIN, body.meter)].coin
    assert isinstance(meter, Meter)
    assert meter.owner == address("somchai")


def test_two_chains_share_no_coin() -> None:
    cash = [(address("somchai"), 5)]
    assert not initial_coins(CHAIN, cash).keys() & initial_coins("another", cash).keys()


@pytest.mark.parametrize("amounts", [[0], [-1], [MAX_AMOUNT, 1]])
def test_amounts_that_are_none_are_refused(amounts: list[int]) -> None:
    with pytest.raises(ValueError, match="amounts"):
        initial_coins(CHAIN, [(address("somchai"), amount) for amount in amounts])


def test_a_meter_registered_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        initial_coins(CHAIN, [], [registration("somchai")] * 2)
