"""Limits of use: nobody buys more in a window than it says, however the orders come."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger.authority.compliance import ComplianceRules
from gtxnode.ledger.authority.decrees import Decreed
from gtxnode.ledger.bodies import Amend
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.market.usage import (
    Counter,
    UsageLimit,
    Windows,
    counter_coin_id,
    windows_coin_id,
)
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.proposals import InForce
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.slots import Slot
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Zone
from tests.ledger.forward_chain import QUARTER, ForwardChain
from tests.ledger.little_chain import CHAIN, HOUR_S, KWH, START_S, LittleChain, address, signed

EVENING = UsageLimit("evening_peak", 18 * 60, 22 * 60, 10 * KWH)
RULES = ComplianceRules(usage_limits=(EVENING,))
PARAMETERS = ChainParameters(zones=(Zone.BANGKOK,), compliance=RULES)
# The chain starts at three in the afternoon.
SIX, TEN = START_S + 3 * HOUR_S, START_S + 7 * HOUR_S


@pytest.fixture
def chain() -> LittleChain:
    chain = LittleChain("somchai", "malee", "niran", parameters=PARAMETERS)
    for name in ("somchai", "niran"):
        chain.export(name, 40 * KWH)
    return chain


def at(chain: LittleChain, time_s: int) -> None:
    """An empty block at a time."""
    chain.block(after_s=time_s - chain.now_s)


def windows(chain: LittleChain) -> Windows | None:
    coin = chain.coin(windows_coin_id(CHAIN))
    assert coin is None or isinstance(coin, Windows)
    return coin


def counter(chain: LittleChain, name: str, start_s: int = SIX) -> int:
    leading = address(name)[0]
    coin = chain.coin(counter_coin_id(CHAIN, "evening_peak", start_s, leading))
    return coin.of(address(name)) if isinstance(coin, Counter) else 0


def test_the_windows_of_a_day() -> None:
    assert EVENING.window_at(START_S) == (SIX, TEN)
    assert EVENING.window_at(SIX) == EVENING.window_at(TEN - 1) == (SIX, TEN)
    assert EVENING.window_at(TEN) == (SIX + 24 * HOUR_S, TEN + 24 * HOUR_S)


@given(st.integers(0, 1_439), st.integers(1, 1_440), st.integers(0, 2**33))
def test_a_window_is_the_one_that_is_open_or_next(start: int, length: int, time_s: int) -> None:
    limit = UsageLimit("any", start, min(start + length, 1_440), 1)
    start_s, end_s = limit.window_at(time_s)
    assert time_s < end_s <= time_s + 24 * HOUR_S
    assert (start_s + 7 * HOUR_S) % (24 * HOUR_S) == start * 60
    assert 0 < end_s - start_s <= 24 * HOUR_S


def test_what_is_bought_in_the_window_counts_and_no_more_is_taken(chain: LittleChain) -> None:
    chain.accepted(chain.sell("somchai", 30 * KWH, 3_000))
    at(chain, SIX)
    chain.accepted(chain.buy("malee", 6 * KWH, 3_000))
    assert counter(chain, "malee") == 6 * KWH
    assert chain.refused(chain.buy("malee", 4 * KWH + 1, 3_000)) is Reason.USAGE_LIMIT
    chain.accepted(chain.buy("malee", 4 * KWH, 3_000))
    assert chain.refused(chain.buy("malee", 100, 3_000)) is Reason.USAGE_LIMIT
    chain.accepted(chain.buy("niran", 10 * KWH, 3_000))
    at(chain, TEN)
    chain.accepted(chain.buy("malee", 4 * KWH, 3_000))


def test_orders_that_rest_count_for_what_they_could_still_buy(chain: LittleChain) -> None:
    at(chain, SIX)
    chain.accepted(chain.buy("malee", 10 * KWH, 2_000))
    assert chain.refused(chain.buy("malee", 100, 2_000)) is Reason.USAGE_LIMIT
    chain.accepted(chain.sell("somchai", 10 * KWH, 2_000))
    assert counter(chain, "malee") == 10 * KWH


def test_an_order_that_ends_before_the_window_is_free(chain: LittleChain) -> None:
    chain.accepted(chain.buy("malee", 30 * KWH, 2_000, SIX))
    assert chain.refused(chain.buy("malee", 11 * KWH, 2_000, SIX + 1)) is Reason.USAGE_LIMIT
    chain.accepted(chain.buy("malee", 10 * KWH, 2_000, SIX + 1))


def test_selling_is_not_limited(chain: LittleChain) -> None:
    at(chain, SIX)
    chain.accepted(chain.sell("somchai", 40 * KWH, 3_000))


def test_counters_go_with_the_first_block_after_the_window(chain: LittleChain) -> None:
    chain.accepted(chain.sell("somchai", 30 * KWH, 3_000))
    at(chain, SIX)
    for name in ("malee", "niran"):
        chain.accepted(chain.buy(name, 2 * KWH, 3_000))
    assert windows(chain) is not None
    at(chain, TEN - 1)
    assert counter(chain, "malee") == counter(chain, "niran") == 2 * KWH
    at(chain, TEN)
    assert windows(chain) is None
    assert not [coin for _, coin in chain.all_coins() if isinstance(coin, Counter)]


def test_without_a_limit_nothing_is_counted() -> None:
    chain = LittleChain("somchai", "malee")
    chain.export("somchai", 5 * KWH)
    chain.accepted(chain.sell("somchai", 5 * KWH, 3_000))
    at(chain, SIX)
    chain.accepted(chain.buy("malee", 5 * KWH, 3_000))
    assert windows(chain) is None


@pytest.mark.parametrize(
    "limits",
    [
        [{"name": "a", "start_minute": 60, "end_minute": 60, "max_wh": 1}],
        [{"name": "a", "start_minute": 0, "end_minute": 1_441, "max_wh": 1}],
        [{"name": "A b", "start_minute": 0, "end_minute": 1, "max_wh": 1}],
        [{"name": "a", "start_minute": 0, "end_minute": 1, "max_wh": 1}] * 2,
    ],
)
def test_limits_that_are_none(limits: list[dict[str, object]]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"usage_limits": limits}, ComplianceRules)


NAMES = ("somchai", "malee", "niran")
steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "sell", "wait"]),
        st.sampled_from(NAMES),
        st.integers(1, 12),
        st.integers(1, 12),
    ),
    max_size=25,
)


@settings(max_examples=40)
@given(steps)
def test_nobody_buys_more_in_a_window_than_the_limit(
    history: list[tuple[str, str, int, int]],
) -> None:
    chain = LittleChain(*NAMES, parameters=PARAMETERS)
    for name in NAMES:
        chain.export(name, 60 * KWH)
    bought: list[tuple[int, bytes, int]] = []
    for kind, name, size, price in history:
        transaction: CheckedTransaction | None = None
        if kind == "buy":
            expires_s = chain.now_s + size * HOUR_S
            transaction = chain.buy(name, size * KWH, 2_000 + price, expires_s)
        elif kind == "sell" and chain.energy(name) >= size * KWH:
            transaction = chain.sell(name, size * KWH, 2_000 + price)
        if transaction is None:
            outcome = chain.block(after_s=size * HOUR_S // 2)
        else:
            outcome = chain.block(transaction, after_s=600)
        bought += [(chain.now_s, trade.buyer, trade.quantity_wh) for trade in outcome.trades]
        spans = {EVENING.window_at(time_s) for time_s, _, _ in bought}
        for start_s, end_s in spans:
            inside = [each for each in bought if start_s <= each[0] < end_s]
            for who in NAMES:
                total_wh = sum(wh for _, buyer, wh in inside if buyer == address(who))
                assert total_wh <= EVENING.max_wh
                if start_s <= chain.now_s < end_s:
                    assert counter(chain, who, start_s) == total_wh
    assert all(first <= second for first, second in pairwise(each[0] for each in bought))


def test_an_order_does_not_grow_over_the_limit(chain: LittleChain) -> None:
    at(chain, SIX)
    resting = chain.buy("malee", 9 * KWH, 2_000)
    chain.accepted(resting)
    cash = tuple(coin_id for coin_id, _ in chain.coins("malee", Cash))
    over = Amend(resting.id, 10 * KWH + 1, 2_000, cash)
    assert chain.refused(signed(over, "malee")) is Reason.USAGE_LIMIT
    chain.accepted(signed(Amend(resting.id, 10 * KWH, 2_000, cash), "malee"))
    chain.accepted(signed(Amend(resting.id, 3 * KWH, 2_000, revision=2), "malee"))


def forward_chain() -> ForwardChain:
    return ForwardChain("somchai", "malee", "niran", parameters=PARAMETERS)


def test_what_is_bought_for_a_slot_in_the_window_counts() -> None:
    """The slot is at seven in the evening."""
    chain = forward_chain()
    chain.accepted(chain.offer("somchai", 6 * KWH, 3_000), chain.bid("malee", 6 * KWH, 3_000))
    assert counter(chain, "malee") == 6 * KWH
    assert chain.refused(chain.bid("malee", 4 * KWH + 1, 3_000)) is Reason.USAGE_LIMIT
    assert chain.refused(chain.buy("malee", 4 * KWH + 1, 2_000)) is Reason.USAGE_LIMIT
    chain.accepted(chain.bid("malee", 3 * KWH, 2_000))
    assert chain.refused(chain.buy("malee", KWH + 1, 2_000)) is Reason.USAGE_LIMIT
    chain.accepted(chain.buy("malee", KWH, 2_000))
    assert chain.refused(chain.bid("malee", 100, 2_000)) is Reason.USAGE_LIMIT


def test_other_slots_and_other_days_have_room_of_their_own() -> None:
    chain = forward_chain()
    morning = Slot(START_S + 16 * HOUR_S, 900)
    tomorrow = Slot(SIX + 24 * HOUR_S, 900)
    chain.accepted(chain.bid("malee", 30 * KWH, 2_000, morning))
    for slot in (QUARTER, tomorrow):
        chain.accepted(chain.bid("malee", 10 * KWH, 2_000, slot))
        assert chain.refused(chain.bid("malee", 100, 2_000, slot)) is Reason.USAGE_LIMIT


def test_a_slot_that_reaches_into_the_window_counts() -> None:
    early = UsageLimit("evening_peak", 18 * 60 + 30, 22 * 60, 10 * KWH)
    rules = ComplianceRules(usage_limits=(early,))
    chain = ForwardChain(
        "somchai", "malee", parameters=msgspec.structs.replace(PARAMETERS, compliance=rules)
    )
    assert chain.refused(chain.bid("malee", 11 * KWH, 2_000, Slot(SIX, HOUR_S))) is (
        Reason.USAGE_LIMIT
    )
    chain.accepted(chain.bid("malee", 11 * KWH, 2_000, Slot(SIX, 1_800)))


def test_counters_of_days_ahead_stay_until_they_are_over_or_the_limit_is_gone() -> None:
    chain = forward_chain()
    tomorrow = Slot(SIX + 24 * HOUR_S, 900)
    for slot in (QUARTER, tomorrow):
        offered = chain.offer("somchai", KWH, 3_000, slot)
        chain.accepted(offered, chain.bid("malee", KWH, 3_000, slot))
    at(chain, TEN)
    kept = windows(chain)
    assert kept is not None
    assert [each.start_s for each in kept.open] == [SIX + 24 * HOUR_S]
    # A vote takes the limit away.
    after = msgspec.structs.replace(PARAMETERS, compliance=ComplianceRules())
    text = msgspec.json.encode(after.shared()).decode()
    chain.decreed = Decreed(InForce(1, 1, 1, 1, text))
    chain.block()
    assert windows(chain) is None
    assert not [coin for _, coin in chain.all_coins() if isinstance(coin, Counter)]
