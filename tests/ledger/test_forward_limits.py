"""Limits that both markets have in common: a block's volume, and the prices of a day."""

from typing import Any

import msgspec

from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.market.trading_day import TradingDay, day_of, trading_day_coin_id
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.market.auction import Mechanism
from gtxnode.market.orders import Terms
from gtxnode.market.slots import Product, Slot
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Zone
from tests.ledger.forward_chain import HOUR, NOON, QUARTER, ForwardChain
from tests.ledger.grid_chain import GridChain
from tests.ledger.little_chain import CHAIN, GTX, HOUR_S, KWH, PARAMETERS, reasons

PEOPLE = ("malee", "niran", "somchai", "suda")


def a_chain(*products: Product, **limits: Any) -> ForwardChain:
    """Everybody has energy and cash."""
    forwards = ForwardRules(products=products) if products else ForwardRules()
    parameters = msgspec.structs.replace(
        PARAMETERS, orders=OrderLimits(**limits), forwards=forwards
    )
    chain = ForwardChain(*PEOPLE, cash_ugtx=1_000 * GTX, parameters=parameters)
    chain.export("malee", 200 * KWH)
    return chain


def test_a_block_trades_so_much_on_both_markets_together() -> None:
    chain = a_chain(max_block_traded_wh=10 * KWH)
    chain.accepted(chain.offer("malee", 9 * KWH, 3_500))
    chain.accepted(chain.sell("malee", 9 * KWH, 3_500))
    ahead, now = chain.bid("niran", 6 * KWH, 3_500), chain.buy("somchai", 5 * KWH, 3_500)
    outcome = chain.block(ahead, now)
    assert reasons(outcome.receipts) == [None, Reason.BLOCK_VOLUME_EXCEEDED]
    chain.accepted(now, chain.bid("suda", 3 * KWH, 3_500))
    too_much = (chain.buy("somchai", 4 * KWH, 3_500), chain.bid("suda", 7 * KWH, 3_500))
    assert reasons(chain.block(*too_much).receipts) == [None, Reason.BLOCK_VOLUME_EXCEEDED]


def test_an_all_or_none_order_for_a_slot_stays_within_what_the_block_may_trade() -> None:
    chain = a_chain(max_block_traded_wh=120 * KWH)
    whole = chain.bid("niran", 100 * KWH, 4_000, terms=Terms(all_or_none=True))
    chain.accepted(whole, chain.offer("malee", 60 * KWH, 3_500))
    # The order itself may trade 40 of 120, so 80 are left for those that it brings to trade.
    assert chain.accepted(chain.offer("suda", 40 * KWH, 3_500)).forward_trades == ()
    assert len(chain.accepted(chain.offer("suda", 20 * KWH, 3_500)).forward_trades) == 2


def test_an_auction_is_cut_to_what_its_block_may_trade_best_orders_first() -> None:
    chain = a_chain(max_block_traded_wh=10 * KWH)
    cash = chain.cash("somchai")
    chain.accepted(
        chain.bid("niran", 7 * KWH, 5_000, HOUR),
        chain.bid("somchai", 7 * KWH, 4_000, HOUR),
        chain.offer("malee", 10 * KWH, 3_000, HOUR),
        chain.offer("suda", 4 * KWH, 3_200, HOUR),
    )
    chain.until(NOON)
    sold = [(c.buyer, c.seller, c.sold_wh) for c in chain.contracts()]
    assert [wh for *_, wh in sold] == [7 * KWH, 3 * KWH]
    price = chain.contracts()[0].price_mgtx_per_kwh
    assert chain.cash("somchai") == cash - 3 * KWH * price
    assert not chain.orders.forwards.books


def test_over_a_grid_a_cut_auction_uses_up_no_more_of_it_than_it_trades() -> None:
    uses = []
    for wh, limit_wh in ((10 * KWH, 6 * KWH), (6 * KWH, 100 * KWH)):
        chain = GridChain({"malee": Zone.BANGKOK, "niran": Zone.CENTRAL})
        limits = OrderLimits(max_block_traded_wh=limit_wh)
        chain.parameters = msgspec.structs.replace(chain.parameters, orders=limits)
        chain.accepted(chain.offer("malee", wh, 3_000, HOUR), chain.bid("niran", wh, 6_000, HOUR))
        chain.until(NOON)
        assert [c.sold_wh for c in chain.contracts()] == [6 * KWH]
        uses.append(chain.use(NOON))
    assert uses[0] == uses[1] is not None


def test_of_two_auctions_with_one_gate_the_shorter_slots_is_first() -> None:
    """Whatever the ids of their orders are, which people can choose."""
    products = (Product(900, Mechanism.UNIFORM), Product(HOUR_S, Mechanism.UNIFORM))
    for first, second in ((HOUR, QUARTER), (QUARTER, HOUR)):
        chain = a_chain(*products, max_block_traded_wh=10 * KWH)
        for slot in (first, second):
            chain.accepted(
                chain.bid("niran", 7 * KWH, 5_000, slot), chain.offer("suda", 7 * KWH, 3_000, slot)
            )
        chain.until(NOON)
        assert [(c.slot, c.sold_wh) for c in chain.contracts()] == [
            (QUARTER, 7 * KWH),
            (HOUR, 3 * KWH),
        ]


def test_a_days_average_is_of_both_markets() -> None:
    chain = a_chain(price_band_least_wh=100 * KWH)
    chain.accepted(chain.sell("malee", 50 * KWH, 3_000), chain.offer("suda", 150 * KWH, 4_000))
    chain.accepted(chain.buy("niran", 50 * KWH, 3_000), chain.bid("somchai", 150 * KWH, 4_000))
    today = day_of(chain.now_s * 1_000)
    assert chain.coin(trading_day_coin_id(CHAIN)) == TradingDay(
        today, 200 * KWH, 50 * KWH * 3_000 + 150 * KWH * 4_000
    )
    chain.now_s += 86_400
    chain.block()
    late = Slot(QUARTER.start_s + 86_400, 900)
    # 3.75 GTX/kWh on average: from 1.875 to 5.625.
    for price, reason in ((1_874, Reason.PRICE_OUT_OF_BOUNDS), (5_626, Reason.PRICE_OUT_OF_BOUNDS)):
        assert chain.refused(chain.bid("niran", KWH, price, late)) is reason
        assert chain.refused(chain.buy("niran", KWH, price)) is reason
    chain.accepted(chain.bid("niran", KWH, 1_875, late), chain.buy("malee", KWH, 5_625))


def test_an_auctions_trades_count_on_the_day_of_its_gate() -> None:
    chain = a_chain()
    chain.accepted(
        chain.bid("niran", 7 * KWH, 5_000, HOUR), chain.offer("suda", 7 * KWH, 5_000, HOUR)
    )
    assert chain.coin(trading_day_coin_id(CHAIN)) is None
    chain.until(NOON)
    today = day_of(chain.now_s * 1_000)
    assert chain.coin(trading_day_coin_id(CHAIN)) == TradingDay(today, 7 * KWH, 35 * GTX)
