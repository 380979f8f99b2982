"""Orders that were passed over trade when room appears, though nobody places another."""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gtxnode.grid.model import SLOT_S
from gtxnode.grid.status import GridStatus
from gtxnode.ledger.authority.halts import SPOT, Halts, OfMarket, halts_coin_id
from gtxnode.ledger.bodies import Cancel, Halt, Lift
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.grid import passed_over
from gtxnode.ledger.grid.corridors import Carrier, Span
from gtxnode.ledger.grid.grid_coins import OpenSlots, open_slots_coin_id, slot_start
from gtxnode.ledger.market.market_rules import halts_way
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.market import Book, Order, PriceRule, Side, Terms
from gtxnode.market.auction import Mechanism
from gtxnode.market.plan import meets
from gtxnode.market.slots import Product, Slot
from gtxnode.primitives.zones import Zone
from tests.grid import little_grid
from tests.ledger.forward_chain import HALF, HOUR, NOON
from tests.ledger.grid_chain import CALM, FAILING, STRAINED, GridChain
from tests.ledger.little_chain import CHAIN, KWH, address, signed
from tests.ledger.test_grid_orders import CORRIDORS, PEOPLE, OrderChain, buy, own_energy, sell

BANGKOK, CENTRAL, SOUTHERN = little_grid.ZONES


@pytest.fixture
def chain() -> OrderChain:
    return OrderChain()


def closed(chain: OrderChain, slots: int = 4) -> OrderChain:
    """Nothing goes between zones for some slots."""
    chain.accepted(*(chain.limit(*pair, 0, slots=slots) for pair in CORRIDORS))
    return chain


def waiting(chain: OrderChain) -> None:
    """10 kWh from Bangkok, and a bid in the south that covers it, which do not come together."""
    chain.accepted(sell(chain, "somchai", 10 * KWH, 3_500))
    assert not chain.accepted(buy(chain, "malee", 10 * KWH, 5_000)).trades


def amounts(outcome: BlockOutcome) -> list[tuple[int, int]]:
    return [(trade.quantity_wh, trade.price_mgtx_per_kwh) for trade in outcome.trades]


def test_the_first_block_of_a_quarter_of_an_hour_has_room(chain: OrderChain) -> None:
    waiting(closed(chain, slots=1))
    assert not chain.block().trades
    outcome = chain.block(after_s=SLOT_S)
    assert amounts(outcome) == [(10 * KWH, 3_500)]
    assert chain.orders.count(address("somchai")) == chain.orders.count(address("malee")) == 0


def test_who_was_passed_over_comes_before_who_comes(chain: OrderChain) -> None:
    waiting(closed(chain, slots=1))
    outcome = chain.block(buy(chain, "prasert", 10 * KWH, 6_000), after_s=SLOT_S)
    assert [trade.buyer for trade in outcome.trades] == [address("malee")]


def test_a_limit_that_is_raised_lets_them_trade_in_the_next_block(chain: OrderChain) -> None:
    waiting(closed(chain))
    for pair in CORRIDORS:
        assert not chain.accepted(chain.limit(*pair, 30)).trades
    assert amounts(chain.block()) == [(10 * KWH, 3_500)]


def test_a_limit_in_a_zone_that_is_lifted_does_so_too(chain: OrderChain) -> None:
    chain.accepted(chain.local(BANGKOK, 0, None, by="MEA"))
    waiting(chain)
    assert not chain.accepted(chain.local(BANGKOK, None, None, by="MEA")).trades
    assert amounts(chain.block()) == [(10 * KWH, 3_500)]


def test_a_better_condition_lets_them_trade(chain: OrderChain) -> None:
    chain.accepted(sell(chain, "somchai", 10 * KWH, 3_500), chain.status(FAILING, BANGKOK))
    assert not chain.accepted(buy(chain, "malee", 10 * KWH, 5_000)).trades
    assert not chain.accepted(chain.status(STRAINED, BANGKOK)).trades
    (trade,) = chain.block().trades
    assert trade.wheeling is not None
    assert trade.wheeling.premium_ugtx == 350 * 10 * KWH


def test_a_condition_ends_by_time(chain: OrderChain) -> None:
    chain.block(after_s=10)
    chain.accepted(sell(chain, "somchai", 10 * KWH, 3_500), chain.status(FAILING, BANGKOK))
    posted_s = chain.now_s
    assert not chain.accepted(buy(chain, "malee", 10 * KWH, 5_000)).trades
    ends_s = posted_s + little_grid.model().status.max_age_s
    # The quarter of an hour in which it ends has begun before.
    assert slot_start(ends_s) == slot_start(ends_s - 5)
    assert not chain.block(after_s=ends_s - 5 - chain.now_s).trades
    assert not chain.block(after_s=5).trades
    assert amounts(chain.block()) == [(10 * KWH, 3_500)]


@pytest.mark.parametrize("product", [None, SPOT])
@pytest.mark.parametrize("by", ["lift", "time"])
def test_a_halt_ends(chain: OrderChain, product: int | None, by: str) -> None:
    # Limits hold both apart until the halt does.
    waiting(closed(chain, slots=1))
    scope = OfMarket(BANGKOK, product)
    until_s = slot_start(chain.now_s) + SLOT_S + 60
    chain.accepted(signed(Halt(scope, until_s, "a fire", chain.issued()), "ERC"))
    assert not chain.block(after_s=SLOT_S).trades
    if by == "lift":
        assert not chain.accepted(signed(Lift(scope, chain.issued()), "ERC")).trades
        outcome = chain.block()
    else:
        assert not chain.block(after_s=until_s - 1 - chain.now_s).trades
        outcome = chain.block()
    assert amounts(outcome) == [(10 * KWH, 3_500)]


def test_what_goes_the_other_way_makes_room(chain: OrderChain) -> None:
    waiting(closed(chain))
    back = sell(chain, "malee", 4 * KWH, 2_000, partner=address("niran"))
    assert not chain.accepted(chain.limit(BANGKOK, SOUTHERN, 0, 30)).trades
    for pair in ((BANGKOK, CENTRAL), (CENTRAL, SOUTHERN)):
        chain.accepted(chain.limit(*pair, 30))
    assert not chain.block().trades
    outcome = chain.accepted(back, buy(chain, "niran", 4 * KWH, 3_400))
    assert amounts(outcome) == [(4 * KWH, 2_000)]
    assert amounts(chain.block()) == [(4 * KWH, 3_500)]
    assert not chain.block().trades


def test_a_walk_in_vain_makes_nothing_due(chain: OrderChain) -> None:
    # 1 MW for a quarter of an hour is 250 kWh: all of the first bid, and nothing of the second.
    chain.accepted(chain.local(BANGKOK, 1, None, by="MEA"))
    chain.accepted(buy(chain, "malee", 250 * KWH, 5_000), buy(chain, "prasert", 10 * KWH, 4_900))
    chain.accepted(sell(chain, "somchai", 260 * KWH, 3_500, all_or_none=True))
    assert chain.orders.book.is_crossed
    chain.block(after_s=SLOT_S)
    assert due(chain) == ()


def test_books_of_slots_are_gone_through_as_well() -> None:
    chain = GridChain({"somchai": BANGKOK, "malee": SOUTHERN, "niran": BANGKOK})
    chain.accepted(*(chain.limit(*pair, 0, start_s=NOON) for pair in CORRIDORS))
    chain.accepted(chain.offer("somchai", 1 * KWH, 3_000), chain.offer("niran", 1 * KWH, 3_000))
    assert not chain.accepted(chain.bid("malee", 1_500, 4_500)).forward_trades
    for pair in CORRIDORS:
        assert not chain.accepted(chain.limit(*pair, 30, start_s=NOON)).forward_trades
    outcome = chain.block()
    contracts = [trade.contract for trade in outcome.forward_trades]
    assert [(each.sold_wh, each.price_mgtx_per_kwh) for each in contracts] == [
        (1 * KWH, 3_000),
        (500, 3_000),
    ]
    assert chain.coin(open_slots_coin_id(CHAIN)) == OpenSlots((NOON,))


def test_a_sweep_of_many_goes_on_in_the_next_block_where_it_was(
    chain: OrderChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passed_over, "MAX_LOOKS", 8)
    monkeypatch.setattr(passed_over, "MAX_ASKED", 2)
    closed(chain, slots=1)
    for number in range(6):
        chain.accepted(sell(chain, "somchai", KWH, 3_000 + number))
        assert not chain.accepted(buy(chain, "malee", KWH, 5_000 + number)).trades
    prices: list[int] = []
    chain.block(after_s=SLOT_S - 20)
    marks = []
    for _ in range(12):
        # A node that starts anew goes on in the same place.
        restarted = OpenOrders.rebuild(chain.all_coins())
        chain.orders = restarted
        outcome = chain.block()
        prices += [trade.price_mgtx_per_kwh for trade in outcome.trades]
        marks.append(due(chain))
    assert prices == [3_000 + number for number in range(6)]
    assert sum(each != () for each in marks) > 1
    assert marks[-1] == ()


def test_a_sweep_leaves_half_of_the_blocks_volume_to_who_comes(chain: OrderChain) -> None:
    limits = msgspec.structs.replace(chain.parameters.orders, max_block_traded_wh=12 * KWH)
    chain.parameters = msgspec.structs.replace(chain.parameters, orders=limits)
    waiting(closed(chain, slots=1))
    outcome = chain.block(sell(chain, "prasert", 6 * KWH, 6_000), after_s=SLOT_S)
    assert all(receipt.ok for receipt in outcome.receipts)
    assert amounts(outcome) == [(6 * KWH, 3_500)]
    assert amounts(chain.block()) == [(4 * KWH, 3_500)]


def due(chain: GridChain) -> tuple[object, ...]:
    coin = chain.coin(open_slots_coin_id(CHAIN))
    assert coin is None or isinstance(coin, OpenSlots)
    return () if coin is None else coin.sweeps


def feasible(chain: GridChain) -> list[tuple[Order, Order]]:
    """Pairs of any book that could trade now, all-or-none orders left out."""
    start_s = slot_start(chain.now_s)
    found = feasible_in(chain, chain.orders.book, Span(start_s, start_s + SLOT_S), SPOT)
    for slot, book in chain.orders.forwards.books.items():
        found += feasible_in(chain, book, Span(slot.start_s, slot.end_s), slot.length_s)
    return found


def feasible_in(
    chain: GridChain, book: Book, span: Span, product: int
) -> list[tuple[Order, Order]]:
    model = chain.parameters.grid
    assert model is not None
    halts = chain.coin(halts_coin_id(CHAIN))
    standing = tuple(halts.at(chain.now_s * 1_000)) if isinstance(halts, Halts) else ()
    carrier = Carrier(
        CHAIN,
        chain.now_s * 1_000,
        CoinView(chain.store),
        model,
        lambda seller, buyer: halts_way(standing, seller, buyer, product),
    )
    found = []
    plain = [order for order in book.orders() if order.terms and not order.terms.all_or_none]
    for buying in (order for order in plain if order.side is Side.BUY):
        for selling in (order for order in plain if order.side is Side.SELL):
            seller, buyer = selling.terms.zone, buying.terms.zone  # type: ignore[union-attr]
            assert seller is not None
            assert buyer is not None
            price = selling.price_mgtx_per_kwh
            toll = carrier.toll(seller, buyer, span, price).total
            if (
                meets(buying, selling)
                and price + toll <= buying.price_mgtx_per_kwh
                and carrier.has_room(seller, buyer, span)
            ):
                found.append((selling, buying))
    return found


terms = st.sampled_from(
    ({}, {}, {}, {"all_or_none": True}, {"display_wh": KWH}, {"partner": address("malee")})
)
placings = st.tuples(
    st.sampled_from(Side),
    st.sampled_from(sorted(PEOPLE)),
    st.integers(1, 40).map(lambda kwh: kwh * KWH),
    st.integers(0, 20).map(lambda price: price * 100),
    terms,
)
events = st.one_of(
    st.tuples(st.just("time"), st.sampled_from((1, 300, SLOT_S, 2 * SLOT_S))),
    st.tuples(st.just("limit"), st.integers(0, 2), st.sampled_from((0, 1, 30))),
    st.tuples(st.just("apart"), st.just(0)),
    st.tuples(st.just("status"), st.sampled_from((CALM, STRAINED, FAILING))),
    st.tuples(st.just("halt"), st.sampled_from(little_grid.ZONES), st.sampled_from((None, SPOT))),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
)
# First nothing goes between zones, until something happens.
histories = st.lists(
    st.tuples(st.lists(placings, min_size=1, max_size=5), events), min_size=1, max_size=5
).map(lambda rounds: [("apart", 0), *(s for placed, then in rounds for s in (*placed, then))])


def play(chain: OrderChain, step: tuple[object, ...]) -> BlockOutcome | None:
    match step:
        case (Side() as side, str(name), int(wh), int(price), dict(how)):
            if side is Side.SELL and wh > own_energy(chain, name):
                return None
            # Most cross, and some do not cover the way.
            price += 2_500 if side is Side.SELL else 3_800
            return chain.block(chain.placing(side, name, wh, price, **how))
        case ("apart", _):
            return chain.block(*(chain.limit(*pair, 0, slots=1) for pair in CORRIDORS))
        case ("limit", int(place), int(limit)):
            return chain.block(chain.limit(*CORRIDORS[place], limit, slots=2))
        case ("status", GridStatus() as status):
            return chain.block(chain.status(status))
        case ("halt", Zone() as zone, product):
            scope = OfMarket(zone, product)  # type: ignore[arg-type]
            until_s = chain.now_s + 400
            return chain.block(signed(Halt(scope, until_s, "a test", chain.issued()), "ERC"))
        case ("cancel", int(place)):
            orders = list(chain.orders.book.orders())
            if not orders:
                return None
            order = orders[place % len(orders)]
            (name,) = [each for each in PEOPLE if address(each) == order.trader]
            return chain.block(signed(Cancel(order.id), name))
        case (_, int(seconds)):
            return chain.block(after_s=seconds)
    raise AssertionError(step)


@pytest.fixture
def few_looks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passed_over, "MAX_LOOKS", 6)
        patch.setattr(passed_over, "MAX_ASKED", 2)
        yield


def compared(history: list[tuple[object, ...]], rule: PriceRule, seen: Counter[str]) -> None:
    """Nothing that could trade is left once nothing is due, and a node that starts agrees."""
    chain = OrderChain()
    limits = msgspec.structs.replace(chain.parameters.orders, price_rule=rule)
    chain.parameters = msgspec.structs.replace(chain.parameters, orders=limits)
    for step in history:
        before = deepcopy(chain.orders)
        chain.orders = OpenOrders.rebuild(chain.all_coins())
        assert list(before.book.orders()) == list(chain.orders.book.orders())
        outcome = play(chain, step)
        if outcome is None:
            continue
        placed = {receipt.id for receipt in outcome.receipts}
        swept = [t for t in outcome.trades if not {t.buy_order, t.sell_order} & placed]
        seen["swept"] += bool(swept)
        seen["icebergs"] += any(
            trade.quantity_wh == KWH and trade.taker is Side.SELL for trade in swept
        )
        seen["goes on"] += any(each.since for each in due(chain))  # type: ignore[attr-defined]
        if not due(chain):
            assert feasible(chain) == []
    for _ in range(200):
        if not due(chain):
            break
        chain.block(after_s=0)
    assert due(chain) == ()
    assert feasible(chain) == []


# A way that only a halt closes is not due block after block until that ends.
HALTED_BESIDE_ROOM: list[tuple[object, ...]] = [
    (Side.BUY, "malee", 38 * KWH, 0, {}),
    (Side.SELL, "malee", 40 * KWH, 0, {}),
    (Side.SELL, "somchai", 33 * KWH, 1_100, {}),
    ("halt", Zone.BANGKOK, SPOT),
    (Side.BUY, "malee", KWH, 1_400, {}),
]


@pytest.mark.usefixtures("few_looks")
@settings(max_examples=40)
@given(histories, st.sampled_from(PriceRule))
@example(HALTED_BESIDE_ROOM, PriceRule.ASK)
def test_no_pair_that_could_trade_is_left(
    history: list[tuple[object, ...]], rule: PriceRule
) -> None:
    compared(history, rule, Counter())


@pytest.mark.usefixtures("few_looks")
def test_the_histories_reach_what_they_are_about() -> None:
    seen: Counter[str] = Counter()

    def reached() -> bool:
        return all(seen[what] >= 2 for what in ("swept", "goes on", "icebergs"))

    @settings(max_examples=200, database=None, derandomize=True)
    @given(histories, st.sampled_from(PriceRule))
    def draw(history: list[tuple[object, ...]], rule: PriceRule) -> None:
        if not reached():
            compared(history, rule, seen)

    draw()
    assert reached(), seen


SLOTS = (Slot(NOON, 900), Slot(NOON + 900, 900), HALF, HOUR)
ahead = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(Side),
            st.sampled_from(("somchai", "malee", "prasert")),
            st.integers(1, 300).map(lambda kwh: kwh * KWH),
            st.integers(0, 15).map(lambda price: price * 100),
            st.sampled_from(SLOTS),
            terms,
        ),
        st.tuples(st.just("limit"), st.integers(0, 2), st.sampled_from((0, 1, 30))),
    ),
    min_size=4,
    max_size=16,
)


@pytest.mark.usefixtures("few_looks")
@settings(max_examples=40)
@given(ahead)
def test_nor_is_one_left_in_slots_that_share_the_grid(history: list[tuple[object, ...]]) -> None:
    chain = GridChain(PEOPLE)
    products = tuple(Product(length, Mechanism.CONTINUOUS) for length in (900, 1_800, 3_600))
    forwards = msgspec.structs.replace(chain.parameters.forwards, products=products)
    chain.parameters = msgspec.structs.replace(chain.parameters, forwards=forwards)
    chain.accepted(*(chain.limit(*pair, 0, start_s=NOON) for pair in CORRIDORS))
    for step in history:
        match step:
            case (Side() as side, str(name), int(wh), int(price), Slot() as slot, dict(how)):
                price += 2_500 if side is Side.SELL else 3_800
                placing = chain.offer if side is Side.SELL else chain.bid
                chain.block(placing(name, wh, price, slot, terms=Terms(**how) if how else None))
            case (_, int(place), int(limit)):
                chain.block(chain.limit(*CORRIDORS[place], limit, start_s=NOON))
        chain.orders = OpenOrders.rebuild(chain.all_coins())
        if not due(chain):
            assert feasible(chain) == []
    for _ in range(200):
        if not due(chain):
            break
        chain.block()
    assert feasible(chain) == []
