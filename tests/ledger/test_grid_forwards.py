"""Forwards over a grid: carried as far as it goes, paid for, lost on the way, and curtailed."""

import msgspec
import pytest

from gtxnode.grid.model import SLOT_S, CurtailmentRules
from gtxnode.ledger.bodies import FundGrid
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.grid.corridors import account_of
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.auction import Mechanism
from gtxnode.market.slots import Product, Slot
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.units import WH_PER_KWH
from gtxnode.primitives.zones import Role, Zone
from tests.grid import little_grid
from tests.ledger.forward_chain import HALF, HOUR, NOON, QUARTER
from tests.ledger.grid_chain import FAILING, STRAINED, GridChain
from tests.ledger.little_chain import FEE, GTX, KWH, address, signed

BANGKOK, CENTRAL, SOUTHERN = little_grid.ZONES
WHEELING = 1_070
MODEL = little_grid.model()
PEOPLE = {
    "somchai": BANGKOK,
    "malee": SOUTHERN,
    "niran": BANGKOK,
    "prasert": CENTRAL,
    "anong": SOUTHERN,
}


@pytest.fixture
def chain() -> GridChain:
    return GridChain(PEOPLE)


def wires(chain: GridChain, role: Role) -> int:
    account = account_of(chain.parameters, role)
    coins = [coin for _, coin in chain.all_coins() if isinstance(coin, Cash)]
    return sum(coin.amount_ugtx for coin in coins if coin.owner == account)


def test_a_trade_between_zones_pays_its_way_and_uses_the_corridors(chain: GridChain) -> None:
    before = chain.cash("malee")
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    (trade,) = chain.accepted(chain.bid("malee", 1 * KWH, 4_500)).forward_trades
    wheeling = trade.wheeling
    assert wheeling is not None
    assert (wheeling.seller_zone, wheeling.buyer_zone) == (BANGKOK, SOUTHERN)
    assert wheeling.paid_ugtx == WHEELING * KWH
    assert wheeling.lost_wh == 30
    assert trade.contract.price_mgtx_per_kwh == 3_000
    # The price waits in the contract; the wires are paid for at once.
    assert chain.cash("malee") == before - (3_000 + WHEELING) * KWH
    assert [wires(chain, role) for role in (Role.EGAT, Role.MEA, Role.PEA)] == [
        428 * KWH,
        321 * KWH,
        321 * KWH,
    ]
    use = chain.use(NOON)
    assert use is not None
    # 1 kWh in a quarter of an hour is 4 kW; a third of it goes round by the centre.
    assert [flow // 10**6 for flow in use.flows] == [1_333, 2_666, 1_333]
    assert (use.sold, use.delivered) == ((4_000, 0, 0), (0, 0, 4_000))


def test_a_limit_that_does_not_cover_the_way_does_not_trade(chain: GridChain) -> None:
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    assert not chain.accepted(chain.bid("malee", 1 * KWH, 4_069)).forward_trades
    assert chain.accepted(chain.bid("malee", 1 * KWH, 4_070)).forward_trades
    # Within the zone there is no way to pay for.
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_500))
    (trade,) = chain.accepted(chain.bid("niran", 1 * KWH, 3_500)).forward_trades
    assert trade.wheeling is not None
    assert (trade.wheeling.paid_ugtx, trade.wheeling.lost_wh) == (0, 0)


def test_what_does_not_fit_is_cut_and_opposite_trades_make_room(chain: GridChain) -> None:
    chain.accepted(chain.limit(BANGKOK, SOUTHERN, 0, start_s=NOON, slots=4))
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    assert not chain.accepted(chain.bid("malee", 1 * KWH, 4_500)).forward_trades
    # The other way round nothing is left either: the limit holds in both directions.
    chain.accepted(chain.limit(BANGKOK, SOUTHERN, 0, 30, start_s=NOON, slots=4))
    chain.accepted(chain.offer("malee", 1 * KWH, 2_000))
    (back,) = chain.accepted(chain.bid("niran", 1 * KWH, 4_000)).forward_trades
    assert back.contract.sold_wh == 1 * KWH
    # What went north makes room for as much to go south, and not a Wh more.
    trades = chain.accepted(chain.bid("malee", 2 * KWH, 4_500)).forward_trades
    assert [trade.contract.sold_wh for trade in trades] == [1 * KWH]
    use = chain.use(NOON)
    assert use is not None
    assert use.flows == (0, 0, 0)


def test_a_longer_slot_uses_every_slot_of_the_grid_that_it_covers(chain: GridChain) -> None:
    chain.parameters = with_products(chain, Mechanism.CONTINUOUS)
    chain.accepted(chain.offer("somchai", 4 * KWH, 3_000, HOUR))
    chain.accepted(chain.bid("malee", 4 * KWH, 4_500, HOUR))
    uses = [chain.use(NOON + n * SLOT_S) for n in range(4)]
    assert [use.sold[0] for use in uses if use is not None] == [4_000] * 4
    chain.accepted(chain.offer("niran", 1 * KWH, 3_000, HALF))
    chain.accepted(chain.bid("malee", 1 * KWH, 4_500, HALF))
    uses = [chain.use(NOON + n * SLOT_S) for n in range(4)]
    assert [use.sold[0] for use in uses if use is not None] == [4_000, 4_000, 6_000, 6_000]


def with_products(chain: GridChain, mechanism: Mechanism) -> ChainParameters:
    forwards = msgspec.structs.replace(
        chain.parameters.forwards,
        products=tuple(Product(length, mechanism) for length in (900, 1_800, 3_600)),
    )
    return msgspec.structs.replace(chain.parameters, forwards=forwards)


@pytest.mark.parametrize(
    ("mechanism", "bid", "price"),
    [
        (Mechanism.UNIFORM, 4_500, None),
        (Mechanism.PAY_AS_BID, 4_500, 3_430),
        (Mechanism.PAY_AS_OFFER, 4_500, 3_000),
        (Mechanism.PAY_AS_OFFER, 4_000, "passed over"),
        (Mechanism.PAY_AS_BID, 4_000, "passed over"),
    ],
)
def test_auctions_carry_what_fits_and_pays_its_way(
    chain: GridChain, mechanism: Mechanism, bid: int, price: int | str | None
) -> None:
    chain.parameters = with_products(chain, mechanism)
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    chain.accepted(chain.bid("malee", 1 * KWH, bid))
    cash = chain.cash("malee") + chain.cash("somchai")
    chain.block(after_s=NOON - 900 - chain.now_s)
    contracts = chain.contracts()
    if price == "passed over":
        assert not contracts
        assert chain.cash("malee") + chain.cash("somchai") > cash
        assert chain.use(NOON) is None
    elif contracts:
        (contract,) = contracts
        assert price in (None, contract.price_mgtx_per_kwh)
        assert contract.price_mgtx_per_kwh + WHEELING <= bid
        assert chain.use(NOON) is not None
    else:
        # A uniform price so high that the way is not covered leaves the two apart.
        assert mechanism is Mechanism.UNIFORM


def test_an_auction_carries_its_matches_as_far_as_the_corridor_goes(chain: GridChain) -> None:
    chain.parameters = with_products(chain, Mechanism.PAY_AS_OFFER)
    tiny = msgspec.structs.replace(
        MODEL,
        corridors=tuple(
            msgspec.structs.replace(each, forward_mw=0, backward_mw=30)
            if (each.first, each.second) == (BANGKOK, SOUTHERN)
            else each
            for each in MODEL.corridors
        ),
    )
    chain.parameters = msgspec.structs.replace(chain.parameters, grid=tiny)
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000), chain.offer("anong", 400, 3_001))
    chain.accepted(chain.bid("malee", 1 * KWH, 6_000), chain.bid("niran", 400, 6_000))
    chain.block(after_s=NOON - 900 - chain.now_s)
    contracts = chain.contracts()
    use = chain.use(NOON)
    assert use is not None
    # Nothing goes south but what something that goes north has made room for.
    assert use.flows[1] <= 0
    assert 0 < sum(contract.sold_wh for contract in contracts) < 1_400


@pytest.mark.parametrize(
    ("mechanism", "price"),
    [(Mechanism.UNIFORM, 4_500), (Mechanism.PAY_AS_BID, 4_500), (Mechanism.PAY_AS_OFFER, 3_000)],
)
def test_who_was_left_out_of_an_auction_has_what_others_cannot_reach(
    chain: GridChain, mechanism: Mechanism, price: int
) -> None:
    chain.parameters = with_products(chain, mechanism)
    for pair in ((BANGKOK, CENTRAL), (BANGKOK, SOUTHERN), (CENTRAL, SOUTHERN)):
        chain.accepted(chain.limit(*pair, 0, start_s=NOON))
    chain.accepted(chain.bid("malee", 1 * KWH, 4_500), chain.bid("niran", 1 * KWH, 4_500))
    # As much is offered as one wants: in one place each would have a half, or the first all.
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    chain.block(after_s=NOON - 900 - chain.now_s)
    (contract,) = chain.contracts()
    assert (contract.buyer, contract.sold_wh) == (address("niran"), 1 * KWH)
    assert contract.price_mgtx_per_kwh == price


def test_what_is_lost_on_the_way_is_minted_and_retired_in_one(chain: GridChain) -> None:
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    chain.accepted(chain.bid("malee", 1 * KWH, 4_500))
    chain.until(NOON)
    chain.accepted(chain.read_to("somchai", NOON, 0))
    chain.until(NOON + SLOT_S)
    chain.accepted(chain.read_to("somchai", NOON + SLOT_S, 1 * KWH))
    assert (chain.energy("malee"), chain.energy("somchai")) == (970, 0)
    supply = chain.supply()
    assert (supply.minted_wh, supply.retired_wh) == (1 * KWH, 30)


def test_slots_that_are_over_are_forgotten(chain: GridChain) -> None:
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    chain.accepted(chain.bid("malee", 1 * KWH, 4_500))
    chain.until(NOON + SLOT_S - 1)
    assert chain.use(NOON) is not None
    chain.until(NOON + SLOT_S)
    assert chain.use(NOON) is None


def test_a_condition_outside_its_limits_asks_a_premium_or_stops_trading(chain: GridChain) -> None:
    soon = Slot(chain.now_s + 2 * SLOT_S, SLOT_S)
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000, soon), chain.offer("niran", KWH, 3_000))
    chain.accepted(chain.status(STRAINED, SOUTHERN))
    chain.block(after_s=2)
    (trade,) = chain.accepted(chain.bid("malee", 500, 4_500, soon)).forward_trades
    assert trade.wheeling is not None
    assert trade.wheeling.premium_ugtx == 300 * 500
    assert chain.fund() == 300 * 500
    chain.accepted(chain.status(FAILING, SOUTHERN))
    assert chain.refused(chain.bid("malee", 500, 4_500, soon)) is Reason.GRID_UNSTABLE
    # Where the seller's end fails, the bid waits; and what begins later is not judged by now.
    chain.accepted(chain.status(STRAINED, SOUTHERN), chain.status(FAILING, BANGKOK))


def test_a_condition_says_nothing_of_slots_that_begin_when_it_is_old(chain: GridChain) -> None:
    chain.accepted(chain.status(FAILING))
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    (trade,) = chain.accepted(chain.bid("malee", 500, 4_500)).forward_trades
    assert trade.wheeling is not None
    assert trade.wheeling.premium_ugtx == 0


def sold(chain: GridChain) -> GridChain:
    """With 2 kWh sold from Bangkok to the south for a quarter of an hour, by two sellers."""
    for name in ("somchai", "niran"):
        chain.accepted(chain.offer(name, 1 * KWH, 3_000))
    chain.accepted(chain.bid("malee", 2 * KWH, 4_500))
    return chain


def fill_fund(chain: GridChain, amount_ugtx: int) -> None:
    inputs = chain.coins("prasert", Cash)
    left = sum(coin.amount_ugtx for _, coin in inputs) - amount_ugtx - FEE
    body = FundGrid(
        tuple(coin_id for coin_id, _ in inputs), amount_ugtx, (Cash(address("prasert"), left),)
    )
    chain.accepted(signed(body, "prasert"))


def test_a_limit_below_what_is_sold_curtails_pro_rata_and_compensates(chain: GridChain) -> None:
    sold(chain)
    fill_fund(chain, 10 * GTX)
    cash = {name: chain.cash(name) for name in PEOPLE}
    outcome = chain.accepted(chain.limit(BANGKOK, SOUTHERN, 0, start_s=NOON, slots=1))
    assert [each.cut_wh for each in outcome.curtailments] == [1 * KWH, 1 * KWH]
    assert chain.contracts() == []
    value = 3_000 * KWH
    rules = CurtailmentRules()
    assert (rules.seller_ppm, rules.buyer_ppm) == (100_000, 100_000)
    assert chain.fund() == 10 * GTX - 4 * value // 10
    # The buyer has its payment back and a tenth on top; what the wires cost is gone.
    assert chain.cash("malee") == cash["malee"] + 2 * value + 2 * value // 10
    collateral = outcome.curtailments[0].contract.imbalance_mgtx_per_kwh - 3_000
    assert chain.cash("niran") == cash["niran"] + collateral * KWH + value // 10
    use = chain.use(NOON)
    assert use is not None
    assert (use.flows, use.sold) == ((0, 0, 0), (0, 0, 0))
    # Nothing is owed any more: the slot passes without a settlement.
    chain.until(NOON + 3 * 86_400)
    assert chain.supply().retired_wh == 0


def test_what_the_fund_does_not_hold_is_shared(chain: GridChain) -> None:
    sold(chain)
    fill_fund(chain, 7)
    outcome = chain.accepted(chain.limit(BANGKOK, SOUTHERN, 0, start_s=NOON, slots=1))
    assert [(each.seller_ugtx, each.buyer_ugtx) for each in outcome.curtailments] == [(1, 1)] * 2
    assert chain.fund() == 3


def test_a_limit_with_room_for_what_is_sold_curtails_nothing(chain: GridChain) -> None:
    sold(chain)
    outcome = chain.accepted(chain.limit(BANGKOK, SOUTHERN, 1, start_s=NOON, slots=1))
    assert outcome.curtailments == ()
    outcome = chain.accepted(chain.limit(BANGKOK, SOUTHERN, 0, start_s=NOON + SLOT_S, slots=1))
    assert outcome.curtailments == ()


def test_local_limits_curtail_too_and_an_hour_is_cut_in_all_its_slots(chain: GridChain) -> None:
    chain.parameters = with_products(chain, Mechanism.CONTINUOUS)
    chain.accepted(chain.offer("somchai", 4 * KWH, 3_000, HOUR))
    chain.accepted(chain.bid("malee", 4 * KWH, 4_500, HOUR))
    chain.until(NOON - SLOT_S)
    outcome = chain.accepted(chain.local(SOUTHERN, None, 0))
    assert [each.cut_wh for each in outcome.curtailments] == [4 * KWH]
    uses = [chain.use(NOON + n * SLOT_S) for n in range(4)]
    assert [use.sold[0] for use in uses if use is not None] == [0] * 4


def test_a_curtailed_meter_may_offer_again(chain: GridChain) -> None:
    for kwh in (1_000, 250):
        chain.accepted(chain.offer("somchai", kwh * WH_PER_KWH, 3_000))
    assert chain.refused(chain.offer("somchai", 1_000, 3_000)) is Reason.OVER_CAPACITY
    chain.accepted(chain.bid("malee", 1_000 * WH_PER_KWH, 4_500))
    outcome = chain.accepted(chain.limit(BANGKOK, SOUTHERN, 0, start_s=NOON, slots=1))
    cut = sum(each.cut_wh for each in outcome.curtailments)
    assert cut == 1_000 * WH_PER_KWH
    chain.accepted(chain.offer("somchai", cut, 3_000))


def test_a_zone_of_the_chain_is_one_of_the_grid() -> None:
    chain = GridChain({**PEOPLE, "far": Zone.EASTERN})
    chain.parameters = msgspec.structs.replace(chain.parameters, zones=tuple(Zone))
    assert chain.refused(chain.bid("far", 1 * KWH, 3_000)) is Reason.WRONG_ZONE
    assert chain.refused(chain.offer("far", 1 * KWH, 3_000, QUARTER)) is Reason.WRONG_ZONE


def test_contracts_made_under_another_model_are_cut_without_breaking_the_books(
    chain: GridChain,
) -> None:
    chain.accepted(chain.offer("prasert", 2 * KWH, 3_000))
    chain.accepted(chain.bid("malee", 2 * KWH, 4_500))
    # A vote brings a model with a corridor less: what was used is not known in its terms.
    fewer = msgspec.structs.replace(MODEL, corridors=MODEL.corridors[1:])
    chain.parameters = msgspec.structs.replace(chain.parameters, grid=fewer)
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000))
    chain.accepted(chain.bid("malee", 1 * KWH, 4_500))
    outcome = chain.accepted(chain.limit(BANGKOK, SOUTHERN, 0, start_s=NOON, slots=1))
    assert len(outcome.curtailments) == 2
    use = chain.use(NOON)
    assert use is not None
    assert min(use.sold + use.delivered) == 0
    chain.until(NOON + SLOT_S)
    assert chain.use(NOON) is None
