"""What a client is told of an order at once, before any block: what is certain to be refused."""

import pytest

from gtxnode.admission import Admission
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.bodies import Amend, Body, PlaceBuy
from gtxnode.ledger.coins import BuyOrder, Cash, Coin, HeldCoin, encode_coin, output_id
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.orders import Terms
from gtxnode.primitives.errors import Reason, Refused
from storage.memory import MemoryStore
from tests.ledger.little_chain import CHAIN, START_S, address, signed

ORDER, PENDING = b"o" * 32, b"p" * 32
CASH = output_id(b"c" * 32, 0)


@pytest.fixture
def admission() -> Admission:
    made: dict[bytes, Coin] = {
        output_id(ORDER, 0): BuyOrder(address("malee"), 3_500, 1_000, START_S + 60, 1, 0),
        CASH: Cash(address("malee"), 10**9),
    }
    coins = initial_coins(CHAIN, [(address("malee"), 1)])
    coins |= {coin_id: HeldCoin(coin, encode_coin(coin)) for coin_id, coin in made.items()}
    store = ChainStore.on(
        MemoryStore(), CHAIN, bytes(32), START_S * 1_000, ChainParameters(), coins
    )
    return Admission(store, PENDING.__eq__, lambda: START_S * 1_000)


def refusal(admission: Admission, body: Body, by: str = "malee") -> Reason | None:
    try:
        admission.admit(signed(body, by))
    except Refused as refused:
        return refused.reason
    return None


def test_terms_that_make_no_sense_are_told_at_once(admission: Admission) -> None:
    malee = address("malee")
    fits = PlaceBuy(malee, (CASH,), 1_000, 3_500, 0, True, Terms(all_or_none=True))
    assert refusal(admission, fits) is None
    alone = PlaceBuy(malee, (CASH,), 1_000, 3_500, 0, False, Terms(partner=malee))
    assert refusal(admission, alone) is Reason.INVALID_TERMS


def test_an_amendment_is_of_an_order_that_is_open_or_about_to_be(admission: Admission) -> None:
    assert refusal(admission, Amend(ORDER, 500, 3_500)) is None
    assert refusal(admission, Amend(ORDER, 5_000, 3_500, (CASH,))) is None
    assert refusal(admission, Amend(PENDING, 500, 3_500)) is None
    assert refusal(admission, Amend(b"x" * 32, 500, 3_500)) is Reason.UNKNOWN_ORDER
    assert refusal(admission, Amend(ORDER, 500, 3_500), by="niran") is Reason.NOT_OWNER
    gone = output_id(b"y" * 32, 0)
    assert refusal(admission, Amend(ORDER, 5_000, 3_500, (gone,))) is Reason.UNKNOWN_COIN
