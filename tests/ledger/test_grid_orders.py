"""Orders over a grid: carried, cut or passed over, charged and lost, in money that adds up."""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gtxnode.grid.model import SLOT_S
from gtxnode.grid.status import GridStatus
from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash, Energy
from gtxnode.ledger.grid.corridors import account_of
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market import Side, Terms
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role, Zone
from tests.grid import little_grid
from tests.ledger.grid_chain import CALM, FAILING, PARAMETERS, STRAINED, GridChain
from tests.ledger.little_chain import HOUR_S, KWH, LittleChain, address, signed

BANGKOK, CENTRAL, SOUTHERN = little_grid.ZONES
PEOPLE = {"somchai": BANGKOK, "malee": SOUTHERN, "niran": BANGKOK, "prasert": CENTRAL}
WHEELING = 1_070


class OrderChain(GridChain):
    """Everybody has energy of the own meter, and buys for the own zone."""

    def __init__(self, **how: object) -> None:
        super().__init__(PEOPLE, **how)  # type: ignore[arg-type]
        self.block(after_s=HOUR_S)
        self.accepted(*(self.reading(name, 1_000 * KWH) for name in PEOPLE))

    def placing(
        self, side: Side, name: str, wh: int, price: int, **terms: object
    ) -> CheckedTransaction:
        if side is Side.SELL:
            own = self.zone_of[name]
            energy = [pair for pair in self.coins(name, Energy) if pair[1].origin.zone is own]
            made = Terms(**terms) if terms else None  # type: ignore[arg-type]
            return signed(wallet.sell(address(name), energy, wh, price, terms=made), name)
        made = Terms(zone=self.zone_of[name], **terms)  # type: ignore[arg-type]
        cash = self.coins(name, Cash)
        return signed(wallet.buy(address(name), cash, wh, price, terms=made), name)


@pytest.fixture
def chain() -> OrderChain:
    return OrderChain()


def sell(chain: OrderChain, name: str, wh: int, price: int, **terms: object) -> CheckedTransaction:
    return chain.placing(Side.SELL, name, wh, price, **terms)


def buy(chain: OrderChain, name: str, wh: int, price: int, **terms: object) -> CheckedTransaction:
    return chain.placing(Side.BUY, name, wh, price, **terms)


def test_a_trade_between_zones_is_delivery_less_loss_against_payment_and_toll(
    chain: OrderChain,
) -> None:
    cash = {name: chain.cash(name) for name in PEOPLE}
    energy = chain.energy("malee")
    retired = chain.supply().retired_wh
    chain.accepted(sell(chain, "somchai", 100 * KWH, 3_500))
    (trade,) = chain.accepted(buy(chain, "malee", 50 * KWH, 5_000)).trades
    assert (trade.quantity_wh, trade.price_mgtx_per_kwh) == (50 * KWH, 3_500)
    assert trade.wheeling is not None
    assert trade.wheeling.lost_wh == 1_500
    assert trade.wheeling.paid_ugtx == 50 * KWH * WHEELING
    assert chain.energy("malee") == energy + 48_500
    assert chain.supply().retired_wh == retired + 1_500
    assert chain.cash("somchai") == cash["somchai"] + 50 * KWH * 3_500
    assert chain.cash("malee") == cash["malee"] - 50 * KWH * (3_500 + WHEELING)
    egat = account_of(chain.parameters, Role.EGAT)
    paid = [c for _, c in chain.all_coins() if isinstance(c, Cash) and c.owner == egat]
    assert [coin.amount_ugtx for coin in paid] == [50 * KWH * 428]


def test_the_slot_of_the_blocks_time_is_used_and_the_next_one_is_free(chain: OrderChain) -> None:
    tight = chain.limit(BANGKOK, SOUTHERN, 0, slots=1)
    chain.accepted(tight, sell(chain, "somchai", 10 * KWH, 3_500))
    assert not chain.accepted(buy(chain, "malee", 10 * KWH, 5_000)).trades
    # The limit ends with the slot; what was passed over trades, though nobody comes.
    start = chain.slot_s + SLOT_S
    (trade,) = chain.block(after_s=SLOT_S).trades
    assert trade.quantity_wh == 10 * KWH
    use = chain.use(start)
    assert use is not None
    assert (use.sold, use.delivered) == ((40_000, 0, 0), (0, 0, 40_000))
    chain.block(after_s=SLOT_S)
    assert chain.use(start) is None


def test_a_trade_is_cut_to_what_fits(chain: OrderChain) -> None:
    # 1 MW for a quarter of an hour, of which the direct corridor has two thirds: 375 kWh.
    chain.accepted(chain.limit(BANGKOK, SOUTHERN, 1, slots=1))
    chain.accepted(sell(chain, "somchai", 400 * KWH, 3_500))
    (trade,) = chain.accepted(buy(chain, "malee", 400 * KWH, 5_000)).trades
    assert trade.quantity_wh == 374_999
    assert not chain.accepted(buy(chain, "malee", 1 * KWH, 5_000)).trades
    # A trade the other way gives back what it takes.
    chain.accepted(sell(chain, "malee", 10 * KWH, 2_000, partner=address("niran")))
    (back,) = chain.accepted(buy(chain, "niran", 10 * KWH, 3_400)).trades
    assert back.quantity_wh == 10 * KWH
    trades = chain.accepted(buy(chain, "malee", 20 * KWH, 5_000)).trades
    assert [trade.quantity_wh for trade in trades] == [10 * KWH]


def test_an_act_holds_for_what_comes_after_it_in_its_block(chain: OrderChain) -> None:
    chain.accepted(sell(chain, "somchai", 100 * KWH, 3_500))
    before, after = buy(chain, "malee", 10 * KWH, 5_000), buy(chain, "prasert", 10 * KWH, 5_000)
    closed = [chain.limit(*pair, 0, slots=1) for pair in CORRIDORS]
    outcome = chain.accepted(before, *closed, after)
    assert [trade.buyer for trade in outcome.trades] == [address("malee")]
    both = (chain.status(FAILING), sell(chain, "niran", 10 * KWH, 3_500))
    (_, refused) = chain.block(*both).receipts
    assert refused.reason is Reason.GRID_UNSTABLE


def test_local_limits_hold_within_a_zone_too(chain: OrderChain) -> None:
    chain.accepted(chain.local(BANGKOK, 0, None, by="MEA"), sell(chain, "somchai", 10 * KWH, 3_500))
    assert not chain.accepted(buy(chain, "niran", 10 * KWH, 4_000)).trades
    chain.accepted(chain.local(BANGKOK, None, None, by="MEA"))
    (trade,) = chain.accepted(buy(chain, "niran", 10 * KWH, 4_000)).trades
    assert trade.wheeling is not None
    assert (trade.wheeling.lost_wh, trade.wheeling.paid_ugtx) == (0, 0)


def test_the_worse_end_decides_what_a_trade_is(chain: OrderChain) -> None:
    chain.accepted(chain.status(STRAINED, SOUTHERN), chain.status(CALM, BANGKOK))
    chain.accepted(sell(chain, "somchai", 10 * KWH, 3_500))
    assert not chain.accepted(buy(chain, "malee", KWH, 3_500 + WHEELING + 349)).trades
    (trade,) = chain.accepted(buy(chain, "malee", KWH, 3_500 + WHEELING + 350)).trades
    assert trade.wheeling is not None
    assert trade.wheeling.premium_ugtx == 350 * KWH == chain.fund()
    chain.accepted(chain.status(FAILING, SOUTHERN))
    assert chain.refused(buy(chain, "malee", KWH, 5_000)) is Reason.GRID_UNSTABLE
    assert chain.refused(sell(chain, "malee", KWH, 5_000)) is Reason.GRID_UNSTABLE
    chain.accepted(chain.status(FAILING, BANGKOK), chain.status(CALM, SOUTHERN))
    assert not chain.accepted(buy(chain, "malee", KWH, 5_000)).trades
    assert chain.accepted(buy(chain, "prasert", KWH, 5_000)).trades == ()


def test_a_buyer_names_its_zone_unless_there_is_but_one(chain: OrderChain) -> None:
    cash = chain.coins("malee", Cash)
    bare = signed(wallet.buy(address("malee"), cash, KWH, 5_000), "malee")
    assert chain.refused(bare) is Reason.NO_DELIVERY_ZONE
    far = wallet.buy(address("malee"), cash, KWH, 5_000, terms=Terms(zone=Zone.EASTERN))
    assert chain.refused(signed(far, "malee")) is Reason.WRONG_ZONE
    alone = LittleChain(
        "malee", parameters=msgspec.structs.replace(PARAMETERS, zones=(Zone.BANGKOK,))
    )
    alone.accepted(alone.buy("malee", KWH, 3_500))


def test_whole_orders_and_immediate_ones_know_what_is_carried(chain: OrderChain) -> None:
    chain.accepted(chain.limit(BANGKOK, SOUTHERN, 1, slots=1))
    chain.accepted(sell(chain, "somchai", 400 * KWH, 3_500, all_or_none=True))
    assert not chain.accepted(buy(chain, "malee", 400 * KWH, 5_000)).trades
    cash = chain.coins("malee", Cash)
    terms = Terms(zone=SOUTHERN)
    now = wallet.buy(address("malee"), cash, KWH, 5_000, immediate=True, terms=terms)
    assert chain.refused(signed(now, "malee")) is Reason.UNFILLED


CORRIDORS = ((BANGKOK, CENTRAL), (BANGKOK, SOUTHERN), (CENTRAL, SOUTHERN))


def own_energy(chain: OrderChain, name: str) -> int:
    held = [coin for _, coin in chain.coins(name, Energy)]
    return sum(coin.amount_wh for coin in held if coin.origin.zone is chain.zone_of[name])


steps = st.one_of(
    st.tuples(
        st.sampled_from(Side),
        st.sampled_from(sorted(PEOPLE)),
        st.integers(1, 60).map(lambda kwh: kwh * KWH),
        st.integers(20, 60).map(lambda price: price * 100),
    ),
    st.tuples(st.just("limit"), st.integers(0, 2), st.integers(0, 1)),
    st.tuples(st.just("status"), st.sampled_from((CALM, STRAINED, FAILING))),
    st.tuples(st.just("time"), st.sampled_from((1, 300, SLOT_S))),
)


A_LIMIT_THAT_IS_OVER = [
    ("limit", 0, 0),
    (Side.SELL, "malee", KWH, 2_000),
    ("time", 2 * SLOT_S),
    (Side.BUY, "niran", KWH, 3_100),
]


@settings(max_examples=25)
@given(st.lists(steps, max_size=15))
@example(A_LIMIT_THAT_IS_OVER)
def test_over_any_history_money_and_energy_add_up_and_no_corridor_is_over(
    history: list[tuple[object, ...]],
) -> None:
    chain = OrderChain()
    for step in history:
        before = chain.use(chain.slot_s)
        match step:
            case (Side() as side, str(name), int(wh), int(price)):
                if side is Side.SELL and wh > own_energy(chain, name):
                    continue
                outcome = chain.block(chain.placing(side, name, wh, price))
            case ("limit", int(place), int(limit)):
                pair = CORRIDORS[place]
                outcome = chain.block(chain.limit(*pair, limit, slots=2))
            case ("status", GridStatus() as status):
                outcome = chain.block(chain.status(status))
            case (_, int(seconds)):
                outcome = chain.block(after_s=seconds)
            case _:
                raise AssertionError(step)
        for trade in outcome.trades:
            assert trade.wheeling is not None
        use = chain.use(chain.slot_s)
        if use is not None and outcome.trades:
            limits = {
                each.place: each
                for each in chain.limits().corridors
                if each.start_s <= chain.slot_s < each.end_s
            }
            for number, each in enumerate(little_grid.model().corridors):
                held = limits.get((each.first, each.second))
                limit = held.forward_mw if held is not None else each.forward_mw
                was = before.flows[number] if before is not None else 0
                # Within the limit, or nearer to it than before it fell.
                assert abs(use.flows[number]) <= max(limit * 10**12, abs(was))
