"""Order types on the ledger: immediate, all-or-none, iceberg, preferences, amended."""

from typing import Any

import pytest

from gtxnode.ledger.bodies import Amend, Cancel, PlaceSell
from gtxnode.ledger.coins import BuyOrder, Cash, Energy, Order, SellOrder
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.parameters import ChainParameters, OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market import Side, Terms
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import (
    GTX,
    KWH,
    LittleChain,
    address,
    registration,
    signed,
)

WHOLE = Terms(all_or_none=True)
SOLAR = 1 << Source.SOLAR


@pytest.fixture
def chain() -> LittleChain:
    """Somchai and Suda have energy to sell; Malee and Niran have cash."""
    return chain_with(OrderLimits())


def chain_with(limits: OrderLimits) -> LittleChain:
    parameters = ChainParameters(zones=(Zone.BANGKOK,), orders=limits)
    chain = LittleChain("somchai", "suda", "malee", "niran", parameters=parameters)
    chain.export("somchai", 500 * KWH)
    chain.export("suda", 500 * KWH)
    return chain


def left(chain: LittleChain, placed: CheckedTransaction) -> int:
    order = chain.order(placed)
    return order.quantity_wh if isinstance(order, Order) else 0


def restart(chain: LittleChain) -> None:
    chain.orders = OpenOrders.rebuild(chain.all_coins())


def test_what_an_immediate_order_does_not_trade_goes_back(chain: LittleChain) -> None:
    cash, energy = chain.cash("malee"), chain.energy("suda")
    chain.accepted(chain.sell("somchai", 10 * KWH, 3_500))
    buy = chain.buy("malee", 15 * KWH, 4_000, immediate=True)
    (trade,) = chain.accepted(buy).trades
    assert trade.quantity_wh == 10 * KWH
    assert chain.order(buy) is None
    assert chain.cash("malee") == cash - 35 * GTX
    bid = chain.buy("niran", 5 * KWH, 4_000)
    chain.accepted(bid)
    chain.accepted(chain.sell("suda", 20 * KWH, 3_500, immediate=True))
    assert chain.energy("suda") == energy - 5 * KWH
    assert len(chain.orders) == 0


def test_an_order_that_is_not_to_rest_is_refused_where_it_is_not_filled(
    chain: LittleChain,
) -> None:
    buy = chain.buy("malee", 15 * KWH, 4_000, immediate=True)
    assert chain.refused(buy) is Reason.UNFILLED
    chain.accepted(chain.sell("somchai", 10 * KWH, 3_500))
    kill = chain.buy("malee", 15 * KWH, 4_000, immediate=True, terms=WHOLE)
    assert chain.refused(kill) is Reason.UNFILLED
    chain.accepted(chain.sell("suda", 10 * KWH, 3_600))
    assert [trade.quantity_wh for trade in chain.accepted(kill).trades] == [10 * KWH, 5 * KWH]


def test_an_all_or_none_order_trades_when_enough_has_come_to_rest(chain: LittleChain) -> None:
    """The order that comes last is a maker then, as the one before it: it rested."""
    cash = chain.cash("malee")
    whole = chain.buy("malee", 100 * KWH, 4_000, terms=WHOLE)
    first = chain.sell("somchai", 60 * KWH, 3_500)
    chain.accepted(whole, first)
    restart(chain)
    second = chain.sell("suda", 70 * KWH, 3_600)
    trades = chain.accepted(second).trades
    assert [(t.sell_order, t.quantity_wh, t.taker) for t in trades] == [
        (first.id, 60 * KWH, Side.BUY),
        (second.id, 40 * KWH, Side.BUY),
    ]
    assert len({trade.id for trade in trades}) == 2
    assert (left(chain, whole), left(chain, first), left(chain, second)) == (0, 0, 30 * KWH)
    assert chain.cash("malee") == cash - 60 * 3_500_000 - 40 * 3_600_000
    assert chain.orders.count(address("malee")) == 0


def test_an_all_or_none_order_stays_within_what_the_block_may_trade() -> None:
    chain = chain_with(OrderLimits(max_block_traded_wh=120 * KWH))
    whole = chain.buy("malee", 100 * KWH, 4_000, terms=WHOLE)
    chain.accepted(whole, chain.sell("somchai", 60 * KWH, 3_500))
    # The order itself may trade 40 of 120, so 80 are left for those that it brings to trade.
    assert chain.accepted(chain.sell("suda", 40 * KWH, 3_500)).trades == ()
    # 20 and 100 are just within it.
    assert len(chain.accepted(chain.sell("suda", 20 * KWH, 3_500)).trades) == 2


def test_an_iceberg_is_in_its_place_after_a_restart(chain: LittleChain) -> None:
    iceberg = chain.sell("somchai", 50 * KWH, 3_500, terms=Terms(display_wh=20 * KWH))
    other = chain.sell("suda", 50 * KWH, 3_500)
    chain.accepted(iceberg, other)
    assert chain.orders.book.depth(1).asks[0].quantity_wh == 70 * KWH
    chain.accepted(chain.buy("malee", 25 * KWH, 3_500))
    restart(chain)
    coin = chain.order(iceberg)
    assert isinstance(coin, SellOrder)
    assert coin.standing is not None
    assert (coin.quantity_wh, coin.standing.shown_wh, coin.standing.turn) == (30 * KWH, 20 * KWH, 1)
    assert coin.height == chain.height
    trades = chain.accepted(chain.buy("malee", 60 * KWH, 3_500)).trades
    assert [(t.sell_order, t.quantity_wh) for t in trades] == [
        (other.id, 45 * KWH),
        (iceberg.id, 15 * KWH),
    ]


def test_an_iceberg_that_comes_may_be_a_maker_at_once(chain: LittleChain) -> None:
    """All of it trades with what rests; then a slice of it rests, and brings another to trade."""
    whole = chain.buy("malee", 100 * KWH, 4_000, terms=WHOLE)
    chain.accepted(whole, chain.sell("suda", 30 * KWH, 3_500))
    iceberg = chain.sell("somchai", 80 * KWH, 3_500, terms=Terms(display_wh=50 * KWH))
    trades = chain.accepted(iceberg).trades
    assert [trade.quantity_wh for trade in trades] == [30 * KWH, 50 * KWH, 20 * KWH]
    assert left(chain, iceberg) == 10 * KWH


def test_two_slices_that_queue_anew_in_one_transaction_keep_their_order(
    chain: LittleChain,
) -> None:
    terms = Terms(display_wh=10 * KWH)
    icebergs = [chain.sell(name, 30 * KWH, 3_500, terms=terms) for name in ("suda", "somchai")]
    chain.accepted(*icebergs)
    chain.accepted(chain.buy("malee", 20 * KWH, 3_500))
    restart(chain)
    (trade,) = chain.accepted(chain.buy("niran", 5 * KWH, 3_500)).trades
    assert trade.sell_order == icebergs[0].id


def test_solar_only_and_this_seller() -> None:
    chain = LittleChain("malee", "niran")
    windy = registration("suda", source=Source.WIND)
    chain.accepted(signed(windy, "MEA"), signed(registration("somchai"), "MEA"))
    chain.export("suda", 100 * KWH)
    chain.export("somchai", 100 * KWH)
    wind, sun = chain.sell("suda", 50 * KWH, 3_400), chain.sell("somchai", 50 * KWH, 3_500)
    chain.accepted(wind, sun)
    (trade,) = chain.accepted(chain.buy("malee", 10 * KWH, 4_000, terms=Terms(SOLAR))).trades
    assert trade.sell_order == sun.id
    assert {lot.origin.source for lot in trade.lots} == {Source.SOLAR}
    (trade,) = chain.accepted(
        chain.buy("malee", 10 * KWH, 4_000, terms=Terms(partner=address("somchai")))
    ).trades
    assert trade.sell_order == sun.id
    for_niran = chain.sell("suda", 5 * KWH, 3_000, terms=Terms(partner=address("niran")))
    chain.accepted(for_niran)
    restart(chain)
    (trade,) = chain.accepted(chain.buy("malee", 5 * KWH, 3_500)).trades
    assert trade.sell_order == wind.id
    (trade,) = chain.accepted(chain.buy("niran", 5 * KWH, 3_500)).trades
    assert trade.sell_order == for_niran.id


def test_an_offer_is_of_one_source() -> None:
    chain = LittleChain("malee", "somchai")
    chain.accepted(
        signed(registration("suda", source=Source.WIND, owner=address("somchai")), "MEA")
    )
    chain.export("somchai", 100 * KWH)
    chain.export("suda", 100 * KWH)
    inputs = tuple(coin_id for coin_id, _ in chain.coins("somchai", Energy))
    mixed = PlaceSell(address("somchai"), inputs, 150 * KWH, 3_500)
    assert chain.refused(signed(mixed, "somchai")) is Reason.MIXED_OFFER
    chain.accepted(chain.sell("somchai", 60 * KWH, 3_500, source=Source.WIND))
    (coin,) = (coin for _, coin in chain.all_coins() if isinstance(coin, SellOrder))
    assert coin.sources == 1 << Source.WIND


@pytest.mark.parametrize(
    ("side", "how"),
    [
        ("sell", {"terms": Terms(SOLAR)}),
        ("buy", {"terms": Terms(1 << 15)}),
        ("buy", {"terms": Terms(partner=address("malee"))}),
        ("buy", {"terms": Terms(all_or_none=True, display_wh=1 * KWH)}),
        ("buy", {"terms": Terms(display_wh=1 * KWH), "immediate": True}),
        ("buy", {"terms": Terms(display_wh=99)}),
        ("sell", {"terms": Terms(display_wh=199)}),
    ],
)
def test_terms_that_make_no_sense(chain: LittleChain, side: str, how: dict[str, Any]) -> None:
    if side == "sell":
        placed = chain.sell("somchai", 20 * KWH, 3_500, **how)
    else:
        placed = chain.buy("malee", 5 * KWH, 3_500, **how)
    assert chain.refused(placed) is Reason.INVALID_TERMS


def test_so_many_conditional_orders_rest_on_a_side_and_no_more() -> None:
    chain = chain_with(OrderLimits(max_conditional_per_side=2, max_all_or_none_per_side=1))
    whole = chain.buy("malee", 1 * KWH, 3_000, terms=WHOLE)
    chain.accepted(whole)
    assert chain.refused(chain.buy("niran", 1 * KWH, 3_000, terms=WHOLE)) is (
        Reason.TOO_MANY_CONDITIONAL
    )
    chain.accepted(chain.buy("malee", 1 * KWH, 3_000, terms=Terms(SOLAR)))
    assert chain.refused(chain.buy("niran", 1 * KWH, 3_000, terms=Terms(SOLAR))) is (
        Reason.TOO_MANY_CONDITIONAL
    )
    # An iceberg is in nobody's way, the other side counts for itself, and so does what ends.
    chain.accepted(
        chain.buy("niran", 1 * KWH, 3_000, terms=Terms(display_wh=500)),
        chain.sell("suda", 1 * KWH, 9_000, terms=WHOLE),
    )
    chain.accepted(signed(Cancel(whole.id), "malee"))
    chain.accepted(chain.buy("niran", 1 * KWH, 3_000, terms=WHOLE))


def test_an_order_that_shrinks_keeps_its_time_and_gives_back_the_rest(chain: LittleChain) -> None:
    cash, energy = chain.cash("malee"), chain.energy("somchai")
    first, second = chain.buy("malee", 10 * KWH, 3_500), chain.buy("niran", 10 * KWH, 3_500)
    chain.accepted(first, second)
    chain.accepted(chain.amend("malee", first, 4 * KWH, 3_500))
    assert chain.cash("malee") == cash - 14 * GTX
    restart(chain)
    trades = chain.accepted(chain.sell("suda", 6 * KWH, 3_500)).trades
    assert [(t.buy_order, t.quantity_wh) for t in trades] == [
        (first.id, 4 * KWH),
        (second.id, 2 * KWH),
    ]
    sell = chain.sell("somchai", 10 * KWH, 3_600)
    chain.accepted(sell)
    chain.accepted(chain.amend("somchai", sell, 4 * KWH, 3_600))
    assert (left(chain, sell), chain.energy("somchai")) == (4 * KWH, energy - 4 * KWH)


@pytest.mark.parametrize(("wh", "price"), [(11 * KWH, 3_500), (10 * KWH, 3_400)])
def test_an_order_that_grows_or_changes_its_price_loses_its_time(
    chain: LittleChain, wh: int, price: int
) -> None:
    first, second = chain.sell("somchai", 10 * KWH, 3_500), chain.sell("suda", 10 * KWH, price)
    chain.accepted(first, second)
    expires_s = [coin.expires_s for _, coin in chain.coins("somchai", SellOrder)]
    chain.block(after_s=60)
    chain.accepted(chain.amend("somchai", first, wh, price))
    restart(chain)
    assert [coin.expires_s for _, coin in chain.coins("somchai", SellOrder)] == expires_s
    trades = chain.accepted(chain.buy("malee", 15 * KWH, price)).trades
    assert [trade.sell_order for trade in trades] == [second.id, first.id]
    assert left(chain, first) == wh - 5 * KWH


def test_an_amended_order_trades_at_once_and_its_trades_have_ids_of_their_own(
    chain: LittleChain,
) -> None:
    cash = chain.cash("malee")
    chain.accepted(chain.sell("somchai", 5 * KWH, 3_500), chain.sell("suda", 5 * KWH, 3_600))
    buy = chain.buy("malee", 10 * KWH, 3_500)
    (before,) = chain.accepted(buy).trades
    (after,) = chain.accepted(chain.amend("malee", buy, 5 * KWH, 3_600)).trades
    assert before.id != after.id
    assert after.buy_order == buy.id
    assert chain.order(buy) is None
    assert chain.cash("malee") == cash - 5 * 3_500_000 - 5 * 3_600_000
    assert chain.orders.count(address("malee")) == 0


def test_an_all_or_none_order_that_shrinks_may_trade(chain: LittleChain) -> None:
    cash = chain.cash("malee")
    whole, sell = chain.buy("malee", 10 * KWH, 4_000, terms=WHOLE), chain.sell("suda", KWH, 3_500)
    chain.accepted(whole, sell)
    (trade,) = chain.accepted(chain.amend("malee", whole, 1 * KWH, 4_000)).trades
    assert (trade.taker, trade.quantity_wh) == (Side.BUY, 1 * KWH)
    assert (len(chain.orders), chain.cash("malee")) == (0, cash - 3_500_000)


def test_an_iceberg_gives_up_its_reserve_first(chain: LittleChain) -> None:
    iceberg = chain.sell("somchai", 50 * KWH, 3_500, terms=Terms(display_wh=20 * KWH))
    chain.accepted(iceberg)
    for wh, shown in ((30, 20), (12, 12)):
        chain.accepted(chain.amend("somchai", iceberg, wh * KWH, 3_500))
        coin = chain.order(iceberg)
        assert isinstance(coin, SellOrder)
        assert coin.standing is not None
        assert (coin.quantity_wh, coin.standing.shown_wh) == (wh * KWH, shown * KWH)
    chain.accepted(chain.amend("somchai", iceberg, 60 * KWH, 3_500))
    coin = chain.order(iceberg)
    assert isinstance(coin, SellOrder)
    assert coin.standing is not None
    assert (coin.quantity_wh, coin.standing.shown_wh) == (60 * KWH, 20 * KWH)


def test_what_amending_refuses(chain: LittleChain) -> None:
    buy = chain.buy("malee", 10 * KWH, 3_500)
    chain.accepted(buy)
    body = Amend(buy.id, 5 * KWH, 3_500)
    assert chain.refused(signed(body, "niran")) is Reason.NOT_OWNER
    assert chain.refused(signed(Amend(bytes(32), KWH, 3_500), "malee")) is Reason.UNKNOWN_ORDER
    cash = tuple(coin_id for coin_id, _ in chain.coins("malee", Cash))
    theirs = tuple(coin_id for coin_id, _ in chain.coins("niran", Cash))
    for wh, price, inputs, reason in (
        (20 * KWH, 3_500, (), Reason.OVERSPENT),
        (20 * KWH, 3_500, theirs, Reason.NOT_OWNER),
        (99, 3_500, (), Reason.ORDER_TOO_SMALL),
        (10 * KWH, 10_001, cash, Reason.PRICE_OUT_OF_BOUNDS),
        (1_001 * KWH, 3_500, cash, Reason.NO_LICENCE),
        (10_001 * KWH, 3_500, cash, Reason.ORDER_TOO_LARGE),
    ):
        refused = Amend(buy.id, wh, price, inputs)
        assert chain.refused(signed(refused, "malee")) is reason
    energy = tuple(coin_id for coin_id, _ in chain.coins("suda", Energy))
    both = signed(Amend(buy.id, 20 * KWH, 3_500, energy), "malee", "suda")
    assert chain.refused(both) is Reason.WRONG_COIN_KIND
    chain.accepted(signed(body, "malee"))
    order = chain.order(buy)
    assert isinstance(order, BuyOrder)
    assert order.quantity_wh == 5 * KWH


def test_nobody_sends_an_old_amendment_again(chain: LittleChain) -> None:
    """It takes no coin but the order's, which is there again after the next one."""
    sell = chain.sell("somchai", 10 * KWH, 3_500)
    chain.accepted(sell)
    shrunk = chain.amend("somchai", sell, 4 * KWH, 3_500)
    chain.accepted(shrunk)
    chain.accepted(chain.amend("somchai", sell, 8 * KWH, 3_500))
    assert chain.refused(shrunk) is Reason.WRONG_REVISION
    assert left(chain, sell) == 8 * KWH


def test_an_offer_does_not_grow_by_another_source() -> None:
    chain = LittleChain("malee", "somchai")
    chain.accepted(
        signed(registration("suda", source=Source.WIND, owner=address("somchai")), "MEA")
    )
    chain.export("somchai", 10 * KWH)
    chain.export("suda", 10 * KWH)
    sell = chain.sell("somchai", 10 * KWH, 3_500)
    chain.accepted(sell)
    energy = tuple(coin_id for coin_id, _ in chain.coins("somchai", Energy))
    grown = Amend(sell.id, 15 * KWH, 3_500, energy)
    assert chain.refused(signed(grown, "somchai")) is Reason.MIXED_OFFER


def test_an_order_offers_energy_of_so_many_origins(
    chain: LittleChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gtxnode.ledger.market.orders.MAX_LOTS", 1)
    chain.export("somchai", 500 * KWH)
    assert chain.refused(chain.sell("somchai", 600 * KWH, 3_500)) is Reason.TOO_MANY_LOTS
    chain.accepted(chain.sell("somchai", 500 * KWH, 3_500))
