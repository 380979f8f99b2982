"""Orders: what they lock, how they trade, what comes back."""

import pytest

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Cancel, PlaceBuy, PlaceSell
from gtxnode.ledger.coins import BuyOrder, Cash, Energy, Origin, SellOrder, fees_coin_id
from gtxnode.ledger.energy.lots import lots_of, split_lots
from gtxnode.ledger.parameters import ChainParameters, OrderLimits
from gtxnode.market import PriceRule, Side
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import (
    CHAIN,
    FEE,
    GTX,
    HOUR_S,
    KWH,
    LittleChain,
    address,
    reasons,
    signed,
)


@pytest.fixture
def chain() -> LittleChain:
    """Somchai has 1,000 kWh of an hour's sun to sell; Malee and Niran have cash."""
    chain = LittleChain("somchai", "malee", "niran")
    chain.export("somchai", 1_000 * KWH)
    return chain


def test_selling_100_at_3_5_and_buying_50_at_4_trades_50_at_3_5(chain: LittleChain) -> None:
    cash = {name: chain.cash(name) for name in ("somchai", "malee")}
    sell = chain.sell("somchai", 100 * KWH, 3_500)
    chain.accepted(sell)
    outcome = chain.accepted(chain.buy("malee", 50 * KWH, 4_000))
    (trade,) = outcome.trades
    assert (trade.quantity_wh, trade.price_mgtx_per_kwh) == (50 * KWH, 3_500)
    assert trade.cost_ugtx == 175 * GTX
    assert (trade.seller, trade.buyer) == (address("somchai"), address("malee"))
    assert trade.taker is Side.BUY
    assert chain.cash("somchai") == cash["somchai"] + 175 * GTX
    assert chain.cash("malee") == cash["malee"] - 175 * GTX
    assert chain.energy("malee") == 50 * KWH
    offer = chain.order(sell)
    assert isinstance(offer, SellOrder)
    assert offer.quantity_wh == 50 * KWH
    assert outcome.traded_wh == 50 * KWH


def test_selling_1000_at_3_5_and_buying_500_at_4_costs_1750(chain: LittleChain) -> None:
    chain.accepted(chain.sell("somchai", 1_000 * KWH, 3_500))
    (trade,) = chain.accepted(chain.buy("malee", 500 * KWH, 4_000)).trades
    assert (trade.quantity_wh, trade.cost_ugtx) == (500 * KWH, 1_750 * GTX)


def test_a_sell_order_that_meets_a_bid_trades_at_its_own_price(chain: LittleChain) -> None:
    buy = chain.buy("malee", 50 * KWH, 4_000)
    chain.accepted(buy)
    before = chain.cash("malee")
    (trade,) = chain.accepted(chain.sell("somchai", 20 * KWH, 3_500)).trades
    assert (trade.price_mgtx_per_kwh, trade.taker) == (3_500, Side.SELL)
    # What was locked above the price comes back with the trade.
    assert chain.cash("malee") == before + 10 * GTX
    bid = chain.order(buy)
    assert isinstance(bid, BuyOrder)
    assert (bid.quantity_wh, bid.locked_ugtx) == (30 * KWH, 120 * GTX)


def test_under_the_makers_rule_the_resting_price_is_paid() -> None:
    limits = OrderLimits(price_rule=PriceRule.MAKER)
    chain = LittleChain("somchai", "malee", parameters=_with(limits))
    chain.export("somchai", 100 * KWH)
    chain.accepted(chain.buy("malee", 50 * KWH, 4_000))
    (trade,) = chain.accepted(chain.sell("somchai", 50 * KWH, 3_500)).trades
    assert trade.price_mgtx_per_kwh == 4_000


def test_an_order_takes_several_others_best_first(chain: LittleChain) -> None:
    transfer = wallet.give_energy(
        address("somchai"),
        chain.coins("somchai", Energy),
        chain.coins("somchai", Cash),
        address("niran"),
        100 * KWH,
        FEE,
    )
    chain.accepted(signed(transfer, "somchai"))
    dear = chain.sell("somchai", 100 * KWH, 3_600)
    cheap = chain.sell("niran", 100 * KWH, 3_500)
    chain.accepted(dear)
    chain.accepted(cheap)
    buy = chain.buy("malee", 250 * KWH, 3_600)
    trades = chain.accepted(buy).trades
    assert [(t.sell_order, t.quantity_wh) for t in trades] == [
        (cheap.id, 100 * KWH),
        (dear.id, 100 * KWH),
    ]
    assert len({trade.id for trade in trades}) == 2
    assert chain.order(cheap) is chain.order(dear) is None
    left = chain.order(buy)
    assert isinstance(left, BuyOrder)
    assert left.quantity_wh == 50 * KWH


def test_at_one_price_first_come_first_served_after_a_restart_too(chain: LittleChain) -> None:
    first = chain.buy("malee", 10 * KWH, 3_500)
    second = chain.buy("niran", 10 * KWH, 3_500)
    chain.accepted(first, second)
    chain.orders = type(chain.orders).rebuild(reversed(chain.all_coins()))
    (trade,) = chain.accepted(chain.sell("somchai", 5 * KWH, 3_500)).trades
    assert trade.buy_order == first.id


def test_nobody_trades_with_themselves(chain: LittleChain) -> None:
    sell = chain.sell("somchai", 10 * KWH, 3_500)
    chain.accepted(sell)
    outcome = chain.accepted(chain.buy("somchai", 10 * KWH, 4_000))
    assert outcome.trades == ()
    assert chain.order(sell) is not None


def test_cancelling_gives_back_what_is_left(chain: LittleChain) -> None:
    cash, energy = chain.cash("malee"), chain.energy("somchai")
    sell = chain.sell("somchai", 100 * KWH, 3_500)
    chain.accepted(sell)
    buy = chain.buy("malee", 150 * KWH, 3_500)
    chain.accepted(buy)
    assert chain.refused(signed(Cancel(sell.id), "somchai")) is Reason.UNKNOWN_ORDER
    cancel = signed(Cancel(buy.id), "malee")
    chain.accepted(cancel)
    assert chain.cash("malee") == cash - 350 * GTX
    assert chain.energy("somchai") == energy - 100 * KWH
    assert chain.refused(cancel) is Reason.UNKNOWN_ORDER
    other = chain.sell("somchai", 100 * KWH, 3_500)
    chain.accepted(other)
    chain.accepted(signed(Cancel(other.id), "somchai"))
    assert chain.energy("somchai") == energy - 100 * KWH


def test_only_the_trader_cancels(chain: LittleChain) -> None:
    sell = chain.sell("somchai", 100 * KWH, 3_500)
    chain.accepted(sell)
    assert chain.refused(signed(Cancel(sell.id), "malee")) is Reason.NOT_OWNER


def test_output_zero_of_another_transaction_is_no_order(chain: LittleChain) -> None:
    cash = chain.coins("malee", Cash)
    transfer = signed(wallet.pay(address("malee"), cash, address("niran"), GTX, FEE), "malee")
    chain.accepted(transfer)
    assert chain.refused(signed(Cancel(transfer.id), "niran")) is Reason.UNKNOWN_ORDER


def test_an_order_expires_at_block_time(chain: LittleChain) -> None:
    cash, energy = chain.cash("malee"), chain.energy("somchai")
    sell = chain.sell("somchai", 100 * KWH, 3_500, expires_s=chain.now_s + 100)
    buy = chain.buy("malee", 50 * KWH, 3_000, expires_s=chain.now_s + 101)
    chain.accepted(sell, buy)
    assert chain.block(after_s=98).expired == ()
    assert chain.block(after_s=1).expired == (sell.id,)
    assert chain.energy("somchai") == energy
    # The one that has expired is gone before the block's own orders trade.
    outcome = chain.block(chain.sell("somchai", 50 * KWH, 3_000))
    assert outcome.expired == (buy.id,)
    assert outcome.trades == ()
    assert chain.cash("malee") == cash


def test_without_an_expiry_an_order_lives_for_a_day(chain: LittleChain) -> None:
    chain.accepted(chain.sell("somchai", 100 * KWH, 3_500))
    assert chain.block(after_s=24 * HOUR_S - 1).expired == ()
    assert len(chain.block(after_s=1).expired) == 1


def test_a_filled_order_does_not_expire(chain: LittleChain) -> None:
    chain.accepted(chain.sell("somchai", 100 * KWH, 3_500))
    chain.accepted(chain.buy("malee", 100 * KWH, 3_500))
    assert chain.block(after_s=25 * HOUR_S).expired == ()


@pytest.mark.parametrize(
    ("wh", "price", "expires_in_s", "reason"),
    [
        (99, 3_500, 60, Reason.ORDER_TOO_SMALL),
        (10_000_001, 3_500, 60, Reason.ORDER_TOO_LARGE),
        (100, 999, 60, Reason.PRICE_OUT_OF_BOUNDS),
        (100, 10_001, 60, Reason.PRICE_OUT_OF_BOUNDS),
        (100, 3_500, 0, Reason.EXPIRY_OUT_OF_BOUNDS),
        (100, 3_500, 7 * 24 * HOUR_S + 1, Reason.EXPIRY_OUT_OF_BOUNDS),
    ],
)
def test_an_order_outside_the_limits(
    chain: LittleChain, wh: int, price: int, expires_in_s: int, reason: Reason
) -> None:
    expires_s = chain.now_s + expires_in_s
    assert chain.refused(chain.buy("malee", wh, price, expires_s)) is reason
    inputs = tuple(coin_id for coin_id, _ in chain.coins("somchai", Energy))
    sell = PlaceSell(address("somchai"), inputs, wh, price, expires_s)
    assert chain.refused(signed(sell, "somchai")) is reason


@pytest.mark.parametrize(
    ("wh", "price", "expires_in_s"),
    [(100, 1_000, 1), (10_000_000, 10_000, 7 * 24 * HOUR_S)],
)
def test_an_order_at_the_limits(wh: int, price: int, expires_in_s: int) -> None:
    limits = OrderLimits(licence_over_wh=10_000_000)
    chain = LittleChain("somchai", "malee", parameters=_with(limits))
    chain.accepted(chain.buy("malee", wh, price, chain.now_s + expires_in_s + 1))


def test_a_trader_has_so_many_open_orders_and_no_more() -> None:
    limits = OrderLimits(max_open_per_trader=2)
    chain = LittleChain("somchai", "malee", parameters=_with(limits))
    orders = [chain.buy("malee", 1 * KWH, 1_000)]
    chain.accepted(orders[0])
    orders.append(chain.buy("malee", 1 * KWH, 1_100))
    chain.accepted(orders[1])
    assert chain.refused(chain.buy("malee", 1 * KWH, 1_200)) is Reason.TOO_MANY_ORDERS
    chain.accepted(chain.buy("somchai", 1 * KWH, 1_200))
    chain.accepted(signed(Cancel(orders[0].id), "malee"))
    chain.accepted(chain.buy("malee", 1 * KWH, 1_200))


def test_a_block_trades_so_much_and_no_more() -> None:
    limits = OrderLimits(max_block_traded_wh=100 * KWH)
    chain = LittleChain("somchai", "malee", "niran", parameters=_with(limits))
    chain.export("somchai", 200 * KWH)
    sell = chain.sell("somchai", 100 * KWH, 3_500)
    outcome = chain.block(
        sell, chain.buy("malee", 60 * KWH, 3_500), chain.buy("niran", 41 * KWH, 3_500)
    )
    assert reasons(outcome.receipts) == [None, None, Reason.BLOCK_VOLUME_EXCEEDED]
    # The next block counts anew.
    chain.accepted(chain.buy("niran", 41 * KWH, 3_500))


def test_an_order_needs_its_traders_signature(chain: LittleChain) -> None:
    inputs = tuple(coin_id for coin_id, _ in chain.coins("malee", Cash))
    body = PlaceBuy(address("niran"), inputs, 1 * KWH, 3_500)
    assert chain.refused(signed(body, "malee")) is Reason.NOT_OWNER
    # With both signatures, Malee pays for what Niran buys.
    cash = chain.cash("malee")
    chain.accepted(signed(body, "malee", "niran"))
    assert chain.cash("malee") == 0
    assert chain.cash("niran") == 2 * cash - 3_500_000


def test_an_order_needs_inputs_that_are_there_and_cover_it(chain: LittleChain) -> None:
    cash = tuple(coin_id for coin_id, _ in chain.coins("malee", Cash))
    energy = tuple(coin_id for coin_id, _ in chain.coins("somchai", Energy))
    malee, somchai = address("malee"), address("somchai")
    poor = LittleChain("malee", cash_ugtx=10_000 * GTX - 1)
    poor_cash = tuple(coin_id for coin_id, _ in poor.coins("malee", Cash))
    over = PlaceBuy(malee, poor_cash, 1_000 * KWH, 10_000)
    assert poor.refused(signed(over, "malee")) is Reason.OVERSPENT
    chain.accepted(chain.sell("somchai", 1 * KWH, 3_500))
    energy = tuple(coin_id for coin_id, _ in chain.coins("somchai", Energy))
    over_sell = PlaceSell(somchai, energy, 1_000 * KWH, 3_500)
    assert chain.refused(signed(over_sell, "somchai")) is Reason.OVERSPENT
    gone = PlaceBuy(malee, (bytes(34),), 1 * KWH, 3_500)
    assert chain.refused(signed(gone, "malee")) is Reason.UNKNOWN_COIN
    others = PlaceBuy(malee, cash, 1 * KWH, 3_500)
    stolen = PlaceBuy(address("niran"), cash, 1 * KWH, 3_500)
    assert chain.refused(signed(stolen, "niran")) is Reason.NOT_OWNER
    wrong = PlaceSell(malee, cash, 1 * KWH, 3_500)
    assert chain.refused(signed(wrong, "malee")) is Reason.WRONG_COIN_KIND
    wrong_buy = PlaceBuy(somchai, energy, 1 * KWH, 3_500)
    assert chain.refused(signed(wrong_buy, "somchai")) is Reason.WRONG_COIN_KIND
    chain.accepted(signed(others, "malee"))


def test_orders_pay_no_fee(chain: LittleChain) -> None:
    chain.accepted(chain.sell("somchai", 100 * KWH, 3_500), chain.buy("malee", KWH, 3_500))
    assert chain.coin(fees_coin_id(CHAIN, chain.height)) is None


def test_energy_keeps_its_origin_through_an_order_and_a_trade() -> None:
    chain = LittleChain("somchai", "malee")
    chain.export("somchai", 100 * KWH)
    chain.export("somchai", 50 * KWH)
    older, newer = sorted(
        (coin.origin for _, coin in chain.coins("somchai", Energy)), key=lambda o: o.end_s
    )
    # 100 kWh of the older hour, then 20 of the newer; 30 of the newer go back.
    chain.accepted(chain.sell("somchai", 120 * KWH, 3_500))
    assert _held(chain, "somchai") == [(30 * KWH, newer)]
    (trade,) = chain.accepted(chain.buy("malee", 110 * KWH, 3_500)).trades
    assert [(lot.amount_wh, lot.origin) for lot in trade.lots] == [
        (100 * KWH, older),
        (10 * KWH, newer),
    ]
    assert _held(chain, "malee") == [(100 * KWH, older), (10 * KWH, newer)]


def test_neighbouring_lots_of_one_origin_are_one() -> None:
    sun, wind = (
        Origin(Zone.BANGKOK, source, 0, 1, bytes(16)) for source in (Source.SOLAR, Source.WIND)
    )
    owner = bytes(20)
    lots = lots_of(
        [
            Energy(owner, 1, sun),
            Energy(owner, 2, sun),
            Energy(owner, 3, wind),
            Energy(owner, 4, sun),
        ]
    )
    assert [lot.amount_wh for lot in lots] == [3, 3, 4]
    for quantity in range(1, 11):
        sold, left = split_lots(lots, quantity)
        assert sum(lot.amount_wh for lot in sold) == quantity
        assert sum(lot.amount_wh for lot in left) == 10 - quantity
        assert all(lot.amount_wh for lot in sold + left)


def _held(chain: LittleChain, name: str) -> list[tuple[int, Origin]]:
    coins = [coin for _, coin in chain.coins(name, Energy)]
    return sorted(((c.amount_wh, c.origin) for c in coins), key=lambda pair: pair[1].end_s)


def _with(limits: OrderLimits) -> ChainParameters:
    return ChainParameters(zones=(Zone.BANGKOK,), orders=limits)
