"""Orders for delivery slots on the ledger: what is locked, how they meet, what is refused."""

import msgspec
import pytest

from gtxnode.ledger.bodies import Cancel, ForwardBid, ForwardOffer, GrantLicence
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardSell
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.auction import Mechanism, Rationing
from gtxnode.market.orders import PriceRule
from gtxnode.market.slots import Product, Slot
from gtxnode.metering.meters import Direction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Zone
from tests.ledger.forward_chain import HOUR, NOON, QUARTER, ForwardChain
from tests.ledger.little_chain import (
    GTX,
    HOUR_S,
    KWH,
    PARAMETERS,
    START_S,
    address,
    meter_of,
    registration,
    signed,
)

PEOPLE = ("malee", "niran", "somchai")
CASH = 1_000 * GTX


def a_chain(**rules: object) -> ForwardChain:
    forwards = ForwardRules(**rules)  # type: ignore[arg-type]
    parameters = msgspec.structs.replace(PARAMETERS, forwards=forwards)
    return ForwardChain(*PEOPLE, cash_ugtx=CASH, parameters=parameters)


def traded_by(mechanism: Mechanism, **terms: object) -> ForwardChain:
    """A chain that trades hours by a mechanism."""
    return a_chain(products=(Product(HOUR_S, mechanism, **terms),))  # type: ignore[arg-type]


@pytest.fixture
def chain() -> ForwardChain:
    return a_chain()


def test_an_offer_and_a_bid_make_a_contract_that_holds_what_either_outcome_pays(
    chain: ForwardChain,
) -> None:
    offered = chain.offer("malee", 10 * KWH, 3_500)
    chain.accepted(offered)
    assert chain.cash("malee") == CASH - 28_800_000
    order = chain.order(offered)
    assert isinstance(order, ForwardSell)
    assert order.locked_ugtx == 28_800_000
    outcome = chain.accepted(chain.bid("niran", 10 * KWH, 4_000))
    assert chain.order(offered) is None
    (contract,) = chain.contracts()
    assert contract.price_mgtx_per_kwh == 3_500
    assert contract.imbalance_mgtx_per_kwh == 6_380
    assert contract.locked_ugtx == 63_800_000
    assert chain.cash("niran") == CASH - 35_000_000
    assert (contract.buyer, contract.seller) == (address("niran"), address("malee"))
    (trade,) = outcome.forward_trades
    assert trade.contract == contract
    assert trade.sell_order == offered.id


def test_what_is_left_of_an_order_stays_and_can_be_cancelled(chain: ForwardChain) -> None:
    offered = chain.offer("malee", 10 * KWH, 3_500)
    chain.accepted(offered, chain.bid("niran", 4 * KWH, 3_500))
    order = chain.order(offered)
    assert isinstance(order, ForwardSell)
    assert order.quantity_wh == 6 * KWH
    assert chain.refused(signed(Cancel(offered.id), "niran")) is Reason.NOT_OWNER
    chain.accepted(signed(Cancel(offered.id), "malee"))
    assert chain.cash("malee") == CASH - 4 * KWH * 2_880
    assert chain.refused(signed(Cancel(offered.id), "malee")) is Reason.UNKNOWN_ORDER
    bid = chain.bid("niran", KWH, 3_500)
    chain.accepted(bid)
    chain.accepted(signed(Cancel(bid.id), "niran"))
    assert chain.cash("niran") == CASH - 4 * KWH * 3_500


def test_an_order_may_trade_with_several(chain: ForwardChain) -> None:
    chain.accepted(
        chain.offer("malee", 2 * KWH, 3_500),
        chain.offer("somchai", 3 * KWH, 3_200),
    )
    chain.accepted(chain.bid("niran", 4 * KWH, 4_000))
    assert [(c.sold_wh, c.price_mgtx_per_kwh) for c in chain.contracts()] == [
        (3 * KWH, 3_200),
        (1 * KWH, 3_500),
    ]
    assert [c.number for c in chain.contracts()] == [0, 1]


def test_an_incoming_offer_takes_the_best_bids_by_the_products_price_rule() -> None:
    prices = {}
    for rule in PriceRule:
        chain = traded_by(Mechanism.CONTINUOUS, price_rule=rule)
        chain.accepted(chain.bid("niran", KWH, 4_000, HOUR))
        chain.accepted(chain.offer("malee", KWH, 3_500, HOUR))
        (contract,) = chain.contracts()
        prices[rule] = contract.price_mgtx_per_kwh
        assert chain.cash("malee") == CASH - KWH * (6_380 - contract.price_mgtx_per_kwh)
    assert prices == {PriceRule.ASK: 3_500, PriceRule.MAKER: 4_000}


def test_nobody_trades_with_itself(chain: ForwardChain) -> None:
    chain.accepted(chain.offer("malee", KWH, 3_500), chain.offer("somchai", KWH, 3_600))
    chain.accepted(chain.bid("malee", KWH, 4_000))
    (contract,) = chain.contracts()
    assert contract.seller == address("somchai")


def test_at_gate_closure_what_did_not_trade_gets_its_funds_back(chain: ForwardChain) -> None:
    offered = chain.offer("malee", 10 * KWH, 3_500)
    chain.accepted(offered, chain.bid("niran", 4 * KWH, 3_500))
    gate_s = NOON - 900
    chain.until(gate_s - 1)
    assert chain.order(offered) is not None
    chain.until(gate_s)
    assert chain.order(offered) is None
    assert chain.cash("malee") == CASH - 4 * KWH * 2_880
    assert chain.refused(chain.bid("niran", KWH, 4_000)) is Reason.GATE_CLOSED
    assert len(chain.contracts()) == 1


def test_hours_trade_in_one_auction_at_gate_closure(chain: ForwardChain) -> None:
    orders = [
        chain.bid("niran", 4_000, 5_000, HOUR),
        chain.offer("malee", 3_000, 3_000, HOUR),
        chain.offer("somchai", 6_000, 4_000, HOUR),
    ]
    chain.accepted(*orders)
    assert chain.contracts() == []
    chain.now_s = NOON - 901
    outcome = chain.block()
    assert [t.contract.sold_wh for t in outcome.forward_trades] == [3_000, 1_000]
    assert {c.price_mgtx_per_kwh for c in chain.contracts()} == {4_000}
    assert outcome.expired == (orders[2].id,)
    assert chain.cash("niran") == CASH - 4_000 * 4_000
    assert chain.cash("malee") == CASH - 3_000 * 2_380
    assert chain.cash("somchai") == CASH - 1_000 * 2_380


@pytest.mark.parametrize(
    ("mechanism", "prices"),
    [
        (Mechanism.UNIFORM, [4_000, 4_000]),
        (Mechanism.PAY_AS_BID, [5_000, 5_000]),
        (Mechanism.PAY_AS_OFFER, [3_000, 4_000]),
    ],
)
def test_the_product_says_by_which_mechanism(mechanism: Mechanism, prices: list[int]) -> None:
    chain = traded_by(mechanism)
    chain.accepted(
        chain.bid("niran", 4_000, 5_000, HOUR),
        chain.offer("malee", 3_000, 3_000, HOUR),
        chain.offer("somchai", 6_000, 4_000, HOUR),
    )
    chain.until(NOON)
    assert [c.price_mgtx_per_kwh for c in chain.contracts()] == prices


def test_the_margin_is_shared_or_first_come_first_served() -> None:
    sold = {}
    for rationing in Rationing:
        chain = traded_by(Mechanism.UNIFORM, rationing=rationing)
        chain.accepted(
            chain.offer("malee", 1_000, 3_000, HOUR),
            chain.offer("somchai", 3_000, 3_000, HOUR),
            chain.bid("niran", 2_000, 3_000, HOUR),
        )
        chain.until(NOON)
        sold[rationing] = [c.sold_wh for c in chain.contracts()]
    assert sold == {Rationing.PRO_RATA: [500, 1_500], Rationing.TIME: [1_000, 1_000]}


def test_in_an_auction_no_order_may_reach_an_own_one(chain: ForwardChain) -> None:
    chain.accepted(chain.offer("malee", KWH, 3_500, HOUR))
    chain.accepted(chain.bid("malee", KWH, 3_499, HOUR))
    assert chain.refused(chain.bid("malee", KWH, 3_500, HOUR)) is Reason.OWN_ORDERS_CROSS
    assert chain.refused(chain.offer("malee", KWH, 3_499, HOUR)) is Reason.OWN_ORDERS_CROSS
    chain.accepted(chain.bid("niran", KWH, 3_500, HOUR), chain.offer("malee", KWH, 3_600, HOUR))


def test_collateral_covers_a_contract_at_a_price_far_over_the_offers_own() -> None:
    chain = traded_by(Mechanism.PAY_AS_BID)
    chain.accepted(
        chain.offer("malee", 1_000, 6_000, HOUR), chain.bid("niran", 1_000, 10_000, HOUR)
    )
    chain.until(NOON)
    (contract,) = chain.contracts()
    assert contract.imbalance_mgtx_per_kwh == 11_000
    assert contract.locked_ugtx == 11_000_000
    assert chain.cash("malee") == CASH - 1_000_000


def test_a_rule_that_changes_leaves_collateral_as_it_was_placed(chain: ForwardChain) -> None:
    chain.accepted(chain.offer("malee", KWH, 3_500))
    dearer = msgspec.structs.replace(
        chain.parameters.forwards.imbalance, utility_mgtx_per_kwh=9_000
    )
    forwards = msgspec.structs.replace(chain.parameters.forwards, imbalance=dearer)
    chain.parameters = msgspec.structs.replace(chain.parameters, forwards=forwards)
    chain.accepted(chain.bid("niran", KWH, 3_500))
    (contract,) = chain.contracts()
    assert contract.imbalance_mgtx_per_kwh == 6_380


def replaced(placed: object, **changes: object) -> ForwardOffer | ForwardBid:
    body = placed.body  # type: ignore[attr-defined]
    assert isinstance(body, ForwardOffer | ForwardBid)
    return msgspec.structs.replace(body, **changes)


@pytest.mark.parametrize(
    ("slot", "reason"),
    [
        (Slot(NOON + 60, 900), Reason.UNKNOWN_SLOT),
        (Slot(NOON + 900, 1_800), Reason.UNKNOWN_SLOT),
        (Slot(NOON, 600), Reason.UNKNOWN_SLOT),
        (Slot(NOON + 30 * 86_400, 900), Reason.UNKNOWN_SLOT),
        (Slot(START_S, 900), Reason.GATE_CLOSED),
        (Slot(START_S - 900, 900), Reason.GATE_CLOSED),
    ],
)
def test_slots_that_are_not_traded(chain: ForwardChain, slot: Slot, reason: Reason) -> None:
    assert chain.refused(chain.bid("niran", KWH, 3_500, slot)) is reason
    assert chain.refused(chain.offer("malee", KWH, 3_500, slot)) is reason


def test_what_an_offer_is_held_against(chain: ForwardChain) -> None:
    good = chain.offer("malee", KWH, 3_500)
    stolen = replaced(good, meter=meter_of("niran"))
    assert chain.refused(signed(stolen, "malee")) is Reason.NOT_OWNER
    assert chain.refused(signed(good.body, "niran")) is Reason.NOT_OWNER
    unknown = replaced(good, meter=bytes(16))
    assert chain.refused(signed(unknown, "malee")) is Reason.UNREGISTERED_METER
    assert chain.refused(chain.offer("malee", 50, 3_500)) is Reason.ORDER_TOO_SMALL
    assert chain.refused(chain.offer("malee", KWH, 999)) is Reason.PRICE_OUT_OF_BOUNDS
    poor = replaced(good, quantity_wh=400 * KWH)
    assert chain.refused(signed(poor, "malee")) is Reason.OVERSPENT
    spent = replaced(good, inputs=(bytes(34),))
    assert chain.refused(signed(spent, "malee")) is Reason.UNKNOWN_COIN
    theirs = replaced(good, inputs=tuple(i for i, _ in chain.coins("niran", Cash)))
    assert chain.refused(signed(theirs, "malee")) is Reason.NOT_OWNER
    away = replaced(chain.bid("niran", KWH, 3_500), zone=Zone.SOUTHERN)
    assert chain.refused(signed(away, "niran")) is Reason.WRONG_ZONE


def test_a_meter_offers_no_more_than_it_can_export() -> None:
    chain = ForwardChain("malee", "niran", cash_ugtx=CASH)
    weak = registration("weak", owner=address("malee"), capacity_w=8_000)
    blind = registration("blind", owner=address("malee"), direction=Direction.CONSUMPTION_ONLY)
    chain.accepted(signed(weak, "MEA"), signed(blind, "MEA"))

    def offer(name: str, wh: int) -> object:
        body = replaced(chain.offer("malee", wh, 3_500), meter=meter_of(name))
        return signed(body, "malee")

    assert chain.refused(offer("blind", 100)) is Reason.EXPORT_NOT_ALLOWED  # type: ignore[arg-type]
    assert chain.refused(offer("weak", 2_001)) is Reason.OVER_CAPACITY  # type: ignore[arg-type]
    first = offer("weak", 1_500)
    chain.accepted(first)  # type: ignore[arg-type]
    assert chain.refused(offer("weak", 600)) is Reason.OVER_CAPACITY  # type: ignore[arg-type]
    chain.accepted(chain.bid("niran", 1_000, 3_500))
    assert chain.refused(offer("weak", 600)) is Reason.OVER_CAPACITY  # type: ignore[arg-type]
    chain.accepted(signed(Cancel(first.id), "malee"))  # type: ignore[attr-defined]
    chain.accepted(offer("weak", 1_000))  # type: ignore[arg-type]


def test_a_large_order_needs_a_licence(chain: ForwardChain) -> None:
    limit_wh = chain.parameters.orders.licence_over_wh
    chain.parameters = msgspec.structs.replace(
        chain.parameters,
        orders=msgspec.structs.replace(chain.parameters.orders, licence_over_wh=2 * KWH),
    )
    assert limit_wh == 1_000 * KWH
    for placed in (chain.bid("niran", 2_001, 3_500), chain.offer("malee", 2_001, 3_500)):
        assert chain.refused(placed) is Reason.NO_LICENCE
    chain.accepted(chain.bid("niran", 2 * KWH, 3_500))
    grant = GrantLicence(chain.now_s * 1_000, address("niran"), 3 * KWH, chain.now_s + 60)
    chain.accepted(signed(grant, "ERC"))
    chain.accepted(chain.bid("niran", 2_001, 3_500))


def test_limits_on_numbers_of_orders() -> None:
    chain = a_chain(max_open_per_trader=2)
    chain.accepted(chain.bid("niran", KWH, 3_500))
    chain.accepted(chain.bid("niran", KWH, 3_500, HOUR))
    assert chain.refused(chain.bid("niran", KWH, 3_500)) is Reason.TOO_MANY_ORDERS
    chain.accepted(chain.bid("malee", KWH, 3_500))


def test_rules_that_name_a_length_twice_are_none() -> None:
    twice = (Product(900, Mechanism.UNIFORM), Product(900, Mechanism.CONTINUOUS))
    with pytest.raises(ValueError, match="twice"):
        ForwardRules(products=twice)


def test_parameters_are_read_with_their_products() -> None:
    parameters = ChainParameters(forwards=ForwardRules(grace_s=60))
    encoded = msgspec.json.encode(parameters)
    assert msgspec.json.decode(encoded, type=ChainParameters) == parameters
    bad = encoded.replace(b'"length_s":900', b'"length_s":901')
    with pytest.raises(msgspec.ValidationError, match="length_s is 901"):
        msgspec.json.decode(bad, type=ChainParameters)


def test_a_bid_stands_as_a_coin_of_its_trader(chain: ForwardChain) -> None:
    bid = chain.bid("niran", KWH, 3_500)
    chain.accepted(bid)
    order = chain.order(bid)
    assert isinstance(order, ForwardBuy)
    assert order.slot == QUARTER
    assert order.closes_s == NOON - 900
    assert [coin for _, coin in chain.coins("niran", ForwardBuy)] == [order]
