"""Orders for delivery slots with terms, with an end of their own, and amended."""

from typing import Any

import msgspec
import pytest

from gtxnode.ledger.authority.compliance import ComplianceRules
from gtxnode.ledger.bodies import Amend, Cancel, GrantLicence
from gtxnode.ledger.coins import Cash, Energy
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.market.usage import UsageLimit
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.auction import Mechanism
from gtxnode.market.orders import Terms
from gtxnode.market.slots import Product
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.ledger.forward_chain import HOUR, NOON, ForwardChain
from tests.ledger.little_chain import (
    GTX,
    HOUR_S,
    KWH,
    PARAMETERS,
    START_S,
    address,
    registration,
    signed,
)

PEOPLE = ("malee", "niran", "somchai", "suda")
CASH = 1_000 * GTX
GATE_S = NOON - 900
WHOLE = Terms(all_or_none=True)
SOLAR = 1 << Source.SOLAR


def a_chain(**limits: Any) -> ForwardChain:
    parameters = msgspec.structs.replace(PARAMETERS, orders=OrderLimits(**limits))
    return ForwardChain(*PEOPLE, cash_ugtx=CASH, parameters=parameters)


@pytest.fixture
def chain() -> ForwardChain:
    return a_chain()


def left(chain: ForwardChain, placed: CheckedTransaction) -> int:
    order = chain.order(placed)
    return order.quantity_wh if isinstance(order, ForwardOrder) else 0


def sold(chain: ForwardChain) -> list[tuple[bytes, int]]:
    return [(contract.seller, contract.sold_wh) for contract in chain.contracts()]


# ---- terms, in continuous trading ----


def test_what_an_immediate_order_does_not_trade_goes_back(chain: ForwardChain) -> None:
    chain.accepted(chain.offer("malee", 10 * KWH, 3_500))
    bid = chain.bid("niran", 15 * KWH, 4_000, immediate=True)
    chain.accepted(bid)
    assert chain.order(bid) is None
    assert sold(chain) == [(address("malee"), 10 * KWH)]
    assert chain.cash("niran") == CASH - 35 * GTX
    chain.accepted(chain.bid("somchai", 4 * KWH, 4_000))
    chain.accepted(chain.offer("suda", 10 * KWH, 3_500, immediate=True))
    assert chain.cash("suda") == CASH - 4 * KWH * 2_880
    assert not chain.orders.forwards.books


def test_an_order_that_is_not_to_rest_is_refused_where_it_is_not_filled(
    chain: ForwardChain,
) -> None:
    bid = chain.bid("niran", 15 * KWH, 4_000, immediate=True)
    assert chain.refused(bid) is Reason.UNFILLED
    chain.accepted(chain.offer("malee", 10 * KWH, 3_500))
    kill = chain.bid("niran", 15 * KWH, 4_000, immediate=True, terms=WHOLE)
    assert chain.refused(kill) is Reason.UNFILLED
    chain.accepted(chain.offer("suda", 10 * KWH, 3_600))
    chain.accepted(kill)
    assert sold(chain) == [(address("malee"), 10 * KWH), (address("suda"), 5 * KWH)]


def test_an_all_or_none_order_waits_until_enough_is_there(chain: ForwardChain) -> None:
    whole = chain.bid("niran", 100 * KWH, 4_000, terms=WHOLE)
    first = chain.offer("malee", 60 * KWH, 3_500)
    chain.accepted(whole, first)
    chain.restart()
    second = chain.offer("suda", 70 * KWH, 3_600)
    chain.accepted(second)
    assert sold(chain) == [(address("malee"), 60 * KWH), (address("suda"), 40 * KWH)]
    assert (left(chain, whole), left(chain, first), left(chain, second)) == (0, 0, 30 * KWH)
    assert chain.cash("niran") == CASH - 60 * 3_500_000 - 40 * 3_600_000


def test_a_slice_that_queues_anew_keeps_its_place_through_a_restart(chain: ForwardChain) -> None:
    iceberg = chain.offer("malee", 50 * KWH, 3_500, terms=Terms(display_wh=20 * KWH))
    other = chain.offer("suda", 50 * KWH, 3_500)
    chain.accepted(iceberg, other)
    (book,) = chain.orders.forwards.books.values()
    assert book.depth(1).asks[0].quantity_wh == 70 * KWH
    chain.accepted(chain.bid("niran", 25 * KWH, 3_500))
    chain.restart()
    coin = chain.order(iceberg)
    assert isinstance(coin, ForwardSell)
    assert coin.standing is not None
    assert (coin.quantity_wh, coin.standing.shown_wh, coin.standing.turn) == (30 * KWH, 20 * KWH, 1)
    chain.accepted(chain.bid("niran", 60 * KWH, 3_500))
    assert sold(chain)[2:] == [(address("suda"), 45 * KWH), (address("malee"), 15 * KWH)]


def test_solar_only_and_this_seller() -> None:
    windy = registration("suda", source=Source.WIND)
    chain = ForwardChain(
        *PEOPLE,
        cash_ugtx=CASH,
        registrations=[windy, registration("malee"), registration("somchai")],
    )
    chain.accepted(
        chain.offer("suda", 10 * KWH, 3_400),
        chain.offer("malee", 10 * KWH, 3_500),
        chain.offer("somchai", 10 * KWH, 3_600),
    )
    chain.accepted(chain.bid("niran", KWH, 4_000, terms=Terms(SOLAR)))
    chain.accepted(chain.bid("niran", KWH, 4_000, terms=Terms(partner=address("somchai"))))
    assert [seller for seller, _ in sold(chain)] == [address("malee"), address("somchai")]
    mine = chain.offer("suda", 5 * KWH, 3_000, terms=Terms(partner=address("niran")))
    chain.accepted(mine)
    chain.accepted(chain.bid("malee", KWH, 3_400))
    assert left(chain, mine) == 5 * KWH
    chain.accepted(chain.bid("niran", 5 * KWH, 3_400))
    assert left(chain, mine) == 0


@pytest.mark.parametrize(
    ("side", "how"),
    [
        ("offer", {"terms": Terms(SOLAR)}),
        ("bid", {"terms": Terms(1 << 15)}),
        ("bid", {"terms": Terms(partner=address("malee"))}),
        ("bid", {"terms": Terms(all_or_none=True, display_wh=KWH)}),
        ("bid", {"terms": Terms(display_wh=KWH), "immediate": True}),
        ("offer", {"terms": Terms(display_wh=99)}),
        ("offer", {"terms": Terms(zone=Zone.BANGKOK)}),
        ("bid", {"terms": Terms(zone=Zone.BANGKOK)}),
    ],
)
def test_terms_that_make_no_sense(chain: ForwardChain, side: str, how: dict[str, Any]) -> None:
    placed = getattr(chain, side)("malee", 5 * KWH, 3_500, **how)
    assert chain.refused(placed) is Reason.INVALID_TERMS


def test_so_many_conditional_orders_rest_on_a_slots_side_and_no_more() -> None:
    chain = a_chain(max_conditional_per_side=2, max_all_or_none_per_side=1)
    chain.accepted(chain.bid("malee", KWH, 3_000, terms=WHOLE))
    again = chain.bid("niran", KWH, 3_000, terms=WHOLE)
    assert chain.refused(again) is Reason.TOO_MANY_CONDITIONAL
    chain.accepted(chain.bid("malee", KWH, 3_000, terms=Terms(SOLAR)))
    third = chain.bid("niran", KWH, 3_000, terms=Terms(SOLAR))
    assert chain.refused(third) is Reason.TOO_MANY_CONDITIONAL
    chain.accepted(chain.offer("suda", KWH, 9_000, terms=WHOLE))


# ---- terms, in an auction ----


@pytest.mark.parametrize(
    "how",
    [
        {"immediate": True},
        {"terms": WHOLE},
        {"terms": Terms(display_wh=KWH)},
        {"terms": Terms(partner=address("niran"))},
        {"terms": Terms(SOLAR)},
    ],
)
def test_an_auction_takes_plain_orders(chain: ForwardChain, how: dict[str, Any]) -> None:
    assert chain.refused(chain.bid("malee", 5 * KWH, 3_500, HOUR, **how)) is Reason.NOT_IN_AUCTION


def test_orders_with_terms_stay_out_of_an_auction_that_a_vote_has_brought(
    chain: ForwardChain,
) -> None:
    product = Product(900, Mechanism.UNIFORM)
    whole = chain.bid("niran", 10 * KWH, 4_000, terms=WHOLE)
    chain.accepted(whole, chain.offer("malee", 4 * KWH, 3_500))
    chain.parameters = msgspec.structs.replace(
        chain.parameters, forwards=ForwardRules(products=(product,))
    )
    assert chain.refused(chain.change("niran", whole, 4 * KWH, 4_000)) is Reason.NOT_IN_AUCTION
    chain.until(GATE_S)
    assert sold(chain) == []
    assert chain.cash("niran") == CASH


# ---- an end of their own ----


@pytest.mark.parametrize("slot", ["QUARTER", "HOUR"])
def test_an_order_may_end_before_its_gate(slot: str) -> None:
    chain = a_chain()
    where = {"HOUR": HOUR}.get(slot)
    args = () if where is None else (where,)
    early = chain.offer("malee", 5 * KWH, 3_500, *args, expires_s=START_S + 60)
    late = chain.offer("suda", 5 * KWH, 3_600, *args)
    chain.accepted(early, late)
    chain.until(START_S + 59)
    chain.restart()
    assert left(chain, early) == 5 * KWH
    chain.now_s = START_S + 59
    outcome = chain.block()
    assert outcome.expired == (early.id,)
    assert (left(chain, early), left(chain, late)) == (0, 5 * KWH)
    assert chain.cash("malee") == CASH


def test_an_order_that_ended_before_its_gate_is_not_in_the_auction(chain: ForwardChain) -> None:
    """Both fall due with one block."""
    early = chain.offer("malee", 5 * KWH, 3_500, HOUR, expires_s=GATE_S - 1)
    chain.accepted(early, chain.bid("niran", 5 * KWH, 4_000, HOUR))
    chain.until(GATE_S + 100)
    assert sold(chain) == []


def test_an_order_ends_at_its_gate_at_the_latest(chain: ForwardChain) -> None:
    for expires_s in (START_S, GATE_S + 1):
        placed = chain.bid("niran", KWH, 3_500, expires_s=expires_s)
        assert chain.refused(placed) is Reason.EXPIRY_OUT_OF_BOUNDS
    placed = chain.bid("niran", KWH, 3_500, expires_s=GATE_S)
    chain.accepted(placed)
    chain.accepted(signed(Cancel(placed.id), "niran"))


# ---- amended ----


def test_a_bid_that_shrinks_keeps_its_time_and_gives_back_the_rest(chain: ForwardChain) -> None:
    first, second = chain.bid("malee", 10 * KWH, 3_500), chain.bid("niran", 10 * KWH, 3_500)
    chain.accepted(first, second)
    chain.accepted(chain.change("malee", first, 4 * KWH, 3_500))
    assert chain.cash("malee") == CASH - 14 * GTX
    chain.restart()
    chain.accepted(chain.offer("suda", 6 * KWH, 3_500))
    assert [(c.buyer, c.sold_wh) for c in chain.contracts()] == [
        (address("malee"), 4 * KWH),
        (address("niran"), 2 * KWH),
    ]


def test_an_offer_gives_collateral_back_and_is_topped_up(chain: ForwardChain) -> None:
    placed = chain.offer("malee", 10 * KWH, 3_500)
    chain.accepted(placed)
    chain.accepted(chain.change("malee", placed, 6 * KWH, 3_500))
    assert chain.cash("malee") == CASH - 6 * KWH * 2_880
    chain.accepted(chain.change("malee", placed, 8 * KWH, 3_000))
    assert chain.cash("malee") == CASH - 8 * KWH * 3_380
    chain.accepted(chain.change("malee", placed, 8 * KWH, 5_000))
    assert chain.cash("malee") == CASH - 8 * KWH * 1_380


@pytest.mark.parametrize(("wh", "price"), [(11 * KWH, 3_500), (10 * KWH, 3_400)])
@pytest.mark.parametrize("slot", [None, HOUR])
def test_an_order_that_grows_or_changes_its_price_loses_its_time(
    wh: int, price: int, slot: Any
) -> None:
    chain = a_chain()
    args = () if slot is None else (slot,)
    first = chain.offer("malee", 10 * KWH, 3_500, *args)
    second = chain.offer("suda", 10 * KWH, price, *args)
    chain.accepted(first, second)
    chain.accepted(chain.change("malee", first, wh, price))
    chain.restart()
    order = chain.order(first)
    assert isinstance(order, ForwardSell)
    assert (order.height, order.quantity_wh) == (chain.height, wh)
    if slot is None:
        chain.accepted(chain.bid("niran", 10 * KWH, 4_000))
        assert sold(chain) == [(address("suda"), 10 * KWH)]


def test_an_amended_order_trades_at_once(chain: ForwardChain) -> None:
    bid = chain.bid("niran", 5 * KWH, 3_000)
    chain.accepted(bid, chain.offer("malee", 10 * KWH, 3_500))
    changed = chain.change("niran", bid, 6 * KWH, 3_600)
    chain.accepted(changed)
    assert sold(chain) == [(address("malee"), 6 * KWH)]
    assert chain.order(bid) is None
    assert chain.cash("niran") == CASH - 21 * GTX


def test_nobody_sends_an_old_amendment_again(chain: ForwardChain) -> None:
    bid = chain.bid("niran", 10 * KWH, 3_500)
    chain.accepted(bid)
    shrunk = chain.change("niran", bid, 4 * KWH, 3_500)
    chain.accepted(shrunk)
    chain.accepted(chain.change("niran", bid, 8 * KWH, 3_500))
    assert chain.refused(shrunk) is Reason.WRONG_REVISION
    assert left(chain, bid) == 8 * KWH


def test_an_all_or_none_order_that_shrinks_may_trade(chain: ForwardChain) -> None:
    whole = chain.bid("niran", 10 * KWH, 4_000, terms=WHOLE)
    chain.accepted(whole, chain.offer("malee", 6 * KWH, 3_500))
    chain.accepted(chain.change("niran", whole, 5 * KWH, 4_000))
    assert sold(chain) == [(address("malee"), 5 * KWH)]


def test_an_amendment_is_held_against_what_an_order_is(chain: ForwardChain) -> None:
    weak = registration("weak", owner=address("malee"), capacity_w=40_000)
    chain.accepted(signed(weak, "MEA"))
    offer = chain.offer("malee", 10 * KWH, 3_500)
    offer = signed(msgspec.structs.replace(offer.body, meter=weak.meter), "malee")
    bid = chain.bid("niran", 10 * KWH, 3_000)
    chain.accepted(offer, bid)
    change = chain.change
    assert chain.refused(change("malee", offer, 10_001, 3_500)) is Reason.OVER_CAPACITY
    assert chain.refused(change("malee", offer, 10 * KWH, 999)) is Reason.PRICE_OUT_OF_BOUNDS
    assert chain.refused(change("malee", offer, 99, 3_500)) is Reason.ORDER_TOO_SMALL
    assert chain.refused(signed(change("malee", offer, KWH, 3_500).body, "niran")) is (
        Reason.NOT_OWNER
    )
    poor = Amend(bid.id, 11 * KWH, 3_000)
    assert chain.refused(signed(poor, "niran")) is Reason.OVERSPENT
    chain.export("suda", KWH)
    energy = tuple(coin_id for coin_id, _ in chain.coins("suda", Energy))
    mine = chain.bid("suda", KWH, 3_000)
    chain.accepted(mine)
    wrong = Amend(mine.id, 2 * KWH, 3_000, energy)
    assert chain.refused(signed(wrong, "suda")) is Reason.WRONG_COIN_KIND
    chain.until(GATE_S)
    assert chain.refused(signed(Amend(bid.id, KWH, 3_000), "niran")) is Reason.UNKNOWN_ORDER


def test_an_amended_order_keeps_to_licences_limits_of_use_and_own_orders() -> None:
    evening = UsageLimit("noon", 0, 24 * 60, 6 * KWH)
    parameters = msgspec.structs.replace(
        PARAMETERS,
        orders=OrderLimits(licence_over_wh=5 * KWH),
        compliance=ComplianceRules(usage_limits=(evening,)),
    )
    chain = ForwardChain(*PEOPLE, cash_ugtx=CASH, parameters=parameters)
    bid = chain.bid("niran", 4 * KWH, 3_500, HOUR)
    chain.accepted(bid)
    assert chain.refused(chain.change("niran", bid, 6 * KWH, 3_500)) is Reason.NO_LICENCE
    grant = GrantLicence(chain.now_s * 1_000, address("niran"), 9 * KWH, chain.now_s + HOUR_S)
    chain.accepted(signed(grant, "ERC"))
    assert chain.refused(chain.change("niran", bid, 7 * KWH, 3_500)) is Reason.USAGE_LIMIT
    chain.accepted(chain.change("niran", bid, 6 * KWH, 3_500))
    chain.accepted(chain.offer("niran", KWH, 4_000, HOUR))
    crossing = chain.change("niran", bid, 6 * KWH, 4_000)
    assert chain.refused(crossing) is Reason.OWN_ORDERS_CROSS


def test_a_change_that_keeps_its_place_keeps_collateral_by_the_rule_of_its_time(
    chain: ForwardChain,
) -> None:
    placed = chain.offer("malee", 10 * KWH, 3_500)
    chain.accepted(placed)
    dearer = msgspec.structs.replace(
        chain.parameters.forwards.imbalance, utility_mgtx_per_kwh=9_000
    )
    forwards = msgspec.structs.replace(chain.parameters.forwards, imbalance=dearer)
    chain.parameters = msgspec.structs.replace(chain.parameters, forwards=forwards)
    chain.accepted(chain.change("malee", placed, 8 * KWH, 3_500))
    assert chain.cash("malee") == CASH - 8 * KWH * 2_880
    chain.accepted(chain.change("malee", placed, 9 * KWH, 3_500))
    assert chain.cash("malee") == CASH - 9 * KWH * 5_500


def test_what_an_amended_bid_holds_is_its_traders(chain: ForwardChain) -> None:
    bid = chain.bid("niran", 5 * KWH, 3_000, HOUR)
    chain.accepted(bid)
    chain.accepted(chain.change("niran", bid, 7 * KWH, 3_200))
    (order,) = [coin for _, coin in chain.coins("niran", ForwardBuy)]
    assert order.locked_ugtx == 7 * KWH * 3_200
    assert sum(coin.amount_ugtx for _, coin in chain.coins("niran", Cash)) == (
        CASH - order.locked_ugtx
    )
