"""A slot with as many orders as it takes: who gives way, and to whom."""

from copy import copy
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Cancel
from gtxnode.ledger.coins import Coin, decode_coin, order_id_of
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.slots import Slot
from gtxnode.primitives.errors import Reason
from tests.ledger.forward_chain import HOUR, QUARTER, ForwardChain
from tests.ledger.little_chain import GTX, KWH, PARAMETERS, address, signed

PEOPLE = ("malee", "niran", "somchai")
CASH = 1_000 * GTX
SLOTS = {"auctioned": HOUR, "continuous": QUARTER}


def a_chain(most: int) -> ForwardChain:
    rules = ForwardRules(max_orders_per_slot=most)
    parameters = msgspec.structs.replace(PARAMETERS, forwards=rules)
    return ForwardChain(*PEOPLE, cash_ugtx=CASH, parameters=parameters)


def open_orders(coins: list[tuple[bytes, Coin]]) -> dict[bytes, ForwardOrder]:
    return {order_id_of(i): coin for i, coin in coins if isinstance(coin, ForwardOrder)}


def bids_of_malee(chain: ForwardChain, count: int) -> list[bytes]:
    """For the hour, each better than the one before it; their ids."""
    sent = []
    for number in range(count):
        bid = chain.bid("malee", KWH, 3_000 + number, HOUR)
        chain.accepted(bid)
        sent.append(bid.id)
    return sent


@pytest.mark.parametrize("slot", SLOTS.values(), ids=SLOTS)
def test_a_better_order_puts_out_the_worst_of_its_side(slot: Slot) -> None:
    chain = a_chain(2)
    low, high = chain.bid("malee", KWH, 3_000, slot), chain.bid("niran", KWH, 3_200, slot)
    chain.accepted(low, high)
    assert chain.cash("malee") == CASH - 3 * GTX
    chain.restart()
    outcome = chain.accepted(chain.bid("somchai", KWH, 3_100, slot))
    assert outcome.displaced == (low.id,)
    assert chain.order(low) is None
    assert chain.cash("malee") == CASH
    again = chain.bid("malee", KWH, 3_100, slot)
    assert chain.refused(again) is Reason.SLOT_FULL


def test_of_one_price_the_smallest_gives_way_and_of_one_size_the_last() -> None:
    chain = a_chain(3)
    large = chain.offer("malee", 2 * KWH, 3_500, HOUR)
    first = chain.offer("niran", KWH, 3_500, HOUR)
    second = chain.offer("somchai", KWH, 3_500, HOUR)
    chain.accepted(large, first, second)
    assert chain.refused(chain.offer("malee", KWH, 3_500, HOUR)) is Reason.SLOT_FULL
    outcome = chain.accepted(chain.offer("malee", KWH + 100, 3_500, HOUR))
    assert outcome.displaced == (second.id,)
    outcome = chain.accepted(chain.offer("niran", 2 * KWH, 3_500, HOUR))
    assert outcome.displaced == (first.id,)


def test_what_is_left_of_an_order_is_its_size() -> None:
    chain = a_chain(2)
    sold, whole = chain.offer("malee", 3 * KWH, 3_500), chain.offer("niran", 2 * KWH, 3_600)
    chain.accepted(sold, whole)
    chain.accepted(chain.offer("niran", 4 * KWH, 3_500))
    assert chain.order(whole) is None
    chain.accepted(chain.bid("somchai", 2_500, 3_500))
    outcome = chain.accepted(chain.offer("somchai", KWH, 3_500))
    assert outcome.displaced == (sold.id,)


def test_half_of_the_places_are_each_sides() -> None:
    chain = a_chain(4)
    bids = bids_of_malee(chain, 4)
    first = chain.accepted(chain.offer("niran", KWH, 9_000, HOUR))
    second = chain.accepted(chain.offer("somchai", KWH, 9_000, HOUR))
    assert first.displaced + second.displaced == (bids[0], bids[1])
    assert chain.refused(chain.offer("niran", KWH, 9_000, HOUR)) is Reason.SLOT_FULL


def test_an_order_that_trades_at_once_needs_no_place() -> None:
    chain = a_chain(2)
    kept = chain.offer("malee", 2 * KWH, 3_500)
    chain.accepted(kept, chain.bid("niran", KWH, 3_000))
    outcome = chain.accepted(chain.bid("somchai", KWH, 3_500))
    assert (len(outcome.forward_trades), outcome.displaced) == (1, ())
    # One that frees a place needs none either, though something of it is left.
    outcome = chain.accepted(chain.bid("somchai", 2 * KWH, 3_500))
    assert (len(outcome.forward_trades), outcome.displaced) == (1, ())
    assert chain.order(kept) is None


def test_tiny_bids_do_not_keep_others_out() -> None:
    chain = a_chain(6)
    for _ in range(6):
        chain.accepted(chain.bid("malee", 100, 4_000, HOUR))
    for _ in range(6):
        assert len(chain.accepted(chain.bid("niran", KWH, 4_000, HOUR)).displaced) == 1
    assert {order.quantity_wh for order in open_orders(chain.all_coins()).values()} == {KWH}
    assert chain.cash("malee") == CASH


def test_a_limit_that_has_fallen_lets_one_in_for_one_that_goes() -> None:
    chain = a_chain(4)
    bids = bids_of_malee(chain, 4)
    chain.parameters = msgspec.structs.replace(
        chain.parameters, forwards=ForwardRules(max_orders_per_slot=2)
    )
    outcome = chain.accepted(chain.bid("niran", KWH, 3_500, HOUR))
    assert outcome.displaced == (bids[0],)
    assert len(open_orders(chain.all_coins())) == 4


# ---- against a naive rule ----


class Step(NamedTuple):
    kind: str
    who: int
    amount: int
    price: int


steps = st.builds(
    Step,
    st.sampled_from(["offer"] * 4 + ["bid"] * 4 + ["cancel", "amend", "restart"]),
    st.integers(0, 2),
    st.integers(1, 4),
    st.integers(0, 3),
)


def transaction(chain: ForwardChain, step: Step, slot: Slot) -> CheckedTransaction | None:
    who, wh = PEOPLE[step.who], 100 * step.amount
    found = list(open_orders(chain.all_coins()).items())
    try:
        match step.kind:
            case "offer":
                return chain.offer(who, wh, 3_200 + 100 * step.price, slot)
            case "bid":
                return chain.bid(who, wh, 3_000 + 100 * step.price, slot)
    except wallet.InsufficientFunds:
        return None
    if not found:
        return None
    order_id, order = found[step.amount % len(found)]
    owner = next(name for name in PEOPLE if address(name) == order.trader)
    if step.kind == "cancel":
        return signed(Cancel(order_id), owner)
    # It only shrinks, and so needs nothing.
    price = order.price_mgtx_per_kwh
    body = wallet.amend_ahead(order_id, order, [], 100, price, chain.collateral(price))
    return signed(body, owner)


def worth(order: ForwardOrder) -> tuple[int, int, int]:
    """How good an order is: price, size, age."""
    better = 1 if isinstance(order, ForwardBuy) else -1
    return better * order.price_mgtx_per_kwh, order.quantity_wh, -order.height


def without_a_limit(chain: ForwardChain, sent: CheckedTransaction) -> Any:
    """What the chain would come to if slots had places for all: its reason, its open orders."""
    twin = copy(chain)
    twin.parameters = msgspec.structs.replace(
        chain.parameters, forwards=ForwardRules(max_orders_per_slot=10**6)
    )
    twin.now_s += 1
    outcome = twin.execute(sent, orders=OpenOrders.rebuild(chain.all_coins()))
    coins = dict(chain.store)
    for coin_id in outcome.spent:
        del coins[coin_id]
    coins |= {coin_id: held.encoded for coin_id, held in outcome.made.items()}
    found = [(coin_id, decode_coin(encoded)) for coin_id, encoded in coins.items()]
    return outcome.receipts[0].reason, open_orders(found)


def expected(
    chain: ForwardChain, sent: CheckedTransaction, most: int, placing: bool
) -> tuple[Reason | None, dict[bytes, ForwardOrder], bytes | None]:
    """By looking at every order: the reason of a refusal, who is open then, and who gave way."""
    before = open_orders(chain.all_coins())
    reason, after = without_a_limit(chain, sent)
    if reason is not None or not placing or len(before) < most or sent.id not in after:
        return reason, after, None
    new = after[sent.id]
    new = msgspec.structs.replace(new, quantity_wh=sent.body.quantity_wh)  # type: ignore[union-attr]
    own = {i: each for i, each in before.items() if type(each) is type(new)}
    if len(own) < most // 2:
        rivals = {i: each for i, each in before.items() if i not in own}
    else:
        rivals = {i: each for i, each in own.items() if worth(each) < worth(new)}
    if not rivals:
        return Reason.SLOT_FULL, before, None
    loser = min(rivals, key=lambda i: worth(rivals[i]))
    if len(after) > most and loser in after:
        del after[loser]
        return None, after, loser
    return None, after, None


@settings(max_examples=100)
@given(st.sampled_from(sorted(SLOTS)), st.integers(1, 6), st.lists(steps, min_size=4, max_size=24))
def test_who_gives_way_is_whom_a_naive_rule_finds(
    kind: str, most: int, history: list[Step]
) -> None:
    chain = a_chain(most)
    for step in history:
        if step.kind == "restart":
            chain.restart()
            continue
        sent = transaction(chain, step, SLOTS[kind])
        if sent is None:
            continue
        reason, after, loser = expected(chain, sent, most, step.kind in ("offer", "bid"))
        outcome = chain.block(sent)
        assert outcome.receipts[0].reason is reason
        assert open_orders(chain.all_coins()) == after
        assert outcome.displaced == (() if loser is None else (loser,))
        assert len(after) <= most
