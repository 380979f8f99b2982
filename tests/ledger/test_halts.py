"""Halts: who may stop what, what a halt stops, what it leaves alone, and how it ends."""

import pytest

from gtxnode.ledger.authority.halts import SPOT, Halts, OfMarket, OfTrader, Scope, halts_coin_id
from gtxnode.ledger.bodies import Amend, Cancel, Halt, Lift
from gtxnode.ledger.coins import Cash, Energy
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.slots import QUARTER_HOUR_S
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Zone
from tests.ledger.forward_chain import HOUR, QUARTER, ForwardChain
from tests.ledger.grid_chain import GridChain
from tests.ledger.little_chain import CHAIN, GTX, HOUR_S, KWH, LittleChain, address, signed

DAY_S = 24 * HOUR_S
EVERYTHING = OfMarket()
SOMCHAI = OfTrader(address("somchai"))


@pytest.fixture
def chain() -> LittleChain:
    chain = LittleChain("somchai", "malee")
    for name in ("somchai", "malee"):
        chain.export(name, 20 * KWH)
    return chain


def halt(
    chain: LittleChain, scope: Scope, by: str = "ERC", for_s: int = HOUR_S, later_ms: int = 0
) -> CheckedTransaction:
    now_s = chain.now_s
    body = Halt(scope, now_s + for_s, "a test", now_s * 1_000 + later_ms + 1)
    return signed(body, by)


def lift(chain: LittleChain, scope: Scope, by: str = "ERC") -> CheckedTransaction:
    return signed(Lift(scope, chain.now_s * 1_000 + 1), by)


@pytest.mark.parametrize(
    "scope",
    [EVERYTHING, OfMarket(zone=Zone.BANGKOK), OfMarket(product=SPOT), SOMCHAI],
)
def test_orders_in_a_halted_scope_are_refused(chain: LittleChain, scope: Scope) -> None:
    chain.accepted(halt(chain, scope))
    assert chain.refused(chain.sell("somchai", KWH, 3_500)) is Reason.HALTED
    assert chain.refused(chain.buy("somchai", KWH, 3_500)) is Reason.HALTED


@pytest.mark.parametrize(
    "scope",
    [OfMarket(zone=Zone.SOUTHERN), OfMarket(product=900), OfMarket(Zone.BANGKOK, 900), SOMCHAI],
)
def test_what_is_outside_the_scope_goes_on(chain: LittleChain, scope: Scope) -> None:
    chain.accepted(halt(chain, scope))
    chain.accepted(chain.sell("malee", KWH, 3_500), chain.buy("malee", KWH, 3_000))


def test_a_halt_of_the_market_leaves_what_rests_in_its_place(chain: LittleChain) -> None:
    resting = chain.sell("somchai", 5 * KWH, 3_500)
    chain.accepted(resting)
    chain.accepted(halt(chain, EVERYTHING))
    assert chain.refused(chain.buy("malee", KWH, 4_000)) is Reason.HALTED
    assert chain.order(resting) is not None
    chain.accepted(lift(chain, EVERYTHING))
    outcome = chain.accepted(chain.buy("malee", KWH, 4_000))
    assert [trade.seller for trade in outcome.trades] == [address("somchai")]


def test_a_halted_traders_orders_are_cancelled(chain: LittleChain) -> None:
    energy, cash = chain.energy("somchai"), chain.cash("somchai")
    resting = [chain.sell("somchai", 5 * KWH, 3_500), chain.buy("somchai", KWH, 2_000)]
    others = chain.buy("malee", KWH, 1_500)
    chain.accepted(*resting, others)
    outcome = chain.accepted(halt(chain, SOMCHAI))
    assert sorted(outcome.cancelled) == sorted(order.id for order in resting)
    assert (chain.energy("somchai"), chain.cash("somchai")) == (energy, cash)
    assert chain.order(others) is not None
    assert not chain.accepted(chain.buy("malee", KWH, 4_000)).trades


def test_readings_cancels_and_transfers_go_on(chain: LittleChain) -> None:
    resting = chain.sell("somchai", 5 * KWH, 3_500)
    chain.accepted(resting)
    chain.accepted(halt(chain, EVERYTHING))
    chain.export("somchai", KWH)
    chain.accepted(signed(Cancel(resting.id), "somchai"))
    assert chain.coins("somchai", Cash)
    assert chain.coins("somchai", Energy)


def test_a_halt_ends_by_itself(chain: LittleChain) -> None:
    chain.accepted(halt(chain, EVERYTHING, for_s=10))
    chain.block(after_s=8)
    assert chain.refused(chain.buy("malee", KWH, 4_000)) is Reason.HALTED
    chain.block(after_s=1)
    chain.accepted(chain.buy("malee", KWH, 4_000))
    coin = chain.coin(halts_coin_id(CHAIN))
    assert isinstance(coin, Halts)
    chain.accepted(halt(chain, SOMCHAI))
    coin = chain.coin(halts_coin_id(CHAIN))
    assert isinstance(coin, Halts)
    assert [each.scope for each in coin.standing] == [SOMCHAI]
    chain.accepted(lift(chain, SOMCHAI))
    assert chain.coin(halts_coin_id(CHAIN)) is None


@pytest.mark.parametrize("by", ["MEA", "PEA", "somchai"])
def test_nobody_else_halts_or_lifts(chain: LittleChain, by: str) -> None:
    assert chain.refused(halt(chain, EVERYTHING, by)) is Reason.NOT_AUTHORISED
    chain.accepted(halt(chain, EVERYTHING))
    assert chain.refused(lift(chain, EVERYTHING, by)) is Reason.NOT_AUTHORISED


def test_egat_stops_markets_for_a_day_and_leaves_ercs_halts_alone(chain: LittleChain) -> None:
    assert chain.refused(halt(chain, SOMCHAI, "EGAT")) is Reason.NOT_AUTHORISED
    longer = halt(chain, EVERYTHING, "EGAT", DAY_S + 1)
    assert chain.refused(longer) is Reason.HALT_OUT_OF_BOUNDS
    chain.accepted(halt(chain, EVERYTHING, "EGAT", DAY_S))
    chain.accepted(halt(chain, EVERYTHING, "ERC", 30 * DAY_S))
    assert chain.refused(halt(chain, EVERYTHING, "EGAT", later_ms=5)) is Reason.NOT_AUTHORISED
    assert chain.refused(lift(chain, EVERYTHING, "EGAT")) is Reason.NOT_AUTHORISED
    chain.accepted(lift(chain, EVERYTHING))
    assert chain.refused(lift(chain, SOMCHAI)) is Reason.UNKNOWN_HALT


def test_an_act_is_taken_once(chain: LittleChain) -> None:
    """Whoever has seen a halt cannot bring it back after it was lifted."""
    stopped = halt(chain, EVERYTHING)
    chain.accepted(stopped)
    chain.accepted(lift(chain, EVERYTHING))
    assert chain.refused(stopped) is Reason.STALE_ACT
    earlier = signed(Halt(EVERYTHING, chain.now_s + 9, "old", chain.now_s * 1_000 - 9_000), "ERC")
    assert chain.refused(earlier) is Reason.STALE_ACT
    # Another authority's acts have times of their own.
    chain.accepted(halt(chain, EVERYTHING, "EGAT"))


def test_an_act_is_not_dated_far_ahead(chain: LittleChain) -> None:
    ahead_ms = chain.parameters.compliance.max_ahead_ms
    assert chain.refused(halt(chain, EVERYTHING, later_ms=ahead_ms)) is Reason.ACT_IN_FUTURE
    chain.accepted(halt(chain, EVERYTHING, later_ms=ahead_ms - 1))


@pytest.mark.parametrize("for_s", [0, -5, 366 * DAY_S + 1])
def test_a_halt_has_an_end_ahead(chain: LittleChain, for_s: int) -> None:
    assert chain.refused(halt(chain, EVERYTHING, for_s=for_s)) is Reason.HALT_OUT_OF_BOUNDS


def test_a_product_is_one_that_there_is(chain: LittleChain) -> None:
    assert chain.refused(halt(chain, OfMarket(product=901))) is Reason.HALT_OUT_OF_BOUNDS


def test_money_that_was_locked_is_all_back(chain: LittleChain) -> None:
    before = chain.cash("somchai")
    for price in range(2_000, 2_010):
        chain.accepted(chain.buy("somchai", KWH, price))
    assert chain.cash("somchai") < before - 20 * GTX // 2
    chain.accepted(halt(chain, SOMCHAI))
    assert chain.cash("somchai") == before


def halt_forwards(chain: LittleChain, scope: Scope) -> CheckedTransaction:
    body = Halt(scope, chain.now_s + 48 * HOUR_S, "a test", chain.now_s * 1_000 + 1)
    return signed(body, "ERC")


@pytest.mark.parametrize(
    "scope", [EVERYTHING, OfMarket(product=HOUR_S), OfMarket(zone=Zone.BANGKOK), SOMCHAI]
)
def test_forwards_in_a_halted_scope_are_refused(scope: Scope) -> None:
    chain = ForwardChain("somchai", "malee")
    chain.accepted(halt_forwards(chain, scope))
    assert chain.refused(chain.offer("somchai", KWH, 3_500, HOUR)) is Reason.HALTED
    assert chain.refused(chain.bid("somchai", KWH, 3_500, HOUR)) is Reason.HALTED
    quarter = chain.bid("malee", KWH, 3_500, QUARTER)
    if scope in (SOMCHAI, OfMarket(product=HOUR_S)):
        chain.accepted(quarter)
    else:
        assert chain.refused(quarter) is Reason.HALTED


@pytest.mark.parametrize("scope", [OfMarket(product=HOUR_S), OfMarket(product=QUARTER_HOUR_S)])
def test_an_auction_passes_over_what_is_halted_at_gate_closure(scope: OfMarket) -> None:
    chain = ForwardChain("somchai", "malee")
    before = chain.cash("somchai"), chain.cash("malee")
    chain.accepted(chain.offer("somchai", KWH, 3_500, HOUR), chain.bid("malee", KWH, 4_000, HOUR))
    chain.accepted(halt_forwards(chain, scope))
    chain.block(after_s=HOUR.start_s - chain.now_s)
    halted = scope.product == HOUR_S
    assert len(chain.contracts()) == (0 if halted else 1)
    if halted:
        assert (chain.cash("somchai"), chain.cash("malee")) == before


def test_a_halted_traders_forward_orders_are_cancelled() -> None:
    chain = ForwardChain("somchai", "malee")
    before = chain.cash("somchai")
    orders = [chain.offer("somchai", KWH, 3_500, QUARTER)]
    chain.accepted(*orders)
    orders.append(chain.bid("somchai", KWH, 3_000, HOUR))
    chain.accepted(orders[1])
    outcome = chain.accepted(halt_forwards(chain, SOMCHAI))
    assert sorted(outcome.cancelled) == sorted(order.id for order in orders)
    assert chain.cash("somchai") == before
    chain.accepted(chain.bid("malee", KWH, 4_000, QUARTER))
    assert not chain.contracts()


def test_what_rests_of_a_halted_zone_trades_with_nobody_elsewhere() -> None:
    """On a chain of several zones, whose grid carries nothing from a zone that is halted."""
    chain = GridChain({"somchai": Zone.BANGKOK, "malee": Zone.SOUTHERN, "niran": Zone.CENTRAL})
    chain.accepted(chain.offer("somchai", 2 * KWH, 3_000))
    chain.accepted(halt_forwards(chain, OfMarket(zone=Zone.BANGKOK)))
    assert chain.refused(chain.offer("somchai", KWH, 3_000)) is Reason.HALTED
    assert not chain.accepted(chain.bid("malee", KWH, 4_500)).forward_trades
    chain.accepted(chain.offer("niran", KWH, 3_200))
    chain.accepted(signed(Lift(OfMarket(zone=Zone.BANGKOK), chain.now_s * 1_000 + 1), "ERC"))
    (trade,) = chain.accepted(chain.bid("malee", KWH, 4_500)).forward_trades
    assert trade.contract.seller == address("somchai")


def test_an_order_in_a_halted_scope_is_not_amended(chain: LittleChain) -> None:
    """Made smaller, an all-or-none order might trade."""
    resting = chain.sell("somchai", 5 * KWH, 3_500)
    chain.accepted(resting)
    chain.accepted(halt(chain, EVERYTHING))
    for quantity_wh in (6 * KWH, 4 * KWH):
        body = Amend(resting.id, quantity_wh, 3_500)
        assert chain.refused(signed(body, "somchai")) is Reason.HALTED
    chain.accepted(lift(chain, EVERYTHING))
    chain.accepted(signed(Amend(resting.id, 4 * KWH, 3_500), "somchai"))


def test_so_many_halts_stand_at_a_time(chain: LittleChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtxnode.ledger.authority.stopping.MAX_HALTS", 2)
    chain.accepted(halt(chain, EVERYTHING, for_s=10))
    chain.accepted(halt(chain, OfMarket(Zone.BANGKOK)))
    assert chain.refused(halt(chain, SOMCHAI, later_ms=1)) is Reason.TOO_MANY_HALTS
    # One of the same scope takes the other's place; one that has ended has none.
    chain.accepted(halt(chain, OfMarket(Zone.BANGKOK), later_ms=2))
    chain.block(after_s=10)
    chain.accepted(halt(chain, SOMCHAI))
